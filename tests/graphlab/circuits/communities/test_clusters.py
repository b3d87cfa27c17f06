"""Clusters of like partners against plain cosines and scikit-learn's order of merges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphlab.circuits.communities.clusters import connectivity_clusters, cosines
from ingest.schema.errors import AnalysisError, UnknownNameError


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_cosines_and_merges_by_a_plain_loop(seed: int, k: int) -> None:
    """Average linkage: the two clusters with the least mean distance of their members, again and again."""
    rng = np.random.default_rng(seed)
    rows = rng.random((k, 6)) + np.eye(k, 6)
    found = connectivity_clusters(sparse.csr_array(rows))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(found.cosine, unit @ unit.T, atol=1e-12)
    members = {i: [i] for i in range(k)}
    for step, (a, b, height, leaves) in enumerate(found.merges):
        between = {
            (p, q): np.mean([1 - unit[i] @ unit[j] for i in members[p] for j in members[q]])
            for p in members for q in members if p < q
        }  # fmt: skip
        assert height == pytest.approx(min(between.values()), abs=1e-9)
        assert between[min(int(a), int(b)), max(int(a), int(b))] == pytest.approx(height, abs=1e-9)
        members[k + step] = members.pop(int(a)) + members.pop(int(b))
        assert leaves == len(members[k + step])
    assert sorted(found.order.tolist()) == list(range(k))
    for flat in members.values():
        assert sorted(flat) == list(range(k))


def test_clusters_are_numbered_along_the_leaves() -> None:
    rows = np.repeat(np.eye(3), 2, axis=0)[[0, 2, 4, 1, 3, 5]]
    found = connectivity_clusters(sparse.csr_array(rows))
    flat = found.cut(0.5)
    assert flat[found.order].tolist() == [0, 0, 1, 1, 2, 2]
    assert flat[:3].tolist() == flat[3:].tolist()
    assert found.cut(1.0).max() == 0
    assert (np.diag(found.cosine) == 1).all()
    assert (cosines(sparse.csr_array(rows)) == cosines(sparse.csr_array(rows)).T).all()


def test_refusals() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'average'"):
        connectivity_clusters(sparse.csr_array(np.eye(3)), "averge")
    for k in (0, 5_001):
        with pytest.raises(AnalysisError, match="choose fewer neurons"):
            connectivity_clusters(sparse.csr_array((k, 3)))

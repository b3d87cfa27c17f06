"""Pair features agree with what they are by definition."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphlab.predict.inputs import features
from graphlab.predict.inputs.pair_features import (
    FARTHEST,
    effective_weights,
    is_further,
    pair_columns,
    partner_features,
    profile_cosine,
)
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def dense(n: int = 20, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = np.where(rng.random((n, n)) < 0.3, rng.integers(1, 9, (n, n)), 0).astype(float)
    np.fill_diagonal(found, 0)
    return found


def test_effective_weights_are_the_sum_over_walks() -> None:
    matrix = dense()
    scaled = matrix / np.sqrt(matrix.sum(axis=1))[:, None] / np.sqrt(matrix.sum(axis=0))
    walks = sum(np.linalg.matrix_power(0.5 * scaled, k) for k in range(1, 60))
    np.testing.assert_allclose(effective_weights(sparse.csr_array(matrix), 0.5), walks, atol=1e-10)
    assert np.abs(np.linalg.eigvals(scaled)).max() <= 1 + 1e-9
    with pytest.raises(AnalysisError, match=r"reach is 1\.0"):
        effective_weights(sparse.csr_array(matrix), 1.0)
    with pytest.raises(AnalysisError, match="5,000 neurons; effective weights are a dense inverse"):
        effective_weights(sparse.csr_array((5_000, 5_000)))


def test_cosine_of_profiles() -> None:
    matrix = np.log1p(dense())
    profile = np.hstack([matrix, matrix.T])
    expected = profile[2] @ profile[7] / np.linalg.norm(profile[2]) / np.linalg.norm(profile[7])
    assert profile_cosine(sparse.csr_array(dense()))[2, 7] == pytest.approx(expected)


def test_columns_of_pairs() -> None:
    matrix = dense()
    ids = np.arange(1, 21, dtype=np.uint64)
    chemical = Snapshot.from_edges(ids, *np.nonzero(matrix), matrix[np.nonzero(matrix)])
    layers = {"chemical": features.layer(chemical, ids), "extrasynaptic": sparse.csr_array(np.eye(20))}
    place = np.random.default_rng(1).random((20, 3)) * 1e4
    source, target = np.array([0, 3, 5]), np.array([4, 0, 5])
    found = pair_columns({"chemical": chemical}, layers, ids, source, target, place)
    column = dict(zip(found.names, found.values.T, strict=True))
    np.testing.assert_allclose(column["weight"], np.log1p(matrix[source, target]))
    np.testing.assert_allclose(column["weight_reversed"], np.log1p(matrix[target, source]))
    np.testing.assert_allclose(column["weight_extrasynaptic"], np.log1p([0, 0, 1]))
    np.testing.assert_allclose(
        column["minus_distance_um"], -np.linalg.norm(place[source] - place[target], axis=1) / 1e3
    )
    for axis, name in enumerate("xyz"):
        first, second = place[source, axis] / 1e3, place[target, axis] / 1e3
        np.testing.assert_allclose(column[f"minus_distance_{name}_um"], -np.abs(first - second))
        np.testing.assert_allclose(column[f"middle_{name}_um"] - column[f"ahead_{name}_um"] / 2, first)
        np.testing.assert_allclose(column[f"middle_{name}_um"] + column[f"ahead_{name}_um"] / 2, second)
    plain = {name for name in found.of("distance").names if not is_further(name)}
    assert plain == {"minus_distance_um", "log_distance_um"}
    assert {name for name in found.of("wiring").names if not is_further(name)} == {
        "weight", "weight_reversed", "weight_electrical", "minus_path_length", "profile_cosine", "effective_weight",
        "weight_extrasynaptic",
    }  # fmt: skip
    bare = pair_columns({"chemical": chemical}, layers, ids, source, target, None)
    assert not bare.of("distance").names


@given(st.integers(0, 1_000), st.integers(4, 15))
@settings(deadline=None, max_examples=25)
def test_company_is_counted_pair_by_pair(seed: int, n: int) -> None:
    """Shared partners and walks as sets count them, steps as networkx finds them."""
    chemical, half = dense(n, seed), np.triu(dense(n, seed + 1)) * (np.random.default_rng(seed).random((n, n)) < 0.3)
    gap = half + half.T
    found = partner_features({"chemical": sparse.csr_array(chemical), "electrical": sparse.csr_array(gap)})
    graph = nx.from_numpy_array(chemical + chemical.T + gap)
    steps = dict(nx.all_pairs_shortest_path_length(graph))
    wired = (chemical + gap) > 0
    for a in range(n):
        for b in range(n):
            inputs = set(np.flatnonzero(chemical[:, a])) & set(np.flatnonzero(chemical[:, b]))
            outputs = set(np.flatnonzero(chemical[a])) & set(np.flatnonzero(chemical[b]))
            partners = set(graph[a]) & set(graph[b])
            walks = sum(wired[a, k] and wired[k, b] for k in range(n))
            expected = {
                "shared_inputs": np.log1p(len(inputs)), "shared_outputs": np.log1p(len(outputs)),
                "shared_partners": np.log1p(len(partners)), "walks_of_two": np.log1p(walks),
                "minus_path_length_either_way": -min(steps[a].get(b, FARTHEST + 1), FARTHEST + 1),
            }  # fmt: skip
            for name, value in expected.items():
                assert found[name][a, b] == pytest.approx(value), name
    one, other = np.log1p(chemical[0]), np.log1p(chemical[1])
    if one.any() and other.any():
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert found["cosine_outputs"][0, 1] == pytest.approx(cosine)
    alone = effective_weights(sparse.csr_array(gap))
    if gap.any():
        np.testing.assert_allclose(found["effective_electrical"], np.log(alone + 1e-6))


def test_other_layers_are_kept_apart() -> None:
    matrix = dense()
    ids = np.arange(1, 21, dtype=np.uint64)
    chemical = Snapshot.from_edges(ids, *np.nonzero(matrix), matrix[np.nonzero(matrix)])
    peptides = dense(seed=4)
    layers = {"chemical": features.layer(chemical, ids), "neuropeptides": sparse.csr_array(peptides)}
    source, target = np.nonzero(~np.eye(20, dtype=bool))
    found = pair_columns({"chemical": chemical}, layers, ids, source, target, None)
    column = dict(zip(found.names, found.values.T, strict=True))
    np.testing.assert_allclose(column["weight_neuropeptides"], np.log1p(peptides[source, target]))
    np.testing.assert_allclose(column["weight_neuropeptides_reversed"], np.log1p(peptides[target, source]))
    assert is_further("weight_neuropeptides_reversed")
    assert not is_further("weight_reversed")

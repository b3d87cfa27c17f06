"""Profiles: unit length, which classes, and what may be compared."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from graphlab.motifs.census.codes import CONNECTED_TRIADS
from graphlab.motifs.significance.motifs import Significance, motif_significance, significance
from graphlab.motifs.significance.profiles import profiles
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def graph(seed: int, n: int = 50, m: int = 400) -> Snapshot:
    pairs = np.unique(np.random.default_rng(seed).integers(0, n, (m, 2)), axis=0)
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pairs[:, 0], pairs[:, 1])


@pytest.fixture(scope="module")
def found() -> dict[str, Significance]:
    return {name: motif_significance(graph(k), 3, samples=40) for k, name in enumerate(("a", "b"))}


def test_triad_profile_is_z_of_length_one(found: dict[str, Significance]) -> None:
    both = profiles(found)
    assert both.kind == "triad significance profile"
    assert both.classes == CONNECTED_TRIADS
    assert both.values.shape == (2, 13)
    assert_allclose(np.linalg.norm(both.values, axis=1), 1)
    z = np.where(np.isnan(found["a"].z[3:]), 0, found["a"].z[3:])
    assert_allclose(both.values[0] * np.linalg.norm(z), z)
    assert_allclose(np.diag(both.correlation()), 1)
    assert_allclose(both.correlation(), np.corrcoef(both.values))


def test_tetrad_profile_is_a_ratio() -> None:
    def count(drawn: Snapshot) -> np.ndarray:
        return np.array([drawn.m, int(drawn.out_target @ drawn.sources()) // 50, 3])

    one = significance(graph(1), count, ("x", "y", "z"), 4, samples=10)
    profile = profiles({"one": one})
    assert profile.kind == "subgraph ratio profile"
    raw = (one.observed - one.mean) / (one.observed + one.mean + 4)
    assert_allclose(profile.values[0], raw / np.linalg.norm(raw))


def test_what_cannot_be_compared_is_refused(found: dict[str, Significance]) -> None:
    with pytest.raises(AnalysisError, match="at least one"):
        profiles({})
    other = motif_significance(graph(3), 3, samples=5, null="er")
    with pytest.raises(AnalysisError, match="one size and one null"):
        profiles({**found, "c": other})
    with pytest.raises(AnalysisError, match="three classes only"):
        profiles({"d": motif_significance(graph(3), 2, samples=20)})

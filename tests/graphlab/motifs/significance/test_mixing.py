"""Chains that mix are told apart from chains that cannot."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from graphlab.motifs.nulls.models import NullOptions
from graphlab.motifs.nulls.registered import null_model
from graphlab.motifs.significance.mixing import autocorrelation, diagnose
from queries.snapshot import Snapshot


def count(snapshot: Snapshot) -> np.ndarray:
    """Directed two-paths that close (either way), mutual dyads and connections."""
    taken = np.zeros((snapshot.n, snapshot.n), dtype=np.int64)
    taken[snapshot.sources(), snapshot.out_target] = 1
    return np.array(
        [(taken @ taken * taken).sum(), np.trace(taken @ taken @ taken), (taken * taken.T).sum(), snapshot.m]
    )


def random_graph(n: int, m: int) -> Snapshot:
    key = np.random.default_rng(3).choice(n * n, m, replace=False)
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), key // n, key % n)


def test_autocorrelation_of_a_known_process() -> None:
    rng = np.random.default_rng(0)
    series = np.zeros((20000, 2))
    for t in range(1, len(series)):
        series[t, 0] = 0.7 * series[t - 1, 0] + rng.normal()
    memory = autocorrelation(series, 5)
    assert_allclose(memory[:, 0], 0.7 ** np.arange(5), atol=0.05)
    assert np.isnan(memory[:, 1]).all()


@pytest.mark.parametrize("null", ["configuration", "reciprocal"])
def test_a_random_graph_mixes(null: str) -> None:
    found = diagnose(null_model(null).prepare(random_graph(60, 600), NullOptions(), 1).walk(), count, 1)  # type: ignore[arg-type]
    assert found.mixes
    assert found.trouble == ""
    assert found.different == found.readings == 60
    assert found.moved > 0.5
    assert 0.1 < found.acceptance < 1
    assert found.recommended_steps_per_edge <= 10
    assert_allclose(found.autocorrelation[0, :2], 1)
    assert np.isnan(found.autocorrelation[0, 3])


def test_short_samples_are_recommended_longer_ones() -> None:
    short = null_model("configuration").prepare(random_graph(60, 600), NullOptions(steps_per_edge=0.2), 1)
    found = diagnose(short.walk(), count, 1)  # type: ignore[arg-type]
    assert found.mixes
    assert found.recommended_steps_per_edge > 0.2


STAR = (np.zeros(30, dtype=np.int64), np.arange(1, 31))
PAIR = (np.array([0, 2, 4]), np.array([1, 3, 1]))


@pytest.mark.parametrize("edges", [STAR, PAIR], ids=["star", "pair"])
def test_a_graph_with_hardly_anything_to_swap_says_so(edges: tuple[np.ndarray, np.ndarray]) -> None:
    frozen = Snapshot.from_edges(np.arange(1, 32, dtype=np.uint64), *edges)
    found = diagnose(null_model("reciprocal").prepare(frozen, NullOptions(), 1).walk(), count, 1)  # type: ignore[arg-type]
    assert not found.mixes
    assert "cannot mix" in found.trouble
    assert "use a null that keeps less" in found.trouble


def test_progress_is_told() -> None:
    seen: list[tuple[int, int]] = []
    sampler = null_model("configuration").prepare(random_graph(30, 100), NullOptions(), 1)
    diagnose(sampler.walk(), count, 1, readings=6, progress=lambda done, total: seen.append((done, total)))  # type: ignore[arg-type]
    assert seen == [(k, 6) for k in range(1, 7)]


LABELS = ["a", "b", "c"] * 20


def test_chains_of_a_constrained_null_that_began_far_apart_have_to_agree() -> None:
    graph = random_graph(60, 600)
    long = null_model("block").prepare(graph, NullOptions(labels=LABELS), 1)
    assert diagnose(long.walk(), count, 1).trouble == ""  # type: ignore[arg-type]
    short = null_model("block").prepare(graph, NullOptions(labels=LABELS, steps_per_edge=0.02), 1)
    found = diagnose(short.walk(), count, 1)  # type: ignore[arg-type]
    assert not found.mixes
    assert "began far apart" in found.trouble
    assert "raise steps_per_edge" in found.trouble


@pytest.mark.parametrize("seed", range(3))
def test_a_spatial_null_that_mixes_is_not_refused(seed: int) -> None:
    position = np.random.default_rng(seed).normal(size=(60, 3))
    sampler = null_model("spatial").prepare(
        random_graph(60, 600), NullOptions(position_nm=position, steps_per_edge=40), seed
    )
    found = diagnose(sampler.walk(), count, seed)  # type: ignore[arg-type]
    assert found.trouble == ""

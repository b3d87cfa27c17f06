"""Tiny graphs: every graph of a null is listed, once, and significance is exact there."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.motifs.census.codes import TRIAD_LABELS
from graphlab.motifs.nulls.models import NullModel, NullOptions, sample_seed
from graphlab.motifs.nulls.registered import null_model
from graphlab.motifs.significance.against_null import FIXED
from graphlab.motifs.significance.motifs import motif_significance
from queries.snapshot import Snapshot

POSITION = np.random.default_rng(5).normal(size=(5, 3))
NULLS: dict[str, dict[str, Any]] = {
    "configuration": {},
    "reciprocal": {},
    "block": {"labels": ["a", "b", "a", "b", "b"]},
    "spatial": {"position_nm": POSITION, "distance_bins": 2},
}


def graph_of(code: int, n: int) -> Snapshot:
    pairs = [(a, b) for a in range(n) for b in range(n) if a != b]
    edges = [pair for k, pair in enumerate(pairs) if code >> k & 1]
    pre, post = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post)


def kept(matrix: np.ndarray, null: str, options: NullOptions) -> tuple[Any, ...]:
    """What the null says that it keeps, the slow way."""
    found: list[Any] = [matrix.sum(axis=0).tolist(), matrix.sum(axis=1).tolist()]
    pairs = np.argwhere(matrix)
    if null == "reciprocal":
        found.append((matrix * matrix.T).sum(axis=1).tolist())
    if null == "block" and options.labels is not None:
        found.append(sorted((str(options.labels[a]), str(options.labels[b])) for a, b in pairs))
    if null == "spatial":
        gap = np.linalg.norm(POSITION[:, None] - POSITION[None], axis=2)
        cut = np.median(gap[np.triu_indices(5, 1)])
        found.append(int((gap[pairs[:, 0], pairs[:, 1]] > cut).sum()))
    return tuple(map(str, found))


def all_graphs(model: NullModel, graph: Snapshot, options: NullOptions) -> Sequence[Snapshot] | None:
    walk = model.prepare(graph, options, 0).walk()
    assert walk is not None
    return walk.all_graphs()


@pytest.mark.parametrize("null", ["configuration", "reciprocal", "block"])
@settings(deadline=None, max_examples=8)
@given(code=st.integers(1, 2**12 - 1))
def test_all_graphs_of_four_neurons_by_brute_force(null: str, code: int) -> None:
    options = NullOptions(**({"labels": ["a", "b", "a", "b"]} if null == "block" else {}))
    graph = graph_of(code, 4)
    found = all_graphs(null_model(null), graph, options)
    assert found is not None

    def matrix(one: Snapshot) -> np.ndarray:
        taken = np.zeros((4, 4), dtype=int)
        taken[one.sources(), one.out_target] = 1
        return taken

    wanted = kept(matrix(graph), null, options)
    pairs = [(a, b) for a in range(4) for b in range(4) if a != b]
    expected = set()
    for bits in itertools.product((0, 1), repeat=12):
        if sum(bits) == graph.m:
            taken = np.zeros((4, 4), dtype=int)
            for (a, b), bit in zip(pairs, bits, strict=True):
                taken[a, b] = bit
            if kept(taken, null, options) == wanted:
                expected.add(taken.tobytes())
    listed = [matrix(one).tobytes() for one in found]
    assert listed[0] == matrix(graph).tobytes(), "the observed one first"
    assert len(listed) == len(set(listed))
    assert set(listed) == expected


@pytest.mark.parametrize("null", ["configuration", "reciprocal", "block"])
def test_a_long_chain_draws_only_listed_graphs_and_all_alike(null: str) -> None:
    rng = np.random.default_rng(7)
    pre, post = np.nonzero((rng.random((5, 5)) < 0.4) & ~np.eye(5, dtype=bool))
    graph = Snapshot.from_edges(np.arange(1, 6, dtype=np.uint64), pre, post)
    sampler = null_model(null).prepare(graph, NullOptions(steps_per_edge=100, **NULLS[null]), 1)
    walk = sampler.walk()
    assert walk is not None
    found = walk.all_graphs()
    assert found is not None
    listed = {(one.out_start.tobytes(), one.out_target.tobytes()): k for k, one in enumerate(found)}
    drawn = np.zeros(len(listed))
    for number in range(2000):
        one = sampler.draw(sample_seed(3, number))
        drawn[listed[one.out_start.tobytes(), one.out_target.tobytes()]] += 1
    expected = 2000 / len(listed)
    assert (np.abs(drawn - expected) <= 5 * np.sqrt(expected) + 1).all()


def test_significance_of_a_tiny_graph_is_exact() -> None:
    rng = np.random.default_rng(2)
    pre, post = np.nonzero((rng.random((6, 6)) < 0.3) & ~np.eye(6, dtype=bool))
    graph = Snapshot.from_edges(np.arange(1, 7, dtype=np.uint64), pre, post)
    found = motif_significance(graph, 3, null="reciprocal", samples=20)
    assert any("graphs of the null were counted, none drawn" in caveat for caveat in found.caveats)
    assert found.mixing is None
    again = motif_significance(graph, 3, null="reciprocal", samples=500, seed=9)
    np.testing.assert_array_equal(found.counts, again.counts)
    for k, name in enumerate(TRIAD_LABELS):
        if found.notes[k] != FIXED:
            # The observed graph is one of the listed ones.
            above = (found.counts[:, k] >= found.observed[k]).sum() + 1
            below = (found.counts[:, k] <= found.observed[k]).sum() + 1
            wanted = min(1.0, 2 * min(above, below) / (len(found.counts) + 1))
            assert found.p[k] == pytest.approx(wanted), name


def test_a_null_with_one_graph_fixes_everything() -> None:
    star = Snapshot.from_edges(np.arange(1, 8, dtype=np.uint64), np.zeros(6, int), np.arange(1, 7))
    found = motif_significance(star, 3, null="configuration", samples=20)
    assert set(found.notes) == {FIXED}
    assert np.isnan(found.z).all()
    assert np.isnan(found.p).all()
    assert any("everything is fixed" in caveat for caveat in found.caveats)


def test_many_graphs_are_left_to_the_chain() -> None:
    rng = np.random.default_rng(0)
    pre, post = np.nonzero((rng.random((11, 11)) < 0.4) & ~np.eye(11, dtype=bool))
    graph = Snapshot.from_edges(np.arange(1, 12, dtype=np.uint64), pre, post)
    assert all_graphs(null_model("configuration"), graph, NullOptions()) is None

"""The swap chain against enumeration: every graph of a degree sequence equally often, and nothing else."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from graphlab.motifs.kernels.pair_classes import PairClasses, block_classes, distance_classes, free_classes, pair_class
from graphlab.motifs.kernels.swaps import copy_chain, run_chain
from graphlab.motifs.nulls.chains import prepare_chain, snapshot_of
from queries.snapshot import Snapshot

Edges = tuple[tuple[int, int], ...]
Key = Callable[[frozenset[tuple[int, int]]], object]


def snapshot(edges: Edges, n: int) -> Snapshot:
    pre, post = (np.array([edge[side] for edge in edges], dtype=np.int64) for side in (0, 1))
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post)


def degrees(edges: frozenset[tuple[int, int]], n: int, reciprocal: bool) -> tuple[int, ...]:
    """In and out degree of every node, or out-only, in-only and mutual degree."""
    out, into, mutual = [0] * n, [0] * n, [0] * n
    for a, b in edges:
        if reciprocal and (b, a) in edges:
            mutual[a] += 1
        else:
            out[a] += 1
            into[b] += 1
    return tuple(out + into + mutual)


def all_graphs(edges: Edges, n: int, reciprocal: bool, extra: Key | None = None) -> set[frozenset[tuple[int, int]]]:
    """Every simple digraph with the same degrees (and the same ``extra``), by brute force."""
    start = frozenset(edges)
    wanted = degrees(start, n, reciprocal)
    pairs = list(itertools.permutations(range(n), 2))
    found = set()
    for chosen in itertools.combinations(pairs, len(edges)):
        graph = frozenset(chosen)
        if degrees(graph, n, reciprocal) == wanted and (extra is None or extra(graph) == extra(start)):
            found.add(graph)
    return found


def visits(
    edges: Edges, n: int, classes: PairClasses, reciprocal: bool, samples: int, gap: int
) -> Counter[frozenset[tuple[int, int]]]:
    """How often a chain read every ``gap`` steps stands at each graph."""
    chain = copy_chain(prepare_chain(snapshot(edges, n), classes, reciprocal).chain)
    state = np.random.SeedSequence(7).generate_state(4, np.uint64)
    tally = np.zeros((3, 2), dtype=np.int64)
    seen: Counter[frozenset[tuple[int, int]]] = Counter()
    for _ in range(samples):
        run_chain(chain, classes, gap, state, tally)
        seen[frozenset((int(a), int(b)) for a, b in chain.ends)] += 1
    return seen


def assert_uniform(seen: Counter[frozenset[tuple[int, int]]], graphs: set[frozenset[tuple[int, int]]]) -> None:
    assert set(seen) == graphs
    assert chisquare([seen[graph] for graph in sorted(graphs, key=sorted)]).pvalue > 1e-3


TRIANGLE: Edges = ((0, 1), (1, 2), (2, 0))
TANGLE: Edges = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 0), (3, 4), (4, 0))
MUTUAL: Edges = ((0, 1), (1, 0), (2, 3), (3, 2), (0, 4), (4, 2), (1, 4), (3, 0))


@pytest.mark.parametrize("edges", [TRIANGLE, TANGLE, MUTUAL], ids=["triangle", "tangle", "mutual"])
def test_configuration_chain_is_uniform(edges: Edges) -> None:
    graphs = all_graphs(edges, 5, reciprocal=False)
    assert len(graphs) > 1
    assert_uniform(visits(edges, 5, free_classes(), False, 150 * len(graphs), 120), graphs)


BLOCKED: Edges = ((0, 3), (1, 2), (3, 1))
"""Two graphs keep these degrees, but no single swap or turned cycle leads from one to the other."""
LOCKED: Edges = ((0, 2), (0, 3), (3, 0), (1, 2), (2, 1), (3, 1), (2, 3))
"""A move must exchange mutual dyads and one-way edges at once."""


@pytest.mark.parametrize(
    "edges", [TRIANGLE, TANGLE, MUTUAL, BLOCKED, LOCKED], ids=["triangle", "tangle", "mutual", "blocked", "locked"]
)
def test_reciprocal_chain_is_uniform(edges: Edges) -> None:
    graphs = all_graphs(edges, 5, reciprocal=True)
    assert len(graphs) > 1
    assert_uniform(visits(edges, 5, free_classes(), True, 150 * len(graphs), 250), graphs)


LABELS = ["a", "a", "b", "b", "c"]


def block_matrix(reciprocal: bool) -> Key:
    def key(graph: frozenset[tuple[int, int]]) -> object:
        cells: Counter[tuple[str, str, bool]] = Counter()
        for a, b in graph:
            cells[LABELS[a], LABELS[b], reciprocal and (b, a) in graph] += 1
        return cells

    return key


@pytest.mark.parametrize("reciprocal", [False, True])
def test_block_chain_is_uniform_over_graphs_of_one_block_matrix(reciprocal: bool) -> None:
    edges: Edges = ((0, 2), (1, 3), (2, 1), (3, 0), (0, 4), (4, 1), (2, 3), (0, 1), (1, 0))
    graphs = all_graphs(edges, 5, reciprocal, block_matrix(reciprocal))
    assert len(graphs) > 1
    assert_uniform(visits(edges, 5, block_classes(LABELS, 5), reciprocal, 150 * len(graphs), 5000), graphs)


def test_spatial_chain_is_uniform_over_graphs_of_the_same_distance_bins() -> None:
    place = np.array([[0, 0, 0], [10, 0, 0], [0, 12, 0], [30, 0, 0], [0, 0, 25]], dtype=float)
    edges: Edges = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (0, 3), (2, 0))
    classes = distance_classes(snapshot(edges, 5), place, bins=2)

    def bins(graph: frozenset[tuple[int, int]]) -> object:
        return sorted(int(pair_class(classes, a, b)) for a, b in graph)

    graphs = all_graphs(edges, 5, reciprocal=False, extra=bins)
    assert 1 < len(graphs) < len(all_graphs(edges, 5, reciprocal=False))
    assert_uniform(visits(edges, 5, classes, False, 150 * len(graphs), 250), graphs)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_a_null_keeps_is_kept_and_the_table_stays_true(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 12))
    pairs = list(itertools.permutations(range(n), 2))
    edges = tuple(data.draw(st.sets(st.sampled_from(pairs), max_size=40)))
    reciprocal = data.draw(st.booleans())
    labels = data.draw(st.lists(st.sampled_from(["a", "b", None]), min_size=n, max_size=n).filter(any))
    blocks = data.draw(st.booleans())
    classes = block_classes(labels, n) if blocks else free_classes()
    before = snapshot(edges, n)
    prepared = prepare_chain(before, classes, reciprocal)
    chain = copy_chain(prepared.chain)
    state = np.random.SeedSequence(data.draw(st.integers(0, 99))).generate_state(4, np.uint64)
    run_chain(chain, classes, 600, state, np.zeros((3, 2), dtype=np.int64))
    after = snapshot_of(before, chain.ends, prepared.weight, "configuration")
    now = frozenset(zip(after.sources().tolist(), after.out_target.tolist(), strict=True))
    assert len(now) == len(edges)
    assert degrees(now, n, reciprocal) == degrees(frozenset(edges), n, reciprocal)
    assert all(a != b for a, b in now)
    if blocks:

        def matrix(graph: frozenset[tuple[int, int]]) -> Counter[tuple[str | None, str | None]]:
            return Counter((labels[a], labels[b]) for a, b in graph)

        assert matrix(now) == matrix(frozenset(edges))
    key = sorted({min(e) * n + max(e) + 1 for e in now} if reciprocal else {a * n + b + 1 for a, b in now})
    assert sorted(chain.table[chain.table != 0].tolist()) == key
    rebuilt = Snapshot.from_edges(before.root_ids, after.sources(), after.out_target, after.weight)
    for name in ("out_start", "out_target", "weight", "in_start", "in_source", "in_edge"):
        assert np.array_equal(getattr(rebuilt, name), getattr(after, name))

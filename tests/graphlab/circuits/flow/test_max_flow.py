"""Maximal flow: conserved, as large as the cut and as networkx says, and carried by the paths that are listed."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.flow.kernels.circles import remove_circles
from graphlab.circuits.flow.max_flow import carriers, max_flow
from graphlab.circuits.weights.weights import Weights
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def made(n: int, density: float, seed: int) -> Weights:
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero((rng.random((n, n)) < density) & ~np.eye(n, dtype=bool))
    ids = np.arange(1, n + 1, dtype=np.uint64)
    return Weights.in_graph(Snapshot.from_edges(ids, pre, post, rng.integers(1, 9, len(pre))))


def by_networkx(weights: Weights, capacity: np.ndarray, sources: np.ndarray, targets: np.ndarray) -> float:
    graph = nx.DiGraph()
    graph.add_nodes_from(["from", "to"])
    for a, b, c in zip(weights.graph.sources(), weights.graph.out_target, capacity, strict=True):
        graph.add_edge(int(a), int(b), capacity=float(c))
    graph.add_edges_from(("from", int(one)) for one in sources)
    graph.add_edges_from((int(one), "to") for one in targets)
    return float(nx.maximum_flow_value(graph, "from", "to"))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(4, 25), st.floats(0.05, 0.5), st.integers(0, 10_000), st.sampled_from(["fraction", "weight"]),
    st.integers(1, 3),
)  # fmt: skip
def test_flow_is_conserved_and_equals_cut_networkx_and_its_paths(
    n: int, density: float, seed: int, capacity: str, ends: int
) -> None:
    weights = made(n, density, seed)
    sources, targets = np.arange(min(ends, n // 2)), np.arange(n - min(ends, n // 2), n)
    found = max_flow(weights, sources, targets, capacity)
    assert found.value == pytest.approx(by_networkx(weights, found.capacity, sources, targets), rel=1e-9, abs=1e-9)
    assert (found.flow >= 0).all()
    assert (found.flow <= found.capacity * (1 + 1e-9)).all()
    net = np.bincount(weights.graph.sources(), found.flow, minlength=n)
    net -= np.bincount(weights.graph.out_target, found.flow, minlength=n)
    assert np.abs(net[len(sources) : n - len(targets)]).max(initial=0.0) < 1e-7
    assert net[sources].sum() == pytest.approx(found.value, abs=1e-7)
    assert -net[targets].sum() == pytest.approx(found.value, abs=1e-7)
    assert found.capacity[found.cut].sum() == pytest.approx(found.value, abs=1e-7)
    apart = nx.DiGraph()
    apart.add_nodes_from(range(n))
    apart.add_edges_from(
        zip(weights.graph.sources()[~found.cut].tolist(), weights.graph.out_target[~found.cut].tolist(), strict=True)
    )
    reachable = set().union(*(nx.descendants(apart, int(one)) for one in sources))
    assert not reachable & set(targets.tolist()), "the cut leaves no way"
    paths = carriers(weights, found, sources, targets, 10_000)
    assert sum(path.flow for path in paths) == pytest.approx(found.value, abs=1e-6)
    used = np.zeros(weights.m)
    for path in paths:
        assert path.nodes[0] in sources
        assert path.nodes[-1] in targets
        used[weights.graph.edges_of(path.nodes[:-1], path.nodes[1:])] += path.flow
    assert (used <= found.flow + 1e-7).all()
    widths = [path.flow for path in paths]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(widths)), "the widest first"


def test_circles_carry_nothing() -> None:
    ids = np.arange(1, 6, dtype=np.uint64)
    weights = Weights.in_graph(Snapshot.from_edges(ids, [0, 1, 2, 3, 2], [1, 2, 3, 1, 4], [3.0, 9.0, 5.0, 5.0, 2.0]))
    found = max_flow(weights, np.array([0]), np.array([4]), "weight")
    assert found.value == 2.0
    assert found.flow.tolist() == [2.0, 2.0, 0.0, 2.0, 0.0]
    (path,) = carriers(weights, found, np.array([0]), np.array([4]), 5)
    assert path.nodes.tolist() == [0, 1, 2, 4]


def test_groups_that_do_not_meet_and_groups_that_share() -> None:
    ids = np.arange(1, 5, dtype=np.uint64)
    weights = Weights.in_graph(Snapshot.from_edges(ids, [0, 2], [1, 3], [3.0, 9.0]))
    apart = max_flow(weights, np.array([0]), np.array([3]))
    assert apart.value == 0.0
    assert not apart.flow.any()
    assert carriers(weights, apart, np.array([0]), np.array([3]), 5) == []
    with pytest.raises(AnalysisError, match="neuron 1 is a source and a target"):
        max_flow(weights, np.array([0, 1]), np.array([0]))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 20), st.floats(0.05, 0.8), st.integers(0, 10_000))
def test_what_is_left_without_circles_has_none_and_the_same_balance(n: int, density: float, seed: int) -> None:
    graph = made(n, density, seed).graph
    flow = np.array(graph.weight)
    remove_circles(np.array(graph.out_start), np.array(graph.out_target), flow)
    left = flow > 0
    rest = nx.DiGraph(list(zip(graph.sources()[left].tolist(), graph.out_target[left].tolist(), strict=True)))
    assert nx.is_directed_acyclic_graph(rest)
    assert (flow >= 0).all()
    assert (flow <= graph.weight).all()
    net = [
        np.bincount(graph.sources(), v, minlength=n) - np.bincount(graph.out_target, v, minlength=n)
        for v in (flow, graph.weight)
    ]
    assert np.array_equal(*net)

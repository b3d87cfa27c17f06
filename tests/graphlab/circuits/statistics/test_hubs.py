"""Rich club by brute force; cores, assortativity and centralities against networkx and igraph; roles by their rule."""

from __future__ import annotations

import warnings
from typing import Any

import igraph
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.statistics import hubs
from graphlab.circuits.statistics.statistic import Told
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

SIZES = (st.integers(2, 14), st.integers(1, 90), st.integers(0, 2**32))


@settings(deadline=None, max_examples=50)
@given(*SIZES)
def test_rich_club_by_brute_force(drawn: Any, n: int, m: int, seed: int) -> None:
    graph = drawn(n, m, seed)
    there = np.zeros((n, n), dtype=int)
    there[graph.sources(), graph.out_target] = 1
    degrees = {"in": there.sum(axis=0), "out": there.sum(axis=1)}
    degrees["total"] = degrees["in"] + degrees["out"]
    found = {value.key: value for value in hubs.rich_club.measure(graph, Told()).values}
    for word, degree in degrees.items():
        for k in range(1, degree.max() + 1):
            inside = [a for a in range(n) if degree[a] >= k]
            links = sum(there[a, b] for a in inside for b in inside)
            value = found[f"rich_club_{word}", "", k]
            assert value.over == len(inside)
            if len(inside) > 1:
                assert value.value == links / (len(inside) * (len(inside) - 1))
            else:
                assert np.isnan(value.value)


def test_grid_of_degrees_ends_at_the_largest() -> None:
    assert hubs.degree_grid(5).tolist() == [1, 2, 3, 4, 5]
    grid = hubs.degree_grid(20_000)
    assert grid[-1] == 20_000
    assert grid[:60].tolist() == list(range(1, 61))
    assert (np.diff(grid) > 0).all()
    assert len(grid) < 200
    assert hubs.degree_grid(0).tolist() == []


@settings(deadline=None, max_examples=50)
@given(*SIZES)
def test_cores_are_those_of_networkx(drawn: Any, n: int, m: int, seed: int) -> None:
    """In and out connections both count, as in a graph with two edges between mutual partners."""
    graph = drawn(n, m, seed)
    found = hubs.cores.measure(graph, Told()).neurons["core"]
    wanted = _cores(graph)
    assert found.tolist() == wanted


def _cores(graph: Snapshot) -> list[int]:
    left = set(range(graph.n))
    edges = list(zip(graph.sources().tolist(), graph.out_target.tolist(), strict=True))
    core = [0] * graph.n
    for k in range(1, 2 * graph.n):
        while True:
            degree = {v: sum(a in left and b in left and v in (a, b) for a, b in edges) for v in left}
            gone = {v for v in left if degree[v] < k}
            if not gone:
                break
            left -= gone
        for v in left:
            core[v] = k
    return core


@settings(deadline=None, max_examples=50)
@given(*SIZES)
def test_assortativity_is_that_of_networkx(drawn: Any, as_networkx: Any, n: int, m: int, seed: int) -> None:
    graph = drawn(n, m, seed)
    other = as_networkx(graph)
    found = {value.name: value.value for value in hubs.assortativity.measure(graph, Told()).values}
    for a in ("out", "in"):
        for b in ("out", "in"):
            one = found[f"assortativity_{a}_{b}"]
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                wanted = nx.degree_pearson_correlation_coefficient(other, x=a, y=b) if graph.m > 1 else np.nan
            if not np.isnan(one):
                assert one == pytest.approx(wanted)
    labels = [None if k % 5 == 4 else "abc"[k % 3] for k in range(n)]
    known = other.subgraph([k for k in range(n) if labels[k] is not None])
    nx.set_node_attributes(known, {k: labels[k] for k in known}, "label")
    value, over = hubs.label_assortativity(graph, labels)
    assert over == known.number_of_edges()
    if not np.isnan(value):
        assert value == pytest.approx(nx.attribute_assortativity_coefficient(known, "label"))


@settings(deadline=None, max_examples=50)
@given(*SIZES)
def test_centralities_against_networkx_and_a_dense_solution(
    drawn: Any, as_networkx: Any, n: int, m: int, seed: int
) -> None:
    graph = drawn(n, m, seed)
    other = as_networkx(graph)
    found = hubs.centralities.measure(graph, Told()).neurons
    rank = nx.pagerank(other, tol=1e-12, max_iter=1000)
    assert found["pagerank"] == pytest.approx(np.array([rank[k] for k in range(n)]), abs=1e-8)
    rank = nx.pagerank(other.reverse(), tol=1e-12, max_iter=1000)
    assert found["reverse_pagerank"] == pytest.approx(np.array([rank[k] for k in range(n)]), abs=1e-8)
    order = sorted(nx.strongly_connected_components(other), key=lambda part: (-len(part), min(part)))
    inside = sorted(order[0])
    vector = found["eigenvector"]
    assert np.flatnonzero(~np.isnan(vector)).tolist() == (inside if len(inside) > 1 else [])
    if len(inside) > 1:
        matrix = nx.to_numpy_array(other, inside).T
        largest = np.linalg.eigvals(matrix).real.max()
        assert matrix @ vector[inside] == pytest.approx(largest * vector[inside], rel=1e-6, abs=1e-6 * largest)
        assert vector[inside].max() == 1


def test_the_leading_vector_of_many_neurons(drawn: Any) -> None:
    """The iteration, which few neurons do without, against igraph; the same bytes twice."""
    graph = drawn(200, 3000, 3)
    inside = graph.subset(hubs.largest(graph, True))
    one, two = hubs.leading_vector(inside), hubs.leading_vector(inside)
    assert one.tobytes() == two.tobytes()
    peer = igraph.Graph(n=inside.n, edges=np.column_stack([inside.sources(), inside.out_target]), directed=True)
    peer.es["weight"] = inside.weight
    assert one == pytest.approx(np.array(peer.eigenvector_centrality(weights="weight")), abs=1e-6)


def test_broadcasters_and_integrators_by_their_rule() -> None:
    """One neuron that sends to ten and hears from two, one the other way round, one rich and balanced."""
    pre = [0] * 10 + [11, 12] + list(range(11, 21)) + [1, 1]
    post = [*range(1, 11), 0, 0, *[21] * 10, 21, 22]
    edges = sorted({(a, b) for a, b in zip(pre, post, strict=True)} | {(21, 30), (21, 31)})
    graph = Snapshot.from_edges(np.arange(1, 40, dtype=np.uint64), *np.array(edges).T)
    told = Told({"flow": ["intrinsic"] * 39}, club_degree=12)
    found = hubs.roles.measure(graph, told)
    assert found.labels["role"][0] == "broadcaster"
    assert found.labels["role"][21] == "integrator"
    assert sum(role is not None for role in found.labels["role"]) == 2
    assert {(value.name, value.value, value.at) for value in found.values} == {
        ("broadcasters", 1, 12), ("integrators", 1, 12),
    }  # fmt: skip
    told = Told({"flow": ["afferent"] + ["intrinsic"] * 38}, club_degree=12)
    assert hubs.roles.measure(graph, told).labels["role"][0] is None
    with pytest.raises(AnalysisError, match="column 'flow'"):
        hubs.roles.measure(graph, Told())

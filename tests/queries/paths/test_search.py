"""Paths agree with networkx on random graphs."""

from __future__ import annotations

from itertools import islice
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.schema.errors import SchemaError
from queries.engine import Source, run
from queries.paths import search
from queries.snapshot import Snapshot

AGREE = settings(max_examples=60, deadline=None)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    n = draw(st.integers(1, 8))
    pairs = draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=24))
    kept = sorted((a, b) for a, b in pairs if a != b)
    weights = [draw(st.sampled_from([1.0, 2.0, 4.0])) for _ in kept]
    pre, post = [a for a, _ in kept], [b for _, b in kept]
    return Snapshot.from_edges(np.arange(10, 10 + n, dtype=np.uint64), pre, post, weights)


def as_networkx(snapshot: Snapshot, cost: Any = None) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(snapshot.n))
    values = np.ones(snapshot.m) if cost is None else cost
    for a, b, c in zip(snapshot.sources().tolist(), snapshot.out_target.tolist(), values.tolist(), strict=True):
        graph.add_edge(a, b, cost=c)
    return graph


@AGREE
@given(snapshots(), st.data(), st.integers(0, 4), st.sampled_from(["out", "in", "any"]))
def test_hops_are_breadth_first_distances(snapshot: Snapshot, data: st.DataObject, k: int, way: Any) -> None:
    seeds = data.draw(st.lists(st.integers(0, snapshot.n - 1), min_size=1, max_size=3))
    graph = as_networkx(snapshot)
    seen: nx.Graph = {"out": graph, "in": graph.reverse(), "any": graph.to_undirected()}[way]
    each = [nx.single_source_shortest_path_length(seen, seed, cutoff=k) for seed in seeds]
    wanted: dict[int, int] = {}
    for found in each:
        for node, steps in found.items():
            wanted[node] = min(steps, wanted.get(node, k))
    nodes, distance = search.hops(snapshot, seeds, k, way)
    assert dict(zip(nodes.tolist(), distance.tolist(), strict=True)) == wanted
    assert sorted(zip(distance.tolist(), nodes.tolist(), strict=True)) == list(
        zip(distance.tolist(), nodes.tolist(), strict=True)
    )
    which, nodes, distance = search.hops_each(snapshot, seeds, k, way)
    triples = sorted(zip(which.tolist(), nodes.tolist(), distance.tolist(), strict=True))
    assert triples == sorted((i, node, d) for i, found in enumerate(each) for node, d in found.items())


@AGREE
@given(snapshots(), st.data(), st.sampled_from([None, "inverse", "fraction"]))
def test_shortest_paths_are_those_of_networkx(snapshot: Snapshot, data: st.DataObject, how: str | None) -> None:
    ends = st.lists(st.integers(0, snapshot.n - 1), min_size=1, max_size=2, unique=True)
    sources, targets = data.draw(ends), data.draw(ends)
    cost = None if how is None else search.costs(snapshot, how)
    graph = as_networkx(snapshot, cost)
    wanted: dict[tuple[int, int], list[list[int]]] = {}
    for a in sources:
        for b in targets:
            if nx.has_path(graph, a, b):
                wanted[a, b] = sorted(nx.all_shortest_paths(graph, a, b, weight=None if how is None else "cost"))
    found: dict[tuple[int, int], list[list[int]]] = {}
    for path in search.shortest(snapshot, sources, targets, cost, all=True):
        found.setdefault((int(path.nodes[0]), int(path.nodes[-1])), []).append(path.nodes.tolist())
    lengths = search.distances(snapshot, sources, targets, cost)
    for (a, b), listed in wanted.items():
        length = nx.path_weight(graph, listed[0], "cost") if how else len(listed[0]) - 1
        assert lengths[sources.index(a), targets.index(b)] == pytest.approx(length, rel=1e-9)
        assert found[a, b][0] == min(found[a, b])
        if how != "fraction":  # networkx compares sums exactly, so ties by rounding are not all its own
            assert found[a, b] == listed
    assert found.keys() == wanted.keys()
    assert np.isinf(lengths).sum() == len(sources) * len(targets) - len(wanted)
    one = [path.nodes.tolist() for path in search.shortest(snapshot, sources, targets, cost)]
    assert len(one) == len(wanted)
    for nodes in one:
        assert nodes in found[nodes[0], nodes[-1]]


@AGREE
@given(snapshots(), st.data(), st.booleans(), st.integers(1, 4))
def test_k_best_paths_cost_what_networkx_says(snapshot: Snapshot, data: st.DataObject, weighted: bool, k: int) -> None:
    source, target = data.draw(st.integers(0, snapshot.n - 1)), data.draw(st.integers(0, snapshot.n - 1))
    cost = search.costs(snapshot) if weighted else None
    found = search.k_best(snapshot, source, target, k, cost)
    graph = as_networkx(snapshot, cost)
    if source == target:
        assert [path.nodes.tolist() for path in found] == [[source]]
        return
    if not nx.has_path(graph, source, target):
        assert found == []
        return
    listed = islice(nx.shortest_simple_paths(graph, source, target, weight="cost"), k)
    wanted = [nx.path_weight(graph, nodes, "cost") for nodes in listed]
    assert [path.cost for path in found] == pytest.approx(wanted)
    for path in found:
        assert len(set(path.nodes.tolist())) == len(path.nodes)
        assert nx.path_weight(graph, path.nodes.tolist(), "cost") == pytest.approx(path.cost)


def test_what_is_no_node_or_no_cost_is_said() -> None:
    snapshot = Snapshot.from_edges(np.arange(3, dtype=np.uint64), [0, 1], [1, 2], [1.0, 2.0])
    with pytest.raises(SchemaError, match="9 is no node number"):
        search.hops(snapshot, [9], 1)
    with pytest.raises(SchemaError, match="no direction 'up'"):
        search.hops(snapshot, [0], 1, "up")  # type: ignore[arg-type]
    with pytest.raises(SchemaError, match="1 costs for 2 edges"):
        list(search.shortest(snapshot, [0], [2], np.ones(1)))
    with pytest.raises(SchemaError, match="not above 0"):
        list(search.shortest(snapshot, [0], [2], np.zeros(2)))
    with pytest.raises(SchemaError, match="no costs called"):
        search.costs(snapshot, "strange")


def test_languages_find_the_shortest_paths_of_the_verbs(helpers: Any, scratch: Source) -> None:
    """Autapses aside: in languages a neuron is its own neighbour by them, and so {1,} comes back by one."""

    @settings(max_examples=30, deadline=None)
    @given(helpers.graphs(), st.sampled_from([0, 2, 3]))
    def agrees(graph: Any, least: int) -> None:
        rows = tuple(row for row in graph.connections if row[3] == "chemical" and row[0] != row[1])
        helpers.fill(scratch.connection, helpers.SmallGraph(graph.neurons, rows))
        ids = np.array(sorted(i for i, _ in graph.neurons), dtype=np.uint64)
        kept = [row for row in rows if row[2] >= least]
        ends = (np.searchsorted(ids, np.array([row[end] for row in kept], np.uint64)) for end in (0, 1))
        snapshot = Snapshot.from_edges(ids, *ends, [row[2] for row in kept])
        every = range(snapshot.n)
        wanted = sorted(tuple(ids[p.nodes].tolist()) for p in search.shortest(snapshot, every, every, all=True))
        source = Source(scratch.connection)
        pgq = f"""SELECT * FROM GRAPH_TABLE (connectome
            MATCH p = ALL SHORTEST (a)-[e IS synapse WHERE e.weight >= {least}]->*(b) COLUMNS (vertices(p) AS way))"""
        cypher = f"""MATCH p = allShortestPaths((a:Neuron)-[:ConnectsTo*0..]->(b:Neuron))
            WHERE ALL(x IN relationships(p) WHERE x.weight >= {least}) RETURN [n IN nodes(p) | n.bodyId] AS way"""
        for text in (pgq, cypher):
            found = sorted(tuple(row["way"]) for row in run(text, source).to_arrow().to_pylist())
            assert found == wanted
        one = run(pgq.replace("ALL SHORTEST", "ANY SHORTEST"), source).to_arrow().to_pylist()
        assert sorted((row["way"][0], row["way"][-1]) for row in one) == sorted({(way[0], way[-1]) for way in wanted})
        assert {tuple(row["way"]) for row in one} <= set(wanted)

    agrees()

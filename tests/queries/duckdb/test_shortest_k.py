"""SHORTEST k against all walks by brute force, and against networkx."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queries.engine import Source, run

FEW = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("mode", ["walk", "trail", "acyclic"])
def test_the_k_shortest_of_each_pair(helpers: Any, scratch: Source, mode: str) -> None:
    @FEW
    @given(graph=helpers.graphs(4), k=st.integers(1, 3), low=st.integers(0, 2))
    def agree(graph: Any, k: int, low: int) -> None:
        helpers.fill(scratch.connection, graph)
        scratch.cache.clear()
        edge = helpers.SpecEdge(0, 1)
        wanted: dict[tuple[int, int], list[list[int]]] = {}
        for start, _ in graph.neurons:
            for walk in helpers.walks(graph, edge, start, low, 3, mode):
                way = [start, *(step[4] for step in walk)]
                wanted.setdefault((way[0], way[-1]), []).append(way)
        best = {ends: sorted(ways, key=lambda way: (len(way), way))[:k] for ends, ways in wanted.items()}
        repeat = f"{{{low},3}}"
        if mode == "trail":
            text = f"MATCH p = SHORTEST {k} (a)-[:ConnectsTo]->{repeat}(b) RETURN [n IN nodes(p) | n.bodyId] AS way"
        else:
            keep = "" if mode == "walk" else "KEEP DISTINCT VERTICES "
            text = (
                f"FROM GRAPH_TABLE (connectome MATCH p = SHORTEST {k} (a)-[e IS synapse]->{repeat}(b) {keep}"
                "COLUMNS (vertices(p) AS way))"
            )
            if mode == "acyclic":
                best = {ends: ways for ends, ways in best.items() if ends[0] != ends[1]}
        found: dict[tuple[int, int], list[list[int]]] = {}
        for row in run(text, scratch).to_arrow().to_pylist():
            found.setdefault((row["way"][0], row["way"][-1]), []).append(row["way"])
        assert {ends: sorted(ways, key=lambda way: (len(way), way)) for ends, ways in found.items()} == best

    agree()


def test_simple_paths_are_those_of_networkx(helpers: Any, scratch: Source) -> None:
    text = (
        "FROM GRAPH_TABLE (connectome MATCH p = SHORTEST 4 (a WHERE a.root_id = $a)-[e IS synapse]->{1,4}"
        "(b WHERE b.root_id = $b) KEEP DISTINCT VERTICES COLUMNS (path_length(p) AS n))"
    )

    @FEW
    @given(graph=helpers.graphs())
    def agree(graph: Any) -> None:
        helpers.fill(scratch.connection, graph)
        scratch.cache.clear()
        ids = [i for i, _ in graph.neurons]
        other = nx.DiGraph([(a, b) for a, b, _, kind in graph.connections if kind == "chemical" and a != b])
        other.add_nodes_from(ids)
        first, last = ids[0], ids[-1]
        if first == last:
            return
        there = nx.has_path(other, first, last)
        ways = list(nx.shortest_simple_paths(other, first, last)) if there else []
        wanted = [len(way) - 1 for way in ways][:4]
        found = run(text, scratch, parameters={"a": first, "b": last}).to_arrow().column("n").to_pylist()
        assert sorted(found) == wanted

    agree()

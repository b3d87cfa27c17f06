"""Neighbourhoods and paths against networkx."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd
import pytest

from graphlab import Graph
from ingest.schema.errors import GraphlabError, SchemaError, UnknownNameError, UnsupportedError


def wired(made: Any, min_weight: float = 0) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(made.neurons["root_id"].tolist())
    for a, b, w in made.connections.itertuples(index=False):
        if a != b and w >= min_weight:
            graph.add_edge(a, b, weight=w, inverse=1 / w)
    for _, target in graph.edges:
        total = graph.in_degree(target, "weight")
        for source in graph.predecessors(target):
            graph[source][target]["fraction"] = -math.log(graph[source][target]["weight"] / total) or 1e-300
    return graph


def listed(table: pd.DataFrame) -> list[list[int]]:
    return [group["root_id"].tolist() for _, group in table.groupby("path", sort=True)]


@pytest.mark.parametrize("direction", ["out", "in", "any"])
@pytest.mark.parametrize(("hops", "min_weight"), [(0, 0), (1, 0), (2, 6), (3, 8)])
def test_neighborhood(made: Any, base: int, direction: Any, hops: int, min_weight: float) -> None:
    graph = wired(made, min_weight)
    if direction != "out":
        graph = graph.reverse() if direction == "in" else graph.to_undirected()
    seeds = [base + 2, base + 7]
    best: dict[int, int] = {}
    for seed in seeds:
        for node, length in nx.single_source_shortest_path_length(graph, seed, cutoff=hops).items():
            best[node] = min(length, best.get(node, length))
    found = made.graph.neighborhood(seeds, hops, direction=direction, min_weight=min_weight)
    table = found.to_pandas()
    assert dict(zip(table.root_id, table.hops, strict=True)) == best
    assert table["hops"].is_monotonic_increasing
    assert [str(f.type) for f in found.to_arrow().schema] == ["uint64", "string", "string", "int64"]
    kind = made.neurons.set_index("root_id")["cell_type"]
    assert table["cell_type"].fillna("?").tolist() == [kind.fillna("?")[i] for i in table["root_id"]]


@pytest.mark.parametrize("min_weight", [0, 5])
def test_shortest_paths(made: Any, base: int, min_weight: float) -> None:
    graph = wired(made, min_weight)
    for source, target in ((base, base + 9), (base + 3, base + 30)):
        if not nx.has_path(graph, source, target):
            assert len(made.graph.paths(source, target, min_weight=min_weight)) == 0
            continue
        every = sorted(nx.all_shortest_paths(graph, source, target))
        one = made.graph.paths(source, target, min_weight=min_weight).to_pandas()
        assert listed(one) == [every[0]]
        assert one["cost"].tolist() == [len(every[0]) - 1.0] * len(one)
        assert one["weight"].tolist()[1:] == [
            graph[a][b]["weight"] for a, b in zip(every[0], every[0][1:], strict=False)
        ]
        assert pd.isna(one["weight"].iloc[0])
        assert listed(made.graph.paths(source, target, all=True, min_weight=min_weight).to_pandas()) == every


@pytest.mark.parametrize("weighted", ["inverse", "fraction"])
def test_cheapest_paths(made: Any, base: int, weighted: Any) -> None:
    graph = wired(made)
    for source, target in ((base, base + 9), (base + 3, base + 30), (base + 11, base + 4)):
        cost = nx.dijkstra_path_length(graph, source, target, weight=weighted)
        found = made.graph.paths(source, target, weighted=weighted).to_pandas()
        assert found["cost"].iloc[0] == pytest.approx(cost)
        best = made.graph.paths(source, target, weighted=weighted, k=5).to_pandas()
        costs = best.groupby("path")["cost"].first().tolist()
        generator = nx.shortest_simple_paths(graph, source, target, weight=weighted)
        wanted = [nx.path_weight(graph, next(generator), weighted) for _ in range(5)]
        assert costs == pytest.approx(wanted)


def test_paths_by_name_and_type(made: Any, base: int) -> None:
    types = made.neurons.set_index("root_id")["cell_type"]
    table = made.graph.paths("n3", {"cell_type": "Mi1"}, min_weight=2).to_pandas()
    targets = types.index[types == "Mi1"].tolist()
    assert table.equals(made.graph.paths(base + 3, targets, min_weight=2).to_pandas())
    assert len(table)
    assert table["name"].tolist() == [f"n{i - base}" for i in table["root_id"]]
    near = made.graph.neighborhood(["n3", "n7"], 1).to_pandas()
    assert near.equals(made.graph.neighborhood([base + 3, base + 7], 1).to_pandas())
    with pytest.raises(SchemaError, match="target: no neuron has type 'Mi2'"):
        made.graph.paths("n3", {"type": "Mi2"})
    with pytest.raises(SchemaError, match="source: no neuron was given"):
        made.graph.paths(None, "n3")


@pytest.mark.parametrize("most", [1, 2, 3])
def test_all_paths_up_to_a_length(made: Any, base: int, most: int) -> None:
    graph = wired(made, 4)
    sources, targets = [base, base + 1], [base + 9, base, base + 12]
    wanted = []
    for target in targets:
        for source in sources:
            wanted += sorted(nx.all_simple_paths(graph, source, target, cutoff=most), key=lambda p: (len(p), p))
    table = made.graph.paths(sources, targets, max_length=most, min_weight=4).to_pandas()
    assert listed(table) == wanted
    assert (table.groupby("path")["cost"].first() == table.groupby("path")["step"].max()).all()


def test_a_neuron_to_itself_and_nothing_found(made: Any, base: int) -> None:
    for words in (
        {},
        {"k": 3},
        {"all": True},
        {"max_length": 2},
        {"weighted": "inverse"},
        {"weighted": "fraction", "k": 2},
    ):
        table = made.graph.paths(base, base, **words).to_pandas()
        assert listed(table) == [[base]]
        assert table["cost"].tolist() == [0.0]
    empty = made.graph.paths(base, base + 1, min_weight=1e9)
    assert len(empty) == 0
    assert [str(f.type) for f in empty.to_arrow().schema] == [
        "int64", "int64", "uint64", "string", "string", "double", "double"
    ]  # fmt: skip
    assert empty.notes == ("no path leads from 1 sources to 1 targets over connections of weight 1e+09 or more",)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda g, b: g.paths(b, 5), UnknownNameError, "neuron 5 is not in this graph"),
        (lambda g, b: g.neighborhood(5), SchemaError, "neuron 5 is not in this graph"),
        (lambda g, b: g.neighborhood([]), SchemaError, "the list that was given holds no neuron"),
        (lambda g, b: g.neighborhood(b, -1), SchemaError, "wanted 0 or more"),
        (lambda g, b: g.neighborhood(b, direction="up"), SchemaError, "wanted out, in or any"),
        (lambda g, b: g.paths(b, b, k=2, all=True), SchemaError, "k and all exclude each other"),
        (lambda g, b: g.paths(b, b, max_length=2, weighted="inverse"), SchemaError, "max_length and weighted"),
        (lambda g, b: g.paths(b, b + 1, max_length=0), SchemaError, "wanted 1 or more"),
        (lambda g, b: g.paths(b, b + 1, k=0), SchemaError, "wanted 1 or more"),
        (lambda g, b: g.paths(b, b, weighted="heavy"), SchemaError, "inverse or fraction"),
        (lambda g, b: g.paths(b, b, kind="gap"), UnknownNameError, "kind"),
    ],
)
def test_mistakes(made: Any, base: int, ask: Any, error: type[GraphlabError], message: str) -> None:
    with pytest.raises(error, match=message):
        ask(made.graph, base)


def test_table_of_paths_of_the_page(tmp_path: Path) -> None:
    """The answers that docs/semantics.md gives, on its graph."""
    page = (Path(__file__).parents[4] / "docs" / "semantics.md").read_text(encoding="utf-8")
    block = page.split("<!-- table:paths -->")[1].split("<!-- end -->")[0]
    said = {row[2]: row[3].strip() for row in (line.split("|") for line in block.strip().splitlines()[2:])}
    rows = [(1, 2, 5.0), (2, 3, 4.0), (3, 1, 2.0), (1, 3, 1.0), (2, 2, 7.0), (9, 3, 5.0)]
    with Graph.create(tmp_path / "g", dataset="page") as graph:
        graph.ingest(pd.DataFrame({"root_id": [1, 2, 3]}), as_="neurons")
        frame = pd.DataFrame(rows, columns=["pre_root_id", "post_root_id", "weight"])
        graph.ingest(frame, as_="connections", unknown="keep")

        def shortest(text: str) -> str:
            way = (
                graph.query(f"MATCH p = {text} RETURN [n IN nodes(p) | n.bodyId] AS way")
                .to_arrow()["way"]
                .to_pylist()[0]
            )
            return f"{' '.join(map(str, way))}, length {len(way) - 1}"

        cost = graph.paths(2, 3, weighted="fraction", min_weight=2).to_pandas()["cost"].iloc[0]
        assert cost == pytest.approx(-math.log(4 / 10))
        itself = [graph.paths(1, 1, **words).to_pandas() for words in ({}, {"k": 3}, {"max_length": 2})]
        assert all(listed(one) == [[1]] and one["cost"].tolist() == [0.0] for one in itself)
        answers = [
            "cost -log(4 / 10)",
            "1, cost 0",
            shortest("shortestPath((a {bodyId: 1})-[*0..]->(a))"),
            shortest("shortestPath((a {bodyId: 1})-[*]->(a))"),
            shortest("shortestPath((a {bodyId: 2})-[*]->(a))"),
            shortest(
                "shortestPath((a {bodyId: 1})-[*]->(b {bodyId: 3})) WHERE all(x IN relationships(p) WHERE x.weight > 1)"
            ),
            "none",
            "refused",
            "refused",
        ]
        assert list(said.values()) == answers
        pgq = """FROM GRAPH_TABLE (connectome MATCH p = ANY SHORTEST (a WHERE a.root_id = 1)->+(b WHERE b.root_id = 3)
                 WHERE path_length(p) = 2 COLUMNS (path_length(p) AS n))"""
        assert len(graph.query(pgq)) == 0
        with pytest.raises(UnsupportedError):
            graph.query("MATCH (a)-->(c), p = shortestPath((a)-[*]->(b)) RETURN length(p)")
        with pytest.raises(SchemaError):
            graph.paths(1, 3, k=2, all=True)

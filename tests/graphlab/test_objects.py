"""Graphs and matrices that Python holds, into a graph: known again, summed by rule, refused whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import numpy as np
import pytest
from scipy import sparse

from graphlab.graph import Graph
from ingest.schema.errors import GraphlabError, SchemaError

BIG = 720575940596125868


@pytest.fixture
def graph(tmp_path: Path) -> Any:
    with Graph.create(tmp_path / "g") as made:
        yield made


def edges(graph: Graph) -> list[tuple[Any, ...]]:
    sql = "SELECT pre_root_id, post_root_id, weight FROM connections ORDER BY ALL"
    return [tuple(row.values()) for row in graph.query(sql, language="sql").to_arrow().to_pylist()]


def test_a_networkx_graph_is_known_again(graph: Graph) -> None:
    source = nx.DiGraph([(BIG, 2, {"weight": 3}), (2, BIG + 1, {"weight": 1})])
    nx.set_node_attributes(source, "Mi1", "cell_type")
    assert graph.ingest(source, as_="connections").rows == 2
    assert graph.ingest(source, as_="neurons").rows == 3
    assert edges(graph) == [(2, BIG + 1, 1.0), (BIG, 2, 3.0)]
    assert graph.ingest(source.copy(), as_="connections").already_there
    source.edges[BIG, 2]["weight"] = 4
    with pytest.raises(SchemaError, match="2 connections are in the graph already"):
        graph.ingest(source, as_="connections")
    assert edges(graph) == [(2, BIG + 1, 1.0), (BIG, 2, 3.0)]


@pytest.mark.parametrize(("rule", "weight"), [(None, 6.0), ("sum", 6.0), ("first", 1.0)])
def test_parallel_edges_obey_the_rule_of_duplicates(graph: Graph, rule: str | None, weight: float) -> None:
    source = nx.MultiDiGraph()
    source.add_weighted_edges_from([(1, 2, 1), (1, 2, 5)])
    graph.ingest(source, as_="connections", duplicates=rule)
    assert edges(graph) == [(1, 2, weight)]


def test_parallel_edges_refused(graph: Graph) -> None:
    source = igraph.Graph([(0, 1), (0, 1)], directed=True, edge_attrs={"weight": [1, 5]})
    with pytest.raises(SchemaError, match="twice|duplicate|again"):
        graph.ingest(source, as_="connections", duplicates="refuse", ids="numbers")
    assert edges(graph) == []


def test_a_matrix_and_its_labels_are_one_source(graph: Graph, tmp_path: Path) -> None:
    matrix = sparse.csr_array(np.array([[0, 2.0], [0, 0]]))
    graph.ingest(matrix, as_="connections", rows="pre", labels=[BIG, 2])
    assert edges(graph) == [(BIG, 2, 2.0)]
    assert graph.ingest(matrix.copy(), as_="connections", rows="pre", labels=[BIG, 2]).already_there
    graph.ingest(matrix, as_="connections", rows="pre", labels=[5, 6])
    assert edges(graph) == [(5, 6, 2.0), (BIG, 2, 2.0)]
    names = tmp_path / "labels.txt"
    for first in "78":
        names.write_text(f"{first}0\n{first}1\n")
        graph.ingest(matrix.toarray(), as_="connections", rows="post", labels=str(names))
    assert edges(graph)[1:3] == [(71, 70, 2.0), (81, 80, 2.0)]
    told = [row["inputs"] for row in graph.runs("ingest").to_pylist()]
    assert all("labels" in str(inputs) for inputs in told)


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (nx.Graph([(1, 2, {"weight": 1})]), {}),
        (nx.DiGraph([(1.5, 2, {"weight": 1})]), {}),
        (nx.DiGraph(), {}),
        (np.array([[0, np.nan], [1, 0]]), {"rows": "pre", "labels": "numbers"}),
        (np.array([[0, 1], [1, 0]]), {"labels": "numbers"}),
        (np.array([[0, 1], [1, 0]]), {"rows": "pre", "labels": [1]}),
        (np.zeros((2, 2)), {"rows": "pre", "labels": [1, 2]}),
        (object(), {}),
    ],
)
def test_what_is_refused_leaves_the_graph_as_it_was(graph: Graph, source: Any, options: dict[str, Any]) -> None:
    graph.ingest(nx.DiGraph([(1, 2, {"weight": 9})]), as_="connections")
    with pytest.raises(GraphlabError):
        graph.ingest(source, as_="connections", **options)
    assert edges(graph) == [(1, 2, 9.0)]
    assert graph.runs("ingest").num_rows == 1

"""Graphs of networkx and igraph: what nodes are called, which way edges lead, what lies beside them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import igraph
import networkx as nx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reader import Reading, ReadRequest
from ingest.schema.errors import GraphlabError, IdError, SchemaError, UnknownNameError
from ingest.tables import open_source

BIG = 2**53 + 1


def opened(graph: Any, as_: str = "connections", columns: Any = None, **options: Any) -> Reading:
    return open_source(graph, ReadRequest(as_, columns, options=options))


def read(graph: Any, as_: str = "connections", columns: Any = None, **options: Any) -> list[dict[str, Any]]:
    reading = opened(graph, as_, columns, **options)
    return pa.Table.from_batches(list(reading.batches), reading.schema).to_pylist()


def pairs(rows: list[dict[str, Any]], word: str = "root_id") -> Counter[tuple[Any, ...]]:
    return Counter((row[f"pre_{word}"], row[f"post_{word}"], row["weight"]) for row in rows)


def test_integers_are_ids_and_texts_are_names() -> None:
    ids = nx.DiGraph([(BIG, "720575940596125868", {"weight": 2}), (BIG, BIG, {"weight": 1.5})])
    assert pairs(read(ids)) == {(BIG, 720575940596125868, 2.0): 1, (BIG, BIG, 1.5): 1}
    names = nx.DiGraph([("AVAL", "AVAR", {"weight": 2})])
    assert pairs(read(names), "name") == {("AVAL", "AVAR", 2.0): 1}


def test_attributes_are_columns() -> None:
    graph = nx.DiGraph()
    graph.add_node(7, cell_type="Mi1", x_nm=1.5, lab="here")
    graph.add_node(8, side="L")
    graph.add_edge(7, 8, n=4, neuropil="AL", note=[1, 2])
    (edge,) = read(graph, columns={"weight": "n"})
    assert edge == {"pre_root_id": 7, "post_root_id": 8, "weight": 4.0, "neuropil": "AL", "note": "[1, 2]"}
    neurons = read(graph, "neurons")
    assert neurons[0]["cell_type"] == "Mi1"
    assert [row["lab"] for row in neurons] == ["here", None]
    assert [row["side"] for row in neurons] == [None, "left"]
    with pytest.raises(SchemaError, match="connections need the column weight; found pre_root_id, post_root_id, n"):
        read(graph)
    assert len(read(graph, "synapses")) == 1


def test_parallel_edges_are_a_row_each() -> None:
    graph = nx.MultiDiGraph()
    graph.add_edge(1, 2, weight=1)
    graph.add_edge(1, 2, weight=3)
    graph.add_edge(1, 2, key="gap", weight=5)
    assert pairs(read(graph)) == {(1, 2, 1.0): 1, (1, 2, 3.0): 1, (1, 2, 5.0): 1}
    assert [row["key"] for row in read(graph)] == [None, None, "gap"]


@pytest.mark.parametrize("library", ["networkx", "igraph"])
def test_an_undirected_graph_is_asked_what_it_means(library: str) -> None:
    graph: Any = nx.Graph([(1, 2, {"weight": 2}), (2, 2, {"weight": 4})])
    if library == "igraph":
        graph = igraph.Graph([(0, 1), (1, 1)], edge_attrs={"weight": [2, 4]}, vertex_attrs={"name": ["1", "2"]})
    with pytest.raises(SchemaError, match="undirected, and a connection leads from one .*say --option undirected=both"):
        read(graph)
    with pytest.raises(SchemaError, match="undirected, and a synapse leads .*Ingest it --as connections"):
        read(graph, "synapses", undirected="both")
    with pytest.raises(UnknownNameError, match="value of the option undirected 'out'; known: both"):
        read(graph, undirected="out")
    assert pairs(read(graph, undirected="both")) == {(1, 2, 2.0): 1, (2, 1, 2.0): 1, (2, 2, 4.0): 1}
    assert "the graph is undirected: its 2 edges are read both ways, as asked" in opened(graph, undirected="both").notes
    with pytest.raises(SchemaError, match="--option undirected is for edges of undirected graphs; leave it out"):
        read(nx.DiGraph([(1, 2, {"weight": 1})]), undirected="both")
    assert len(read(graph, "neurons")) == 2


def test_igraph_has_no_names_of_its_own() -> None:
    bare = igraph.Graph([(0, 1), (1, 0)], directed=True, edge_attrs={"weight": [1, 2]})
    bare.vs["root"] = [BIG, BIG + 2]
    with pytest.raises(SchemaError, match=r"its nodes have no names; .*ids=NAME \(root\), or --option ids=num"):
        read(bare)
    assert pairs(read(bare, ids="root")) == {(BIG, BIG + 2, 1.0): 1, (BIG + 2, BIG, 2.0): 1}
    assert pairs(read(bare, ids="numbers")) == {(1, 2, 1.0): 1, (2, 1, 2.0): 1}
    with pytest.raises(SchemaError, match="its nodes have no attribute 'rot'; did you mean 'root'"):
        read(bare, ids="rot")
    assert read(bare, "neurons", ids="root") == [{"root_id": BIG}, {"root_id": BIG + 2}]


def test_an_attribute_may_hold_the_ids() -> None:
    graph = nx.DiGraph([("a", "b", {"weight": 1})])
    nx.set_node_attributes(graph, {"a": BIG, "b": 5}, "root_id")
    assert pairs(read(graph, ids="root_id")) == {(BIG, 5, 1.0): 1}
    assert read(graph, "neurons")[0] == {"root_id": BIG, "name": "a"}
    nx.set_node_attributes(graph, {"a": "AVAL", "b": "AVAR"}, "name")
    with pytest.raises(SchemaError, match="its nodes have keys and another attribute 'name'; say --option ids=name"):
        read(graph, "neurons")
    assert pairs(read(graph, ids="name"), "name") == {("AVAL", "AVAR", 1.0): 1}


@pytest.mark.parametrize(
    ("nodes", "error", "told"),
    [
        ([1.0, 2], IdError, "found the node 1.0; a float cannot hold a 64-bit id"),
        ([0, 1], IdError, "found the id 0; 0 means no neuron"),
        ([-1, 1], IdError, "found the id -1|label '-1'"),
        ([2**64, 1], IdError, "found the id 18446744073709551616"),
        ([(1, 2), (3, 4)], SchemaError, r"found the node \(1, 2\), tuple; wanted integers or text"),
        ([True, False], SchemaError, "found the node True, bool"),
        ([1, "1"], SchemaError, "the label 1 stands there 2 times"),
        (["", "a"], SchemaError, "label 1: it is empty"),
        (["1.5", "2.5"], IdError, "found the label '1.5' among labels that are numbers"),
    ],
)
def test_nodes_that_are_no_neurons(nodes: list[Any], error: type[GraphlabError], told: str) -> None:
    graph = nx.DiGraph()
    graph.add_edge(*nodes, weight=1)
    with pytest.raises(error, match=told):
        read(graph)


def test_attributes_that_cannot_be(tmp_path: Any) -> None:
    with pytest.raises(SchemaError, match="attribute 'pre_root_id', which the nodes say; rename it"):
        read(nx.DiGraph([(1, 2, {"weight": 1, "pre_root_id": 5})]))
    with pytest.raises(SchemaError, match="attributes of one name: 1, 1"):
        read(nx.DiGraph([(1, 2, {"weight": 1, 1: 5, "1": 6})]))
    with pytest.raises(SchemaError, match="row 1, column 'weight': the cell is empty"):
        read(nx.DiGraph([(1, 2, {"weight": float("nan")})]))
    with pytest.raises(SchemaError, match="found inf; wanted a finite number"):
        read(nx.DiGraph([(1, 2, {"weight": float("inf")})]))


@settings(deadline=None, max_examples=60)
@given(
    edges=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 9)), min_size=1, max_size=20),
    directed=st.booleans(),
)
def test_the_two_libraries_and_a_loop_agree(edges: list[tuple[int, int, int]], directed: bool) -> None:
    multi = nx.MultiDiGraph() if directed else nx.MultiGraph()
    multi.add_weighted_edges_from(edges)
    twin = igraph.Graph(directed=directed)
    twin.add_vertices([str(number) for number in range(1, 7)])
    twin.add_edges([(left - 1, right - 1) for left, right, _ in edges], {"weight": [weight for *_, weight in edges]})
    wanted = Counter((left, right, float(weight)) for left, right, weight in edges)
    options = {} if directed else {"undirected": "both"}
    if not directed:
        wanted += Counter((right, left, float(weight)) for left, right, weight in edges if left != right)
    assert pairs(read(multi, **options)) == wanted
    assert pairs(read(twin, **options)) == wanted

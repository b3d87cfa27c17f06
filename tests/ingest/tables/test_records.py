"""JSON: node-link graphs, nemanode, Witvliet's release sites and junctions, plain rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import pyarrow as pa
import pytest

from ingest.reader import Reading
from ingest.schema.errors import GraphlabError, IdError, ReadError, SchemaError
from ingest.schema.ids import root_id_of_name

Read = Callable[..., pa.Table]


@pytest.fixture
def document(tmp_path: Path) -> Callable[[Any], Path]:
    def make(value: Any) -> Path:
        (tmp_path / "a.json").write_text(json.dumps(value))
        return tmp_path / "a.json"

    return make


@pytest.mark.parametrize("edges", ["links", "edges"])
@pytest.mark.parametrize(
    ("a", "b", "ids"),
    [
        ("AVAL", "AVAR", [root_id_of_name("AVAL"), root_id_of_name("AVAR")]),
        (7, 2**64 - 1, [7, 2**64 - 1]),
        ("720575940596125868", "8", [720575940596125868, 8]),
        ("1", "pns1", [root_id_of_name("1"), root_id_of_name("pns1")]),
    ],
)
def test_node_link_graphs(read: Read, document: Any, edges: str, a: object, b: object, ids: list[int]) -> None:
    graph = nx.DiGraph()
    graph.add_node(a, cell_type="x")
    graph.add_node(b, cell_type="y")
    graph.add_edge(a, b, weight=0.5)
    path = document(nx.node_link_data(graph, edges=edges))
    neurons = read(path, "neurons")
    assert dict(zip(neurons["root_id"].to_pylist(), neurons["cell_type"].to_pylist(), strict=True)) == dict(
        zip(ids, "xy", strict=True)
    )
    (row,) = read(path).to_pylist()
    assert (row["pre_root_id"], row["post_root_id"], row["weight"]) == (*ids, 0.5)


def test_nemanode(read: Read, document: Any) -> None:
    path = document(
        [
            {"pre": "A", "post": "B", "typ": 0, "syn": [3, 1], "ids": [1, 2]},
            {"pre": "A", "post": "B", "typ": 2, "syn": [5], "ids": [3]},
        ]
    )
    rows = read(path).to_pylist()
    assert [(row["kind"], row["weight"], row["sections"]) for row in rows] == [("chemical", 2, 4), ("electrical", 1, 5)]
    assert [row["sections"] for row in read(path, "synapses").to_pylist()] == [3, 1, 5]


def test_polyadic_sites_and_junctions(read: Read, document: Any) -> None:
    site = {"catmaid_id": 9, "pre": "A", "post": ["B", "C", "B"], "post_weights": [0.5, 0.25, 0.25], "size": 80.0}
    rows = read(document([site]), "synapses").to_pylist()
    assert [(row["pre_name"], row["post_name"], row["presynapse_id"], row["size"]) for row in rows] == [
        ("A", "B", 9, 40.0),
        ("A", "C", 9, 20.0),
        ("A", "B", 9, 20.0),
    ]
    (row,) = read(document([{"catmaid_id": 9, "n1": "A", "n2": "B", "n1_tid": 1}]), "synapses").to_pylist()
    assert (row["pre_name"], row["post_name"], row["kind"]) == ("A", "B", "electrical")
    with pytest.raises(SchemaError, match="--as synapses"):
        read(document([site]))


def test_rows_of_objects(read: Read, document: Any) -> None:
    path = document(
        [
            {"root_id": str(2**64 - 1), "side": "left", "tags": ["a"], "n": 1},
            {"root_id": 7, "n": 1.5, "ok": True},
        ]
    )
    first, second = read(path, "neurons").to_pylist()
    assert (first["root_id"], first["side"], first["tags"], first["n"], first["ok"]) == (
        2**64 - 1,
        "left",
        '["a"]',
        1,
        None,
    )
    assert (second["root_id"], second["side"], second["n"], second["ok"]) == (7, None, 1.5, True)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"nodes": [{"id": 1}]}, "a node-link graph has lists `nodes` and `links`"),
        ({"nodes": [{"id": 1}], "links": [{"source": 1}]}, "link 1: wanted"),
        ({"a": 1}, "wanted a node-link graph"),
        ([], "wanted a node-link graph"),
        ([1, 2], "wanted a node-link graph"),
        ([{"pre": "A", "post": "B", "typ": 1, "syn": [1]}], "object 1: typ 1; wanted 0"),
        ([{"pre": "A", "post": "B", "typ": [], "syn": [1]}], r"object 1: typ \[\]"),
        ([{"pre": "A", "post": "B", "typ": 0, "syn": ["x"]}], "object 1: syn"),
        ([{"pre": "A", "post": "B", "typ": 0, "syn": [1]}, {"pre": "A"}], "object 2: it lacks post, syn, typ"),
        ([{"pre": "A", "post": ["B"], "catmaid_id": 1}, {"pre": "A", "post": "B"}], "object 2: wanted pre, a name"),
        ([{"pre": "A", "post": ["B"], "catmaid_id": 1, "post_weights": []}], "object 1: wanted one of post_weights"),
        ([{"n1": "A", "n2": None, "catmaid_id": 1}], "object 1: wanted catmaid_id, n1 and n2"),
        ([{"root_id": 1.5}], "need the columns"),
    ],
)
def test_bad_documents(read: Read, document: Any, value: Any, message: str) -> None:
    with pytest.raises(GraphlabError, match=message) as error:
        read(document(value), "synapses")
    assert "a.json" in str(error.value)


@pytest.mark.parametrize("value", [1.5, 7.2e17, True, -1, 2**64, "x"])
def test_ids_that_are_none(read: Read, document: Any, value: object) -> None:
    with pytest.raises(IdError, match=r"a.json, row 2, column 'root_id': found"):
        read(document([{"root_id": "3"}, {"root_id": value}]), "neurons")


@pytest.mark.parametrize("text", ["[", "[" * 200_000, "\ufeff[]", '[{"root_id": 1', "[" + "9" * 10_000 + "]"])
def test_text_that_is_no_json(read: Read, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(GraphlabError, match="a.json"):
        read(tmp_path / "a.json", "neurons")


def test_shares_that_are_no_numbers(read: Read, document: Any) -> None:
    site = {"catmaid_id": 9, "pre": "A", "post": ["B"], "post_weights": ["x"], "size": 80.0}
    with pytest.raises(SchemaError, match="object 1"):
        read(document([site]), "synapses")
    with pytest.raises(SchemaError, match="object 2"):
        read(document([{**site, "post_weights": [1.0]}, {"pre": "A", "post": ["B"]}]), "synapses")


LINKS = {"nodes": [{"id": "A"}, {"id": "B"}], "links": [{"source": "A", "target": "B", "weight": 2}]}


def test_an_undirected_graph_is_read_both_ways(opened: Callable[..., Reading], tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    loop = {"source": "B", "target": "B", "weight": 5}
    path.write_text(json.dumps({**LINKS, "directed": False, "links": [*LINKS["links"], loop]}))
    reading = opened(path, "connections")
    rows = [row for batch in reading.batches for row in batch.to_pylist()]
    assert sorted((r["pre_name"], r["post_name"], r["weight"]) for r in rows) == [
        ("A", "B", 2),
        ("B", "A", 2),
        ("B", "B", 5),
    ]
    assert "the graph is undirected: its 2 links are read both ways" in reading.notes
    with pytest.raises(SchemaError, match="undirected graph are no single synapses"):
        opened(path, "synapses")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"directed": "no"}, "`directed` is 'no'; wanted true or false"),
        ({"links": [{"source": 0, "target": "B", "weight": 1}]}, "link 1: its source 0 is the id of no node"),
        ({"nodes": [{"id": [1]}, 5]}, "is the id of no node"),
    ],
)
def test_node_link_graphs_of_another_shape(read: Read, tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({**LINKS, **change}))
    with pytest.raises(SchemaError, match=message):
        read(path)


def test_numbers_of_json_keep_every_digit(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    big = 2**53 + 1
    text = f'[{{"root_id": [{2**64 - 1}], "x": {big}, "y": {big}.0}}, {{"root_id": ["5"], "x": 0.5, "y": null}}]'
    path.write_text(text)
    assert read(path, "neurons").to_pylist() == [
        {"root_id": 2**64 - 1, "x": str(big), "y": f"{big}.0"},
        {"root_id": 5, "x": "0.5", "y": None},
    ]
    path.write_text(json.dumps([{"root_id": [1, 2]}]))
    with pytest.raises(IdError):
        read(path, "neurons")


def test_text_that_is_no_utf8_says_where(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(
        json.dumps([{"pre_name": "caf", "post_name": "b", "weight": 1}]).encode().replace(b"caf", b"ca\xe9")
    )
    with pytest.raises(ReadError, match=r"a.json, byte \d+: this is no text in UTF-8; save it as UTF-8"):
        read(path)

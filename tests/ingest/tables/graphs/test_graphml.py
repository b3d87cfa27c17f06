"""GraphML of networkx and igraph: directions and names as the file has them, nothing unfolded, nothing passed over."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import pyarrow as pa
import pytest

from ingest.reader import ReadRequest
from ingest.schema.errors import IdError, ReadError, SchemaError
from ingest.tables import open_source

BIG = 720575940596125868
HEAD = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'


def read(path: Path, as_: str = "connections", columns: Any = None, **options: Any) -> list[dict[str, Any]]:
    reading = open_source(path, ReadRequest(as_, columns, options=options))
    return pa.Table.from_batches(list(reading.batches), reading.schema).to_pylist()


def written(folder: Path, body: str, head: str = HEAD) -> Path:
    (folder / "a.graphml").write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{body}</graphml>')
    return folder / "a.graphml"


def test_what_networkx_writes(tmp_path: Path) -> None:
    graph = nx.MultiDiGraph()
    graph.add_node(BIG, cell_type="Mi1")
    graph.add_edge(BIG, BIG + 1, weight=2)
    graph.add_edge(BIG, BIG + 1, weight=3)
    nx.write_graphml(graph, tmp_path / "a.graphml")
    rows = read(tmp_path / "a.graphml")
    assert [(row["pre_root_id"], row["post_root_id"], row["weight"]) for row in rows] == [
        (BIG, BIG + 1, 2.0),
        (BIG, BIG + 1, 3.0),
    ]
    assert read(tmp_path / "a.graphml", "neurons")[0] == {"root_id": BIG, "cell_type": "Mi1"}
    (tmp_path / "b.graphml.gz").write_bytes(gzip.compress((tmp_path / "a.graphml").read_bytes()))
    assert read(tmp_path / "b.graphml.gz") == rows


def test_what_igraph_writes(tmp_path: Path) -> None:
    graph = igraph.Graph([(0, 1), (1, 0)], directed=True, edge_attrs={"weight": [1.0, 2.0]})
    graph.vs["name"] = ["AVAL", "AVAR"]
    graph.write_graphml(str(tmp_path / "a.graphml"))
    with pytest.raises(SchemaError, match=r"its nodes are n0, n1, ..., which a library counted; .*--option ids=name"):
        read(tmp_path / "a.graphml")
    rows = read(tmp_path / "a.graphml", ids="name")
    assert [(row["pre_name"], row["post_name"], row["weight"]) for row in rows] == [
        ("AVAL", "AVAR", 1.0),
        ("AVAR", "AVAL", 2.0),
    ]


def test_undirected(tmp_path: Path) -> None:
    nx.write_graphml(nx.Graph([("A", "B", {"weight": 1})]), tmp_path / "a.graphml")
    with pytest.raises(SchemaError, match="say --option undirected=both"):
        read(tmp_path / "a.graphml")
    assert len(read(tmp_path / "a.graphml", undirected="both")) == 2
    mixed = (
        '<key id="w" for="edge" attr.name="weight" attr.type="double"/>'
        '<graph edgedefault="undirected"><node id="A"/><node id="B"/>'
        '<edge source="A" target="B" directed="true"><data key="w">1</data></edge></graph>'
    )
    with pytest.raises(ReadError, match=r"a.graphml: this GraphML cannot be read: directed=true edge found"):
        read(written(tmp_path, mixed))


def test_entities_do_not_unfold(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE lolz [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    path = written(tmp_path, "<graph>&i;</graph>", f"{bomb}]>{HEAD}")
    with pytest.raises(ReadError, match="it defines entities, which may unfold to any size"):
        read(path)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "holds 0 graphs; wanted one"),
        ('<graph edgedefault="directed"/>' * 2, "holds 2 graphs; wanted one"),
        ('<graph edgedefault="directed"><node/></graph>', "line 2: a <node> without id"),
        ('<graph edgedefault="directed"><node id="1"/><node id="1"/></graph>', "the node '1' is there twice"),
        ('<graph edgedefault="directed"><node id="1"/><edge source="1"/></graph>', "a <edge> without target"),
        (
            '<graph edgedefault="directed"><edge source="1" target="2"/></graph>',
            "an edge ends in '1', which is no",
        ),
        (
            '<key id="w" for="node" attr.name="n" attr.type="int"/><graph edgedefault="directed"><node id="1">'
            '<data key="w">x</data></node></graph>',
            "this GraphML cannot be read: invalid literal for int",
        ),
        ("<graph>" * 70 + "</graph>" * 70, "nested too deeply"),
        ('<graph edgedefault="directed"><hyperedge/></graph>', "GraphML reader doesn't support hyperedges"),
        ('<graph edgedefault="directed"><node id="A">', "truncated or damaged"),
        ("\x01", "truncated or damaged"),
    ],
)
def test_files_that_are_no_graph(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises((ReadError, SchemaError), match=rf"a.graphml.*{told}"):
        read(written(tmp_path, body))


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.graphml").write_text("<html></html>")
    with pytest.raises(ReadError, match="found <html>; wanted <graphml>"):
        read(tmp_path / "a.graphml")
    (tmp_path / "a.graphml").write_bytes(b"")
    with pytest.raises(ReadError, match="is empty"):
        read(tmp_path / "a.graphml")
    (tmp_path / "a.graphml.gz").write_bytes(b"no gzip")
    with pytest.raises(ReadError, match="does not unpack as gzip"):
        read(tmp_path / "a.graphml.gz")
    nx.write_graphml(nx.DiGraph([(1.5, 2.5, {"weight": 1})]), tmp_path / "b.graphml")
    with pytest.raises(IdError, match="found the label '1.5' among labels that are numbers"):
        read(tmp_path / "b.graphml")

"""Property graphs and views that people keep in a graph folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import GraphlabError, ParseError, SchemaError, StoreError, UnknownNameError, UnsupportedError

ENDS = "SOURCE KEY (pre_root_id) REFERENCES neurons DESTINATION KEY (post_root_id) REFERENCES neurons"
ROWS = pd.DataFrame(
    [(1, 2, 3.0, "SIP"), (1, 2, 2.0, "aL"), (2, 3, 4.0, "aL"), (3, 1, 1.0, "SIP"), (3, 3, 6.0, "SIP")],
    columns=["pre_root_id", "post_root_id", "weight", "neuropil"],
)
NEURONS = pd.DataFrame({"root_id": [1, 2, 3], "cell_type": ["A", "B", "B"], "nt_type": ["ACH", "GABA", "ACH"]})


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    with Graph.create(tmp_path / "g") as made:
        made.ingest(NEURONS, as_="neurons")
        made.ingest(ROWS, as_="connections")
        yield made


def pairs(graph: Graph, name: str, label: str) -> list[tuple[int, int, float]]:
    table = graph.query(
        f"FROM GRAPH_TABLE ({name} MATCH (a)-[e IS {label}]->(b) "
        "COLUMNS (a.root_id AS a, b.root_id AS b, e.weight AS w))"
    ).to_arrow()
    return sorted(tuple(row.values()) for row in table.to_pylist())


def test_a_neuropil_and_a_transmitter_are_edges_of_their_own(graph: Graph) -> None:
    graph.create_view(
        "gaba",
        "SELECT c.* FROM connections c JOIN neurons n ON n.root_id = c.pre_root_id WHERE n.nt_type = 'GABA'",
    )
    name = graph.create_property_graph(
        f"CREATE PROPERTY GRAPH parts VERTEX TABLES (neurons) EDGE TABLES ("
        f"connections_by_neuropil KEY (pre_root_id, post_root_id, neuropil, kind) {ENDS} LABEL anywhere, "
        f"connections_by_neuropil {ENDS} LABEL sip WHERE neuropil = 'SIP', "
        f"gaba KEY (pre_root_id, post_root_id, kind) {ENDS} LABEL gaba)"
    )  # fmt: skip
    assert name == "parts"
    assert pairs(graph, "parts", "anywhere") == [(1, 2, 2.0), (1, 2, 3.0), (2, 3, 4.0), (3, 1, 1.0), (3, 3, 6.0)]
    assert pairs(graph, "PARTS", "sip") == [(1, 2, 3.0), (3, 1, 1.0), (3, 3, 6.0)]
    assert pairs(graph, "parts", "gaba") == [(2, 3, 4.0)]
    found = graph.query(
        "FROM GRAPH_TABLE (parts MATCH (a)-[e IS sip]->(b)-[f IS gaba]->(c)-[g IS sip]->(a) KEEP DISTINCT EDGES "
        "COLUMNS (a.root_id AS a, c.root_id AS c))"
    )
    assert found.to_arrow().to_pylist() == [{"a": 1, "c": 3}]


def test_definitions_stay_in_the_folder(graph: Graph, tmp_path: Path) -> None:
    text = f"CREATE PROPERTY GRAPH fly VERTEX TABLES (neurons) EDGE TABLES (connections {ENDS} LABEL contact)"
    graph.create_view("strong", "SELECT * FROM connections WHERE weight > 3;")
    graph.create_property_graph(text)
    graph.close()
    with Graph.open(tmp_path / "g", read_only=True) as again:
        assert again.property_graphs() == {"fly": text}
        assert len(pairs(again, "fly", "contact")) == 4
        assert len(again.query("FROM strong")) == 3
        with pytest.raises(StoreError, match="reading only"):
            again.create_property_graph(text.replace("fly", "fly2"))
        with pytest.raises(StoreError, match="reading only"):
            again.create_view("x", "SELECT 1 AS y")


def test_a_name_is_taken_once(graph: Graph) -> None:
    text = "CREATE PROPERTY GRAPH fly VERTEX TABLES (neurons)"
    graph.create_property_graph(text)
    with pytest.raises(SchemaError, match="exists already"):
        graph.create_property_graph(text)
    assert graph.create_property_graph(text.replace("GRAPH fly", "GRAPH IF NOT EXISTS fly")) == "fly"
    graph.create_property_graph("CREATE OR REPLACE PROPERTY GRAPH Fly VERTEX TABLES (neurons LABEL cell)")
    assert list(graph.property_graphs()) == ["Fly"]
    with pytest.raises(SchemaError, match="connectome is the graph that every folder has"):
        graph.create_property_graph(text.replace("fly", "connectome"))
    with pytest.raises(UnknownNameError, match="did you mean 'Fly'"):
        graph.drop_property_graph("fyl")
    graph.drop_property_graph("fly")
    assert graph.property_graphs() == {}


def test_nothing_is_kept_of_what_is_wrong(graph: Graph) -> None:
    for text in (
        "CREATE PROPERTY GRAPH g VERTEX TABLES (cells KEY (root_id))",
        f"CREATE PROPERTY GRAPH g VERTEX TABLES (neurons) EDGE TABLES (conns {ENDS})",
        "CREATE PROPERTY GRAPH g VERTEX TABLES (neurons PROPERTIES (cell_typ))",
    ):
        with pytest.raises(ParseError, match="no table|no column"):
            graph.create_property_graph(text)
    assert graph.property_graphs() == {}


@pytest.mark.parametrize(
    ("name", "select", "kind"),
    [
        ("v", "DELETE FROM neurons", UnsupportedError),
        ("v", "SELECT * FROM read_csv('/etc/passwd')", ParseError),
        ("v", "SELECT 1; DROP TABLE neurons", UnsupportedError),
        ("v", "SELECT * FROM absent", ParseError),
        ("v", "SELECT $x", ParseError),
        ("v", "SELECT 1) x; DROP TABLE neurons --", GraphlabError),
        ("v", "SELECT 1 -- )", None),
        ('a"b', "SELECT 1 AS x", None),
        ("neurons", "SELECT 1", SchemaError),
        ("embeddings", "SELECT 1", SchemaError),
    ],
)
def test_views_only_read(graph: Graph, name: str, select: str, kind: type[GraphlabError] | None) -> None:
    if kind is None:
        graph.create_view(name, select)
        assert len(graph.query(f'FROM "{name.replace(chr(34), chr(34) * 2)}"')) == 1
        graph.drop_view(name)
    else:
        with pytest.raises(kind):
            graph.create_view(name, select)
    assert len(graph.query("FROM neurons")) == 3
    with pytest.raises(UnknownNameError):
        graph.drop_view("v")

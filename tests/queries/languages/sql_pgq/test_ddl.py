"""CREATE PROPERTY GRAPH: what is read, and that mistakes are named with their place."""

from __future__ import annotations

import pytest

from ingest.schema.errors import GraphlabError, ParseError
from queries.engine import Source, run
from queries.ir.property_graph import EdgeTable, VertexTable
from queries.languages.sql_pgq.ddl import is_definition, parse_definition, parse_property_graph
from queries.planning.definition import check_tables

EDGES = (
    "SOURCE KEY (pre_root_id) REFERENCES neurons (root_id) DESTINATION KEY (post_root_id) REFERENCES neurons (root_id)"
)
PLAIN = f"CREATE PROPERTY GRAPH fly VERTEX TABLES (neurons) EDGE TABLES (connections {EDGES} LABEL contact)"


def test_every_clause_is_read() -> None:
    said = parse_definition(
        "create or replace property graph if not exists fly -- comment\n"
        "NODE TABLES (neurons AS n KEY (root_id) PROPERTIES (root_id, cell_type AS type) LABEL neuron LABEL cell\n"
        "  WHERE super_class = 'central' AND side = 'l''eft')\n"
        "RELATIONSHIP TABLES (connections AS c KEY (pre_root_id, post_root_id) SOURCE KEY (pre_root_id) REFERENCES n\n"
        "  DESTINATION KEY (post_root_id) REFERENCES neurons (root_id) NO PROPERTIES WHERE kind = 'chemical',\n"
        f'  "connections" {EDGES} PROPERTIES ARE ALL COLUMNS LABEL every);'
    )
    assert (said.replace, said.unless, said.graph.name) == (True, True, "fly")
    assert said.graph.vertex_tables == (
        VertexTable(
            "neurons",
            "root_id",
            ("neuron", "cell"),
            ("root_id", "cell_type"),
            (("type", "cell_type"),),
            (("super_class", "central"), ("side", "l'eft")),
        ),
    )
    assert said.graph.edge_tables == (
        EdgeTable("connections", "pre_root_id", "neurons", "post_root_id", "neurons", ("c",),
                  ("pre_root_id", "post_root_id"), (), only=(("kind", "chemical"),)),
        EdgeTable("connections", "pre_root_id", "neurons", "post_root_id", "neurons", ("every",)),
    )  # fmt: skip


def test_a_definition_is_known_by_its_first_words() -> None:
    assert is_definition(PLAIN)
    assert is_definition("/* x */ CREATE OR REPLACE PROPERTY GRAPH g")
    assert not is_definition("CREATE TABLE property (graph INT)")
    assert not is_definition("SELECT 1")
    assert not is_definition("# it's a motif\nA -> B")


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("CREATE PROPERTY GRAPH", "the text ends too early; wanted IF, a name", (1, 22)),
        ("CREATE PROPERTY GRAPH g", "the text ends too early", (1, 24)),
        ("CREATE PROPERTY GRAPH g VERTEX TABLES ()", "found '\\)', wanted a name", (1, 40)),
        ("CREATE PROPERTY GRAPH g\nVERTEX TABLES (cells)", "the key of cells is not said", (2, 16)),
        ("CREATE PROPERTY GRAPH g VERTEX TABLES (c KEY (a, b))", "a key of one column", (1, 40)),
        (f"CREATE PROPERTY GRAPH g VERTEX TABLES (cells KEY (id)) EDGE TABLES (e {EDGES})", "not among", (1, 107)),
        ("CREATE PROPERTY GRAPH g VERTEX TABLES (neurons WHERE side = 3)", "found '3', wanted a string", (1, 61)),
        ("CREATE PROPERTY GRAPH g VERTEX TABLES (neurons 'x')", "found", (1, 48)),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_place(text: str, message: str, place: tuple[int, int]) -> None:
    with pytest.raises(ParseError, match=message) as caught:
        parse_property_graph(text)
    assert (caught.value.line, caught.value.column) == place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CREATE PROPERTY GRAPH g VERTEX TABLES (neurons, neurons)", "names a vertex table twice"),
        ("CREATE PROPERTY GRAPH g VERTEX TABLES (neurons LABEL x, cells KEY (id) LABEL X)", "two vertex tables have"),
        (
            "CREATE PROPERTY GRAPH g VERTEX TABLES (neurons KEY (root_id)) EDGE TABLES (c SOURCE KEY (a) REFERENCES "
            "neurons (name) DESTINATION KEY (b) REFERENCES neurons)",
            "whose key is root_id",
        ),
    ],
)
def test_tables_that_do_not_fit(text: str, message: str) -> None:
    with pytest.raises(GraphlabError, match=message):
        parse_property_graph(text)


@pytest.mark.parametrize(
    ("old", "new", "message", "word"),
    [
        ("(neurons)", "(neuron KEY (root_id), neurons)", "no table 'neuron'; did you mean 'neurons'", "neuron"),
        ("connections", "conections", "no table 'conections'; did you mean 'connections'", "conections"),
        ("KEY (pre_root_id)", "KEY (pre_id)", "connections has no column 'pre_id'; did you mean", "pre_id"),
        ("LABEL contact", "PROPERTIES (wieght)", "no column 'wieght'; did you mean 'weight'", "wieght"),
        ("LABEL contact", "LABEL x WHERE knid = 'chemical'", "no column 'knid'; did you mean 'kind'", "knid"),
    ],
)
def test_tables_and_columns_have_to_be_there(toy: Source, old: str, new: str, message: str, word: str) -> None:
    text = PLAIN.replace(old, new, 1)
    with pytest.raises(ParseError, match=message) as caught:
        check_tables(parse_property_graph(text), toy, text)
    assert text[caught.value.position :].startswith(word)


def test_a_query_does_not_define(toy: Source) -> None:
    with pytest.raises(ParseError, match="changes the graph, and a query only reads it"):
        run(PLAIN, toy)

"""Names of a pattern become tables and columns; what could mean several things is asked about."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.schema.errors import ParseError, SchemaError
from queries.engine import Source, run
from queries.ir.connectome import connectome
from queries.ir.expression import Property
from queries.ir.pattern import Edge, Pattern, Vertex
from queries.ir.property_graph import EdgeTable, PropertyGraph, VertexTable
from queries.languages.sql_pgq.parser import parse
from queries.planning.bind import bind
from queries.planning.bound import BoundPattern

TWO = PropertyGraph(
    "two",
    (VertexTable("neurons", "root_id", ("neuron",)), VertexTable("regions", "name", ("region",), ("name", "volume"))),
    (
        EdgeTable("connections", "pre_root_id", "neurons", "post_root_id", "neurons", ("synapse",)),
        EdgeTable("lies", "root_id", "neurons", "region", "regions", ("lies_in",)),
        EdgeTable("borders", "one", "regions", "other", "regions", ("touches",), by_name=True),
    ),
)


@pytest.fixture
def regions(toy: Source) -> Source:
    for statement in (
        "CREATE TABLE regions (name VARCHAR, volume DOUBLE, secret INTEGER)",
        "CREATE TABLE lies (root_id UBIGINT, region VARCHAR)",
        "CREATE VIEW borders AS SELECT 'ME' AS one, 'LO' AS other",
        "INSERT INTO regions VALUES ('ME', 2.5, 1), ('LO', 1.5, 2)",
        "INSERT INTO lies VALUES (1, 'ME'), (2, 'LO'), (3, 'LO')",
    ):
        toy.connection.execute(statement).fetchall()
    return Source(toy.connection, {"two": TWO})


def bound(match: str, source: Source, columns: str = "1 AS x") -> BoundPattern:
    text = f"FROM GRAPH_TABLE (two MATCH {match} COLUMNS ({columns}))"
    return bind(parse(text).slots[0].pattern, source, text)


def test_a_vertex_without_a_label_is_what_its_edges_lead_to(regions: Source) -> None:
    found = bound("(a)-[e IS lies_in]->(b)<-[f IS lies_in]-(c)", regions)
    assert {name: table.table for name, table in found.vertex_tables.items()} == {
        "a": "neurons", "b": "regions", "c": "neurons"}  # fmt: skip
    found = bound("(a IS neuron)-[e]->(b IS region)", regions)
    assert [table.table for table in found.edge_tables["e"]] == ["lies"]
    found = bound("(a IS region)-[e IS touches]-(b)", regions)
    assert found.vertex_tables["b"].table == "regions"


def test_queries_over_two_vertex_tables(regions: Source) -> None:
    text = """SELECT * FROM GRAPH_TABLE (two MATCH (a)-[s IS synapse]->(b)-[l IS lies_in]->(r WHERE r.volume < 2),
              (a)-[m IS lies_in]->(q)
              COLUMNS (a.root_id AS a, b.root_id AS b, r.name AS r, q.name AS q)) ORDER BY ALL"""
    assert [tuple(row.values()) for row in run(text, regions).to_arrow().to_pylist()] == [
        (1, 2, "LO", "ME"), (1, 3, "LO", "ME"), (2, 3, "LO", "LO"), (3, 3, "LO", "LO")]  # fmt: skip


@pytest.mark.parametrize(
    ("match", "columns", "message"),
    [
        ("(a)", "a.name", "could be of several tables"),
        ("(a IS neuron|region)", "1 AS x", "are different tables"),
        ("(a IS region)-[e IS synapse]->(b)", "1 AS x", "no edge with label synapse joins"),
        ("(a IS neuron)-[e IS touches]->(b)", "1 AS x", "no edge with label touches joins"),
        ("(a IS regio)", "1 AS x", "no vertex label 'regio'; did you mean 'region'"),
        ("(a)-[e IS lie_in]->(b)", "1 AS x", "no edge label 'lie_in'; did you mean 'lies_in'"),
        ("(a IS region)", "a.secret", "region has no property 'secret'"),
        ("(a IS region)", "a.volum", "did you mean 'volume'"),
    ],
)
def test_what_is_not_clear_or_not_there(regions: Source, match: str, columns: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        bound(match, regions, columns)


def test_edges_of_a_view_have_to_be_told_apart(regions: Source) -> None:
    text = "FROM GRAPH_TABLE (two MATCH (a)-[e IS touches]->(b), (c)-[f IS touches]->(d){} COLUMNS (a.name AS a))"
    assert len(run(text.format(""), regions)) == 1
    with pytest.raises(SchemaError, match="KEY"):
        run(text.format(" KEEP DISTINCT EDGES"), regions)


def test_properties_are_found_whatever_their_case(toy: Source) -> None:
    pattern = parse(
        "FROM GRAPH_TABLE (CONNECTOME MATCH (A IS NEURON) COLUMNS (a.ROOT_ID AS i, A.Type AS t, a.BODYID AS b))"
    )
    found = bind(pattern.slots[0].pattern, toy)
    names = [column.value.name for column in found.pattern.columns if isinstance(column.value, Property)]
    assert names == ["root_id", "cell_type", "root_id"]


def test_the_same_rows_under_two_labels_are_met_once(toy: Source) -> None:
    text = "FROM GRAPH_TABLE (connectome MATCH (a)-[e IS {}]->(b) COLUMNS (e.weight AS w))"
    assert len(run(text.format("synapse|connection"), toy)) == len(run(text.format("connection"), toy)) == 7
    assert len(run(text.format("synapse|chemical"), toy)) == 6


def test_a_table_that_went_away_is_named(toy: Source) -> None:
    gone = PropertyGraph("gone", (VertexTable("cells", "id", ("cell",)),), ())
    with pytest.raises(SchemaError, match="refers to table 'cells'"):
        run("FROM GRAPH_TABLE (gone MATCH (a) COLUMNS (a.id AS i))", Source(toy.connection, {"gone": gone}))


def test_computed_properties_are_those_of_their_row(toy: Source) -> None:
    toy.connection.execute("INSERT INTO connections_by_neuropil VALUES (1, 2, 'ME', 5, 'chemical')").fetchall()
    text = 'FROM GRAPH_TABLE (connectome MATCH (a) COLUMNS (a.root_id AS i, a.weight_in AS w, a."ME" AS m)) ORDER BY i'
    rows: list[Any] = run(text, toy).to_arrow().to_pylist()
    assert [(r["i"], r["w"], r["m"]) for r in rows] == [(1, 3, True), (2, 5, True), (3, 13, False), (4, 7, False)]
    with pytest.raises(ParseError, match="no property 'LO'"):
        run(text.replace('"ME"', '"LO"'), Source(toy.connection))


def test_patterns_built_by_hand_bind_too(toy: Source) -> None:
    pattern = Pattern("connectome", (Vertex("a"), Vertex("b")), (Edge("e", "a", "b", ("electrical",)),))
    assert [table.only for table in bind(pattern, toy).edge_tables["e"]] == [(("kind", "electrical"),)]


@pytest.fixture
def neuropils(toy: Source) -> Source:
    """Connections 1 -> 2 in CX and LO, 2 -> 3 in LO, as summed edges that name the heaviest neuropil, or none."""
    toy.connection.execute(
        """INSERT INTO connections_by_neuropil VALUES (1, 2, 'CX', 2, 'chemical'), (1, 2, 'LO', 3, 'chemical'),
           (2, 3, 'LO', 10, 'chemical'), (1, 4, 'CX', 4, 'electrical')"""
    ).fetchall()
    toy.connection.execute("UPDATE connections SET neuropil = 'LO' WHERE pre_root_id IN (1, 2)").fetchall()
    return toy


@pytest.mark.parametrize(
    "text",
    ["MATCH (a)-[e:ConnectsTo]->(b) WHERE e.neuropil = 'CX' RETURN a.bodyId",
     "MATCH (a)-[e]->(b) RETURN a.bodyId, e.neuropil",
     "MATCH (a) WHERE NOT EXISTS { MATCH (a)-[e]->(b) WHERE e.neuropil = 'CX' } RETURN a.bodyId",
     "MATCH p = (a)-[e*1..2]->(b) WHERE all(x IN relationships(p) WHERE x.neuropil = 'CX') RETURN a.bodyId",
     "FROM GRAPH_TABLE (connectome MATCH (a)-[e IS synapse WHERE e.neuropil = 'CX']->(b) COLUMNS (a.root_id))",
     "FROM GRAPH_TABLE (connectome MATCH (a)-[e IS connection]->(b) COLUMNS (e.NEUROPIL AS n))"],
)  # fmt: skip
def test_the_neuropil_of_a_summed_edge_is_refused_in_words(neuropils: Source, text: str) -> None:
    with pytest.raises(ParseError, match="synapse_by_neuropil"):
        run(text, Source(neuropils.connection))


def test_the_neuropil_of_an_edge_is_read_where_it_tells_all(neuropils: Source) -> None:
    neuropils.connection.execute("DELETE FROM connections_by_neuropil WHERE neuropil = 'CX'").fetchall()
    text = "MATCH (a)-[e:ConnectsTo]->(b) WHERE e.neuropil = 'LO' RETURN a.bodyId AS a ORDER BY a"
    assert run(text, Source(neuropils.connection)).to_arrow().column(0).to_pylist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("motif", "kind", "wanted"),
    [("A -> B [neuropil = 'CX']", "chemical", [(1, 2)]), ("A -> B [neuropil = 'LO']", "chemical", [(1, 2), (2, 3)]),
     ("A -> B [neuropil = 'LO', weight > 3]", "chemical", [(2, 3)]),
     ("A -> B [neuropil != 'ME']", "chemical", [(1, 2), (2, 3)]),
     ("A -> B as e\ne.neuropil = 'CX'", "chemical", [(1, 2)]), ("A -> B [neuropil = 'CX']", "electrical", [(1, 4)]),
     ("A -> B\nA !> B [neuropil = 'CX']", "chemical", [(1, 3), (2, 1), (2, 3), (3, 4)])],
)  # fmt: skip
def test_motifs_ask_for_edges_of_one_neuropil(neuropils: Source, motif: str, kind: str, wanted: list[Any]) -> None:
    source = Source(neuropils.connection, {"connectome": connectome(kind)})
    found = [tuple(row.values()) for row in run(motif, source).to_arrow().to_pylist()]
    assert sorted(found) == wanted
    assert run(motif, source, count=True).scalar() == len(wanted)

"""Names in generated SQL never meet those of a person's tables, variables or parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.schema.errors import GraphlabError, ParseError, SchemaError
from queries.engine import Source, run
from queries.languages.sql_pgq.ddl import parse_property_graph

DOCS = Path(__file__).parents[3]
PAGES = [(DOCS / "docs" / name).read_text(encoding="utf-8") for name in ("queries.md", "semantics.md")]
README = (DOCS / "README.md").read_text(encoding="utf-8")


def documented() -> Iterator[str]:
    """Every question in the pages about questions and in the README, but for those that ask which columns there are."""
    yield from (text for text in every_documented() if "keys(n)" not in text)


def every_documented() -> Iterator[str]:
    for page in PAGES:
        yield from (text for _, text in re.findall(r"```(pgq|dotmotif|cypher)\n(.*?)```", page, re.DOTALL))
        told = re.findall(r"^\|[^|]*\| `+((?:MATCH|FROM|A ->|WITH|SELECT).*?[^`])`+ \|", page, re.MULTILINE)
        yield from (text for text in told if not text.startswith("MATCH") or "RETURN" in text)  # others are parts
    yield from re.findall(r'graphlab query \w+ "([^"]*)"', PAGES[0] + README)
    yield from re.findall(r'graph\.query\(\s*"""(.*?)"""', README, re.DOTALL)


WALKS = [
    f"FROM GRAPH_TABLE (connectome MATCH p = {mode}(a)-[e]->{times}(b) COLUMNS (a.root_id AS a, b.root_id AS b,{what}))"
    for mode, times in (("", "{1,2}"), ("TRAIL ", "+"), ("ACYCLIC ", "*"), ("SIMPLE ", "{1,3}"), ("ALL SHORTEST ", "+"))
    for what in (
        "path_length(p) AS n, sum(e.weight) AS w",
        "vertices(p) AS v, edges(p) AS x",
        "list(e.weight) AS w",
    )
]
OTHERS = [
    "MATCH p = (x)-[*1..2]->(s) WHERE all(w IN nodes(p) WHERE w.type = 'A') RETURN [x IN nodes(p) | x.type] AS v",
    "MATCH p = (x)-[*1..2]->(y) WHERE none(e IN relationships(p) WHERE e.weight > 5) RETURN length(p) AS n, x.bodyId",
    "MATCH p = shortestPath((a)-[:ConnectsTo*]->(b {bodyId: 4})) RETURN [n IN nodes(p) | [n.bodyId, n.type]] AS v",
    "MATCH (x)-[e]->(y) WHERE NOT (y)-->(x) RETURN x.bodyId, y.bodyId, e.weight",
    "MATCH (r)-[s]->(u) RETURN r.bodyId AS a, s.roiInfo AS i, u.roiInfo AS j",
    "MATCH (w) RETURN w.bodyId, w.weight_in, w.weight_out, w.`CX` AS cx",
    "MATCH (s)-[r]->(w) RETURN s.roiInfo AS a, r.roiInfo AS b, w.weight_in AS c",
    "MATCH (a)-[e]->(b) WITH a.type AS x, sum(e.weight) AS p, count(*) AS e RETURN e AS a, x AS p, p AS x ORDER BY a",
    "MATCH (a)-[e]->(b) WHERE EXISTS { MATCH (b)-[x]->(e1) WHERE x.weight > 2 } RETURN a.bodyId AS b, b.bodyId AS a",
    "FROM GRAPH_TABLE (connectome MATCH (x)-[e]->(a)-[p]->(s) KEEP INDUCED COLUMNS (x.root_id AS x, s.root_id AS s))",
    "FROM GRAPH_TABLE (connectome MATCH (x)-[x1]->(y), (y)-[p]->(z) KEEP DISTINCT EDGES COLUMNS (x1.weight AS x))",
    "x -> p\np -> e\ne !> x [weight > 2]",
]
QUESTIONS = [*documented(), *WALKS, *OTHERS]
COLUMNS = ["x", "p", "e", "a", "b", "weight_1", 'quo"te', "select", "k", "h", "w", "r", "s", "u", "v", "id", "hop",
           "walk", "number", "edge", "start", "k", "d", "~each1", "each"]  # fmt: skip


def answers(text: str, source: Source, engine: str) -> Any:
    try:
        found = run(text, source, engine=engine).to_arrow()
    except GraphlabError as error:
        return type(error).__name__
    rows = [tuple(row.values()) for row in found.to_pylist()]
    return found.column_names, rows if "ORDER BY" in text else sorted(rows, key=repr)


def filled(helpers: Any, connection: Any, columns: list[str], kinds: list[str]) -> None:
    """The toy graph with neuropils, and further columns in every table."""
    helpers.fill(connection, helpers.toy_graph)
    connection.execute("DELETE FROM connections_by_neuropil").fetchall()
    connection.execute(
        "INSERT INTO connections_by_neuropil SELECT pre_root_id, post_root_id, 'CX', weight, kind FROM connections"
    ).fetchall()
    for table in ("neurons", "connections", "connections_by_neuropil"):
        for name, kind in zip(columns, kinds, strict=True):
            quoted = '"' + name.replace('"', '""') + '"'
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {quoted} {kind}").fetchall()


KINDS = [
    "DOUBLE DEFAULT 7.5",
    "VARCHAR DEFAULT 'text'",
    "UBIGINT DEFAULT 2",
    "STRUCT(weight DOUBLE) DEFAULT {'weight': 9.0}",
]


def test_there_are_documented_questions() -> None:
    assert len(list(documented())) >= 35


@pytest.mark.parametrize("engine", ["duckdb", "csr"])
def test_documented_questions_do_not_mind_further_columns(helpers: Any, engine: str) -> None:
    plain = helpers.make_connection()
    filled(helpers, plain, [], [])
    source = Source(plain)
    wanted = [answers(text, source, engine) for text in QUESTIONS]

    @settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(columns=st.lists(st.sampled_from(COLUMNS), min_size=8, unique=True), kind=st.integers(0, 3))
    def agrees(columns: list[str], kind: int) -> None:
        connection = helpers.make_connection()
        filled(helpers, connection, columns, [KINDS[(kind + i) % 4] for i in range(len(columns))])
        other = Source(connection)
        for text, rows in zip(QUESTIONS, wanted, strict=True):
            assert answers(text, other, engine) == rows, text
        connection.close()

    agrees()
    plain.close()


def test_views_may_be_called_as_our_steps_are(toy: Source) -> None:
    for name in ("start", "hop", "walk", "reached"):
        toy.connection.execute(f"CREATE VIEW {name} AS FROM connections WHERE kind = 'chemical'").fetchall()
        text = f"""CREATE PROPERTY GRAPH g VERTEX TABLES (neurons KEY (root_id) LABEL v) EDGE TABLES (
            {name} KEY (pre_root_id, post_root_id) SOURCE KEY (pre_root_id) REFERENCES neurons (root_id)
            DESTINATION KEY (post_root_id) REFERENCES neurons (root_id) LABEL e)"""
        source = replace(toy, property_graphs={**toy.property_graphs, "g": parse_property_graph(text)})
        for mode in ("TRAIL", "ANY SHORTEST", "ALL SHORTEST"):
            asked = (
                "FROM GRAPH_TABLE ({} MATCH p = " + mode + " (a)-[e]->+(b) COLUMNS (a.root_id AS a, b.root_id AS b))"
            )
            assert answers(asked.format("g"), source, "duckdb") == answers(asked.format("connectome"), source, "duckdb")


def test_a_column_with_a_name_of_ours_is_refused(toy: Source) -> None:
    toy.connection.execute('ALTER TABLE connections ADD COLUMN "~Key" INTEGER').fetchall()
    with pytest.raises(SchemaError, match="'~Key'"):
        run("A -> B", Source(toy.connection))


@pytest.mark.parametrize("text", ["MATCH (`~x`)-[e]->(b) RETURN b.bodyId", "MATCH (a)-[`~each`]->(b) RETURN b.bodyId"])
def test_variables_with_names_of_ours_are_refused(toy: Source, text: str) -> None:
    with pytest.raises(ParseError, match="do not begin with ~"):
        run(text, toy)


def test_parameters_with_names_of_ours_are_refused(toy: Source) -> None:
    with pytest.raises(SchemaError, match="graphlab_0"):
        run("MATCH (n) WHERE n.type = 'A' OR n.type = $graphlab_0 RETURN n.bodyId", toy, parameters={"graphlab_0": "B"})


@pytest.fixture
def sourced(toy: Source) -> Source:
    """Neurons whose source has columns called type, roiInfo and class beside ours."""
    for name in ("type", '"roiInfo"', '"class"'):
        toy.connection.execute(f"ALTER TABLE neurons ADD COLUMN {name} VARCHAR DEFAULT 'own'").fetchall()
    toy.connection.execute("UPDATE neurons SET super_class = 'own'").fetchall()
    return toy


def test_a_computed_property_is_not_hidden_by_a_column(sourced: Source) -> None:
    text = "MATCH (n {bodyId: 1}) RETURN n.roiInfo AS computed, n.`neurons.roiInfo` AS own"
    assert run(text, sourced).to_arrow().to_pylist() == [{"computed": "{}", "own": "own"}]
    listed = run("MATCH (n {bodyId: 1}) RETURN [n.roiInfo, n.bodyId] AS v", sourced).to_arrow().to_pylist()
    assert listed == [{"v": {"roiInfo": "{}", "root_id": 1}}]


@pytest.mark.parametrize(
    "text",
    ["MATCH (n) WHERE n.type = 'A' RETURN n.bodyId", "A -> B\nA.type = 'A'",
     "FROM GRAPH_TABLE (connectome MATCH (n) COLUMNS (n.TYPE AS t))"],
)  # fmt: skip
def test_an_alias_that_is_a_column_too_is_refused_where_they_differ(sourced: Source, text: str) -> None:
    with pytest.raises(ParseError, match="Write cell_type, or `neurons.type`"):
        run(text, Source(sourced.connection))


def test_an_alias_that_is_a_column_too_is_read_where_nothing_is_hidden(sourced: Source) -> None:
    text = "MATCH (n {bodyId: 1}) RETURN n.class AS c, n.`neurons.type` AS own, n.cell_type AS t"
    assert run(text, sourced).to_arrow().to_pylist() == [{"c": "own", "own": "own", "t": "A"}]
    sourced.connection.execute("UPDATE neurons SET type = NULL").fetchall()
    assert run("MATCH (n {bodyId: 1}) RETURN n.type AS t", Source(sourced.connection)).scalar() == "A"
    sourced.connection.execute("UPDATE neurons SET type = 'own', cell_type = NULL").fetchall()
    assert run("MATCH (n {bodyId: 1}) RETURN n.type AS t", Source(sourced.connection)).scalar() == "own"


def test_repeated_names_leave_a_column_of_that_name_alone(toy: Source) -> None:
    text = "SELECT 1 AS weight, 2 AS weight, 3 AS weight_1, 4 AS weight"
    assert run(text, toy).to_arrow().to_pylist() == [{"weight": 1, "weight_2": 2, "weight_1": 3, "weight_3": 4}]

"""No text, however broken, ends in anything but an answer or an error of ours with a place in it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.schema.errors import GraphlabError, ParseError
from queries.engine import Source, detect, run
from queries.languages.sql_pgq.ddl import parse_property_graph

PGQ = (
    "SELECT a, b FROM GRAPH_TABLE (connectome MATCH (a IS neuron WHERE a.cell_type = 'A')-[e IS synapse WHERE "
    "e.weight >= 2]->(b:neuron), (b)<-[f]-(c) WHERE NOT EXISTS { (c)-[g]->(a) WHERE g.weight > 1 } AND a.root_id IN "
    "(1, 2, 3) KEEP DISTINCT VERTICES COLUMNS (a.root_id AS a, b.root_id AS b, e.weight + 1 AS w)) AS m ORDER BY w",
    "FROM GRAPH_TABLE (connectome MATCH p = ANY SHORTEST (a)-[e IS synapse]->{1,3}(b) WHERE b.cell_type LIKE 'B%' "
    "COLUMNS (path_length(p) AS n, sum(e.weight) AS s, vertices(p) AS v, CASE WHEN a.side IS NULL THEN 1 END AS c))",
    "WITH m AS (SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[e IS synapse|electrical]-(b) COLUMNS (a.*, "
    "CAST(e.weight AS INTEGER) AS w, $limit AS k))) SELECT count(*) FROM m JOIN neurons USING (root_id) -- end",
)
CYPHER = (
    "MATCH (n:Neuron {type: 'A'})-[e:ConnectsTo]->(m:Neuron) WHERE e.weight >= 2 AND NOT (m)-->(n) AND n.type =~ 'A.*' "
    "WITH n, m, e WHERE m.bodyId IN [1, 2, 3] RETURN n.bodyId AS pre, m.bodyId, e.weight ORDER BY e.weight DESC SKIP 1 "
    "LIMIT 5",
    "MATCH p = allShortestPaths((a:Neuron {bodyId: 1})-[:ConnectsTo*1..3]->(b {bodyId: 4})) WHERE ALL (x IN "
    "relationships(p) WHERE x.weight >= 1) RETURN [n IN nodes(p) | n.bodyId] AS path, length(p)",
    "MATCH (n:Neuron) OPTIONAL MATCH (n)-[e]->(m) WHERE e.weight > 1 WITH n, collect(m) AS ms ORDER BY n.type "
    "UNWIND ms AS k MATCH (k)-->(z) RETURN n.type AS t, k {.bodyId, x: 1} AS m, labels(z)[0] AS l, COUNT { (z)-->() } "
    "AS c UNION ALL MATCH (t) RETURN t.type AS t, {bodyId: 1, x: 2} AS m, 'a' AS l, 2 AS c",
    "WITH [1, 2, 3] AS xs, {a: {b: 2}} AS m UNWIND xs[1..] AS x MATCH p = SHORTEST 2 (a {bodyId: x})-[:ConnectsTo]->"
    "{1,3}(b) WHERE b:Neuron RETURN [n IN nodes(p) WHERE n.type = 'A' | n.bodyId] AS w, m.a.b, head(xs), "
    "reduce(s = 0, y IN xs | s + y) AS r, any(y IN xs WHERE y > x) AS g",
    "MATCH (n)-[e]-(m) WITH n.type AS type, count(*) AS c, sum(e.weight) AS w WHERE c > 1 RETURN type, c + 1, w // end",
)
DOTMOTIF = (
    "edge(x, y) { x -> y [weight >= 2] }\nedge(A, B)\nB -> C as bc\nA !> C\nA.type = \"A\"\nB['type'] != C['type']\n"
    "bc.weight > 1\nA === B",
    "A -> B [weight > 1, weight < 9]; B ~> A # comment\nB -> C\nC.type in \"AB\"",
)  # fmt: skip
DDL = (
    "CREATE PROPERTY GRAPH g VERTEX TABLES (neurons KEY (root_id) PROPERTIES (root_id, cell_type) LABEL neuron) "
    "EDGE TABLES (connections SOURCE KEY (pre_root_id) REFERENCES neurons (root_id) DESTINATION KEY (post_root_id) "
    "REFERENCES neurons (root_id) LABEL synapse WHERE kind = 'chemical')",
)
PIECES = [
    *"()[]{}<>-=+*/%|.,:;'\"`$#@!~?\\&^ \n\t", "->", "<-", "-[", "]->", "<-[", "]-", "..", "<>", "==", "===", "=~",
    "--", "/*", "*/", "$x", "$$", "''", "1e999", "9" * 41, "0", "-1", "{1,}", "{3,1}", "*0..",
    "OPTIONAL MATCH", "UNWIND", "UNION", "COUNT {", "reduce(", "keys(n)", "n {.*}", "[0]",
    "NOT", "AND", "OR", "WHERE", "MATCH", "RETURN", "WITH", "GRAPH_TABLE", "COLUMNS", "KEEP", "INDUCED", "EXISTS {",
    "AS", "ANY SHORTEST", "ALL", "SHORTEST 3", "count(*)", "sum(e.weight)", "e.wieght", "neuron", "a.*", "*", "NULL",
    "é", "\u2028", "\x00", "\ud7ff", "\U0001f9e0", "SELECT",
    "DROP TABLE neurons", "PRAGMA", "COPY", "read_csv('x')",
]  # fmt: skip
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LANGUAGES = {"pgq": PGQ, "sql": PGQ, "cypher": CYPHER, "dotmotif": DOTMOTIF}


@st.composite
def broken(draw: st.DrawFn, texts: tuple[str, ...]) -> str:
    """A right text after a few cuts, doublings, swaps and insertions."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 5))):
        first, second = sorted(draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2)))
        second = min(second, first + 12)
        piece = draw(st.sampled_from(PIECES) | st.text(max_size=3))
        match draw(st.integers(0, 4)):
            case 0:
                text = text[:first] + text[second:]
            case 1:
                text = text[:second] + text[first:]
            case 2:
                text = text[:first] + piece + text[first:]
            case 3:
                text = text[:first] + piece + text[second:]
            case _:
                text = text[second:] + text[:first]
    return text


def ours(text: str, source: Source, language: str | None, **options: Any) -> None:
    """Run, and see that whatever is raised is ours and shows a place in the text."""
    raised: GraphlabError | None = None
    try:
        run(text, source, language=language, parameters={"limit": 3, "x": "a"}, **options)
    except GraphlabError as error:
        raised = error
    if isinstance(raised, ParseError):
        assert 0 <= raised.position <= len(text)
        assert raised.message


@pytest.mark.parametrize("language", LANGUAGES)
def test_broken_texts_are_planned_or_refused(toy: Source, language: str) -> None:
    @settings(QUICK)
    @given(text=broken(LANGUAGES[language]))
    def refused(text: str) -> None:
        ours(text, toy, language, explain=True)
        detect(text)

    refused()


@pytest.mark.parametrize("language", LANGUAGES)
def test_broken_texts_are_answered_or_refused(toy: Source, language: str) -> None:
    @settings(QUICK, max_examples=30)
    @given(text=broken(LANGUAGES[language]))
    def refused(text: str) -> None:
        ours(text, toy, language, time_limit=5, limit=100)

    refused()


@pytest.mark.parametrize("language", [None, *LANGUAGES])
def test_any_text_is_refused(toy: Source, language: str | None) -> None:
    @settings(QUICK)
    @given(text=st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=15).map(" ".join))
    def refused(text: str) -> None:
        ours(text, toy, language, explain=True)

    refused()


def test_broken_definitions_are_refused() -> None:
    @settings(QUICK)
    @given(text=broken(DDL) | st.text(max_size=40))
    def refused(text: str) -> None:
        with suppress(GraphlabError):
            assert parse_property_graph(text).name

    refused()


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_many_broken_texts_are_answered_or_refused(toy: Source, language: str) -> None:
    @settings(QUICK, max_examples=300)
    @given(text=broken(LANGUAGES[language]))
    def refused(text: str) -> None:
        ours(text, toy, language, explain=True)

    refused()


DEEP = 3000
HUGE = 1_200_000


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("sql", "SELECT " + "(" * DEEP + "1" + ")" * DEEP),
        ("sql", "SELECT " + "NOT " * DEEP * 10 + "TRUE"),
        ("sql", "SELECT " + "-" * 1 + "+ -" * DEEP * 10 + "1"),
        ("sql", "SELECT * FROM (" * DEEP + "SELECT 1" + ")" * DEEP),
        ("sql", "SELECT 1" + " UNION ALL SELECT 1" * DEEP * 5),
        ("sql", "SELECT 1" + " + 1" * DEEP * 30),
        ("pgq", "FROM GRAPH_TABLE (connectome MATCH (a) WHERE " + "NOT " * DEEP + "TRUE COLUMNS (a.root_id))"),
        ("pgq", "FROM GRAPH_TABLE (connectome MATCH (a) WHERE a.weight = " + "1 + " * DEEP + "1 COLUMNS (a.root_id))"),
        ("pgq", "FROM GRAPH_TABLE (connectome MATCH (a)" + "-[]->()" * DEEP + " COLUMNS (a.root_id))"),
        ("pgq", "FROM GRAPH_TABLE (connectome MATCH (a) WHERE " + "EXISTS { (a)-->(b) WHERE " * 60 + "TRUE" + "}" * 60
         + " COLUMNS (a.root_id))"),
        ("pgq", "FROM GRAPH_TABLE (connectome MATCH (a) WHERE a.root_id IN ($x" + ", 1" * 300_000
         + ") COLUMNS (a.root_id))"),
        ("cypher", "MATCH (a) WHERE " + "(" * DEEP + "true" + ")" * DEEP + " RETURN a.bodyId"),
        ("cypher", "MATCH (a) WHERE " + "NOT " * DEEP + "true RETURN a.bodyId"),
        ("cypher", "MATCH (a) WHERE a.bodyId = " + "[" * DEEP + "]" * DEEP + " RETURN a.bodyId"),
        ("cypher", "MATCH (a) WHERE " + "exists { (a)-->(b) WHERE " * 60 + "true" + "}" * 60 + " RETURN a.bodyId"),
        ("cypher", "MATCH (a)" + "-->()" * DEEP + " RETURN a.bodyId"),
        ("cypher", "MATCH (a) " + "WITH a " * DEEP + "RETURN a.bodyId"),
        ("cypher", "CALL apoc.cypher.runTimeboxed(\"" * 40),
        ("dotmotif", "\n".join(f"A{i} -> A{i + 1}" for i in range(DEEP))),
        ("dotmotif", "f(x, y) { x -> y }\n" + "f(A, B)\n" * DEEP),
        ("dotmotif", "\n".join(f"f{i}(x, y) {{ f{i - 1}(x, y) f{i - 1}(y, x) }}" if i else "f0(x, y) { x -> y }"
                               for i in range(40)) + "\nf39(A, B)"),
    ],
)  # fmt: skip
def test_deep_nesting_ends_in_an_error_or_an_answer_and_soon(toy: Source, language: str, text: str) -> None:
    started = time.process_time()  # what a busy machine does not change
    ours(text, toy, language, time_limit=10)
    assert time.process_time() - started < 20


@pytest.mark.parametrize("language", LANGUAGES)
def test_megabytes_of_text_are_refused_at_once(toy: Source, language: str) -> None:
    for filler in ("A -> B\n", "(", "x ", "'", "/*", "-- \n", "{"):
        text = filler * (HUGE // len(filler) + 1)
        started = time.process_time()
        with pytest.raises(ParseError, match="more than 1,000,000"):
            run(text, toy, language=language)
        assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("pgq", "FROM GRAPH_TABLE (connectome MATCH (a)-[e]->(b) WHERE sum(e.weight) > 1 COLUMNS (a.root_id AS a))"),
        ("pgq", "FROM GRAPH_TABLE (connectome MATCH (a)-[e]->(b) WHERE NOT EXISTS { (b)-[g]->(a) WHERE g.weight > "
         "sum(e.weight) } COLUMNS (a.root_id AS a))"),
        ("cypher", "MATCH (a)-[e]->(b) WHERE exists { (b)-[g]->(a) WHERE count(*) > 2 } RETURN a.bodyId"),
    ],
)  # fmt: skip
def test_aggregates_in_conditions_are_refused(toy: Source, language: str, text: str) -> None:
    with pytest.raises(ParseError, match="a condition holds no aggregate"):
        run(text, toy, language=language)

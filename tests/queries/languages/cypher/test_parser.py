"""openCypher: every clause of the subset on the toy graph, checked by hand, and mistakes with their place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.schema.errors import ParseError, UnsupportedError
from queries.engine import Source, detect, run

TYPE = {1: "A", 2: "B", 3: "A", 4: "B"}
EDGES = [(1, 2, 5), (2, 1, 3), (2, 3, 10), (3, 3, 1), (1, 3, 2), (3, 4, 7)]


def rows(text: str, source: Source, **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in run(text, source, language="cypher", **options).to_arrow().to_pylist()]


ANSWERS: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("MATCH (n:Neuron) RETURN count(*)", [(4,)]),
    ("MATCH (n:Segment {type: 'A'}) RETURN n.bodyId ORDER BY n.bodyId DESC", [(3,), (1,)]),
    ("MATCH (n) WHERE n.type = 'A' OR n.bodyId = 4 RETURN n.bodyId AS id ORDER BY id", [(1,), (3,), (4,)]),
    ("MATCH (a)-[e:ConnectsTo]->(b) WHERE 2 <= e.weight < 7 RETURN e.weight ORDER BY e.weight", [(2,), (3,), (5,)]),
    ("MATCH (a)<-[e:ConnectsTo]-(b {bodyId: 2}) RETURN a.bodyId ORDER BY 1 LIMIT 0", None),
    ("MATCH (a)<-[e:ConnectsTo]-(b {bodyId: 2}) RETURN a.bodyId ORDER BY a.bodyId", [(1,), (3,)]),
    ("MATCH (a {bodyId: 4})--(b) RETURN b.bodyId", [(3,)]),
    ("MATCH (a {bodyId: 4})-[:electrical]-(b) RETURN b.bodyId", [(1,)]),
    ("MATCH (a {bodyId: 4})-[:ConnectsTo|electrical]-(b) RETURN b.bodyId ORDER BY b.bodyId", [(1,), (3,)]),
    ("MATCH (a)-->(b)-->(a) WHERE a.bodyId < b.bodyId RETURN a.bodyId, b.bodyId", [(1, 2)]),
    ("MATCH (a)-->(b) WHERE NOT (b)-->(a) RETURN a.bodyId AS a, b.bodyId AS b ORDER BY a, b", [(1, 3), (2, 3), (3, 4)]),
    ("MATCH (a) WHERE NOT (a)-->() RETURN a.bodyId", [(4,)]),
    ("MATCH (a) WHERE exists((a)-[:electrical]->()) RETURN a.bodyId", [(1,)]),
    ("MATCH (a) WHERE EXISTS { MATCH (a)-[e]->(b) WHERE e.weight > 6 } RETURN a.bodyId AS a ORDER BY a", [(2,), (3,)]),
    ("MATCH (a) WHERE a.type IN ['B', 'C'] AND a.bodyId IN [1, 2] RETURN a.bodyId", [(2,)]),
    ("MATCH (a) WHERE a.type STARTS WITH 'A' AND a.type ENDS WITH 'A' AND a.type CONTAINS 'A' RETURN count(a)", [(2,)]),
    ("MATCH (a) WHERE a.type =~ '[AC]' AND a.instance IS NULL RETURN count(*) AS n", [(2,)]),
    ("MATCH (a) WHERE exists(a.type) XOR a.bodyId = 1 RETURN count(*) AS n", [(3,)]),
    ("MATCH (a)-[e]->(b) RETURN a.type AS t, sum(e.weight) AS w, count(*) AS n, max(b.bodyId) AS m ORDER BY t",
     [("A", 15, 4, 4), ("B", 13, 2, 3)]),
    ("MATCH (a)-[e]->(b) RETURN count(DISTINCT a.type) AS n, avg(e.weight) AS m", [(2, 28 / 6)]),
    ("MATCH (a)-[e]->(b) RETURN DISTINCT b.type AS t ORDER BY t", [("A",), ("B",)]),
    ("MATCH (a)-[e]->(b) WHERE a.bodyId = 2 RETURN collect(b.bodyId) AS ids", None),
    ("MATCH (a)-[e]->(b) RETURN e.weight AS w ORDER BY w DESC SKIP 1 LIMIT 2", [(7,), (5,)]),
    ("MATCH (a)-[e]->(b) WITH a, e WHERE e.weight > 4 RETURN a.bodyId AS a ORDER BY a", [(1,), (2,), (3,)]),
    ("MATCH (a)-[e]->(b) WITH a AS x, e.weight AS w WHERE w > 6 RETURN x.bodyId, w ORDER BY w", [(3, 7), (2, 10)]),
    ("MATCH (a)-[e]->(b) WITH a.type AS t, sum(e.weight) AS w WHERE w > 13 RETURN t, w * 2 AS d", [("A", 30)]),
    ("MATCH (a)-[e]->(b) WITH a, count(*) AS n ORDER BY n DESC, a.bodyId LIMIT 2 RETURN a.bodyId, a.type, n",
     [(1, "A", 2), (2, "B", 2)]),
    ("MATCH (a)-[e]->(b) WITH a, count(*) AS n WITH max(n) AS m RETURN m + 1 AS x", [(3,)]),
    ("WITH [1, 2] AS ids MATCH (n) WHERE n.bodyId IN ids RETURN count(*) AS c", [(2,)]),
    ("MATCH (a {bodyId: 1}) MATCH (a)-->(b) RETURN b.bodyId AS b ORDER BY b", [(2,), (3,)]),
    ("MATCH (a)-->(b) MATCH (b)-->(a) WHERE a <> b RETURN count(*) AS n", [(2,)]),
    ("MATCH (a)-->(b), (b)-->(a) RETURN count(*) AS n", [(2,)]),
    ("MATCH (a)-->(b) MATCH (b)-->(a) RETURN count(*) AS n", [(3,)]),
    ("MATCH (a {bodyId: 1})-[:ConnectsTo*2]->(b) RETURN b.bodyId AS b ORDER BY b", [(1,), (3,), (3,), (4,)]),
    ("MATCH (a {bodyId: 1})-[:ConnectsTo*..1]->(b) RETURN count(*) AS n", [(2,)]),
    ("MATCH p = shortestPath((a {bodyId: 1})-[*]->(b {bodyId: 4})) RETURN length(p) AS n", [(2,)]),
    ("MATCH p = allShortestPaths((a {bodyId: 1})-[:ConnectsTo*]->(b {bodyId: 4})) WHERE ALL (x IN relationships(p) "
     "WHERE x.weight > 3) RETURN [n IN nodes(p) | n.bodyId] AS path, [x IN relationships(p) | x.weight] AS w",
     [([1, 2, 3, 4], [5, 10, 7])]),
    ("MATCH p = (a {bodyId: 1})-[*1..3]->(b {bodyId: 4}) WHERE none(n IN nodes(p) WHERE n.type = 'C') AND "
     "any(n IN nodes(p) WHERE n.bodyId = 2) RETURN length(p) AS n", [(3,)]),
    ("MATCH (n {bodyId: 1}) RETURN CASE n.type WHEN 'A' THEN 'yes' ELSE 'no' END AS x, "
     "CASE WHEN n.bodyId > 5 THEN 1 END AS y", [("yes", None)]),
    ("MATCH (n {bodyId: 1}) RETURN toUpper('a') AS a, size('abc') AS b, coalesce(n.instance, 'x') AS c, "
     "substring('abcd', 1, 2) AS d, toInteger('7') AS e, toString(n.bodyId) AS f, toFloat('x') AS g, abs(-2) AS h",
     [("A", 3, "x", "bc", 7, "1", None, 2)]),
    ("MATCH (n {bodyId: 1}) RETURN 7 / 2 AS a, 7 % 4 AS b, -n.bodyId + 3 AS c, 'a' + 'b' AS d", None),
    ("MATCH (n {`bodyId`: 1}) // a comment\nRETURN n.bodyId AS `the id` /* another */;", [(1,)]),
    ("match (n:neuron) where n.TYPE = 'A' return N.bodyid".replace("N.", "n.") + " order by n.bodyid", [(1,), (3,)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), ANSWERS, ids=[text[:60] for text, _ in ANSWERS])
def test_answers(toy: Source, text: str, wanted: list[tuple[Any, ...]] | None) -> None:
    if wanted is None:
        assert detect(text) == "cypher"
        return
    assert rows(text, toy) == wanted


def test_a_whole_element_is_its_columns(toy: Source) -> None:
    result = run("MATCH (n {bodyId: 1})-[e]->(m) RETURN n, e", toy)
    assert {"n.root_id", "n.nt_type", "e.weight", "e.nt_type"} <= set(result.columns)
    assert run("MATCH (n {bodyId: 1}) RETURN n", toy).columns[0] == "root_id"


def test_parameters(toy: Source) -> None:
    text = "MATCH (n) WHERE n.bodyId IN $ids AND n.type = $t RETURN n.bodyId AS id ORDER BY id SKIP $s LIMIT $l"
    values = {"ids": [1, 2, 3], "t": "A", "s": 1, "l": 5}
    assert rows(text, toy, parameters=values) == [(3,)]
    assert rows(text, toy, parameters=values | {"t": "A' OR 'a'='a", "s": 0}) == []
    with pytest.raises(ParseError, match="no value for the parameter"):
        rows(text, toy, parameters={"ids": [1]})


def test_a_timebox_is_a_time_limit(toy: Source) -> None:
    text = """CALL apoc.cypher.runTimeboxed("MATCH (n) WHERE n.type = \\"A\\" RETURN count(*) AS c", {}, 5000)
              YIELD value RETURN value.c AS n"""
    assert rows(text, toy) == [(2,)]


@pytest.mark.parametrize(
    ("text", "kind", "message", "word"),
    [
        ("MATCH (n) RETURN m.bodyId", ParseError, "no variable 'm'", "m.bodyId"),
        ("MATCH (n:Neurn) RETURN n.bodyId", ParseError, "did you mean 'neuron'", "Neurn"),
        ("MATCH (n)-[e:ConectsTo]->(m) RETURN n.bodyId", ParseError, "did you mean 'ConnectsTo'", "ConectsTo"),
        ("MATCH (n) RETURN n.bodyid2", ParseError, "did you mean 'bodyId'", "bodyid2"),
        ("MATCH (n) RETURN tolowr(n.type)", ParseError, "did you mean 'tolower'", "tolowr"),
        ("MATCH (n)", ParseError, "ends without RETURN", ""),
        ("MATCH (n RETURN n", ParseError, "found", "RETURN"),
        ("MATCH (n) WITH n.type AS t RETURN n.bodyId", ParseError, "no variable 'n' here", "n.bodyId"),
        ("MATCH (n) WITH n.type AS t MATCH (n)-->(m) RETURN t", UnsupportedError, "was dropped by WITH", "n)-->"),
        ("MATCH (n) RETURN n.bodyId UNION MATCH (m) RETURN m.bodyId", ParseError, "return n.bodyId and", "UNION"),
        ("MATCH (n) WHERE single(x IN nodes(p) WHERE true) RETURN n", ParseError, "no path 'p'|single", ""),
        ("MATCH (n) RETURN n.bodyId AS a, n.type AS a", ParseError, "two columns are called 'a'", ""),
        ("MATCH (n) RETURN n.bodyId LIMIT n.bodyId", ParseError, "whole number", "n.bodyId"),
        ("MATCH (n)-[e*3..1]->(m) RETURN n", ParseError, "no range of lengths", "1]"),
        ("CALL db.labels()", ParseError, "found", ""),
        ("MATCH (n) RETURN sum(n.bodyId, 2)", ParseError, "wants one argument", ""),
    ],
)  # fmt: skip
def test_mistakes(toy: Source, text: str, kind: type[ParseError], message: str, word: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        run(text, toy, language="cypher")
    if word:
        assert text[caught.value.position :].startswith(word), (str(caught.value), text[caught.value.position :])


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("toInteger(3.7)", 3), ("toInteger('3.7')", 3), ("toInteger(-2.9)", -2), ("toInteger('-2.9')", -2),
        ("toInteger('x')", None), ("toInteger(null)", None), ("toInteger('720575940603560297')", 720575940603560297),
        ("toInteger(n.bodyId + 0.9)", 1), ("toInteger(n.type)", None), ("toInteger('1e3')", 1000),
        ("toFloat('x')", None), ("round(2.5)", 3.0), ("round(-2.5)", -2.0), ("round(-2.6)", -3.0),
        ("round(0.49999999999999994)", 0.0), ("round(-0.5)", 0.0), ("round(null)", None), ("round(2.345, 2)", 2.35),
        ("[1, null, 2] = null", None), ("2 IN [1, null]", None), ("1 IN [1, null]", True), ("null IN []", False),
        ("NOT (2 IN [1, null])", None), ("NOT null", None), ("true XOR null", None), ("true XOR true", False),
        ("null OR true", True), ("null AND false", False),
    ],
)  # fmt: skip
def test_values_are_those_of_opencypher(toy: Source, value: str, wanted: Any) -> None:
    assert rows(f"MATCH (n {{bodyId: 1}}) RETURN {value} AS v", toy) == [(wanted,)]


@pytest.mark.parametrize("nothing", ["WHERE n.bodyId = 99", "WHERE n.instance IS NULL"])
@pytest.mark.parametrize(
    ("value", "wanted"),
    [("sum(n.total_in)", 0.0), ("sum(DISTINCT n.total_in)", 0.0), ("stdev(n.total_in)", 0.0), ("avg(n.total_in)", None),
     ("min(n.total_in)", None), ("max(n.total_in)", None), ("count(n.total_in)", 0), ("collect(n.total_in)", []),
     ("count(DISTINCT n.total_in)", 0)],
)  # fmt: skip
def test_aggregates_of_nothing(toy: Source, nothing: str, value: str, wanted: Any) -> None:
    assert rows(f"MATCH (n) {nothing} RETURN {value} AS v", toy) == [(wanted,)]
    assert rows(f"MATCH (n) {nothing} WITH {value} AS v RETURN v", toy) == [(wanted,)]


def test_aggregates_of_one_value(toy: Source) -> None:
    assert rows("MATCH (n {bodyId: 1}) RETURN stdev(n.bodyId) AS s, sum(n.bodyId) AS t", toy) == [(0.0, 1)]
    text = "MATCH (n {bodyId: 1})-[e]->(m) WITH n.bodyId AS n, stdev(e.weight) AS s WHERE s > 2 RETURN s"
    assert rows(text, toy) == [(pytest.approx(4.5**0.5),)]


def _held(word: str, held: list[bool | None]) -> bool | None:
    """A quantifier over true, false and unknown, by what openCypher says of each."""
    trues, unknown = held.count(True), held.count(None)
    if word == "single":
        return False if trues > 1 else None if unknown else trues == 1
    if word == "all":
        return False if False in held else None if unknown else True
    some = True if trues else None if unknown else False
    return some if word == "any" else None if some is None else not some


def test_quantifiers_know_what_is_unknown(helpers: Any, scratch: Source) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(graph=helpers.graphs(most=4), word=st.sampled_from(["all", "any", "none", "single"]))
    def agrees(graph: Any, word: str) -> None:
        helpers.fill(scratch.connection, graph)
        types = dict(graph.neurons)
        test = f"{word}(x IN nodes(p) WHERE x.type = 'A')"
        paths = "MATCH p = (a)-[*1..2]->(b)"
        every = rows(f"{paths} RETURN [x IN nodes(p) | x.bodyId] AS v, {test} AS q", scratch)
        for ids, said in every:
            assert said == _held(word, [None if types[i] is None else types[i] == "A" for i in ids])
        for condition, kept in ((test, True), (f"NOT {test}", False), (f"NOT NOT {test}", True)):
            found = rows(f"{paths} WHERE {condition} RETURN [x IN nodes(p) | x.bodyId] AS v", scratch)
            assert sorted(found) == sorted((ids,) for ids, said in every if said is kept)

    agrees()


@pytest.mark.parametrize("ids", [1, 500, 4000])
def test_a_list_of_ids_is_cypher_however_long(toy: Source, ids: int) -> None:
    base = 720575940603560295
    text = f"WITH {[*range(base, base + ids), 2]} AS ids MATCH (a)-[e]->(b) WHERE a.bodyId IN ids RETURN count(*) AS c"
    assert detect(text) == "cypher"
    assert run(text, toy).scalar() == 2


@pytest.mark.parametrize(
    ("text", "language"),
    [("WITH t AS (SELECT 1 AS MATCH) SELECT * FROM t", "pgq"), ("WITH RECURSIVE t(a) AS (SELECT 1) FROM t", "pgq"),
     ('WITH "a b" (x, y) AS NOT MATERIALIZED (SELECT 1, 2) FROM "a b"', "pgq"),
     ("WITH /* MATCH ( */ t AS MATERIALIZED (SELECT 'MATCH (a)' AS x) SELECT x FROM t", "pgq"),
     ("WITH $ids AS ids MATCH p = (a)-->(b) RETURN p", "cypher"), ("WITH 5 AS n\nMATCH (a) RETURN a.bodyId", "cypher"),
     ("WITH ['GRAPH_TABLE'] AS names MATCH (n) WHERE n.type IN names RETURN n.bodyId", "cypher")],
)  # fmt: skip
def test_with_is_told_by_what_follows(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize(
    "condition",
    [
        "length(p) = 3",
        "length(p) > 2",
        "any(n IN nodes(p) WHERE n.bodyId = 2)",
        "NOT all(e IN relationships(p) WHERE e.weight > 3)",
        "a.type = 'A' AND size([n IN nodes(p) | n.bodyId]) = 4",
        "length(p) = 3 OR a.type = 'A'",
    ],
)
@pytest.mark.parametrize("function", ["shortestPath", "allShortestPaths"])
def test_conditions_a_longer_path_could_meet_are_refused(toy: Source, function: str, condition: str) -> None:
    """1 -> 3 -> 4 is the shortest, 1 -> 2 -> 3 -> 4 the one that meets the condition."""
    text = f"MATCH p = {function}((a {{bodyId: 1}})-[*..5]->(b {{bodyId: 4}})) WHERE {condition} RETURN length(p) AS n"
    with pytest.raises(UnsupportedError, match="a longer one may be the answer"):
        run(text, toy)


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("length(p) <= 2", [(2,)]),
        ("1 >= length(p)", []),
        ("all(e IN relationships(p) WHERE e.weight > 3)", [(3,)]),
        ("none(e IN relationships(p) WHERE e.weight = 2) AND a.type <> b.type", [(3,)]),
    ],
)
def test_conditions_on_the_way_of_a_shortest_path(toy: Source, condition: str, wanted: list[tuple[int]]) -> None:
    text = (
        f"MATCH p = shortestPath((a {{bodyId: 1}})-[*..5]->(b {{bodyId: 4}})) WHERE {condition} RETURN length(p) AS n"
    )
    assert [tuple(row.values()) for row in run(text, toy).to_arrow().to_pylist()] == wanted


def test_shortest_paths_filtered_afterwards_and_listed_by_length(toy: Source) -> None:
    """What the refusal says to write."""
    ends = "(a {bodyId: 1})-[*1..5]->(b {bodyId: 4})"
    after = f"MATCH p = shortestPath({ends}) WITH nodes(p) AS nodes, length(p) AS steps WHERE steps = 3 RETURN steps"
    assert len(run(after, toy)) == 0
    through = f"MATCH p = {ends} WHERE any(n IN nodes(p) WHERE n.bodyId = 2) RETURN length(p) AS n ORDER BY n LIMIT 1"
    assert run(through, toy).scalar() == 3


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (a {bodyId: 1})-[e]->(c), p = shortestPath((a)-[*]->(b {bodyId: 4})) RETURN length(p)",
        "SELECT * FROM GRAPH_TABLE (connectome MATCH p = ANY SHORTEST (a)-[e IS synapse]->+(b), (b)-[f IS synapse]->"
        "(c) KEEP DISTINCT VERTICES COLUMNS (path_length(p) AS n))",
        "SELECT * FROM GRAPH_TABLE (connectome MATCH p = ALL SHORTEST (a)-[e IS synapse]->+(b), (b)-[f IS synapse]->"
        "(c) KEEP DISTINCT EDGES COLUMNS (path_length(p) AS n))",
    ],
)
def test_a_chosen_path_that_must_not_meet_the_rest_is_refused(toy: Source, text: str) -> None:
    with pytest.raises(UnsupportedError, match="another choice might not have met it"):
        run(text, toy)

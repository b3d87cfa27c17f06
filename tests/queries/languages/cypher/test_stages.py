"""Clauses after the first pattern: rows joined, unwound, grouped, sorted and united."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ingest.schema.errors import FloatIdError, GraphlabError, ParseError, UnsupportedError
from queries.engine import Source, run

FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def rows(text: str, source: Source, **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in run(text, source, language="cypher", **options).to_arrow().to_pylist()]


def same(found: Sequence[tuple[Any, ...]], wanted: Sequence[tuple[Any, ...]]) -> None:
    assert sorted(found, key=repr) == sorted(wanted, key=repr)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("UNWIND [1, 2] AS x UNWIND ['a', 'b'] AS y RETURN x, y", [(1, "a"), (1, "b"), (2, "a"), (2, "b")]),
        ("UNWIND [1, 3] AS i MATCH (n {bodyId: i}) RETURN i, n.type AS t", [(1, "A"), (3, "A")]),
        ("UNWIND [1, 9] AS i OPTIONAL MATCH (n {bodyId: i}) RETURN i, n.type AS t", [(1, "A"), (9, None)]),
        ("RETURN 1 AS x, 'a' AS y", [(1, "a")]),
        ("WITH 2 AS k MATCH (n) WHERE n.bodyId < k RETURN n.bodyId AS n", [(1,)]),
        ("MATCH (n) WITH collect(n) AS ns UNWIND ns AS k WITH k WHERE k.type = 'A' RETURN k.bodyId AS b", [(1,), (3,)]),
        ("MATCH (n) WITH n.type AS t, collect(n) AS ns WITH t, head(ns) AS f RETURN t, f.type AS u",
         [("A", "A"), ("B", "B")]),
        ("MATCH p = (a {bodyId: 1})-[*2]->(b {bodyId: 4}) UNWIND nodes(p) AS n RETURN n.bodyId AS n, length(p) AS l",
         [(1, 2), (3, 2), (4, 2)]),
        ("MATCH (a) WITH a ORDER BY a.bodyId LIMIT 2 MATCH p = shortestPath((a)-[*]->(b {bodyId: 4})) "
         "RETURN a.bodyId AS a, [x IN nodes(p) | x.bodyId] AS way", [(1, [1, 3, 4]), (2, [2, 3, 4])]),
        ("MATCH (n) WITH n ORDER BY n.bodyId DESC SKIP 1 LIMIT 2 RETURN n.bodyId AS n", [(3,), (2,)]),
        ("MATCH (n)-[e]->(m) WITH n AS k, sum(e.weight) AS s ORDER BY s DESC, k.type WITH k, s WHERE s > 7 "
         "RETURN k.type AS t, s", [("B", 13.0), ("A", 8.0)]),
        ("MATCH (n) WITH n AS k, n.bodyId % 2 AS odd WITH odd, count(k) AS c RETURN odd, c", [(0, 2), (1, 2)]),
        ("MATCH (n {bodyId: 1}) RETURN n.type AS t UNION ALL UNWIND ['x'] AS t RETURN t", [("A",), ("x",)]),
        ("WITH ['A'] AS kinds MATCH (n) WITH kinds, n, count(*) AS c MATCH (n)-->(m) WHERE m.type IN kinds "
         "RETURN n.bodyId AS n, m.bodyId AS m", [(1, 3), (2, 1), (2, 3), (3, 3)]),
        ("MATCH (n) WITH n, count(*) AS c WHERE NOT (n)-->() RETURN n.bodyId AS n", [(4,)]),
        ("UNWIND [1, 4] AS i MATCH (n {bodyId: i}) RETURN i, COUNT { (n)-[e]->(m) WHERE m.type = 'A' } AS a, "
         "EXISTS { (n)-->() } AS e, COUNT { (x)-->(x) } AS loops", [(1, 1, True, 1), (4, 0, False, 1)]),
        ("MATCH (n) WITH n, count(*) AS c OPTIONAL MATCH (n)-[e]->(m {bodyId: 4}) RETURN n.bodyId AS n, e.weight AS w",
         [(1, None), (2, None), (3, 7.0), (4, None)]),
    ],
)  # fmt: skip
def test_answers(toy: Source, text: str, wanted: list[tuple[Any, ...]]) -> None:
    same(rows(text, toy), wanted)


def test_lists_are_collected_in_order(toy: Source) -> None:
    text = "MATCH (n)-[e]->(m) WITH n, m, e ORDER BY e.weight DESC WITH n, collect(m.bodyId) AS ms "
    same(rows(f"{text} RETURN n.bodyId AS n, ms", toy), [(1, [2, 3]), (2, [3, 1]), (3, [4, 3])])
    assert rows("MATCH (n) WITH n ORDER BY n.bodyId DESC RETURN n.bodyId AS n", toy) == [(4,), (3,), (2,), (1,)]


def test_parameters_are_bound_in_every_stage(toy: Source) -> None:
    text = (
        "UNWIND $ids AS i MATCH (n {bodyId: i}) WITH n, count(*) AS c WHERE c < $most RETURN n.type AS t UNION ALL "
        "MATCH (n) WITH n LIMIT $k MATCH (n)-->(m) WHERE m.type = $kind RETURN m.type AS t"
    )
    found = rows(text, toy, parameters={"ids": [1, 2], "most": 5, "k": 4, "kind": "A"})
    same(found, [("A",), ("B",), ("A",), ("A",), ("A",), ("A",)])


def test_optional_matches_are_left_joins(helpers: Any, scratch: Source) -> None:
    text = (
        "MATCH (a:Neuron) OPTIONAL MATCH (a)-[e:ConnectsTo]->(b) WHERE e.weight >= 2 AND b.type = 'A' "
        "OPTIONAL MATCH (b)-[f:ConnectsTo]->(c) RETURN a.bodyId AS a, b.bodyId AS b, e.weight AS e, c.bodyId AS c"
    )

    @FEW
    @given(graph=helpers.graphs())
    def agree(graph: Any) -> None:
        helpers.fill(scratch.connection, graph)
        scratch.cache.clear()
        types = dict(graph.neurons)
        edges = [(a, b, w) for a, b, w, kind in graph.connections if kind == "chemical"]
        wanted = []
        for a in types:
            met = [(b, w) for x, b, w in edges if x == a and w >= 2 and types[b] == "A"] or [(None, None)]
            for b, w in met:
                wanted += [(a, b, w, c) for c in [c for x, c, _ in edges if x == b] or [None]]
        same(rows(text, scratch), wanted)

    agree()


@pytest.mark.parametrize("engine", ["duckdb", "csr"])
def test_a_second_match_goes_on_from_the_rows(helpers: Any, scratch: Source, engine: str) -> None:
    text = (
        "MATCH (a)-[e:ConnectsTo]->(b) WITH b, count(*) AS inputs, sum(e.weight) AS total "
        "MATCH (b)-[f:ConnectsTo]->(c) WHERE f.weight < total RETURN b.bodyId AS b, c.bodyId AS c, inputs"
    )

    @FEW
    @given(graph=helpers.graphs())
    def agree(graph: Any) -> None:
        helpers.fill(scratch.connection, graph)
        scratch.cache.clear()
        edges = [(a, b, w) for a, b, w, kind in graph.connections if kind == "chemical"]
        inputs, total = Counter(b for _, b, _ in edges), Counter[int]()
        for _, b, w in edges:
            total[b] += w
        wanted = [(b, c, inputs[b]) for b, c, w in edges if b in inputs and w < total[b]]
        same(rows(text, scratch, engine=engine), wanted)

    agree()


def test_unions(helpers: Any, scratch: Source) -> None:
    one, two = "MATCH (n) RETURN n.type AS t", "MATCH (n)-[:ConnectsTo]->(m) RETURN m.type AS t"

    @FEW
    @given(graph=helpers.graphs())
    def agree(graph: Any) -> None:
        helpers.fill(scratch.connection, graph)
        scratch.cache.clear()
        types = dict(graph.neurons)
        every = list(types.values()) + [types[b] for _, b, _, kind in graph.connections if kind == "chemical"]
        same(rows(f"{one} UNION ALL {two}", scratch), [(t,) for t in every])
        same(rows(f"{one} UNION {two}", scratch), [(t,) for t in set(every)])

    agree()


@pytest.mark.parametrize(
    ("text", "kind", "message", "word"),
    [
        ("MATCH (n) RETURN n.type AS t UNION MATCH (n) RETURN n.type AS u", ParseError, "return t and u", "UNION"),
        ("MATCH (n) RETURN n.type AS t UNION MATCH (n) RETURN n.type AS t UNION ALL MATCH (n) RETURN n.type AS t",
         UnsupportedError, "UNION and UNION ALL", "UNION ALL"),
        ("MATCH (n) RETURN n.bodyId AS v UNION MATCH ()-[e]->() RETURN e.weight AS v", FloatIdError, "rounds", ""),
        ("MATCH (n) WITH n, 2 AS k, count(*) AS c WHERE EXISTS { (n)-[e]->() WHERE e.weight > k } RETURN c",
         UnsupportedError, "reads its own names", "EXISTS"),
        ("MATCH (n) WITH n, count(*) AS c MATCH (n)-[c]->(m) RETURN m.type", UnsupportedError, "is a value", "n)-["),
        ("MATCH (n) WITH n, count(*) AS count RETURN cuont", ParseError, "did you mean 'count'", "cuont"),
        ("MATCH (n) UNWIND n AS x RETURN x", UnsupportedError, "wants a list", "UNWIND n"),
        ("MATCH (n) UNWIND [1] AS n RETURN n", UnsupportedError, "taken already", "UNWIND [1]"),
        ("MATCH p = (a)-->(b) WITH p, count(*) AS c RETURN c", UnsupportedError, "by a path", "WITH"),
        ("MATCH (n) WITH collect(n) AS f RETURN head(f).type", ParseError, "a name of its own", "head"),
        ("MATCH (n) OPTIONAL MATCH (n)-->(m:Nueron) RETURN m.type", ParseError, "did you mean 'neuron'", "Nueron"),
        ("UNWIND [1] AS x CREATE (n) RETURN x", UnsupportedError, "CREATE is not answered", "CREATE"),
    ],
)  # fmt: skip
def test_mistakes(toy: Source, text: str, kind: type[ParseError], message: str, word: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        run(text, toy, language="cypher")
    if word:
        assert text[caught.value.position :].startswith(word)


def test_columns_that_a_query_makes_for_itself_are_not_returned(toy: Source) -> None:
    found = run("MATCH (n) WITH n, count(*) AS c ORDER BY n.type RETURN *", toy, language="cypher")
    assert found.columns == ["n", "c"]
    assert isinstance(found.to_arrow().column("n")[0].as_py(), int)


def test_names_that_sql_takes_for_one_are_refused(toy: Source) -> None:
    with pytest.raises(GraphlabError, match="taken already"):
        run("MATCH (n) WITH n, count(*) AS c UNWIND [1] AS N RETURN c", toy, language="cypher")

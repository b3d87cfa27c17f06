"""SQL/PGQ: the examples of DuckPGQ's documentation on our tables, GRAPH_TABLE wherever a table stands, mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.schema.errors import ParseError, UnknownNameError, UnsupportedError
from queries.engine import Source, run

TYPE = {1: "A", 2: "B", 3: "A", 4: "B"}
EDGES = [(1, 2, 5), (2, 1, 3), (2, 3, 10), (3, 3, 1), (1, 3, 2), (3, 4, 7)]


def rows(text: str, source: Source, **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in run(text, source, **options).to_arrow().to_pylist()]


def distances(least: int = 1, most: int = 9) -> dict[tuple[int, int], int]:
    """Shortest lengths from ``least`` on, going through all walks."""
    found: dict[tuple[int, int], int] = {}
    ends = {(i, i) for i in TYPE}
    for length in range(1, most + 1):
        ends = {(a, d) for a, b in ends for c, d, _ in EDGES if b == c}
        for pair in ends:
            found.setdefault(pair, length)
    return {pair: n for pair, n in found.items() if n >= least}


# -- the examples of DuckPGQ's documentation and guides, people as neurons, knowing as synapses --


def test_one_hop_and_its_columns(toy: Source) -> None:
    text = "FROM GRAPH_TABLE (connectome MATCH (a:neuron)-[k:synapse]->(b:neuron) "
    text += "COLUMNS (a.root_id AS a, b.root_id AS b))"
    assert sorted(rows(text, toy)) == sorted((a, b) for a, b, _ in EDGES)
    assert len(rows(f"{text} LIMIT 1", toy)) == 1
    assert run(text, toy).columns == ["a", "b"]


def test_friends_of_one_neuron_counted_in_the_outer_query(toy: Source) -> None:
    text = """SELECT g.type, count(*) AS n FROM GRAPH_TABLE (connectome
              MATCH (a:neuron WHERE a.root_id = 2)-[k:synapse]->(b:neuron) COLUMNS (b.cell_type AS type)) g
              GROUP BY ALL ORDER BY n DESC, type"""
    assert rows(text, toy) == [("A", 2)]


def test_conditions_over_several_elements(toy: Source) -> None:
    text = """FROM GRAPH_TABLE (connectome MATCH (a:neuron)-[k:synapse]->(b:neuron)-[l:synapse]->(c:neuron)
              WHERE a.cell_type = c.cell_type AND a.root_id <> c.root_id AND k.weight < l.weight
              COLUMNS (a.root_id AS a, b.root_id AS b, c.root_id AS c)) ORDER BY ALL"""
    wanted = [(a, b, d) for a, b, w in EDGES for c, d, x in EDGES if b == c and TYPE[a] == TYPE[d] and a != d and w < x]
    assert rows(text, toy) == sorted(wanted)


def test_any_shortest_path_within_bounds(toy: Source) -> None:
    text = """FROM GRAPH_TABLE (connectome MATCH p = ANY SHORTEST (a:neuron)-[k:synapse]->{1,3}(b:neuron)
              COLUMNS (a.root_id AS a, b.root_id AS b, path_length(p) AS n)) ORDER BY ALL"""
    assert rows(text, toy) == sorted((a, b, n) for (a, b), n in distances(most=3).items())


def test_shortest_path_without_an_upper_bound(toy: Source) -> None:
    text = """FROM GRAPH_TABLE (connectome MATCH p = ANY SHORTEST (a:neuron WHERE a.root_id = 1)-[k:synapse]->*(b)
              COLUMNS (b.root_id AS b, path_length(p) AS n, vertices(p) AS v, edges(p) AS e)) ORDER BY b"""
    found = rows(text, toy)
    assert [(b, n) for b, n, _, _ in found] == [(1, 0), (2, 1), (3, 1), (4, 2)]
    assert [v for _, _, v, _ in found] == [[1], [1, 2], [1, 3], [1, 3, 4]]
    assert [len(e) for _, _, _, e in found] == [0, 1, 1, 2]
    plus = text.replace("->*", "->+")
    assert [(b, n) for b, n, _, _ in rows(plus, toy)] == [(1, 2), (2, 1), (3, 1), (4, 2)]


def test_paths_that_may_go_either_way(toy: Source) -> None:
    text = """FROM GRAPH_TABLE (connectome MATCH (a WHERE a.root_id = 4)-[k:synapse]-(b) COLUMNS (b.root_id AS b))"""
    assert rows(text, toy) == [(3,)]
    arrows = ("<-[k:synapse]-", "<-")
    for arrow in arrows:
        assert rows(text.replace("-[k:synapse]-", arrow), toy) == [(3,)]
    assert rows(text.replace("-[k:synapse]-", "->"), toy) == []
    assert rows(text.replace("-[k:synapse]-", "<->"), toy) == [(3,)]


def test_reachable_within_hops_grouped_and_joined(toy: Source) -> None:
    text = """SELECT n.cell_type, count(DISTINCT g.b) AS reached FROM GRAPH_TABLE (connectome
              MATCH (a:neuron WHERE a.root_id = 1)-[k:synapse]->{1,2}(b:neuron) COLUMNS (b.root_id AS b)) g
              JOIN neurons n ON n.root_id = g.b GROUP BY ALL ORDER BY 1"""
    assert rows(text, toy) == [("A", 2), ("B", 2)]


def test_columns_may_be_left_out_or_starred(toy: Source) -> None:
    text = "FROM GRAPH_TABLE (connectome MATCH (a:neuron)-[k:synapse WHERE k.weight > 9]->(b:neuron){})"
    every = run(text.format(""), toy)
    assert {"a.root_id", "k.weight", "b.cell_type"} <= set(every.columns)
    starred = run(text.format(" COLUMNS (a.*, k.weight)"), toy)
    assert starred.columns[:3] == ["root_id", "name", "cell_type"]
    assert starred.columns[-1] == "weight"
    assert run(text.format(" COLUMNS (*)"), toy).columns == every.columns


# -- wherever a table stands --

PAIR = "GRAPH_TABLE (connectome MATCH (a)-[e IS synapse]->(b) COLUMNS (a.root_id AS a, b.root_id AS b, e.weight AS w))"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"WITH m AS (FROM {PAIR}) SELECT count(*) FROM m", [(6,)]),
        (f"WITH m AS MATERIALIZED (SELECT * FROM {PAIR}) SELECT max(w) FROM m WHERE a <> b", [(10.0,)]),
        (f"SELECT (SELECT sum(w) FROM {PAIR}) + 1", [(29.0,)]),
        (f"SELECT root_id FROM neurons WHERE root_id NOT IN (SELECT a FROM {PAIR}) ORDER BY 1", [(4,)]),
        (f"SELECT root_id FROM neurons n WHERE EXISTS (FROM {PAIR} m WHERE m.a = n.root_id AND m.w > 9)", [(2,)]),
        (f"SELECT x.a, y.b FROM {PAIR} x JOIN {PAIR} AS y ON x.b = y.a WHERE y.w = 7 ORDER BY 1",
         [(1, 4), (2, 4), (3, 4)]),
        (f"SELECT count(*) FROM {PAIR} AS x, {PAIR} y", [(36,)]),
        (f"SELECT count(*) FROM ({PAIR})", [(6,)]),
        (f"FROM {PAIR} AS m(x, y, z) SELECT max(z)", [(10.0,)]),
        (f"SELECT a FROM {PAIR} WHERE w > 6 UNION ALL SELECT b FROM {PAIR} WHERE w > 6 ORDER BY 1",
         [(2,), (3,), (3,), (4,)]),
        (f"SELECT count(*) FROM neurons n LEFT JOIN {PAIR} m ON m.a = n.root_id AND m.w > 6", [(4,)]),
        (f"SELECT a, rank() OVER (ORDER BY w DESC) AS r FROM {PAIR} QUALIFY r = 1", [(2, 1)]),
        (f"SELECT a FROM {PAIR} -- GRAPH_TABLE (\nWHERE 'GRAPH_TABLE (' <> '' AND w = 10", [(2,)]),
        (f'SELECT count(*) AS "GRAPH_TABLE" FROM {PAIR} /* GRAPH_TABLE ( */', [(6,)]),
        (f"WITH RECURSIVE r AS (SELECT 1::UBIGINT AS i UNION SELECT m.b FROM r JOIN {PAIR} m ON m.a = r.i) "
         "SELECT count(*) FROM r", [(4,)]),
        (f"PIVOT (FROM {PAIR}) ON a IN (1, 2) USING sum(w) GROUP BY b ORDER BY b LIMIT 1", [(1, None, 3.0)]),
        (f"SELECT n.root_id, m.w FROM neurons n, LATERAL (SELECT max(w) AS w FROM {PAIR} g WHERE g.a = n.root_id) m "
         "WHERE n.root_id = 2", [(2, 10.0)]),
        ("from graph_table (CONNECTOME match (A)-[E is SYNAPSE]->(B) columns (a.ROOT_ID as X)) limit 0", []),
    ],
)  # fmt: skip
def test_wherever_a_table_stands(toy: Source, text: str, wanted: list[tuple[Any, ...]]) -> None:
    result = run(text, toy)
    assert [tuple(row.values()) for row in result.to_arrow().to_pylist()] == wanted
    assert (
        len(result.patterns) == text.replace("'GRAPH_TABLE (", "").count("GRAPH_TABLE (connectome")
        or len(result.patterns) == 1
    )


def test_parameters_are_bound_inside_and_outside(toy: Source) -> None:
    text = """SELECT a FROM GRAPH_TABLE (connectome MATCH (a)-[e]->(b WHERE b.root_id IN $ids)
              WHERE e.weight >= $w COLUMNS (a.root_id AS a)) WHERE a <> $not ORDER BY a"""
    assert rows(text, toy, parameters={"ids": [3, 4], "w": 2, "not": 1}) == [(2,), (3,)]
    hostile = "FROM GRAPH_TABLE (connectome MATCH (a WHERE a.cell_type = $t) COLUMNS (a.root_id AS a))"
    assert rows(hostile, toy, parameters={"t": "A' OR '1'='1"}) == []
    result = run(hostile, toy, parameters={"t": "A"})
    assert "'A'" not in result.sql
    assert "$t" in result.sql


# -- mistakes --

G = "FROM GRAPH_TABLE (connectome MATCH "


@pytest.mark.parametrize(
    ("text", "kind", "message", "word"),
    [
        ("FROM GRAPH_TABLE connectome", ParseError, "GRAPH_TABLE wants", "GRAPH_TABLE"),
        ("FROM GRAPH_TABLE ()", ParseError, "starts with the name", ")"),
        ("FROM GRAPH_TABLE (MATCH (a))", ParseError, "starts with the name", "MATCH"),
        ("FROM GRAPH_TABLE (connectom MATCH (a))", UnknownNameError, "did you mean 'connectome'", ""),
        (G + "(a IS neurn) COLUMNS (a.root_id))", ParseError, "did you mean 'neuron'", "neurn"),
        (G + "(a)-[e:synaps]->(b))", ParseError, "did you mean 'synapse'", "synaps]"),
        (G + "(a) COLUMNS (a.rootid))", ParseError, "did you mean 'root_id'", "rootid"),
        (G + "(a) COLUMNS (b.root_id))", ParseError, "no variable 'b'", "b.root_id"),
        (G + "(a) COLUMNS (uper(a.name) AS x))", ParseError, "did you mean 'upper'", "uper"),
        (G + "(a) COLUMNS (a.root_id + 1))", ParseError, "has no name", "a.root_id"),
        (G + "(a) COLUMNS (a.name, a.name))", ParseError, "two output columns", "a.name))"),
        (G + "(a)-[e]->(b)-[e]->(c))", ParseError, "'e' is taken already", "-[e]->(c"),
        (G + "(a)-[e]->{3,1}(b))", ParseError, "no range of repetitions", "3,1"),
        (G + "(a)-[e]->{1,9999}(b))", ParseError, "more than 1000", "9999"),
        (G + "(a)-[e]->*(b) COLUMNS (a.root_id))", UnsupportedError, "has no end", "-[e]"),
        (G + "p = SHORTEST 2 (a)-[e]->+(b) COLUMNS (a.root_id))", UnsupportedError,
         "up to a length", "-[e]"),
        (G + "(a)-[e]->{1,2}(b) COLUMNS (e.weight))", ParseError, "all edges of a path", "e.weight"),
        (G + "(a WHERE) COLUMNS (a.root_id))", ParseError, "found '\\)'", ") COLUMNS"),
        (G + "(a) COLUMNS (sum(string_agg(a.name)) AS x))", UnsupportedError,
         "around GRAPH_TABLE", "string_agg"),
        (G + "(a) WHERE a.root_id IN (SELECT 1) COLUMNS (a.root_id))", ParseError, "found", "1)"),
        ("SELECT * " + G + "(a) COLUMNS (a.name AS x)) m WHERE m.y = 1", ParseError, "y", "y = 1"),
        ("SELECT * " + G + "(a) COLUMNS (a.name AS x)) JOIN neuron USING (x)", ParseError,
         "no table 'neuron'; did you mean 'neurons'", "neuron USING"),
        ("SELECT lowr(x) " + G + "(a) COLUMNS (a.name AS x))", ParseError, "mean lower", "lowr"),
        (G + "(a WHERE EXISTS { FROM x }))", ParseError, "found 'x', wanted", "x }"),
        (G + "(a) COLUMNS (a.name) ", ParseError, "never closed", "(connectome"),
    ],
)  # fmt: skip
def test_mistakes_are_underlined_where_they_stand(
    toy: Source, text: str, kind: type[Exception], message: str, word: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        run(text, toy)
    if word:
        error = caught.value
        assert isinstance(error, ParseError)
        assert text[error.position :].startswith(word) or text[error.position - 1 :].startswith(word), text[
            error.position :
        ]
        assert "^" in str(error)


def test_the_line_of_a_mistake_is_shown(toy: Source) -> None:
    text = "SELECT *\nFROM GRAPH_TABLE (connectome\n  MATCH (a IS neuron)\n  COLUMNS (a.cel_type AS t))"
    with pytest.raises(ParseError) as caught:
        run(text, toy)
    assert (caught.value.line, caught.value.column) == (4, 14)
    assert "  COLUMNS (a.cel_type AS t))\n" in str(caught.value)

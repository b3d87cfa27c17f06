"""A float never meets an id: in every language, on both engines, by whatever way it comes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ingest.schema.errors import FloatIdError, GraphlabError, UnsupportedError
from queries.engine import Source, run

LOW, MIDDLE, HIGH = 720575940603560295, 720575940603560296, 720575940603560297
"""Neighbours that are one number as floats."""
FLOAT = float(MIDDLE)


@pytest.fixture
def near(helpers: Any, toy: Source) -> Source:
    """Three neurons with neighbouring ids, connected in a row; x is a column of floats."""
    graph = helpers.SmallGraph(
        ((LOW, "A"), (MIDDLE, "B"), (HIGH, None)), ((LOW, MIDDLE, 5, "chemical"), (MIDDLE, HIGH, 3, "chemical"))
    )
    helpers.fill(toy.connection, graph)
    toy.connection.execute("ALTER TABLE neurons ADD COLUMN x DOUBLE DEFAULT 2.5").fetchall()
    return toy


PAIR = "MATCH (n)-[e]->(m) WHERE {} RETURN n.bodyId AS n"
IN_CYPHER = [
    "n.bodyId = $v",
    "$v > n.bodyId",
    "n.bodyId <> 1e17",
    "NOT n.bodyId IN [1, 0.5]",
    "id(n) = 720575940603560296.0",
    "n.bodyId + 0.5 = 3",
    "n.bodyId / 2 = m.bodyId",
    "toFloat(n.bodyId) = m.bodyId",
    "n.bodyId = toInteger($v)",
    "toInteger(n.bodyId / 2) = 5",
    "n.bodyId = n.x",
    "n.bodyId = e.weight",
    "e.bodyId_pre < e.weight",
    "coalesce(n.bodyId, 0.5) = 3",
    "n.bodyId = CASE WHEN n.x > 2 THEN $v ELSE 1 END",
    "n.bodyId = '7.4'",
    "n.bodyId = true",
    "EXISTS { MATCH (n)-[f]->(k) WHERE k.bodyId = $v }",
]


@pytest.mark.parametrize("engine", ["duckdb", "csr"])
@pytest.mark.parametrize("condition", IN_CYPHER)
def test_floats_that_meet_ids_in_cypher_are_refused(near: Source, condition: str, engine: str) -> None:
    parameters = {"v": FLOAT} if "$v" in condition else None
    with pytest.raises(FloatIdError) as caught:
        run(PAIR.format(condition), near, parameters=parameters, engine=engine)
    assert caught.value.line == 1
    assert caught.value.column > len("MATCH (n)-[e]->(m) WHERE")


VALUES: list[Any] = [
    FLOAT,
    np.float64(FLOAT),
    np.float32(7),
    float("nan"),
    [FLOAT],
    [MIDDLE, 0.5],
    (MIDDLE, float("nan")),
    np.array([FLOAT]),
    pd.Series([MIDDLE, None]),
    pd.DataFrame({"bodyId": [MIDDLE], "score": [0.5]}).iloc[0]["bodyId"],
    Decimal("720575940603560296.5"),
    "7.4",
    ["7e17"],
    True,
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_parameters_that_could_have_lost_digits_are_refused(near: Source, value: Any) -> None:
    several = hasattr(value, "__iter__") and not isinstance(value, str)
    for text in (
        f"MATCH (n) WHERE n.bodyId {'IN' if several else '='} $v RETURN n.bodyId",
        f"FROM GRAPH_TABLE (connectome MATCH (n) WHERE n.root_id {'IN' if several else '='} $v COLUMNS (n.root_id))",
        *([] if several else ["MATCH (n {bodyId: $v}) RETURN n.bodyId", "A -> B\nA.bodyId = $v"]),
    ):
        with pytest.raises(FloatIdError):
            run(text, near, parameters={"v": value})


@pytest.mark.parametrize(
    "value",
    [MIDDLE, np.uint64(MIDDLE), str(MIDDLE), Decimal(MIDDLE), [MIDDLE], np.array([MIDDLE]), [np.uint64(MIDDLE), 5],
     pd.Series([MIDDLE], dtype="uint64"), [str(MIDDLE)], [None, MIDDLE], (Decimal(MIDDLE),), {MIDDLE}],
    ids=str,
)  # fmt: skip
def test_whole_numbers_and_texts_of_digits_are_ids(near: Source, value: Any) -> None:
    several = hasattr(value, "__iter__") and not isinstance(value, str)
    text = f"MATCH (n) WHERE n.bodyId {'IN' if several else '='} $v RETURN n.bodyId"
    assert run(text, near, parameters={"v": value}).to_arrow().column(0).to_pylist() == [MIDDLE]


def test_in_with_one_value_says_how_lists_are_passed(near: Source) -> None:
    with pytest.raises(UnsupportedError, match=r"v=@FILE"):
        run("MATCH (n) WHERE n.bodyId IN $v RETURN n.bodyId", near, parameters={"v": "7,9"})


@pytest.mark.parametrize(
    "text",
    ["A -> B\nA.bodyId = 720575940603560296.0", "A -> B\nA.root_id > 1e3", "A -> B as e\ne.weight = A.bodyId",
     "MATCH (n) WITH n.bodyId AS i WHERE i = $v RETURN i",
     "MATCH (n) WITH n.bodyId AS i, count(*) AS k WHERE i = $v RETURN i",
     "MATCH (n) WITH n.bodyId AS i, avg(n.x) AS k WHERE i > k RETURN i",
     "MATCH p = (n)-[*1..2]->(m) WHERE any(k IN nodes(p) WHERE k.bodyId = $v) RETURN m.bodyId",
     "FROM GRAPH_TABLE (connectome MATCH (n)-[e]->(m) WHERE n.root_id = CAST($v AS DOUBLE) COLUMNS (n.root_id))",
     "FROM GRAPH_TABLE (connectome MATCH (n)-[e]->(m) WHERE n.root_id BETWEEN 0.5 AND 9 COLUMNS (n.root_id))",
     "FROM GRAPH_TABLE (connectome MATCH (n) WHERE list_contains([0.5], n.root_id) COLUMNS (n.root_id))"],
)  # fmt: skip
def test_the_other_languages_and_later_clauses_refuse_too(near: Source, text: str) -> None:
    with pytest.raises(FloatIdError):
        run(text, near, parameters={"v": FLOAT} if "$v" in text else None)


IN_SQL = [
    "SELECT root_id FROM neurons WHERE root_id = $v",
    "SELECT root_id FROM neurons WHERE root_id = CAST($v AS DOUBLE)",
    "SELECT root_id FROM neurons WHERE root_id = CAST($v AS UBIGINT)",
    "SELECT root_id FROM neurons WHERE CAST(root_id AS DOUBLE) = 5",
    "SELECT root_id FROM neurons WHERE root_id::FLOAT IN (5, 6)",
    "SELECT root_id FROM neurons WHERE root_id = 7.2e17",
    "SELECT root_id FROM neurons WHERE root_id = '7.4'",
    "SELECT root_id FROM neurons WHERE root_id / 2 > 3",
    "SELECT n.root_id FROM neurons n JOIN connections c ON n.root_id = c.weight",
    "WITH t AS (SELECT root_id::DOUBLE AS d FROM neurons) SELECT d FROM t WHERE d = 5",
    "WITH t AS (SELECT CAST($v AS UBIGINT) AS d) SELECT root_id FROM neurons JOIN t ON root_id = d",
    "SELECT n.x FROM neurons n JOIN (SELECT root_id::FLOAT AS root_id FROM neurons) USING (root_id)",
    "SELECT r FROM GRAPH_TABLE (connectome MATCH (n) COLUMNS (n.root_id AS r, n.x AS x)) WHERE r > x",
    "SELECT root_id FROM frames WHERE root_id = $v",
    "SELECT [root_id, x] AS v FROM neurons",
    "SELECT CASE WHEN x > 1 THEN root_id ELSE x END AS v FROM neurons",
]


@pytest.mark.parametrize("text", IN_SQL)
def test_sql_refuses_float_parameters_and_casts_against_ids(near: Source, text: str) -> None:
    near.connection.register("frames", pd.DataFrame({"root_id": np.array([MIDDLE], np.uint64)}))
    with pytest.raises(FloatIdError):
        run(text, near, parameters={"v": FLOAT} if "$v" in text else None)


def test_the_place_in_sql_is_that_of_the_comparison(near: Source) -> None:
    text = "SELECT r FROM GRAPH_TABLE (connectome MATCH (n) COLUMNS (n.root_id AS r))\nWHERE $w > 0 AND r = $v"
    with pytest.raises(FloatIdError) as caught:
        run(text, near, parameters={"v": FLOAT, "w": 1.5})
    assert (caught.value.line, text[caught.value.position :]) == (2, "r = $v")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT root_id FROM neurons WHERE root_id = 720575940603560296.0", [MIDDLE]),
        ("SELECT root_id FROM neurons WHERE root_id = 720575940603560296.5", []),
        ("SELECT root_id FROM neurons WHERE root_id = '720575940603560296'", [MIDDLE]),
        ("SELECT root_id FROM neurons WHERE hash(root_id) / 18446744073709551615 > 2", []),
        ("SELECT root_id FROM neurons WHERE x = $v AND root_id % 2 = 0", []),
        ("SELECT root_id::DOUBLE AS d FROM neurons WHERE x > 3.5", []),
        ("MATCH (n) WHERE n.x = $v RETURN n.bodyId", []),
        ("MATCH (n) WHERE n.bodyId = toInteger('720575940603560296') RETURN n.bodyId", [MIDDLE]),
        ("MATCH (n) WHERE toInteger(n.bodyId) - 1 = 720575940603560295 RETURN n.bodyId", [MIDDLE]),
        ("MATCH (n) WHERE n.bodyId IN [720575940603560296, null] RETURN n.bodyId", [MIDDLE]),
    ],
)
def test_what_keeps_its_digits_is_answered(near: Source, text: str, wanted: list[int]) -> None:
    found = run(text, near, parameters={"v": FLOAT} if "$v" in text else None)
    assert found.to_arrow().column(0).to_pylist() == wanted


@pytest.mark.parametrize("engine", ["duckdb", "csr"])
@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("[a.bodyId, e.weight]", {"root_id": MIDDLE, "weight": 3.0}),
        ("[a.bodyId, b.bodyId, e.weight]", {"root_id": MIDDLE, "root_id_2": HIGH, "weight": 3.0}),
        ("[a.bodyId, 0.5]", {"root_id": MIDDLE, "item_2": 0.5}),
        ("[a.bodyId, b.bodyId]", [MIDDLE, HIGH]),
        ("collect([b.bodyId, e.weight])", [{"root_id": HIGH, "weight": 3.0}]),
    ],
)
def test_ids_beside_numbers_keep_their_digits(near: Source, value: str, wanted: Any, engine: str) -> None:
    text = f"MATCH (a)-[e]->(b) WHERE a.bodyId = {MIDDLE} RETURN {value} AS v"
    assert run(text, near, engine=engine).to_arrow().to_pylist() == [{"v": wanted}]


@pytest.mark.parametrize("value", ["coalesce(a.bodyId, e.weight)", "CASE WHEN a.x > 1 THEN a.bodyId ELSE 0.5 END"])
def test_one_value_of_ids_and_floats_is_refused(near: Source, value: str) -> None:
    with pytest.raises(GraphlabError, match="separate columns"):
        run(f"MATCH (a)-[e]->(b) RETURN {value} AS v", near)


def test_keys_of_an_own_property_graph_are_ids(near: Source) -> None:
    from dataclasses import replace

    from queries.languages.sql_pgq.ddl import parse_property_graph

    near.connection.execute("CREATE VIEW small AS SELECT CAST(root_id AS BIGINT) AS k FROM neurons").fetchall()
    graph = parse_property_graph("CREATE PROPERTY GRAPH g VERTEX TABLES (small KEY (k) LABEL v)")
    source = replace(near, property_graphs={**near.property_graphs, "g": graph})
    with pytest.raises(FloatIdError):
        run("FROM GRAPH_TABLE (g MATCH (a) WHERE a.k = $v COLUMNS (a.k))", source, parameters={"v": FLOAT})
    assert len(run("FROM GRAPH_TABLE (g MATCH (a) WHERE a.k = $v COLUMNS (a.k))", source, parameters={"v": HIGH})) == 1

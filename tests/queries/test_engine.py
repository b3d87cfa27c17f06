"""The order of the work: which limits, what EXPLAIN says, what stays when a run stops."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.schema.errors import ParseError, SchemaError, UnknownNameError
from queries.duckdb.executor import one_state
from queries.engine import EXECUTORS, LANGUAGES, Source, find, run
from queries.ir.expression import Literal, Operation, Property
from queries.ir.pattern import Column, Edge, Pattern, Vertex
from queries.source import LimitError


def test_languages_and_engines_are_registered_by_name(toy: Source) -> None:
    assert {"pgq", "sql", "dotmotif", "cypher"} <= set(LANGUAGES.names())
    assert "duckdb" in EXECUTORS.names()
    with pytest.raises(UnknownNameError, match="did you mean 'cypher'"):
        run("MATCH (n) RETURN n", toy, language="cyper")
    with pytest.raises(UnknownNameError, match="did you mean 'duckdb'"):
        run("A -> B", toy, engine="duckbd")


@pytest.mark.parametrize(
    "text", ["A -> B", "MATCH (a)-->(b) RETURN a.bodyId, b.bodyId AS x", "FROM connections WHERE kind = 'chemical'"]
)
def test_counting_is_the_number_of_rows(toy: Source, text: str) -> None:
    assert run(text, toy, count=True).scalar() == len(run(text, toy))
    assert run(text, toy, count=True).columns == ["count"]


def test_explain_says_pattern_engine_and_sql(toy: Source) -> None:
    table = run("MATCH (a)-[e]->(b)-[f]->(c) WHERE e.weight > 3 AND NOT (c)-->(a) RETURN a.bodyId", toy, explain=True)
    lines = {(row["part"], row["detail"]) for row in table.to_arrow().to_pylist()}
    parts = {part for part, _ in lines}
    assert {"graph", "semantics", "vertex", "edge", "absent edge", "columns", "engine", "sql"} <= parts
    assert ("semantics", "distinct edges") in lines
    assert any("e.weight > 3" in detail for part, detail in lines if part == "edge")


def test_patterns_built_in_python_are_answered(toy: Source) -> None:
    heavy = Operation(">=", (Property("e", "weight"), Literal(7)))
    pattern = Pattern(
        "connectome",
        (Vertex("a"), Vertex("b")),
        (Edge("e", "a", "b", ("synapse",), predicate=heavy),),
        columns=(Column("pre", Property("a", "root_id")), Column("post", Property("b", "root_id"))),
    )
    result = find(pattern, toy)
    assert sorted(tuple(row.values()) for row in result.to_arrow().to_pylist()) == [(2, 3), (3, 4)]
    assert len(find(pattern, toy, limit=1)) == 1


def test_a_time_limit_ends_a_run_soon_and_leaves_the_connection_usable(toy: Source) -> None:
    started = time.process_time()  # what a busy machine does not change
    with pytest.raises(LimitError, match=r"time limit of 0.3 s"):
        run("SELECT count(*) FROM range(100000000000) AS r(i) WHERE hash(i) = 0", toy, time_limit=0.3)
    assert time.process_time() - started < 5  # the whole run takes hours
    assert run("SELECT count(*) FROM neurons", toy).scalar() == 4


def test_a_memory_limit_ends_a_run(toy: Source) -> None:
    with pytest.raises(LimitError, match="memory"):
        run("SELECT i, repeat('x', 100) AS s FROM range(5000000) AS r(i)", toy, memory_limit="20MB")
    assert run("SELECT count(*) FROM neurons", toy).scalar() == 4


def test_ctrl_c_ends_a_run_soon(toy: Source) -> None:
    import _thread

    def stopped() -> None:
        # Begun in here: on a busy machine it may be heard before the run begins, and never outside.
        threading.Timer(0.5, _thread.interrupt_main).start()
        run("SELECT count(*) FROM range(100000000000) AS r(i) WHERE hash(i) = 0", toy)

    started = time.process_time()  # what a busy machine does not change
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert time.process_time() - started < 5  # the whole run takes hours
    assert run("SELECT count(*) FROM neurons", toy).scalar() == 4


@pytest.mark.parametrize("language", ["pgq", "sql", "cypher", "dotmotif"])
@pytest.mark.parametrize("text", ["", "   \n\t", ";", "-- only a comment"])
def test_nothing_asked_is_an_error(toy: Source, language: Any, text: str) -> None:
    with pytest.raises(ParseError):
        run(text, toy, language=language)


@pytest.mark.parametrize("engine", ["duckdb", "csr"])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("MATCH (a)-[e]->(b)-[f]->(c) WHERE e.weight < $v RETURN a.bodyId", float("nan")),
        ("MATCH (a)-[e]->(b)-[f]->(c) WHERE e.weight = $v RETURN a.bodyId", float("nan")),
        ("MATCH (a)-[e]->(b)-[f]->(c) WHERE e.weight IN $v RETURN a.bodyId", [float("nan")]),
        ("MATCH (a)-[e]->(b)-[f]->(c) WHERE NOT e.weight > $v RETURN a.bodyId", np.float64("nan")),
        ("FROM GRAPH_TABLE (connectome MATCH (a)-[e]->(b)-[f]->(c) WHERE e.weight < $v COLUMNS (a.root_id))", math.nan),
        ("A -> B [weight < $v]\nB -> C", float("nan")),
    ],
)
def test_a_parameter_that_is_nan_is_unknown(toy: Source, engine: str, text: str, value: Any) -> None:
    assert len(run(text, toy, engine=engine, parameters={"v": value}).to_arrow()) == 0


@pytest.mark.parametrize("text", ["SELECT count(*) FROM connections WHERE weight < $v", "SELECT 1 WHERE $v > 0"])
def test_nan_passes_no_comparison_in_sql(toy: Source, text: str) -> None:
    assert not any(row for row in run(text, toy, parameters={"v": math.nan}).to_arrow().column(0).to_pylist())


@pytest.mark.parametrize("engine", ["duckdb", "csr"])
def test_an_error_is_that_of_the_question(toy: Source, engine: str) -> None:
    """Within one state of the database, where whatever follows an error fails, too."""
    text = "SELECT CAST('x' || t AS INTEGER) FROM GRAPH_TABLE (connectome MATCH (a)-[e]->(b) COLUMNS (a.root_id AS t))"
    with one_state(toy.connection), pytest.raises(SchemaError, match="does not fit the query"):
        run(text, toy, engine=engine)
    assert len(run("A -> B", toy, engine=engine)) > 0


ASKED = (
    "MATCH (a:Neuron)-[e:ConnectsTo]->(b:Neuron) WHERE e.weight > {n} RETURN a.bodyId AS a, b.bodyId AS b",
    "MATCH (a:Neuron)-[e:ConnectsTo]->(b:Neuron) WHERE a.bodyId = {n} RETURN b.bodyId AS b, e.weight + {n}.0 AS w",
    "SELECT a, w FROM GRAPH_TABLE (connectome MATCH (a)-[e IS synapse]->(b) WHERE e.weight <> {n} "
    "COLUMNS (a.root_id AS a, e.weight AS w)) WHERE w > {n}",
    "SELECT count(*) FROM GRAPH_TABLE (connectome MATCH (a)-[e IS synapse]->(b) WHERE b.root_id > {n} "
    "COLUMNS (1 AS x))",
    "SELECT {n} AS n, count(*) FROM connections WHERE weight > {n}",
)


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(ASKED), st.integers(1, 3), st.booleans()), min_size=2, max_size=6))
def test_what_is_kept_of_a_question_changes_no_answer(toy: Source, asked: list[tuple[str, int, bool]]) -> None:
    kept = Source(toy.connection)
    for text, number, count in asked * 2:
        question = text.format(n=number)
        again = run(question, kept, count=count)
        fresh = run(question, Source(toy.connection), count=count)
        assert (again.sql, again.engine, again.plan) == (fresh.sql, fresh.engine, fresh.plan)
        assert sorted(map(repr, again.to_arrow().to_pylist())) == sorted(map(repr, fresh.to_arrow().to_pylist()))
        assert again.to_arrow().schema == fresh.to_arrow().schema

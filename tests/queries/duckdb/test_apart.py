"""Limits hold where DuckDB does not look for an interrupt: binding, planning, constants, one call over one piece."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from ingest.schema.errors import InterruptedRun, ParseError, SchemaError
from queries.duckdb.apart import POSSIBLE, is_heavy, plans_soon, read_in_child
from queries.engine import Source, run
from queries.source import LimitError, Limits

pytestmark = pytest.mark.skipif(not POSSIBLE, reason="forked children are for Linux")
LONGEST_S = 60.0
"""Far above the limit on a busy machine, far below what the statements would take."""


def stars(levels: int) -> str:
    inner = [f"c{i} AS (SELECT * FROM {f'c{i - 1} a, c{i - 1} b' if i else 'neurons'})" for i in range(levels)]
    return f"WITH {', '.join(inner)} SELECT count(*) FROM c{levels - 1}"


def joins_inside(levels: int) -> str:
    text = "neurons"
    for _ in range(levels):
        text = f"(SELECT a.*, b.* FROM {text} a, {text} b)"
    return f"SELECT count(*) FROM {text}"


def aliases(levels: int, times: int) -> str:
    chain = [f"{'+'.join([f'x{i - 1}'] * times)} AS x{i}" for i in range(1, levels)]
    return f"SELECT root_id AS x0, {', '.join(chain)} FROM neurons"


SLOW = {
    "nested stars": stars(16),
    "nested joins": joins_inside(11),
    "aliases of aliases": aliases(24, 2),
    "few long aliases": aliases(10, 8),
    "unions of unions": "WITH c0 AS (SELECT 1 AS x)"
    + "".join(f", c{i} AS (FROM c{i - 1} UNION ALL FROM c{i - 1})" for i in range(1, 40))
    + " SELECT sum(x) FROM c39",
    "the same star often": f"SELECT count(*) FROM (SELECT {', '.join(['n.*'] * 4000)} FROM neurons n)",
    "many columns": "SELECT " + ", ".join(["COLUMNS(*)::VARCHAR"] * 4000) + " FROM neurons",
    "a long text made ahead": "SELECT length(repeat('x', 3000000000))",
    "a text of texts": "SELECT length(repeat(repeat('x', 100000000), 40))",
    "a list made ahead": "SELECT len(range(500000000))",
    "a function over a list": "SELECT list_sum(list_transform(range(80000000), lambda x: x * 2))",
    "a list of rows": "SELECT count(*) FROM (SELECT unnest(range(2000000000)))",
    "a list for each row": "SELECT sum(len(range(100000000 + CAST(root_id % 2 AS BIGINT)))) FROM neurons",
    "texts for each row": "SELECT sum(length(repeat(repeat('x', 99999), 30000 + CAST(root_id AS INT)))) FROM neurons",
    "quoted function": "SELECT len(\"range\"(500000000))",
    "function of a value": "SELECT len((500000000).range())",
    "two texts compared": "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))",
    "padding": "SELECT length(lpad('x', 2000000000, 'y'))",
    "one large aggregate": "SELECT length(string_agg(repeat('x', 1000000), '')) FROM range(100000)",
    "a number of a long text": "SELECT CAST(repeat('9', 300000000) AS VARINT)",
    "cross joins": "SELECT count(*) FROM range(99999) a, range(99999) b, range(99999) c WHERE a.range < c.range",
    "recursion": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    "a long series": "SELECT count(*) FROM generate_series(1, 100000000000) t(i) WHERE i % 7 = 1",
    "rows that are fetched": "SELECT i, i::VARCHAR FROM range(10000000000) t(i)",
    "doubling": "WITH RECURSIVE t(n, s) AS (SELECT 1, 'xxxxxxxx' UNION ALL SELECT n + 1, s||s FROM t WHERE n < 60) "
    "SELECT max(length(s)) FROM t",
    "stars inside stars": "SELECT count(*) FROM " + "(SELECT *, * FROM " * 20 + "neurons" + ")" * 20,
    "inside a pattern": "FROM GRAPH_TABLE (connectome MATCH (a IS neuron) COLUMNS (len(range(500000000)) AS x))",
    "where of a pattern": "FROM GRAPH_TABLE (connectome MATCH (a IS neuron) WHERE len(repeat('x', 3000000000)) > 1 "
    "COLUMNS (a.root_id))",
}  # fmt: skip


@pytest.mark.parametrize("what", SLOW)
def test_a_time_or_memory_limit_stops_everything(toy: Source, what: str) -> None:
    started = time.monotonic()
    with pytest.raises(LimitError):
        run(SLOW[what], toy, time_limit=0.4, memory_limit="200MB")
    assert time.monotonic() - started < LONGEST_S
    assert run("SELECT 1 AS x", toy).scalar() == 1


@pytest.mark.bench
@pytest.mark.parametrize("limit_s", [0.5, 12.0])
@pytest.mark.parametrize("what", SLOW)
def test_a_time_limit_is_kept_within_two_seconds_or_a_fifth(toy: Source, what: str, limit_s: float) -> None:
    """On a quiet machine; statements that end by themselves before a long limit say nothing about it."""
    started = time.monotonic()
    with suppress(LimitError, ParseError, SchemaError):
        run(SLOW[what], toy, time_limit=limit_s, memory_limit="4GB")
    took_s = time.monotonic() - started
    print(f"{what}: {took_s:.2f} s of {limit_s:g}")
    assert took_s < limit_s + max(2.0, 0.2 * limit_s)


RIGHT = [
    "SELECT * FROM neurons ORDER BY root_id",
    "SELECT count(*) FROM neurons",
    "SELECT repeat(cell_type, 3) AS x, root_id FROM neurons ORDER BY root_id",
    "SELECT * FROM neurons WHERE false",
    "SELECT list(weight ORDER BY weight) AS w, NULL AS nothing, DATE '2020-01-01' AS d FROM connections",
    "FROM GRAPH_TABLE (connectome MATCH (a IS neuron)-[e IS synapse]->(b IS neuron) COLUMNS (a.root_id AS a, "
    "b.root_id AS b, e.weight AS w)) ORDER BY ALL",
    "SELECT $x AS x, repeat($x, 2) AS y",
]


@pytest.mark.parametrize("text", RIGHT)
@pytest.mark.parametrize("limits", [{"time_limit": 60}, {"memory_limit": "1GB"}, {"time_limit": 60, "limit": 2}])
def test_answers_under_limits_are_the_same(toy: Source, text: str, limits: dict[str, float]) -> None:
    given = {"parameters": {"x": "é"}} if "$x" in text else {}
    free = run(text, toy, **given, limit=limits.get("limit"))  # type: ignore[arg-type]
    held = run(text, toy, **given, **limits)  # type: ignore[arg-type]
    assert held.to_arrow().equals(free.to_arrow())
    assert held.truncated == free.truncated


def test_errors_of_duckdb_come_back_as_they_are(toy: Source) -> None:
    for text, kind in (
        ("SELECT repeat(no_such, 2) FROM neurons", ParseError),
        ("SELECT no_such_function(1)", ParseError),
        ("SELECT CAST(repeat('x', 2) AS INTEGER)", SchemaError),
    ):
        with pytest.raises(kind) as free:
            run(text, toy)
        with pytest.raises(kind) as held:
            run(text, toy, time_limit=60)
        assert str(held.value) == str(free.value)


def test_fetched_rows_count(toy: Source) -> None:
    with pytest.raises(LimitError, match="memory"):
        run("SELECT i, repeat('x', 1000) AS x FROM range(1000000) t(i)", toy, memory_limit="50MB")


@pytest.mark.parametrize("what", ["nested stars", "a function over a list", "a long series"])
@pytest.mark.parametrize("limits", [{"time_limit": 600}, {}])
def test_ctrl_c_ends_what_cannot_be_interrupted(what: str, limits: dict[str, float], tmp_path: Path) -> None:
    """In a process of its own: a signal is sent once the question runs, and the process ends by itself."""
    script = tmp_path / "ask.py"
    script.write_text(
        "import os, sys, duckdb\n"
        "from queries.engine import Source, run\n"
        "c = duckdb.connect()\n"
        "c.execute('CREATE TABLE neurons AS SELECT CAST(range AS UBIGINT) AS root_id, range AS x FROM range(10)')\n"
        "print('asking', flush=True)\n"
        "try:\n"
        f"    run({SLOW[what]!r}, Source(c), **{limits!r})\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped', flush=True)\n"
        "    os._exit(130)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as asked:
        assert asked.stdout is not None
        assert asked.stdout.readline() == "asking\n"
        time.sleep(1)
        asked.send_signal(signal.SIGINT)
        assert asked.stdout.readline() == "stopped\n"
    assert asked.returncode == 130


def test_nothing_of_a_child_is_left(toy: Source) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    for text in ("SELECT len(range(500000000))", "SELECT repeat('x', 2) AS x", "SELECT root_id FROM neurons"):
        with suppress(LimitError):
            run(text, toy, time_limit=0.5, memory_limit="100MB")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_cancelled_run_ends(toy: Source) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    limits = Limits(deadline=time.monotonic() + 600, time_limit=600, cancelled=stop.is_set)
    with pytest.raises(InterruptedRun):
        read_in_child(toy.connection, SLOW["a function over a list"], {}, limits, None, plan_only=False)


def test_a_quick_plan_is_left_to_all_threads() -> None:
    connection = duckdb.connect()
    limits = Limits.starting(60, None)
    assert read_in_child(connection, "SELECT 1 AS x", {}, limits, None, plan_only=True) is None
    table, more = read_in_child(connection, "SELECT 1 AS x", {}, limits, None, plan_only=False) or (None, None)
    assert (table, more) == (pa.table({"x": pa.array([1], pa.int32())}), False)


@pytest.mark.parametrize(
    ("sql", "heavy"),
    [
        ("SELECT count(*), sum(weight) FROM connections WHERE a IN (1, 2) AND (b > 2)", False),
        ("SELECT CAST(x AS VARCHAR), coalesce(a, 'b') FROM t GROUP BY (a) HAVING (sum(x) > 2)", False),
        ("SELECT repeat(x, 2)", True), ("SELECT x.repeat (2)", True), ('SELECT "repeat"(x, 2)', True),
        ("FROM (PIVOT t ON x IN (1, 2) USING sum(y))", True), ("SELECT 1 GROUP BY CUBE (a, b)", True),
        ("SELECT " + "||".join("abcdefghijkl"), True), ("SELECT a || b", False), ("SUMMARIZE neurons", True),
    ],
)  # fmt: skip
def test_what_is_heavy(sql: str, heavy: bool) -> None:
    assert is_heavy(sql) is heavy


@pytest.mark.parametrize(
    ("sql", "soon"),
    [
        ("SELECT count(*), max(weight) FROM connections WHERE weight > 2 ORDER BY ALL LIMIT 3", True),
        ("SELECT n.* FROM neurons n JOIN connections c ON c.pre_root_id = n.root_id", True),
        ("SELECT * FROM neurons", True), ("SELECT *, * FROM neurons", False), ("SELECT COLUMNS('x') FROM t", False),
        ("SELECT x + x AS a, a + a b FROM t", False), ('SELECT x "a", "a" + "a" FROM t', False),
        ("SELECT n.x, n.x + n.x AS d FROM neurons n WHERE n.x > 1 ORDER BY d", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", False), ("SELECT 1 " + "-- long" * 300, False),
        ("SELECT 1 FROM a" + " JOIN a USING (x)" * 20, False),
    ],
)  # fmt: skip
def test_what_is_planned_soon_is_not_planned_twice(sql: str, soon: bool) -> None:
    assert plans_soon(sql) is soon

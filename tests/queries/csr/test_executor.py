"""The CSR engine: same rows as SQL and as all combinations, counts, limits, stopping, memory, workers."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.schema.errors import UnsupportedError
from queries.csr.run import cut
from queries.engine import Source, run
from queries.languages.sql_pgq.ddl import is_definition
from queries.languages.sql_pgq.parser import parse_property_graph
from queries.source import LimitError

AGREE = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PATTERNS = {
    "feed-forward": "(a)-[e IS synapse]->(b)-[f IS synapse]->(c), (a)-[g IS synapse]->(c)",
    "3-cycle": "(a)-[e IS synapse]->(b)-[f IS synapse]->(c)-[g IS synapse]->(a)",
    "4-cycle": "(a)-[e IS synapse]->(b)-[f IS synapse]->(c)-[g IS synapse]->(d)-[h IS synapse]->(a)",
    "bi-fan": "(a)-[e IS synapse]->(c), (a)-[f IS synapse]->(d), (b)-[g IS synapse]->(c), (b)-[h IS synapse]->(d)",
    "bi-parallel": "(a)-[e IS synapse]->(b)-[f IS synapse]->(d), (a)-[g IS synapse]->(c)-[h IS synapse]->(d)",
    "diamond": "(a)-[e]->(b)-[f]->(d), (a)-[g]->(c)-[h]->(d), (a)-[i]->(d)",
    "star": "(a)-[e]->(b), (a)-[f]->(c), (a)-[g]->(d)",
    "2-path": "(a)-[e]->(b)-[f]->(c)",
    "reciprocal": "(a)-[e]->(b)-[f]->(a)",
    "two kinds": "(a)-[e IS synapse]->(b)-[f IS electrical]-(c), (a)-[g IS connection]->(c)",
    "apart": "(a)-[e]->(b), (c)-[f]->(d)",
    "two loops": "(a)-[e IS synapse]->(a)-[f IS synapse]->(a), (a)-[g]->(b)",
    "two loops, one vertex beside": "(a)-[e]->(a)-[f]->(a), (b)",
    "square, chords": "(a)-[e]->(b)-[f]->(c)-[g]->(d), (a)-[h]->(c), (a)-[i]->(d), (b)-[j]->(d)",
}
KEEP = ["", "KEEP DISTINCT EDGES", "KEEP DISTINCT VERTICES", "KEEP INDUCED"]
WHERE = [
    "",
    "WHERE a.root_id < b.root_id",
    "WHERE e.weight > f.weight",
    "WHERE NOT EXISTS { (b)-[IS synapse]->(a) }",
    "WHERE EXISTS { (a)-[IS connection]->(z WHERE z.cell_type = 'A')-[]->(b) }",
    "WHERE e.weight >= 2 AND a.cell_type = 'A' AND (b.cell_type IS NULL OR f.weight < 3)",
    "WHERE a.root_id <> b.root_id AND a.cell_type IS DISTINCT FROM b.cell_type",
]


def bag(table: pa.Table) -> Counter[Any]:
    return Counter(tuple(row.values()) for row in table.to_pylist())


@pytest.mark.parametrize("name", PATTERNS)
def test_rows_and_counts_are_those_of_sql(helpers: Any, scratch: Source, name: str) -> None:
    vertices = [v for v in "abcd" if f"({v})" in PATTERNS[name]]

    @AGREE
    @given(
        graph=helpers.graphs(),
        keep=st.sampled_from(KEEP),
        where=st.sampled_from(WHERE),
        outputs=st.sampled_from(["ids", "values", "groups", "ordered"]),
    )
    def agrees(graph: Any, keep: str, where: str, outputs: str) -> None:
        helpers.fill(scratch.connection, graph)
        ids = ", ".join(f"{v}.root_id AS {v}" for v in vertices)
        columns = {
            "ids": ids,
            "values": f"{ids}, a.cell_type AS t, e.weight + f.weight AS w, e.kind AS k",
            "groups": "a.cell_type AS t, count(*) AS n, sum(e.weight) AS w",
            "ordered": f"e.weight AS w, {ids}",
        }[outputs]
        if name == "star" and "f." in where:
            where = ""
        table = f"GRAPH_TABLE (connectome MATCH {PATTERNS[name]} {where} {keep} COLUMNS ({columns}))"
        texts = [f"SELECT * FROM {table}", f"SELECT count(*) FROM {table}"]
        if outputs == "ordered":
            texts.append(f"SELECT * FROM {table} ORDER BY ALL LIMIT 3")
        for text in texts:
            found = [run(text, Source(scratch.connection), engine=engine) for engine in ("duckdb", "csr")]
            assert bag(found[0].table) == bag(found[1].table)
            assert found[0].table.schema.types == found[1].table.schema.types
            assert found[0].columns == found[1].columns

    agrees()


@pytest.mark.parametrize("text", ["A -> B\nB -> C\nC -> A", "A -> B\nA -> C\nB -> D\nC -> D\nA !> D", "A -> B\nA -> C"])
def test_one_match_of_every_automorphic_set(helpers: Any, scratch: Source, text: str) -> None:
    @AGREE
    @given(graph=helpers.graphs())
    def agrees(graph: Any) -> None:
        helpers.fill(scratch.connection, graph)
        for options in ({}, {"exclude_automorphisms": True}, {"count": True}, {"limit": 2}):
            found = [
                run(text, Source(scratch.connection), engine=engine, language="dotmotif", **options).table
                for engine in ("duckdb", "csr")
            ]
            assert len(found[0]) == len(found[1])
            if "limit" not in options:
                assert bag(found[0]) == bag(found[1])

    agrees()


def test_parallel_rows_of_a_view_each_give_a_match(helpers: Any) -> None:
    connection = helpers.make_connection()
    helpers.fill(connection, helpers.toy_graph)
    connection.execute(
        """INSERT INTO connections_by_neuropil SELECT pre_root_id, post_root_id, p, weight / 2, kind
           FROM connections, (VALUES ('ME_L'), ('LO_L')) AS v(p) WHERE kind = 'chemical'"""
    ).fetchall()
    connection.execute("CREATE VIEW medulla AS FROM connections_by_neuropil WHERE weight >= 1").fetchall()
    definition = """CREATE PROPERTY GRAPH pieces VERTEX TABLES (neurons KEY (root_id) LABEL neuron)
        EDGE TABLES (medulla KEY (pre_root_id, post_root_id, neuropil) SOURCE KEY (pre_root_id) REFERENCES neurons
        DESTINATION KEY (post_root_id) REFERENCES neurons LABEL piece)"""
    assert is_definition(definition)
    graph = parse_property_graph(definition)
    for keep in KEEP[:3]:
        for columns in ("a.root_id AS a, c.root_id AS c", "a.root_id AS a, e.neuropil AS p, f.weight AS w"):
            text = f"""SELECT * FROM GRAPH_TABLE (pieces MATCH (a)-[e IS piece]->(b)-[f IS piece]->(c) {keep}
                COLUMNS ({columns}))"""
            found = [
                run(text, Source(connection, {"pieces": graph}), engine=engine).table for engine in ("duckdb", "csr")
            ]
            assert bag(found[0]) == bag(found[1])
            assert len(found[0]) > 0
            counted = text.replace("SELECT *", "SELECT count(*)")
            assert run(counted, Source(connection, {"pieces": graph}), engine="csr").scalar() == len(found[0])
            limited = run(f"{text} LIMIT 3", Source(connection, {"pieces": graph}), engine="csr").table
            assert len(limited) == 3
            assert not bag(limited) - bag(found[0])
    connection.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("MATCH (a)-[e IS synapse]->{1,2}(b) COLUMNS (a.root_id AS a)", "repeated edges"),
        ("MATCH (a) COLUMNS (a.root_id AS a)", "one vertex"),
        ("MATCH p = (a)-[e]->(b)-[f]->(c) COLUMNS (path_length(p) AS n)", "looks along a path"),
    ],
)
def test_what_the_engine_leaves_to_sql_is_said(toy: Source, text: str, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        run(f"SELECT * FROM GRAPH_TABLE (connectome {text})", toy, engine="csr")
    assert len(run(f"SELECT * FROM GRAPH_TABLE (connectome {text})", toy)) > 0


def dense(neurons: int, degree: int) -> Source:
    """Everybody to the next ``degree`` neurons and back: many cycles."""
    import duckdb

    connection: Any = duckdb.connect(config={"threads": "2"})
    connection.execute(
        f"""CREATE TABLE neurons AS SELECT CAST(i AS UBIGINT) AS root_id, 'A' AS cell_type
            FROM range({neurons}) AS r(i)"""
    ).fetchall()
    connection.execute(
        f"""CREATE TABLE connections AS SELECT CAST(i AS UBIGINT) AS pre_root_id,
            CAST((i + d + {neurons}) % {neurons} AS UBIGINT) AS post_root_id, 1.0 AS weight, 'chemical' AS kind
            FROM range({neurons}) AS r(i), range(-{degree}, {degree + 1}) AS s(d) WHERE d <> 0"""
    ).fetchall()
    return Source(connection)


FIVE = "(a)-[e]->(b)-[f]->(c)-[g]->(d)-[h]->(z), (z)-[i]->(a)"
CYCLES = f"SELECT * FROM GRAPH_TABLE (connectome MATCH {FIVE} KEEP DISTINCT VERTICES COLUMNS ({{}}))"
OUTPUTS = ["count(*) AS n", "a.root_id AS a", "a.cell_type AS t, count(*) AS n"]
"""Counted in the join, listed, and streamed through SQL."""
ROOM = "6GB"
"""Lists grow by gigabytes a second, and a busy machine is late to stop them: no test may take all of its memory."""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("what", OUTPUTS)
def test_a_time_limit_ends_a_join_soon(what: str, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: workers)
    source = dense(4000, 40)
    run(CYCLES.format(what), dense(20, 2), engine="csr")  # kernels are loaded
    begin = time.process_time()  # what a busy machine does not change
    with pytest.raises(LimitError, match="time limit of 0.2 s"):
        run(CYCLES.format(what), source, engine="csr", time_limit=0.2, memory_limit=ROOM)
    assert time.process_time() - begin < 5  # a whole run takes minutes


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("what", OUTPUTS[1:])
def test_a_memory_limit_ends_a_listing_with_an_error(what: str, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: workers)
    source = dense(4000, 40)
    with pytest.raises(LimitError, match="memory limit of 50 MB"):
        run(CYCLES.format(what), source, engine="csr", memory_limit="50MB", time_limit=60)
    assert run("SELECT count(*) FROM neurons", source).scalar() == 4000  # the connection is as it was


def test_a_limit_is_met_without_going_through_everything() -> None:
    source = dense(4000, 40)
    found = run(f"{CYCLES.format(OUTPUTS[1])} LIMIT 5", source, engine="csr", time_limit=60)
    assert len(found) == 5
    found = run(CYCLES.format(OUTPUTS[1]), source, engine="csr", time_limit=60, limit=5)
    assert (len(found), found.truncated) == (5, True)
    found = run("A -> B\nB -> C\nC -> D\nD -> A", source, engine="csr", time_limit=60, limit=5)
    assert (len(found), found.truncated) == (5, True)


CTRL_C = f"""
import os, signal, sys, threading, time
from typing import Any
from ingest.schema.errors import InterruptedRun
from queries.engine import Source, run

{inspect.getsource(dense)}
signal.signal(signal.SIGINT, signal.default_int_handler)
text, source = sys.argv[1], dense(4000, 40)
run(text, dense(20, 2), engine="csr")
run({CYCLES.format(OUTPUTS[1])!r} + " LIMIT 1", source, engine="csr")
sent = []

def send():
    sent.append(time.process_time())
    os.kill(os.getpid(), signal.SIGINT)

for wait_s in (0.3, 3, 30):
    threading.Timer(wait_s, send).start()
    try:
        run(text, source, engine="csr", memory_limit="{ROOM}")
        print("finished")
    except InterruptedRun:
        used = time.process_time() - sent[-1]
        print("stopped", run("SELECT count(*) FROM neurons", source).scalar(), used)
    except (KeyboardInterrupt, SystemError):  # before the join began, as on a busy machine
        continue
    except RuntimeError as error:  # the same, while DuckDB waited for rows
        if str(error) != "Query interrupted":
            raise
        continue
    break
"""


@pytest.mark.parametrize("what", OUTPUTS)
def test_ctrl_c_stops_a_join(what: str) -> None:
    """A real SIGINT to a process whose kernels run in threads; the whole join would take far longer than a test may."""
    command = [sys.executable, "-c", CTRL_C, CYCLES.format(what)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.stderr == ""
    how, count, used = done.stdout.split()
    assert (how, count) == ("stopped", "4000")
    assert float(used) < 2.0 * (os.cpu_count() or 1)  # seconds of processor after the signal, each thread's own


def test_same_rows_in_the_same_order_whatever_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    source = dense(3000, 12)
    text = """SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[e]->(b)-[f]->(c), (a)-[g]->(c)
        COLUMNS (a.root_id AS a, b.root_id AS b, c.root_id AS c))"""
    found = []
    for workers in (1, 2, 5):
        monkeypatch.setattr("os.cpu_count", lambda workers=workers: workers)
        found.append(run(text, source, engine="csr").table)
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])
    assert len(found[0]) > 100_000


def test_pieces_cover_the_work_and_grow() -> None:
    weight = np.full(10_000, 100, np.int64)
    cuts = cut(weight)
    assert [begin for begin, _ in cuts] == [0, *(end for _, end in cuts[:-1])]
    assert cuts[-1][1] == len(weight)
    assert cuts[0][1] < cuts[1][1] - cuts[1][0] + 1
    assert cut(np.empty(0, np.int64)) == []
    alone = [end - begin for begin, end in cut(weight, small=int(weight.sum()))]
    assert sum(alone) == len(weight)
    assert all(2 * one == two for one, two in pairwise(alone[:-1]))
    assert len(alone) < len(cuts)


def test_numba_is_loaded_only_by_a_pattern_that_wants_it() -> None:
    code = (
        "import sys, duckdb\nfrom queries.engine import Source, run\n"
        "c = duckdb.connect()\n"
        "c.execute('CREATE TABLE neurons AS SELECT 1::UBIGINT AS root_id')\n"
        'c.execute("CREATE TABLE connections AS SELECT 1::UBIGINT AS pre_root_id, 1::UBIGINT AS post_root_id, '
        "1.0 AS weight, 'chemical' AS kind\")\n"
        "print(len(run('MATCH (a)-[e:ConnectsTo]->(b) RETURN a.bodyId', Source(c))), 'numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]

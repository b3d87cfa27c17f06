"""Run SQL on the handed connection: read-only, interruptible, within time and memory limits.

Tests: tests/queries/planning/test_plan.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from ingest.running.waiting_threads import in_a_thread
from ingest.schema.errors import InterruptedRun
from queries.duckdb import apart
from queries.duckdb.estimate import estimate_sql
from queries.duckdb.reading import opened_reader
from queries.duckdb.writer import select
from queries.planning.bound import BoundPattern
from queries.planning.executor import CostEstimate
from queries.planning.values import Values
from queries.result import plain_types
from queries.source import LimitError, Limits, Source

T = TypeVar("T")


class DuckDBExecutor:
    """Patterns as joins. The engine puts their SQL straight into the statement around them."""

    name = "duckdb"
    loading_s = 0.0

    def refusal(self, bound: BoundPattern, source: Source) -> str | None:
        """It answers every pattern that the languages can say."""
        return None

    def measure(self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> None:
        """Its statistics are taken when an estimate needs them."""

    def estimate(self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> CostEstimate:
        """Sizes of the joins; see plan.estimate_sql."""
        return estimate_sql(bound, source, parameters)

    def inline(self, bound: BoundPattern, values: Values) -> str:
        """The pattern's joins."""
        return select(bound, values)

    def execute(
        self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any], limits: Limits
    ) -> pa.RecordBatchReader:
        """The pattern alone, read to its end."""
        values = Values(parameters)
        sql = select(bound, values)
        table, _ = read(source.connection, sql, values.all(sql), limits)
        return plain_types(table).to_reader()


_POLL = 0.05
_PATIENCE_S = 1.5
"""How long DuckDB is asked to stop before the thread it works in is left to itself."""


def read(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Mapping[str, Any],
    limits: Limits,
    most: int | None = None,
    stopping: Callable[[], None] | None = None,
    foreign: bool = False,
) -> tuple[pa.Table, bool]:
    """The rows of a SELECT.

    Args:
        most: stop after so many rows.
        stopping: called when the run is stopped from outside, so that what feeds it stops as well.
        foreign: a statement that people wrote, whose planning may take any time.

    Returns:
        The table, and whether there were more than ``most`` rows.

    Raises:
        LimitError: out of time or memory. InterruptedRun: Ctrl-C. duckdb.Error: what DuckDB says.
    """
    possible = stopping is None and limits.limited and apart.POSSIBLE
    heavy = possible and apart.is_heavy(sql)
    if heavy or (possible and (len(sql) > apart.LONG or (foreign and not apart.plans_soon(sql)))):
        result = apart.read_in_child(connection, sql, parameters, limits, most, plan_only=not heavy)
        if result is not None:
            return result
    if stopping is None and not limits.limited:
        return _read_at_once(connection, sql, parameters, limits, most)
    with stream(connection, sql, parameters, limits, stopping) as batches:
        kept: list[pa.RecordBatch] = []
        rows = 0
        for batch in batches:
            kept.append(batch)
            rows += batch.num_rows
            if most is not None and rows > most:
                break
        table = pa.Table.from_batches(kept, schema=batches.schema)
    if most is not None and rows > most:
        return table.slice(0, most), True
    return table, False


def _read_at_once(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any], limits: Limits, most: int | None
) -> tuple[pa.Table, bool]:
    """``read`` without limits: all of it in one piece of work, which Ctrl-C stops as it stops the others."""
    own_transaction = _begin(connection)
    opened: list[pa.RecordBatchReader] = []

    def work() -> tuple[pa.Schema, list[pa.RecordBatch], int]:
        opened.append(opened_reader(connection, sql, parameters))
        kept, rows = [], 0
        for batch in opened[0]:
            kept.append(batch)
            rows += batch.num_rows
            if most is not None and rows > most:
                break
        return opened[0].schema, kept, rows

    try:
        schema, kept, rows = _Guarded(connection, limits)(work, 0)
    finally:
        for reader in opened:
            reader.close()
        if own_transaction:
            with suppress(duckdb.Error):
                connection.rollback()
    table = pa.Table.from_batches(kept, schema=schema)
    return (table.slice(0, most), True) if most is not None and rows > most else (table, False)


class Batches:
    """The rows of a running query, piece by piece, each fetched under the limits."""

    def __init__(self, reader: pa.RecordBatchReader, guarded: _Guarded) -> None:
        self._reader = reader
        self._guarded = guarded
        self.schema: pa.Schema = reader.schema
        self._held = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while True:
            batch = self._guarded(self._next, self._held)
            if batch is None:
                return
            self._held += batch.nbytes
            self._guarded.limits.check_answer(self._held)
            yield batch

    def _next(self) -> pa.RecordBatch | None:
        try:
            return self._reader.read_next_batch()
        except StopIteration:
            return None


@contextmanager
def stream(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Mapping[str, Any],
    limits: Limits,
    stopping: Callable[[], None] | None = None,
) -> Iterator[Batches]:
    """The running query; closed, whatever happens, when the block is left."""
    guarded = _Guarded(connection, limits, stopping)
    own_transaction = _begin(connection)
    opened: list[pa.RecordBatchReader] = []

    def start() -> pa.RecordBatchReader:
        opened.append(opened_reader(connection, sql, parameters))
        return opened[0]

    try:
        yield Batches(guarded(start, 0), guarded)
    finally:
        for reader in opened:
            reader.close()
        if own_transaction:
            with suppress(duckdb.Error):
                connection.rollback()


_HELD: set[int] = set()
"""Connections whose transaction lasts longer than one statement; DuckDB aborts it when it is asked to begin another."""


@contextmanager
def one_state(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Whatever is read over this connection within the block is of one committed state of the database."""
    connection.execute("BEGIN TRANSACTION READ ONLY")
    _HELD.add(id(connection))
    try:
        yield
    finally:
        _HELD.discard(id(connection))
        with suppress(duckdb.Error):
            connection.rollback()


def _begin(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a transaction was begun; else one is under way."""
    if id(connection) in _HELD:
        return False
    connection.execute("BEGIN TRANSACTION READ ONLY").fetchall()
    return True


class _Guarded:
    """Runs blocking DuckDB calls in a thread while this one watches the clock, the memory and Ctrl-C."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, limits: Limits, stopping: Callable[[], None] | None = None
    ) -> None:
        self._connection = connection
        self._stopping = stopping
        self.limits = limits
        self._meter = connection.cursor() if limits.memory_limit is not None else None
        self._before = self._in_use()

    def __call__(self, work: Callable[[], T], used: int) -> T:
        outcome: list[T] = []
        failure: list[BaseException] = []
        done = threading.Event()

        def run() -> None:
            try:
                outcome.append(work())
            except BaseException as error:  # handed over to the waiting thread
                failure.append(error)
            finally:
                done.set()

        in_a_thread(run)
        try:
            while not done.wait(_POLL):
                self.limits.check(used + self._memory())
        except KeyboardInterrupt as error:
            self._stop(done)
            if isinstance(error, InterruptedRun):
                raise
            raise InterruptedRun("the query was stopped; the graph is unchanged") from None
        except LimitError:
            self._stop(done)
            raise
        if failure:
            if isinstance(failure[0], duckdb.OutOfMemoryException):
                raise LimitError(
                    "the query needs more memory than the graph may use; add predicates, count instead of "
                    "listing, or raise the memory limit"
                ) from None
            raise failure[0]
        self.limits.check(used)
        return outcome[0]

    def _memory(self) -> int:
        return max(0, self._in_use() - self._before)

    def _in_use(self) -> int:
        if self._meter is None:
            return 0
        row = self._meter.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()[0]
        return int(row[0] or 0)

    def _stop(self, done: threading.Event) -> None:
        if self._stopping is not None:
            self._stopping()
        # An interrupt that comes between two calls of DuckDB is lost, so it is sent until the work ends. Binding and
        # planning do not look for it; after a while the thread is left, which ends with the process at the latest.
        until = time.monotonic() + _PATIENCE_S
        while not done.is_set() and time.monotonic() < until:
            self._connection.interrupt()
            done.wait(0.02)

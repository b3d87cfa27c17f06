"""SQL in a forked child, which can be ended at any moment: for what DuckDB itself does not interrupt.

DuckDB looks for an interrupt between pieces of 2,048 rows. Binding, planning, constants that are computed ahead and one
call of a function over one piece are not interrupted, however long they take and however much memory they fill. The
child is a copy of this process (Linux; nothing of the graph is opened twice) without DuckDB's helper threads, so it
works on one core; its rows come back through memory that both share.
"""

from __future__ import annotations

import mmap
import os
import pickle
import re
import select
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingest.schema.errors import AnalysisError, InterruptedRun
from ingest.schema.limits import as_bytes
from queries.duckdb.reading import opened_reader
from queries.source import LimitError, Limits

POSSIBLE = sys.platform == "linux" and hasattr(os, "fork") and hasattr(os, "memfd_create")
QUICK_PLAN_S = 0.3
"""A statement that is planned within it is run with all threads; another stays in the child."""
LONG = 20_000
"""Characters from which on planning alone is watched, whoever wrote the statement."""
SHORT, FEW = 2_000, 16
"""Characters and SELECTs, FROMs and JOINs up to which a person's statement is planned soon, if nothing doubles."""
STUCK_S = 3.0
"""A child that sleeps so long without computing waits for a lock that nobody will open."""
_POLL = 0.02
_SLACK = 1 << 30
_PLANNED, _DONE, _FAILED = b"p", b"d", b"f"

_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(|\"\s*\(")
_JOINS = re.compile(r"\|\||\blist_concat\b", re.IGNORECASE)
_MOST_JOINS = 8
"""Joins of texts and lists: each may double what the one before made."""
_DOUBLES = re.compile(r"\bWITH\b|\bCOLUMNS\b", re.IGNORECASE)
_STARS = re.compile(r"\bcount\s*\(\s*\*\s*\)|(\*)", re.IGNORECASE)
_RELATIONS = re.compile(r"\b(?:SELECT|FROM|JOIN)\b|,\s*\(", re.IGNORECASE)
_NAMES = re.compile(r"(?<![\w.\"])[a-z_]\w*\b(?!\"|\s*[.(])|(?<!\.)\"[^\"]+\"")
"""Names that can be those of aliases: no table stands before them, and they are no table or function themselves."""
_WIDE = re.compile(r"\b(UN)?PIVOT\b|\bSUMMARIZE\b|\bCUBE\b|\bROLLUP\b|\bGROUPING\b", re.IGNORECASE)
_WORDS = frozenset(
    {
        "and", "or", "not", "in", "as", "on", "where", "select", "from", "join", "using", "over", "partition",
        "filter", "values", "exists", "all", "any", "some", "when", "then", "else", "case", "having", "by", "union",
        "except", "intersect", "with", "within", "group", "cast", "try_cast", "lateral", "between", "like", "ilike",
        "is", "interval", "limit", "offset", "distinct", "materialized", "recursive", "order", "window", "semi",
        "anti", "decimal", "numeric", "varchar", "exclude", "cross", "null", "true", "false", "desc", "asc",
    }
)  # fmt: skip
_CHEAP = frozenset(
    {
        "count", "sum", "avg", "mean", "min", "max", "abs", "round", "floor", "ceil", "ceiling", "trunc", "coalesce",
        "nullif", "ifnull", "if", "lower", "upper", "length", "len", "trim", "ltrim", "rtrim", "substr", "substring",
        "left", "right", "starts_with", "ends_with", "contains", "row_number", "rank", "dense_rank", "percent_rank",
        "lag", "lead", "first", "last", "any_value", "first_value", "last_value", "median", "mode", "stddev",
        "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop", "quantile_cont", "quantile_disc", "corr",
        "sqrt", "ln", "log", "log2", "log10", "exp", "power", "pow", "greatest", "least", "sign", "strlen",
        "bool_and", "bool_or", "arg_min", "arg_max", "min_by", "max_by", "isnan", "isfinite", "isinf", "count_star",
        "count_if", "hash", "typeof", "list_value", "list_append", "list_contains", "list_has", "list_position",
        "list_slice", "list_extract", "struct_pack", "struct_extract", "row", "unnest", "array_length",
        "list_distinct", "list_transform", "list_filter", "list_sort", "list_reverse", "list_has_any",
        "list_bool_and", "list_concat", "generate_subscripts",
    }
)  # fmt: skip
"""Functions whose result is of the size of what they are given, and that take little time for each of its bytes."""


def is_heavy(sql: str) -> bool:
    """Whether one call within the statement may take any time or memory: anything but words known to be cheap."""
    if _WIDE.search(sql) or len(_JOINS.findall(sql)) > _MOST_JOINS:
        return True
    return any((call[1] or "?").lower() not in _CHEAP | _WORDS for call in _CALL.finditer(sql))


def plans_soon(sql: str) -> bool:
    """Whether planning takes about as long as reading the text: nothing is named once and meant often.

    A name of WITH, more than one star, and an alias that is used twice can double what they stand for.
    """
    if len(sql) > SHORT or _DOUBLES.search(sql) or len(_RELATIONS.findall(sql)) > FEW:
        return False
    if sum(bool(found[1]) for found in _STARS.finditer(sql)) > 1:
        return False
    names = Counter(name for name in _NAMES.findall(sql.lower()) if name not in _WORDS)
    return max(names.values(), default=0) <= 2


class ChildDeadlock(Exception):
    """A child that came into the world while another thread held a lock that it needs."""


def read_in_child(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Mapping[str, Any],
    limits: Limits,
    most: int | None,
    *,
    plan_only: bool,
) -> tuple[pa.Table, bool] | None:
    """The rows of a SELECT, computed by a child under the limits.

    Args:
        most: stop after so many rows.
        plan_only: a statement that is planned soon is left to the caller.

    Returns:
        The table and whether there were more than ``most`` rows; None when the statement is left to the caller.

    Raises:
        LimitError: out of time or memory. InterruptedRun: Ctrl-C. duckdb.Error: what DuckDB says.
    """
    for _ in range(2):
        with suppress(ChildDeadlock):
            child = _Child(connection, sql, parameters, limits, most, plan_only)
            try:
                return child.wait()
            finally:
                child.end()
    return None


class _Child:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        sql: str,
        parameters: Mapping[str, Any],
        limits: Limits,
        most: int | None,
        plan_only: bool,
    ) -> None:
        self._limits = limits
        self._most = most
        self._plan_only = plan_only
        row = connection.execute("SELECT current_setting('memory_limit')").fetchall()[0]
        self._cap = as_bytes(str(row[0])) or 0
        most_bytes = min(self._cap, limits.memory_limit or self._cap)
        self._result = os.memfd_create("graphlab-rows")
        self._news, news_writer = os.pipe()
        go, self._go = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads; see the module's docstring
            self.pid = os.fork()
        if self.pid == 0:
            _be_child(connection, sql, parameters, most, plan_only, most_bytes, self._result, news_writer, go)
        self._ended = False
        self._waited_for = False
        os.close(news_writer)
        os.close(go)
        self._before = self._resident()
        self._stuck_since, self._computed = time.monotonic(), -1

    def wait(self) -> tuple[pa.Table, bool] | None:
        """Watch the child until it has the rows."""
        started = time.monotonic()
        try:
            while True:
                ready, _, _ = select.select([self._news], [], [], _POLL)
                message = os.read(self._news, 1) if ready else None
                if message == _PLANNED:
                    if time.monotonic() - started < QUICK_PLAN_S:
                        return None
                    os.write(self._go, b"g")
                elif message == _DONE:
                    return self._rows()
                elif message == _FAILED:
                    raise self._failure()
                elif message == b"":
                    raise self._death()
                self._watch()
        except KeyboardInterrupt as error:
            if isinstance(error, InterruptedRun):
                raise
            raise InterruptedRun("the query was stopped; the graph is unchanged") from None

    def end(self) -> None:
        """Kill the child and wait for its end."""
        if self._ended:
            return
        self._ended = True
        if not self._waited_for:  # else its number may be another process's by now
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        for handle in (self._news, self._go, self._result):
            os.close(handle)

    def _watch(self) -> None:
        used = max(0, self._resident() - self._before) + os.fstat(self._result).st_size
        self._limits.check(used)
        if used > self._cap:
            raise _too_large()
        self._watch_for_sleep()

    def _watch_for_sleep(self) -> None:
        with suppress(OSError, ValueError):
            fields = Path(f"/proc/{self.pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
            computed = int(fields[11]) + int(fields[12])
            if computed != self._computed or fields[0] != b"S":
                self._stuck_since, self._computed = time.monotonic(), computed
        if time.monotonic() - self._stuck_since > STUCK_S:
            raise ChildDeadlock

    def _resident(self) -> int:
        """Bytes that are the child's alone and in memory."""
        try:
            _, resident, shared, *_ = map(int, Path(f"/proc/{self.pid}/statm").read_bytes().split())
        except (OSError, ValueError):
            return 0
        return (resident - shared) * mmap.PAGESIZE

    def _mapped(self) -> pa.Buffer:
        size = os.fstat(self._result).st_size
        return pa.py_buffer(mmap.mmap(self._result, size, prot=mmap.PROT_READ))

    def _rows(self) -> tuple[pa.Table, bool]:
        table = pa.ipc.open_stream(self._mapped()).read_all()
        self._limits.check(table.nbytes)
        self._limits.check_answer(table.nbytes)
        if self._most is not None and table.num_rows > self._most:
            return table.slice(0, self._most), True
        return table, False

    def _failure(self) -> Exception:
        name, text = pickle.loads(self._mapped())
        if name in ("OutOfMemoryException", "MemoryError", "ArrowMemoryError"):
            return _too_large()
        known = getattr(duckdb, name, None)
        if isinstance(known, type) and issubclass(known, duckdb.Error):
            return known(text)
        return AnalysisError(f"DuckDB: {name}: {text}")

    def _death(self) -> Exception:
        """It said nothing and is gone: out of memory in a place that cannot say so, or ended from outside."""
        _, status = os.waitpid(self.pid, 0)
        self._waited_for = True
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT:
            return InterruptedRun("the query was stopped; the graph is unchanged")
        return _too_large()


def _too_large() -> LimitError:
    return LimitError(
        "the query needs more memory than the graph may use; add predicates, count instead of listing, or raise the "
        "memory limit"
    )


def _be_child(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Mapping[str, Any],
    most: int | None,
    plan_only: bool,
    most_bytes: int,
    result: int,
    news_writer: int,
    go: int,
) -> None:
    """The child's whole life; never returns."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _die_with_parent()
        _bound_memory(most_bytes)
        if plan_only:
            with suppress(duckdb.Error):  # whoever runs it meets the error again
                connection.execute(f"EXPLAIN {sql}", dict(parameters) or None).fetchall()
            os.write(news_writer, _PLANNED)
            if os.read(go, 1) != b"g":
                os._exit(0)
        _write_rows(connection, sql, parameters, most, result)
        os.write(news_writer, _DONE)
    except BaseException as error:
        with suppress(BaseException):
            os.ftruncate(result, 0)
            os.lseek(result, 0, os.SEEK_SET)
            os.write(result, pickle.dumps((type(error).__name__, str(error)[:10_000])))
            os.write(news_writer, _FAILED)
    finally:
        os._exit(0)


def _write_rows(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any], most: int | None, result: int
) -> None:
    reader = opened_reader(connection, sql, parameters)
    rows = 0
    with os.fdopen(result, "wb", closefd=False) as file, pa.ipc.new_stream(file, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
            if most is not None and rows > most:
                break


def _die_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _bound_memory(most_bytes: int) -> None:
    """Nothing is handed out far beyond the limit; what lies between is the parent's to see."""
    import resource

    mapped = int(Path("/proc/self/statm").read_bytes().split()[0]) * mmap.PAGESIZE
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (mapped + most_bytes + _SLACK, resource.RLIM_INFINITY))

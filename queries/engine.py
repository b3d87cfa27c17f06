"""Ask a question: text in any of the languages in, Result out. The order of the work is ``run``."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import is_
from typing import Any, cast

import duckdb
import pyarrow as pa

from ingest.schema.errors import ParseError, SchemaError, UnknownNameError
from ingest.schema.limits import as_bytes
from queries.describe import choice_lines, explained
from queries.duckdb import exact_ids, executor
from queries.duckdb.executor import DuckDBExecutor
from queries.ir.connectome import CONNECTOME
from queries.ir.pattern import Pattern
from queries.ir.property_graph import PropertyGraph
from queries.ir.statement import Slot, Statement
from queries.languages.language import LANGUAGES, detect
from queries.languages.sql_pgq.ddl import is_definition
from queries.planning.bind import bind
from queries.planning.bound import BoundPattern, Within
from queries.planning.executor import EXECUTORS, Executor
from queries.planning.plan import Choice, choose, worth_asking
from queries.planning.rewrites import rewrite
from queries.planning.shortcuts import counted, limited, passes_rows_through, shortened
from queries.planning.symmetry import ordered, without_automorphisms
from queries.planning.values import OWN, Values, without_nan
from queries.result import Result, plain_types
from queries.source import Limits, Source
from queries.sql import guard
from queries.sql.errors import translated

__all__ = ["EXECUTORS", "LANGUAGES", "Source", "answer", "detect", "parse", "run"]


# Loaded by the first question that needs it: a person waits for every import of a cold process.
def _csr() -> Executor:
    from queries.csr.executor import CSRExecutor

    return CSRExecutor()


SQL = EXECUTORS.register(DuckDBExecutor.name, DuckDBExecutor())
EXECUTORS.defer("csr", _csr)


def run(
    text: str,
    source: Source,
    *,
    language: str | None = None,
    engine: str = "auto",
    limit: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    explain: bool = False,
    count: bool = False,
    exclude_automorphisms: bool = False,
    time_limit: float | None = None,
    memory_limit: int | str | None = None,
) -> Result:
    """Answer a question over a graph; nothing is ever written.

    Args:
        text: the question.
        language: pgq, dotmotif, cypher or sql; by the text's own first words when None.
        engine: auto, or a name of EXECUTORS.
        limit: at most so many rows; ``truncated`` in the result says whether there were more.
        parameters: values of ``$name``, bound, never pasted.
        explain: do not answer, but say how: patterns, estimates, engine and why, SQL.
        count: the number of rows instead of the rows.
        exclude_automorphisms: of matches that differ by exchanging alike vertices, keep one.
        time_limit: seconds.
        memory_limit: bytes, or text like ``"2GB"``.

    Raises:
        ParseError, UnsupportedError: with line, column and the place underlined.
        LimitError: a limit was reached. InterruptedRun: Ctrl-C.
    """
    if is_definition(text):
        raise ParseError(
            "CREATE PROPERTY GRAPH changes the graph, and a query only reads it", text, 0, 6,
            "Use Graph.create_property_graph(...).",
        )  # fmt: skip
    begun = time.monotonic()
    statement = _asked(text, language)
    if count:
        statement = counted(statement)
    return answer(
        statement,
        source,
        engine=engine,
        limit=limit,
        parameters=parameters,
        explain=explain,
        exclude_automorphisms=exclude_automorphisms,
        time_limit=time_limit,
        memory_limit=memory_limit,
        begun=begun,
    )


def find(pattern: Pattern, source: Source, **options: Any) -> Result:
    """Matches of a pattern built without a text; ``options`` as for answer()."""
    return answer(Statement("?", (Slot(0, 1, pattern),), "pattern"), source, **options)


def answer(
    statement: Statement,
    source: Source,
    *,
    engine: str = "auto",
    limit: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    explain: bool = False,
    exclude_automorphisms: bool = False,
    time_limit: float | None = None,
    memory_limit: int | str | None = None,
    begun: float | None = None,
    within: Within | None = None,
    found: Sequence[pa.Table] | None = None,
) -> Result:
    """Bind, rewrite, plan and run a statement; see run().

    Args:
        begun: when its time began, on the clock of time.monotonic(); now when None.
        within: only matches of the one pattern in which a vertex lies there.
        found: the rows of every pattern, which then no engine looks for.
    """
    if limit is not None and limit < 0:
        raise SchemaError(f"limit is {limit}; wanted 0 or more rows")
    allowed = [seconds for seconds in (time_limit, statement.time_limit) if seconds is not None]
    limits = Limits.starting(min(allowed, default=None), as_bytes(memory_limit), begun)
    for name in parameters or ():
        if name.lower().startswith(OWN):
            raise SchemaError(f"the parameter ${name}: names that begin with {OWN} are those of questions")
    given = {**(parameters or {}), **statement.bound}
    text = statement.written
    if limit is not None:
        statement = limited(statement, limit + 1)  # one more says whether the answer is cut
    try:
        bound = [bound_to(slot.pattern, source, text, exclude_automorphisms) for slot in statement.slots]
        if within is not None:
            bound = [within.of(pattern) for pattern in bound]
        names = [f"{OWN}pattern_{i}" for i in range(len(bound))]
        if not statement.whole:
            _check(statement, source, names, limits)
        repeatable = engine == "auto" and found is None and within is None
        repeatable = repeatable and not (parameters or explain or limit is not None)
        written = _kept_writing(statement, bound, source) if repeatable else None
        if written is None:
            written = _written(statement, bound, source, given, names, engine, limits, found)
            if repeatable:
                _keep_writing(statement, bound, source, written)
        sql, choices, handed = written.sql, written.choices, written.handed
        if explain:
            table, more = explained(list(zip(bound, choices, strict=True)), sql), False
        elif statement.whole and handed:
            table, more = _taken(handed[names[0]](), limits, limit)
        else:
            values, foreign = written.values.all(sql), not passes_rows_through(statement)
            with _registered(handed, source):
                table, more = executor.read(source.connection, sql, values, limits, limit, foreign=foreign)
    except duckdb.Error as error:
        if isinstance(error, duckdb.TransactionException):
            limits.check()  # a limit ended the transaction in a statement before: that is what is told
        raise translated(error, text or statement.text) from None
    used = dict.fromkeys(choice.executor.name for choice in choices) or {"duckdb": None}
    plan = "\n".join(f"{part}: {detail}" for choice in choices for part, detail in choice_lines(choice))
    patterns = tuple(b.pattern for b in bound)
    return Result(plain_types(_unique_names(table)), sql, patterns, "+".join(used), truncated=more, plan=plan)


@dataclass(frozen=True, slots=True)
class _Writing:
    """A checked statement as SQL, and the rows that engines hand to it."""

    sql: str
    values: Values
    choices: list[Choice]
    handed: Mapping[str, Callable[[], pa.RecordBatchReader]]


def _written(
    statement: Statement,
    bound: list[BoundPattern],
    source: Source,
    given: Mapping[str, Any],
    names: list[str],
    engine: str,
    limits: Limits,
    found: Sequence[pa.Table] | None,
) -> _Writing:
    """Look that ids meet no decimal numbers, choose engines, and write the SQL."""
    text = statement.written
    for pattern in bound:
        given = exact_ids.check(pattern, source, given, text)
    if not statement.whole:
        exact_ids.check_around(statement, bound, source, given)
    given = {name: without_nan(value) for name, value in given.items()}
    engines = _engines(engine, bound)
    wanted = None if engine == "auto" else engine
    choices = [choose(pattern, source, given, engines, wanted) for pattern in bound]
    values = Values(given, text)
    inline: list[str | None] = [None] * len(bound)
    if found is None:
        inline = [choice.executor.inline(pattern, values) for choice, pattern in zip(choices, bound, strict=True)]
    rows: list[Callable[[], pa.RecordBatchReader]] = (
        [table.to_reader for table in found]
        if found is not None
        else [
            partial(choice.executor.execute, pattern, source, given, limits)
            for choice, pattern in zip(choices, bound, strict=True)
        ]
    )
    handed = {name: one for name, one, select in zip(names, rows, inline, strict=True) if select is None}
    sql = statement.filled([f"({select or f'FROM {name}'})" for name, select in zip(names, inline, strict=True)])
    return _Writing(sql, values, choices, handed)


MOST_WRITTEN = 256
"""Statements whose SQL is kept: of a short answer, a twentieth of the time goes into writing it."""


def _keep_writing(statement: Statement, bound: list[BoundPattern], source: Source, written: _Writing) -> None:
    """Keep what will be the same again: SQL alone answers, whatever else is loaded or kept by then."""
    if not bound or any(worth_asking(pattern) for pattern in bound):
        return
    shelf: dict[int, tuple[Statement, list[BoundPattern], _Writing]] = source.cache.setdefault("written", {})
    if len(shelf) >= MOST_WRITTEN:
        shelf.clear()
    shelf[id(statement)] = statement, bound, written


def _kept_writing(statement: Statement, bound: list[BoundPattern], source: Source) -> _Writing | None:
    """By the objects themselves, as bound patterns are: those of another graph or other tables are others."""
    kept = source.cache.get("written", {}).get(id(statement))
    if kept is None or kept[0] is not statement or not all(map(is_, kept[1], bound)):
        return None
    written: _Writing = kept[2]
    return written


def parse(text: str, language: str | None = None) -> Statement:
    """A text as a statement, by the language's own front end.

    Raises:
        UnknownNameError: no such language. ParseError, UnsupportedError: see run().
    """
    found = LANGUAGES.get(language or detect(text))
    return found.parse(text) if _is_long(found, text) else _parsed(cast(Hashable, found), text)


def _asked(text: str, language: str | None) -> Statement:
    """A text as a statement, counting and stopping in its pattern where it can: one object for one text."""
    found = LANGUAGES.get(language or detect(text))
    return shortened(found.parse(text)) if _is_long(found, text) else _shortened(cast(Hashable, found), text)


LONGEST_KEPT = 4_000
"""Characters of a text whose statement is kept: the same question is asked again and again."""


@lru_cache(maxsize=256)
def _parsed(language: Any, text: str) -> Statement:
    statement: Statement = language.parse(text)
    return statement


@lru_cache(maxsize=256)
def _shortened(language: Any, text: str) -> Statement:
    return shortened(_parsed(language, text))


def _is_long(language: object, text: str) -> bool:
    """Whether the statement of a text is not kept: it is long, or its language cannot be told from others."""
    try:
        hash(language)
    except TypeError:
        return True
    return len(text) > LONGEST_KEPT


def _engines(wanted: str, bound: list[BoundPattern]) -> list[Executor]:
    """Engines to choose from, SQL first; the one asked for alone. Others are loaded where there is a choice."""
    if wanted != "auto":
        if wanted not in EXECUTORS.names():
            raise UnknownNameError("engine", wanted, ["auto", *EXECUTORS.names()])
        return [EXECUTORS.get(wanted)]
    if any(pattern.derived for pattern in bound) or not any(worth_asking(pattern) for pattern in bound):
        return [SQL]
    return [executor for _, executor in EXECUTORS]


MOST_BOUND = 256
"""Patterns of a graph that are kept as they are bound."""


def bound_to(pattern: Pattern, source: Source, text: str, exclude_automorphisms: bool) -> BoundPattern:
    """The pattern tied to its tables; kept, since the same question is asked again and again.

    By the object, not by what it is equal to: 1, 1.0 and true are equal, and not the same SQL.
    """
    graph, key = source.graph(pattern.graph), (id(pattern), exclude_automorphisms)
    shelf: dict[Any, tuple[Pattern, PropertyGraph, BoundPattern]] = source.cache.setdefault("bound", {})
    kept = shelf.get(key)
    if kept is not None and kept[0] is pattern and kept[1] is graph:
        for name in kept[2].tables():
            source.provide(name)  # to this connection
        return kept[2]
    bound = bind(pattern, source, text)
    rewritten = rewrite(bound.pattern)
    made = bound.bound_pattern(without_automorphisms(rewritten) if exclude_automorphisms else ordered(rewritten))
    if graph.name == CONNECTOME.name and not made.derived:  # of others, keys are checked each time
        if len(shelf) >= MOST_BOUND:
            shelf.clear()
        shelf[key] = pattern, graph, made
    return made


def _taken(rows: pa.RecordBatchReader, limits: Limits, limit: int | None) -> tuple[pa.Table, bool]:
    """The rows of an engine as they are, with no SQL around them, and whether there were more than ``limit``."""
    table = rows.read_all()
    limits.check(table.nbytes)
    limits.check_answer(table.nbytes)
    if limit is not None and len(table) > limit:
        return table.slice(0, limit), True
    return table, False


@contextmanager
def _registered(handed: Mapping[str, Callable[[], pa.RecordBatchReader]], source: Source) -> Iterator[None]:
    """Rows that engines hand over, under their names for as long as the block lasts."""
    registered = []
    try:
        for name, rows in handed.items():
            source.connection.register(name, rows().read_all())
            registered.append(name)
        yield
    finally:
        for name in registered:
            with suppress(duckdb.TransactionException):  # of a question that failed: its own error is told
                source.connection.unregister(name)


def _check(statement: Statement, source: Source, names: list[str], limits: Limits) -> None:
    standing = [f"(FROM {name})" for name in names]
    try:
        guard.check(
            statement.filled(standing),
            source.connection,
            names,
            source.suggested,
            limits.check,
            source.provide,
        )
    except ParseError as error:
        place = statement.origin(error.position, standing)
        raise type(error)(error.message, statement.text, place, error.length, error.hint) from None


def _unique_names(table: pa.Table) -> pa.Table:
    """``a, a, a_1`` as ``a, a_2, a_1``: frames have no two columns of one name, and each keeps what it was called."""
    taken = set(table.column_names)
    seen: set[str] = set()
    names = []
    for name in table.column_names:
        number, unique = 0, name
        while unique in seen or (number and unique in taken):
            number += 1
            unique = f"{name}_{number}"
        seen.add(unique)
        names.append(unique)
    return table.rename_columns(names) if names != table.column_names else table

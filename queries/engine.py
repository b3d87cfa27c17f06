"""Ask a question: text in any of the languages in, Result out. The order of the work is ``run``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from ingest.registry import Registry
from ingest.schema.errors import ParseError, SchemaError, UnknownNameError
from ingest.schema.limits import as_bytes
from queries.describe import choice_lines, explained
from queries.duckdb import exact_ids, executor
from queries.duckdb.executor import DuckDBExecutor
from queries.duckdb.values import OWN, Values, without_nan
from queries.duckdb.writer import select
from queries.ir.pattern import Pattern
from queries.ir.statement import Slot, Statement
from queries.languages.sql_pgq.ddl import is_definition
from queries.planning.bind import BoundPattern, bind
from queries.planning.executor import Executor
from queries.planning.plan import Choice, choose, worth_asking
from queries.planning.rewrites import rewrite
from queries.planning.shortcuts import counted, hands_on, limited, shortened
from queries.planning.symmetry import ordered, without_automorphisms
from queries.result import Result, plain_types
from queries.source import Limits, Source
from queries.sql import guard
from queries.sql.errors import translated

__all__ = ["ENGINES", "FRONT_ENDS", "Source", "answer", "parse", "run"]

FRONT_ENDS: Registry[Callable[[str], Statement]] = Registry("query language", "graphlab.query_languages")
ENGINES: Registry[Callable[[], Executor]] = Registry("engine", "graphlab.engines")


# Each is loaded by the first question that needs it: a person waits for every import of a cold process.
def _pgq(text: str) -> Statement:
    from queries.languages.sql_pgq.parser import parse

    return parse(text)


def _dotmotif(text: str) -> Statement:
    from queries.languages.dotmotif.parser import parse

    return parse(text)


def _cypher(text: str) -> Statement:
    from queries.languages.cypher.parser import parse

    return parse(text)


def _csr() -> Executor:
    from queries.csr.executor import CSRExecutor

    return CSRExecutor()


FRONT_ENDS.register("pgq", _pgq)
FRONT_ENDS.register("dotmotif", _dotmotif)
FRONT_ENDS.register("cypher", _cypher)
FRONT_ENDS.register("sql", _pgq)
ENGINES.register("duckdb", DuckDBExecutor)
ENGINES.register("csr", _csr)


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
        engine: auto, or one of ENGINES.
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
    statement = shortened(parse(text, language))
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
) -> Result:
    """Bind, rewrite, plan and run a statement; see run().

    Args:
        begun: when its time began, on the clock of time.monotonic(); now when None.
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
        bound = [_bound(slot.pattern, source, text, exclude_automorphisms) for slot in statement.slots]
        names = [f"{OWN}pattern_{i}" for i in range(len(bound))]
        if not statement.whole:
            _check(statement, source, names, limits)
        for pattern in bound:
            given = exact_ids.check(pattern, source, given, text)
        if not statement.whole:
            exact_ids.check_around(statement, bound, source, given)
        given = {name: without_nan(value) for name, value in given.items()}
        engines = _engines(engine, bound)
        wanted = None if engine == "auto" else engine
        if len(engines) > 1:
            from queries.csr.estimate import note_degrees  # several engines are loaded only where one has to choose

            for pattern in filter(worth_asking, bound):
                note_degrees(pattern, source, given)
        choices = [choose(pattern, source, given, engines, wanted) for pattern in bound]
        values = Values(given, text)
        standing = [_standing(*part, values) for part in zip(bound, choices, names, strict=True)]
        sql = statement.filled(standing)
        if explain:
            table, more = explained(list(zip(bound, choices, strict=True)), sql), False
        elif statement.whole and not isinstance(choices[0].executor, DuckDBExecutor):
            table, more = _taken(choices[0].executor.execute(bound[0], source, given, limits), limits, limit)
        else:
            with _registered(bound, choices, names, source, given, limits):
                table, more = executor.read(
                    source.connection, sql, values.all(sql), limits, limit, foreign=not hands_on(statement)
                )
    except duckdb.Error as error:
        raise translated(error, text or statement.text) from None
    used = dict.fromkeys(choice.executor.name for choice in choices) or {"duckdb": None}
    plan = "\n".join(f"{part}: {detail}" for choice in choices for part, detail in choice_lines(choice))
    patterns = tuple(b.pattern for b in bound)
    return Result(plain_types(_unique_names(table)), sql, patterns, "+".join(used), truncated=more, plan=plan)


def parse(text: str, language: str | None = None) -> Statement:
    """A text as a statement, by the language's own front end.

    Raises:
        UnknownNameError: no such language. ParseError, UnsupportedError: see run().
    """
    return FRONT_ENDS.get(language or detect(text))(text)


_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*\n|//[^\n]*\n|#[^\n]*\n|/\*.*?\*/|\()*([A-Za-z_]+)", re.DOTALL)
_CYPHER = frozenset({"MATCH", "OPTIONAL", "UNWIND", "CALL", "RETURN"})
_SQL = frozenset({"SELECT", "FROM", "WITH", "VALUES", "SHOW", "DESCRIBE", "SUMMARIZE", "TABLE", "EXPLAIN", "CREATE"})
_BLANK = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)"
_SQL_WITH = re.compile(
    rf"WITH\b{_BLANK}*(?:RECURSIVE\b|(?:[^\W\d]\w*|\"(?:[^\"]|\"\")*\"){_BLANK}*"
    rf"(?:\([^()]*\){_BLANK}*)?(?:USING\b|AS\b{_BLANK}*(?:(?:NOT\b{_BLANK}*)?MATERIALIZED\b{_BLANK}*)?\())",
    re.IGNORECASE | re.DOTALL,
)
"""How SQL goes on after WITH: a name and a query in brackets. Cypher has a value there, however long."""
_MATCH = re.compile(r"\b(?:MATCH|RETURN)\b", re.IGNORECASE)
_DOTMOTIF = re.compile(r"^\s*(?:[^\W\d]\w*\s*[-~!][>+|-]|[^\W\d]\w*\s*\([\w\s,]*\)\s*\{|#)", re.MULTILINE)


def detect(text: str) -> str:
    """The language of a text by its first word, comments aside."""
    found = _FIRST_WORD.match(text)
    word = found.group(1).upper() if found else ""
    if word in _CYPHER:
        return "cypher"
    if found and word == "WITH" and not _SQL_WITH.match(text, found.start(1)) and _MATCH.search(text):
        return "cypher"
    if word in _SQL:
        return "pgq"
    return "dotmotif" if _DOTMOTIF.search(text[:10_000]) else "pgq"


def _engines(wanted: str, bound: list[BoundPattern]) -> list[Executor]:
    """Engines to choose from, SQL first; the one asked for alone. Others are loaded where there is a choice."""
    if wanted != "auto":
        if wanted not in ENGINES.names():
            raise UnknownNameError("engine", wanted, ["auto", *ENGINES.names()])
        return [ENGINES.get(wanted)()]
    if any(pattern.derived for pattern in bound) or not any(worth_asking(pattern) for pattern in bound):
        return [DuckDBExecutor()]
    return [make() for _, make in ENGINES]


def _bound(pattern: Pattern, source: Source, text: str, exclude_automorphisms: bool) -> BoundPattern:
    bound = bind(pattern, source, text)
    rewritten = rewrite(bound.pattern)
    return bound.bound_pattern(without_automorphisms(rewritten) if exclude_automorphisms else ordered(rewritten))


def _standing(pattern: BoundPattern, choice: Choice, name: str, values: Values) -> str:
    """What stands for a pattern in the SQL: its joins, or the name its rows are registered under."""
    if isinstance(choice.executor, DuckDBExecutor):
        return f"({select(pattern, values)})"
    return f"(FROM {name})"


def _taken(rows: pa.RecordBatchReader, limits: Limits, limit: int | None) -> tuple[pa.Table, bool]:
    """The rows of an engine as they are, with no SQL around them, and whether there were more than ``limit``."""
    table = rows.read_all()
    limits.check(table.nbytes)
    if limit is not None and len(table) > limit:
        return table.slice(0, limit), True
    return table, False


@contextmanager
def _registered(
    bound: list[BoundPattern],
    choices: list[Choice],
    names: list[str],
    source: Source,
    parameters: Mapping[str, Any],
    limits: Limits,
) -> Iterator[None]:
    """Rows that other engines found, under their names for as long as the block lasts."""
    registered = []
    try:
        for pattern, choice, name in zip(bound, choices, names, strict=True):
            if not isinstance(choice.executor, DuckDBExecutor):
                rows = choice.executor.execute(pattern, source, parameters, limits).read_all()
                source.connection.register(name, rows)
                registered.append(name)
        yield
    finally:
        for name in registered:
            source.connection.unregister(name)


def _check(statement: Statement, source: Source, names: list[str], limits: Limits) -> None:
    standing = [f"(FROM {name})" for name in names]
    try:
        guard.check(
            statement.filled(standing),
            source.connection,
            guard.known_relations(source.connection),
            names,
            source.suggested,
            limits.check,
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

"""Ask a question: text in any of the languages in, Result out. The order of the work is ``run``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from ingest.errors import ParseError, SchemaError, UnknownNameError
from queries import cypher, dotmotif, duckdb_executor, sql_guard, sql_pgq
from queries.bind import BoundPattern, bind
from queries.result import Result, plain_types
from queries.rewrites import rewrite
from queries.source import Limits, Source
from queries.sql_errors import translated
from queries.sql_values import OWN, Values
from queries.sql_writer import select
from queries.statement import Statement

__all__ = ["LANGUAGES", "Source", "run"]

LANGUAGES = ("pgq", "dotmotif", "cypher", "sql")
ENGINES = ("auto", "duckdb")
FRONT_ENDS: dict[str, Callable[[str], Statement]] = {
    "pgq": sql_pgq.parse,
    "dotmotif": dotmotif.parse,
    "cypher": cypher.parse,
    "sql": sql_pgq.parse,
}
_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*|//[^\n]*|#[^\n]*|/\*.*?\*/|\()*([A-Za-z_]+)", re.DOTALL)
_CYPHER = frozenset({"MATCH", "OPTIONAL", "UNWIND", "CALL", "RETURN"})
_SQL = frozenset({"SELECT", "FROM", "WITH", "VALUES", "SHOW", "DESCRIBE", "SUMMARIZE", "TABLE", "EXPLAIN", "CREATE"})
_CYPHER_WITH = re.compile(r"\bMATCH\s*\(", re.IGNORECASE)
_DOTMOTIF = re.compile(r"[-~!][>+|-]|===")


def run(
    text: str,
    source: Source,
    *,
    language: str | None = None,
    engine: str = "auto",
    limit: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    explain: bool = False,
    time_limit: float | None = None,
    memory_limit: int | str | None = None,
) -> Result:
    """Answer a question over a graph; nothing is ever written.

    Args:
        text: the question.
        language: one of LANGUAGES; by the text's own first words when None.
        engine: one of ENGINES.
        limit: at most so many rows; ``truncated`` in the result says whether there were more.
        parameters: values of ``$name``, bound, never pasted.
        time_limit: seconds.
        memory_limit: bytes, or text like ``"2GB"``.

    Raises:
        ParseError, UnsupportedError: with line, column and the place underlined.
        LimitError: a limit was reached; InterruptedRun: Ctrl-C.
    """
    if limit is not None and limit < 0:
        raise SchemaError(f"limit is {limit}; wanted 0 or more rows")
    statement = parse(text, language)
    allowed = [seconds for seconds in (time_limit, statement.time_limit) if seconds is not None]
    limits = Limits.starting_now(min(allowed, default=None), as_bytes(memory_limit))
    bound = [_bound(slot.pattern, source, statement.written) for slot in statement.slots]
    names = [f"{OWN}pattern_{i}" for i in range(len(bound))]
    _check(statement, source, names)
    values = Values({**(parameters or {}), **statement.bound}, statement.written)
    sql = statement.filled([f"({select(pattern, values)})" for pattern in bound])
    try:
        table, more = duckdb_executor.read(source.connection, sql, values.all(sql), limits, limit)
    except duckdb.Error as error:
        raise translated(error, statement.written) from None
    return Result(plain_types(_unique_names(table)), sql, tuple(b.pattern for b in bound), "duckdb", truncated=more)


def parse(text: str, language: str | None = None) -> Statement:
    """A text as a statement, by the language's own front end."""
    chosen = language or detect(text)
    if chosen not in LANGUAGES:
        raise UnknownNameError("query language", chosen, LANGUAGES)
    return FRONT_ENDS[chosen](text)


def detect(text: str) -> str:
    """The language of a text by its first word, comments aside."""
    found = _FIRST_WORD.match(text)
    word = found.group(1).upper() if found else ""
    if word in _CYPHER or (word == "WITH" and _CYPHER_WITH.search(text)):
        return "cypher"
    if word in _SQL:
        return "pgq"
    return "dotmotif" if _DOTMOTIF.search(text) else "pgq"


def as_bytes(size: int | str | None) -> int | None:
    """``"2GB"`` as bytes.

    Raises:
        SchemaError: no size.
    """
    if size is None or isinstance(size, int):
        return size
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", size.lower())
    if found is None:
        raise SchemaError(f"memory limit {size!r} is no size; wanted for example '2GB' or '500MB'")
    return int(float(found.group(1)) * 1024 ** " kmgt".index(found.group(2) or " "))


def _bound(pattern: Any, source: Source, text: str) -> BoundPattern:
    bound = bind(pattern, source, text)
    return bound.bound_pattern(rewrite(bound.pattern))


def _check(statement: Statement, source: Source, names: list[str]) -> None:
    relations = known_relations(source)
    standing = [f"(FROM {name})" for name in names]
    filled = statement.filled(standing)
    try:
        sql_guard.check(filled, source.connection, relations, names)
    except ParseError as error:
        place = statement.origin(error.position, standing)
        raise type(error)(error.message, statement.text, place, error.length, error.hint) from None


def known_relations(source: Source) -> list[str]:
    """Tables and views that SQL may name, lower case."""
    if "relations" not in source.cache:
        rows = source.connection.execute(
            "SELECT lower(table_name) FROM duckdb_tables() UNION "
            "SELECT lower(view_name) FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
        source.cache["relations"] = sorted(str(row[0]) for row in rows)
    relations: list[str] = source.cache["relations"]
    return relations


def _unique_names(table: pa.Table) -> pa.Table:
    """``a, a`` as ``a, a_1``: frames have no two columns of one name."""
    seen: set[str] = set()
    names = []
    for name in table.column_names:
        number, unique = 0, name
        while unique in seen:
            number += 1
            unique = f"{name}_{number}"
        seen.add(unique)
        names.append(unique)
    return table.rename_columns(names) if names != table.column_names else table

"""What DuckDB complains about, said about the user's own text.

Tests: tests/queries/sql/test_guard.py.
"""

from __future__ import annotations

import re

import duckdb

from ingest.schema.errors import AnalysisError, GraphlabError, ParseError, ReadError, SchemaError
from queries.sql.tokens import tokens

_NAMED = re.compile(
    r"(?:column named|column|with name|named|table|function|alias)\s+(?:with name\s+)?"
    r"[\"'`]?([^\s\"'`!(]+)[\"'`]?",
    re.IGNORECASE,
)
_CALLED = re.compile(r"'(\w+)\([^']*\)'")
_SUGGESTED = re.compile(r'Did you mean "([^"]+)"')
_CANDIDATES = re.compile(r"Candidate bindings: ([^\n]+)")


def translated(error: duckdb.Error, text: str) -> GraphlabError:
    """Our error for DuckDB's: a place in the text where one can be found."""
    message = _first_sentence(str(error))
    if isinstance(
        error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException | duckdb.SyntaxException
    ):
        position, length = _place(message, text)
        return ParseError(message, text, position, length, _hint(str(error)))
    if isinstance(error, duckdb.IOException):
        return ReadError(f"DuckDB could not read or spill: {message}")
    if isinstance(
        error,
        duckdb.ConversionException
        | duckdb.OutOfRangeException
        | duckdb.InvalidInputException
        | duckdb.InvalidTypeException
        | duckdb.TypeMismatchException,
    ):
        return SchemaError(f"a value does not fit the query: {message}")
    return AnalysisError(f"DuckDB: {message}")


def _first_sentence(message: str) -> str:
    kept = re.split(r"\n\s*(?:LINE \d+:|Candidate|Did you mean)", message)[0].strip()
    return re.sub(r"\s+", " ", re.sub(r"^\w+(?: \w+)* Error: ", "", kept))


def _hint(message: str) -> str:
    if match := _SUGGESTED.search(message):
        return f"Did you mean {match.group(1)}?"
    if match := _CANDIDATES.search(message):
        return f"Did you mean {match.group(1)}?"
    return ""


def _place(message: str, text: str) -> tuple[int, int]:
    for name in [*_NAMED.findall(message), *_CALLED.findall(message)]:
        bare = name.strip("\"'`!.,").split(".")[-1].lower()
        for token in tokens(text):
            if token.kind in ("word", "quoted") and token.text.strip('"').lower() == bare:
                return token.start, len(token.text)
    return 0, 1

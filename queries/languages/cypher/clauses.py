"""Clauses of a Cypher statement, as the grammar's trees give them to the translation.

Tests: tests/queries/languages/cypher/test_parser.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from queries.ir.builder import WrittenPath
from queries.ir.expression import Expression, Span


@dataclass(frozen=True)
class Match:
    """MATCH chains WHERE condition."""

    chains: tuple[WrittenPath, ...]
    where: Expression | None
    at: Span


@dataclass(frozen=True)
class Item:
    """One item of WITH or RETURN; ``value`` None is ``*``."""

    name: str | None
    value: Expression | None
    at: Span


@dataclass(frozen=True)
class SortKey:
    """One ORDER BY key."""

    value: Expression
    descending: bool


@dataclass(frozen=True)
class Projection:
    """WITH or RETURN, with all that may follow."""

    final: bool
    distinct: bool
    items: tuple[Item, ...]
    order: tuple[SortKey, ...]
    skip: Expression | None
    limit: Expression | None
    where: Expression | None
    at: Span


@dataclass(frozen=True)
class Timeboxed:
    """``CALL apoc.cypher.runTimeboxed("...", {}, ms) YIELD value RETURN value.x AS y``."""

    text: str
    milliseconds: Expression
    value: str
    items: tuple[Item, ...]
    at: Span


def written(text: str, at: Span) -> str:
    """The text of an expression on one line; brackets that stand around its ends are taken in."""
    start, end = at.start, at.end
    while start > 0 and text.count(")", start, end) > text.count("(", start, end):
        start -= 1
    while end < len(text) and text.count("(", start, end) > text.count(")", start, end):
        end += 1
    return re.sub(r"\s+", " ", text[start:end])

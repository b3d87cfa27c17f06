"""Clauses of a Cypher statement, as the grammar's trees give them to the translation.

Tests: tests/queries/languages/cypher/test_parser.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ingest.schema.errors import ParseError
from queries.ir.builder import WrittenPath
from queries.ir.expression import ElementId, Expression, Literal, Parameter, Property, Span, transform


@dataclass(frozen=True)
class Match:
    """[OPTIONAL] MATCH chains WHERE condition."""

    chains: tuple[WrittenPath, ...]
    where: Expression | None
    at: Span
    optional: bool = False


@dataclass(frozen=True)
class Unwind:
    """UNWIND value AS name."""

    value: Expression
    name: str
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


Clause = Match | Unwind | Projection


@dataclass(frozen=True)
class Single:
    """One query of clauses, ended by RETURN."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True)
class Union:
    """What stands between two of them."""

    all_rows: bool
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


def item_name(item: Item, text: str) -> str:
    """What an item of WITH or RETURN is called."""
    if item.name is not None:
        return item.name
    return item.value.variable if isinstance(item.value, ElementId) else written(text, item.at)


def number_of(value: Expression | None, text: str) -> int | Parameter | None:
    """The number of SKIP or LIMIT.

    Raises:
        ParseError: anything but a whole number or a parameter.
    """
    if value is None or isinstance(value, Parameter):
        return value
    if isinstance(value, Literal) and type(value.value) is int and value.value >= 0:
        return value.value
    at = value.at or Span(0, 1)
    raise ParseError("SKIP and LIMIT want a whole number or a parameter", text, at.start, at.end - at.start)


def sort_key(key: Expression, clause: Projection, text: str) -> Expression:
    """A sort key over the rows before a clause: what is called by its new name there is what it is made of."""
    made = {item_name(item, text): item.value for item in clause.items if item.value is not None}

    def change(node: Expression) -> Expression:
        if isinstance(node, ElementId):
            return made.get(node.variable, node)
        if isinstance(node, Property):
            of = made.get(node.variable)
            return replace(node, variable=of.variable) if isinstance(of, ElementId) else node
        return node

    return transform(key, change)

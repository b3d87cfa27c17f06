"""SQL/PGQ: GRAPH_TABLE wherever a table may stand in DuckDB SQL.

What is accepted inside GRAPH_TABLE ( graph MATCH ... ) is the grammar in ``sql_pgq.lark``; around it stands any
DuckDB SELECT. Matches are homomorphic, as ISO/IEC 9075-16 says (walks: vertices and edges may repeat), unless
KEEP says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from ingest.schema.errors import ParseError, UnsupportedError
from queries.ir.builder import PatternBuilder
from queries.ir.expression import Expression, Property
from queries.ir.pattern import Column, Pattern
from queries.ir.statement import Slot, Statement
from queries.languages.grammar import Fault, Grammar
from queries.languages.sql_pgq.ddl import parse_property_graph
from queries.languages.sql_pgq.trees import Body, PgqTrees
from queries.sql.tokens import Token, closing, tokens

__all__ = ["parse", "parse_property_graph"]


@lru_cache(maxsize=1)
def _grammar() -> Grammar:
    source = (files("queries.languages.sql_pgq") / "sql_pgq.lark").read_text(encoding="utf-8")
    return Grammar(source, start="body", trees=PgqTrees(), names=_NAMES)


_NAMES = {
    "EDGE_OPEN": "-[",
    "LEFT_OPEN": "<-[",
    "RIGHT_ARROW": "->",
    "LEFT_ARROW": "<-",
    "BOTH_ARROW": "<->",
    "EDGE_CLOSE": "]-",
    "RIGHT_CLOSE": "]->",
    "NAME": "a name",
    "QUOTED": "a quoted name",
    "STRING": "a string",
    "INTEGER": "a whole number",
    "DECIMAL": "a number",
    "PARAMETER": "$parameter",
    "COMPARE": "a comparison",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "_END": "the end",
}


def parse(text: str) -> Statement:
    """A SELECT with any number of GRAPH_TABLEs as a statement with one slot for each.

    Raises:
        ParseError, UnsupportedError: with line, column and the place underlined.
    """
    all_tokens = tokens(text)
    slots: list[Slot] = []
    for index, token in enumerate(all_tokens):
        if not token.is_word("GRAPH_TABLE"):
            continue
        if index + 1 >= len(all_tokens) or all_tokens[index + 1].text != "(":
            raise ParseError("GRAPH_TABLE wants ( graph MATCH ... )", text, token.start, len(token.text))
        last = closing(all_tokens, index + 1)
        if slots and token.start < slots[-1].end:
            raise UnsupportedError(
                "GRAPH_TABLE stands inside another", text, token.start, len(token.text),
                hint="Join two GRAPH_TABLEs in the FROM clause instead.",
            )  # fmt: skip
        pattern = _pattern(text, all_tokens[index + 2 : last], all_tokens[last])
        slots.append(Slot(token.start, all_tokens[last].end, pattern))
    return Statement(text, tuple(slots), "pgq" if slots else "sql", text)


def _pattern(text: str, inside: Sequence[Token], close: Token) -> Pattern:
    first = inside[0] if inside else close
    if first.kind not in ("word", "quoted") or first.is_word("MATCH"):
        raise ParseError(
            "GRAPH_TABLE starts with the name of a property graph",
            text,
            first.start,
            len(first.text),
            hint="Write GRAPH_TABLE (connectome MATCH ...).",
        )
    graph = first.text if first.kind == "word" else first.text[1:-1].replace('""', '"')
    body: Body = _parse_body(text, inside[1:], close)
    builder = PatternBuilder(graph, text)
    for chain in body.chains:
        builder.add(chain)
    builder.where(body.where)
    return builder.build(_columns(body, builder), body.semantics)


def _parse_body(text: str, inside: Sequence[Token], close: Token) -> Any:
    for token in inside:
        if token.kind == "string" and not token.text.startswith("'"):
            raise UnsupportedError(
                "strings inside GRAPH_TABLE stand in plain single quotes", text, token.start, len(token.text)
            )
    # Blanks stand for everything else, so that the parser's positions are those of the whole text.
    kept, at = [], 0
    for token in inside:
        kept += [" " * (token.start - at), token.text]
        at = token.end
    try:
        return _grammar().parse("".join(kept))
    except Fault as fault:
        position = close.start if fault.at_end else fault.position
        raise fault.error(text, position) from None


def _columns(body: Body, builder: PatternBuilder) -> list[Column]:
    """Output columns; without COLUMNS, every column of every named element."""
    if body.columns is None:
        return [Column("*", Property("*", "*"))]
    columns = []
    taken: dict[str, Expression] = {}
    for name, value in body.columns:
        if name is None:
            at = value.at
            raise builder.fault("this output column has no name", at, hint="Write a name after it: ... AS name")
        if name.lower() in taken:
            raise builder.fault(
                f"two output columns are called {name!r}",
                value.at,
                hint="Write AS and another name after one of them.",
            )
        taken[name.lower()] = value
        columns.append(Column(name, value))
    return columns

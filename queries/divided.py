"""One question as many: rows of its patterns by ranges of the keys of one vertex, and the answer made of them.

Every match has one such vertex, so ranges that cover all keys find every match once. What is said around the patterns
is done over the rows of all ranges.

Tests: tests/queries/test_divided.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.schema.errors import UnsupportedError
from queries.engine import answer, bound_to, parse
from queries.ir.identifiers import quote
from queries.ir.pattern import Pattern, Select
from queries.ir.statement import Slot, Statement
from queries.planning.bound import BoundPattern, Key, Within
from queries.planning.shortcuts import counted, shortened
from queries.planning.symmetry import automorphisms
from queries.result import Result
from queries.source import Source
from queries.sql.tokens import tokens

PIECES = 32
"""Ranges of each pattern, whoever works on them: rows come in the same order and bytes."""
EXCHANGED = 6
"""Up to so many vertices it is looked which of them are interchangeable."""
Piece = tuple[int, str, Key, Key]
"""The number of a pattern, its vertex, and the first and last key of a range."""
_ROWS = "graphlab_rows_in_order"


@dataclass(frozen=True)
class Question:
    """A question that can be divided.

    Args:
        text, language, parameters, count, exclude_automorphisms: as ``queries.engine.run`` takes them.
        engine, time_limit, memory_limit: of each piece.
    """

    text: str
    language: str | None = None
    parameters: Mapping[str, Any] | None = None
    count: bool = False
    exclude_automorphisms: bool = False
    engine: str = "auto"
    time_limit: float | None = None
    memory_limit: int | str | None = None

    def pieces(self, source: Source) -> list[Piece]:
        """What there is to do, in the order in which ``answered`` takes it.

        Raises:
            ParseError: as for any question. UnsupportedError: it cannot be divided, and what to write instead.
        """
        statement = self._statement()
        if not statement.slots:
            raise UnsupportedError("this cannot be divided: it has no pattern", hint="Ask it without parts.")
        found: list[Piece] = []
        for number, slot in enumerate(statement.slots):
            vertex, bound = self._start(statement, slot.pattern, source)
            keys = _keys(bound, vertex, source)
            cuts = np.linspace(0, len(keys), min(PIECES, len(keys)) + 1).astype(np.int64).tolist()
            found += [(number, vertex, keys[begin].as_py(), keys[end - 1].as_py()) for begin, end in pairwise(cuts)]
        return found

    def rows(self, source: Source, piece: Piece) -> pa.Table:
        """Matches of one piece, sorted by their columns; one row with their number where only that is asked."""
        number, vertex, low, high = piece
        return self._of_pattern(source, number, Within(vertex, low, high))

    def answered(self, source: Source, pieces: Sequence[Piece], rows: Iterable[pa.Table], limit: int | None) -> Result:
        """The answer, as ``queries.engine.run`` gives it, its rows sorted by their columns unless ORDER BY says more.

        Args:
            rows: of ``pieces``, in their order.
            limit: at most so many rows.
        """
        statement = self._statement()
        parts: list[list[pa.Table]] = [[] for _ in statement.slots]
        for piece, table in zip(pieces, rows, strict=True):
            parts[piece[0]].append(table)
        # Of a graph without vertices nothing was asked, and an empty table has the columns.
        tables = [pa.concat_tables(part or [self._of_pattern(source, n)]) for n, part in enumerate(parts)]
        if statement.whole and statement.slots[0].pattern.only_counts:
            name, numbers = tables[0].column_names[0], tables[0].column(0).to_pylist()
            number = self._exchanges(statement, statement.slots[0].pattern, source) * sum(numbers)
            tables = [pa.table({name: pa.array([number], pa.int64())})]
        result = answer(
            statement, source, parameters=self.parameters, found=tables, time_limit=self.time_limit,
            exclude_automorphisms=self.exclude_automorphisms, memory_limit=self.memory_limit,
        )  # fmt: skip
        table = result.table if _outside(statement, "ORDER") else in_order(source, result.table)
        more = limit is not None and len(table) > limit
        return replace(result, table=table.slice(0, limit) if more else table, truncated=more)

    def _of_pattern(self, source: Source, number: int, within: Within | None = None) -> pa.Table:
        statement = self._statement()
        pattern = statement.slots[number].pattern
        alone = replace(statement, text="?", slots=(Slot(0, 1, pattern),))
        one_of_alike = self.exclude_automorphisms or self._exchanges(statement, pattern, source) > 1
        found = answer(
            alone, source, engine=self.engine, parameters=self.parameters, time_limit=self.time_limit,
            exclude_automorphisms=one_of_alike, memory_limit=self.memory_limit, within=within,
        )  # fmt: skip
        return in_order(source, found.table)

    def _exchanges(self, statement: Statement, pattern: Pattern, source: Source) -> int:
        """Of matches that are counted and differ by exchanging alike vertices one is looked for: how many these are."""
        if not (statement.whole and pattern.only_counts and pattern.semantics.vertices_differ):
            return 1
        bound = bound_to(pattern, source, statement.written, self.exclude_automorphisms).pattern
        if bound.symmetry or bound.alike or len(bound.vertices) > EXCHANGED:
            return 1
        return len(automorphisms(bound))

    def _statement(self) -> Statement:
        statement = shortened(parse(self.text, self.language))
        return counted(statement) if self.count else statement

    def _start(self, statement: Statement, pattern: Pattern, source: Source) -> tuple[str, BoundPattern]:
        """The vertex by whose keys a pattern is divided: the first that is written."""
        text = statement.written or statement.text
        reason, hint = _undividable(statement, pattern)
        bound = bound_to(pattern, source, text, self.exclude_automorphisms)
        if not reason and bound.pattern.alike:
            reason, hint = "it compares matches that are alike", "Ask it without parts."
        if reason:
            raise UnsupportedError(f"this cannot be divided: {reason}", hint=hint)
        return bound.pattern.vertices[0].variable, bound


def in_order(source: Source, table: pa.Table) -> pa.Table:
    """Rows sorted by their columns, from the first to the last; nulls last."""
    if len(table) < 2 or not table.num_columns:
        return table.combine_chunks()
    names = [f"c{number}" for number in range(table.num_columns)]
    place = pa.array(np.arange(len(table)))
    source.connection.register(_ROWS, table.rename_columns(names).append_column("place", place))
    try:
        sql = f"SELECT place FROM {_ROWS} ORDER BY {', '.join([*names, 'place'])}"
        order = source.connection.sql(sql).to_arrow_table().column(0)
    finally:
        source.connection.unregister(_ROWS)
    return table.take(order.combine_chunks()).combine_chunks()


def _undividable(statement: Statement, pattern: Pattern) -> tuple[str, str]:
    """Why the rows of a pattern are not those of its parts put together, and what to write; "" where they are."""
    sql = "In SQL, write it around GRAPH_TABLE (...)."
    if pattern.aggregates and not (statement.whole and pattern.only_counts):
        return "it aggregates in the pattern", f"{sql} Numbers of matches are counted in parts with count."
    if pattern.distinct:
        return "it has DISTINCT in the pattern", sql
    if pattern.order:
        return "it has ORDER BY in the pattern", f"{sql} Rows of parts come sorted by their columns."
    if pattern.limit is not None or pattern.skip or (_outside(statement, "LIMIT", "OFFSET", "FETCH", "SAMPLE")
                                                     and not _outside(statement, "ORDER")):  # fmt: skip
        return (
            "it takes some of its rows, and any of them",
            "Add ORDER BY around GRAPH_TABLE (...), or leave LIMIT out.",
        )
    if any(path.select is not Select.ALL for path in pattern.paths):
        return "it selects among paths", "Ask for all of them, or without parts."
    return "", ""


def _outside(statement: Statement, *words: str) -> bool:
    """Whether a keyword stands around the patterns, in no brackets."""
    depth = 0
    for token in tokens(statement.text):
        if any(slot.start <= token.start < slot.end for slot in statement.slots):
            continue
        depth += (token.text in "([{") - (token.text in ")]}")
        if depth == 0 and token.is_word(*words):
            return True
    return False


def _keys(bound: BoundPattern, vertex: str, source: Source) -> pa.Array:
    """Keys of the vertices that there are, ascending."""
    table = bound.vertex_tables[vertex]
    key = quote(table.key)
    conditions = [f"{key} IS NOT NULL", *(f"{quote(column)} = $only{i}" for i, (column, _) in enumerate(table.only))]
    sql = f"SELECT DISTINCT {key} FROM {quote(table.table)} WHERE {' AND '.join(conditions)} ORDER BY {key}"
    values = {f"only{i}": value for i, (_, value) in enumerate(table.only)}
    keys = source.connection.sql(sql, params=values or None).to_arrow_table().column(0).combine_chunks()
    if not (pa.types.is_integer(keys.type) or pa.types.is_string(keys.type)):
        raise UnsupportedError(f"this cannot be divided: {table.key} of {table.table} is no whole number and no text")
    return keys

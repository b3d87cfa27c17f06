"""What follows an aggregating or sorting WITH in Cypher, as SQL around the pattern that ends with it.

Tests: tests/queries/languages/cypher/test_parser.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingest.schema.errors import ParseError, UnsupportedError, did_you_mean
from queries.duckdb.expressions import Names, write
from queries.ir.expression import ElementId, Expression, Literal, Parameter, Span, is_aggregate
from queries.ir.identifiers import quote
from queries.ir.pattern import Pattern
from queries.ir.statement import Slot, Statement
from queries.languages.cypher.clauses import Item, Match, Projection, written
from queries.planning.values import Values


def later_stages(text: str, pattern: Pattern, clause: Projection, rest: Sequence[Match | Projection]) -> Statement:
    """A statement that filters and projects the rows of ``pattern``, one SELECT a clause.

    Raises:
        UnsupportedError: a MATCH after ``clause``.
        ParseError: a name that ``clause`` does not carry on.
    """
    return _Stages(text, [column.name for column in pattern.columns]).statement(pattern, clause, rest)


class _Stages:
    def __init__(self, text: str, columns: list[str]) -> None:
        self.text = text
        self.columns = columns
        self.values = Values({}, text, prefix="graphlab_c")
        self.names = Names(self._identity, self._column, self._no_path, self._no_path, self._no_path, _no_type)

    def statement(self, pattern: Pattern, clause: Projection, rest: Sequence[Match | Projection]) -> Statement:
        before, after = "SELECT * FROM ", self._where(clause)
        for later in rest:
            if isinstance(later, Match):
                raise UnsupportedError(
                    "MATCH after an aggregating or sorting WITH is not answered",
                    self.text, later.at.start, 5, "Match first, then aggregate; or join two GRAPH_TABLEs in SQL.",
                )  # fmt: skip
            before, after = self._select(later, before, after)
        slot = Slot(len(before), len(before) + 1, pattern)
        return Statement(f"{before}?{after}", (slot,), "cypher", self.text, self.values.bound)

    def _where(self, clause: Projection) -> str:
        return "" if clause.where is None else f" WHERE {self._sql(clause.where)}"

    def _select(self, clause: Projection, before: str, after: str) -> tuple[str, str]:
        outputs: dict[str, str] = {}
        keys = [(self._sorted(key.value, clause), key.descending) for key in clause.order]
        for item in clause.items:
            if item.value is None:
                outputs |= {name: quote(name) for name in self.columns}
                continue
            name = self._name(item)
            outputs[name] = self._sql(item.value)
            if isinstance(item.value, ElementId) and not clause.final:
                old = item.value.variable
                outputs |= {
                    f"{name}{column.removeprefix(old)}": quote(column)
                    for column in self.columns
                    if column.startswith(f"{old}.")
                }
        listed = ", ".join(f"{sql} AS {quote(name)}" for name, sql in outputs.items())
        tail = "" if not any(i.value is not None and is_aggregate(i.value) for i in clause.items) else " GROUP BY ALL"
        if keys:
            tail += " ORDER BY " + ", ".join(f"{sql}{' DESC' if down else ''}" for sql, down in keys)
        for word, number in (("LIMIT", clause.limit), ("OFFSET", clause.skip)):
            if number is not None:
                tail += f" {word} {self._number(number)}"
        self.columns = list(outputs)
        before = f"SELECT {'DISTINCT ' if clause.distinct else ''}{listed} FROM ({before}"
        after = f"{after}){tail}"
        if clause.where is not None:
            return f"SELECT * FROM ({before}", f"{after}){self._where(clause)}"
        return before, after

    def _sorted(self, value: Expression, clause: Projection) -> str:
        for item in clause.items:
            if isinstance(value, ElementId) and item.name == value.variable:
                return quote(value.variable)
        return self._sql(value)

    def _number(self, value: Expression) -> str:
        if isinstance(value, Parameter):
            return f"${value.name}"
        if isinstance(value, Literal) and type(value.value) is int and value.value >= 0:
            return str(value.value)
        at = value.at or Span(0, 1)
        raise ParseError("SKIP and LIMIT want a whole number or a parameter", self.text, at.start, at.end - at.start)

    def _name(self, item: Item) -> str:
        if item.name is not None:
            return item.name
        if isinstance(item.value, ElementId):
            return item.value.variable
        return written(self.text, item.at)

    def _sql(self, expression: Expression) -> str:
        for node in expression.walk():
            if isinstance(node, Parameter):
                self.values.expect(node.name)
        return write(expression, self.names, self.values)

    def _identity(self, name: str) -> str:
        return self._known(name)

    def _column(self, variable: str, name: str) -> str:
        return self._known(f"{variable}.{name}")

    def _known(self, name: str) -> str:
        if name in self.columns:
            return quote(name)
        at = self.text.rfind(name.split(".", maxsplit=1)[0])
        raise ParseError(
            f"there is no {name!r} here{did_you_mean(name, self.columns)}", self.text, max(at, 0), len(name),
            "WITH carries on only the names it lists.",
        )  # fmt: skip

    def _no_path(self, node: Any) -> str:
        at = getattr(node, "at", None) or Span(0, 1)
        raise UnsupportedError(
            "paths and patterns are not read after an aggregating or sorting WITH", self.text, at.start,
            at.end - at.start, "Compute it before: WITH ..., length(p) AS hops.",
        )  # fmt: skip


def _no_type(variable: str, name: str) -> str:
    return ""

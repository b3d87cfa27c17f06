"""Ids never meet decimal numbers: a float holds 53 bits, so neighbours of a 64-bit id would pass for it.

DuckDB binds the question, and what it would compare is looked at before anything runs. Its plan shows each cast that
a comparison makes: one from an unsigned 64-bit whole number, which here is an id, to a float loses digits, and so does
one from a float to a whole number that then meets an id. The same holds for what mixes both in one value: a list,
CASE, coalesce. Engines other than SQL get the same answer, since the check comes before an engine is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np

from ingest.schema.errors import FloatIdError, UnsupportedError
from queries.duckdb.expressions import Names, write
from queries.duckdb.id_casts import WHOLE, first_float_comparison
from queries.ir.expression import (
    AllAlong,
    Call,
    Case,
    EachAlong,
    ElementId,
    Expression,
    ListOf,
    Literal,
    Operation,
    Parameter,
    Property,
    Span,
    is_aggregate,
)
from queries.ir.identifiers import quote
from queries.ir.parts import expressions
from queries.ir.pattern import Exists
from queries.ir.statement import Statement
from queries.planning.bound import BoundPattern
from queries.planning.values import Values, plain
from queries.source import Source
from queries.sql.tokens import tokens

_COMPARED = {"=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IN", "IN LIST"}
_MIXING = {"coalesce", "ifnull", "nullif", "if", "greatest", "least"}
_WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})


def check(bound: BoundPattern, source: Source, given: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Refuse a pattern in which an id meets a float.

    Returns:
        ``given`` with texts of digits that are compared with ids as the numbers they are.

    Raises:
        FloatIdError: with the place in the user's text.
        UnsupportedError: IN with a parameter that is one value.
    """
    look = _Look(bound, source, dict(given), text)
    for root in expressions(bound.pattern):
        for node in root.walk():
            look.at(node)
    return look.given


def check_around(statement: Statement, bound: Sequence[BoundPattern], source: Source, given: Mapping[str, Any]) -> None:
    """Refuse SQL around patterns, or without any, in which an id meets a float.

    Raises:
        FloatIdError: with the place in the user's text, where the language is SQL.
    """
    if not _may_meet(statement):
        return
    values = Values(given, statement.written)
    standing = [_standing(pattern, values) for pattern in bound]
    sql = statement.filled(standing)
    problem = first_float_comparison(source.connection, sql, values.all(sql), source.cache)
    if problem is None:
        return
    if statement.language in ("sql", "pgq"):
        start = statement.origin(problem.start, standing)
        raise FloatIdError(problem.said, statement.text, start, problem.length, problem.hint)
    raise FloatIdError(problem.said, statement.written, 0, 1, problem.hint)


def _may_meet(statement: Statement) -> bool:
    """Whether the SQL around the patterns compares or mixes anything at all."""
    inside = [(slot.start, slot.end) for slot in statement.slots]
    return any(
        (token.kind == "symbol" and token.text in "=<>[") or token.is_word(*_WORDS) or _CALLED.match(token.text)
        for token in tokens(statement.text)
        if not any(start <= token.start < end for start, end in inside)
    )


_WORDS = ("IN", "BETWEEN", "JOIN", "USING", "CASE", "INTERSECT", "EXCEPT", "UNION")
_CALLED = re.compile(r"(?:list|array)_\w+$|contains$|coalesce$|ifnull$|nullif$|if$|greatest$|least$", re.IGNORECASE)


def _standing(bound: BoundPattern, values: Values) -> str:
    """Rows with the types of a pattern's outputs."""
    outputs = {column.name: column.value for column in bound.pattern.columns} or {"1": Literal(1)}
    return f"({EmptyRelation(bound, _over(bound), values).select(outputs)})"


class _Look:
    def __init__(self, bound: BoundPattern, source: Source, given: dict[str, Any], text: str) -> None:
        self.bound = bound
        self.source = source
        self.given = given
        self.text = text
        self.over = _over(bound)

    def at(self, node: Expression) -> None:
        parts = _parts(node)
        if not parts or not any(self._is_id(inner) for part in parts for inner in part.walk()):
            return
        compared = isinstance(node, Operation) and any(map(self._is_id, parts))
        if compared:
            for part in parts:
                self._values(part, node)
        if not all(self._exact(part) for part in parts):
            self._by_plan(node)

    # -- values --

    def _values(self, part: Expression, node: Expression) -> None:
        """Constants and parameters that an id is compared with: whole numbers, or texts of digits."""
        if isinstance(part, Parameter) and part.name in self.given:
            value = plain(self.given[part.name])
            listed = isinstance(value, list | duckdb.Value)
            if isinstance(node, Operation) and node.operator == "IN LIST" and not listed and value is not None:
                at = part.at or Span(0, 1)
                raise UnsupportedError(
                    f"IN wants a list, and ${part.name} is one value", self.text, at.start, at.end - at.start,
                    f"Pass a list; on the command line --parameter '{part.name}=[7, 9]', or {part.name}=@FILE with "
                    "one value a line.",
                )  # fmt: skip
            items = value if isinstance(value, list) else [value]
            if any(isinstance(item, str | bool | Decimal) for item in items):
                numbers = [self._number(item, part, node) for item in items]
                self.given[part.name] = numbers if isinstance(value, list) else numbers[0]
        elif isinstance(part, Literal):
            for item in part.value if isinstance(part.value, tuple) else (part.value,):
                self._number(item, part, node)

    def _number(self, value: Any, part: Expression, node: Expression) -> Any:
        if isinstance(value, bool):
            raise self._fault("an id is compared with a truth value", part, node)
        if isinstance(value, Decimal):
            if value.is_finite() and value == value.to_integral_value():
                return int(value)
            raise self._fault(f"an id is compared with {value}, which is no whole number", part, node)
        if not isinstance(value, str):
            return value
        if not (value.isascii() and value.strip().isdigit()):
            raise self._fault(f"an id is compared with the text {value[:40]!r}, which is no whole number", part, node)
        return int(value)

    def _exact(self, part: Expression) -> bool:
        """Whether it is an id or whole numbers, without asking DuckDB."""
        if isinstance(part, Literal):
            items = part.value if isinstance(part.value, tuple) else (part.value,)
            return all(item is None or type(item) is int or isinstance(item, str) for item in items)
        if isinstance(part, Parameter):
            value = self.given.get(part.name)
            if isinstance(value, np.ndarray):
                return value.dtype.kind in "iu"
            if isinstance(value, list | tuple | set | frozenset):
                return all(type(item) is int for item in value)
            return type(value) is int or value is None
        return self._is_id(part)

    def _is_id(self, node: Expression) -> bool:
        if isinstance(node, ElementId):
            return self.over.get(node.variable) == "vertices" or node.variable in self.bound.vertex_tables
        if not isinstance(node, Property):
            return False
        return type_of(self.bound, node.variable, node.name) == "UBIGINT"

    # -- what DuckDB would do --

    def _by_plan(self, node: Expression) -> None:
        values = Values(self.given, self.text)
        sql = EmptyRelation(self.bound, self.over, values).select({"v": node})
        problem = first_float_comparison(self.source.connection, sql, values.all(sql), self.source.cache)
        if problem is not None:
            raise self._fault(problem.said, node, node, problem.hint)

    def _fault(self, message: str, part: Expression, node: Expression, hint: str = WHOLE) -> FloatIdError:
        at = part.at or node.at or Span(0, 1)
        return FloatIdError(message, self.text, at.start, at.end - at.start, hint)


def _parts(node: Expression) -> tuple[Expression, ...]:
    """What a node compares or mixes; nothing for other nodes."""
    if isinstance(node, Operation):
        return node.operands if node.operator in _COMPARED else ()
    if isinstance(node, Call):
        mixes = node.function in _MIXING or "list_" in node.function or "array_" in node.function
        return node.arguments if mixes or node.function == "contains" else ()
    if isinstance(node, Case):
        return (*node.branches[1::2], *(() if node.otherwise is None else (node.otherwise,)))
    return node.items if isinstance(node, ListOf) else ()


class EmptyRelation:
    """Elements as columns of one relation that have their types and no rows, so that SQL binds and reads nothing."""

    def __init__(self, bound: BoundPattern, over: Mapping[str, str], values: Values) -> None:
        self.bound = bound
        self.over = over
        self.values = values
        self.kinds: list[str] = []
        self.names = Names(self._identity, self._column, self._length, self._along, self._exists, self._type_of)

    def select(self, outputs: Mapping[str, Expression]) -> str:
        """The outputs by name as one SELECT."""
        listed = [f"{write(value, self.names, self.values)} AS {quote(name)}" for name, value in outputs.items()]
        grouped = any(map(is_aggregate, outputs.values())) and not all(map(is_aggregate, outputs.values()))
        columns = ", ".join(f"CAST(NULL AS {kind}) AS c{number}" for number, kind in enumerate(self.kinds)) or "1"
        return f"SELECT {', '.join(listed)} FROM (SELECT {columns}) AS t{' GROUP BY ALL' if grouped else ''}"

    def _of(self, kind: str) -> str:
        if kind not in self.kinds:
            self.kinds.append(kind)
        return f"t.c{self.kinds.index(kind)}"

    def _identity(self, variable: str) -> str:
        vertex = self.over.get(variable) == "vertices" or variable in self.bound.vertex_tables
        return self._of("UBIGINT" if vertex else "VARCHAR")

    def _column(self, variable: str, name: str) -> str:
        return self._of(type_of(self.bound, variable, name) or "VARCHAR")

    def _length(self, path: str) -> str:
        return self._of("BIGINT")

    def _along(self, node: Any) -> str:
        if isinstance(node, AllAlong):
            return self._of("BOOLEAN")
        return f"[{write(node.value, self.names, self.values)}]"

    def _exists(self, node: Exists) -> str:
        return self._of("BOOLEAN")

    def _type_of(self, variable: str, name: str) -> str:
        return type_of(self.bound, variable, name)


def type_of(bound: BoundPattern, variable: str, name: str) -> str:
    """DuckDB type of a property; the key of a vertex is an id, whatever whole number it is."""
    column_type = bound.column_types.get((variable, name), "")
    table = bound.vertex_tables.get(variable)
    return "UBIGINT" if table is not None and name == table.key and column_type in _WHOLE else column_type


def _over(bound: BoundPattern) -> dict[str, str]:
    """What an element that goes along a path is: "vertices" or "edges"."""
    nodes = (node for root in expressions(bound.pattern) for node in root.walk())
    return {node.variable: node.over for node in nodes if isinstance(node, EachAlong | AllAlong)}

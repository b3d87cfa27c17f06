"""Expression trees from the scalar rules that the SQL and Cypher grammars share by name.

Tests: tests/queries/languages/test_grammar_tables.py.
"""

from __future__ import annotations

from typing import Any

from lark import Token, Transformer

from ingest.schema.errors import did_you_mean
from queries.ir.expression import (
    AGGREGATES,
    Call,
    Case,
    Cast,
    ElementId,
    Expression,
    ListOf,
    Literal,
    Operation,
    Parameter,
    Property,
)
from queries.languages.grammar import Fault, span

TYPES = frozenset(
    {"boolean", "tinyint", "smallint", "integer", "int", "bigint", "hugeint", "utinyint", "usmallint", "uinteger"}
    | {"ubigint", "float", "real", "double", "varchar", "text", "string", "date", "timestamp", "json"}
)  # fmt: skip
_SYNONYMS = {"array_agg": "list", "collect": "list", "mean": "avg", "stdev": "stddev"}


class ScalarTrees(Transformer[Any, Any]):
    """One method a rule; each gets the rule's parts and gives an Expression (or what a rule above needs)."""

    # -- logic --

    def _joined(self, operator: str, parts: list[Any]) -> Expression:
        return Operation(operator, tuple(p for p in parts if not isinstance(p, Token)), at=span(*parts))

    def or_(self, parts: list[Any]) -> Expression:
        return self._joined("OR", parts)

    def and_(self, parts: list[Any]) -> Expression:
        return self._joined("AND", parts)

    def not_(self, parts: list[Any]) -> Expression:
        return self._joined("NOT", parts)

    def comparison(self, parts: list[Any]) -> Token:
        return Token("COMPARE", {"!=": "<>", "==": "="}.get(str(parts[0]), str(parts[0])))

    def compare(self, parts: list[Any]) -> Expression:
        left, operator, right = parts
        return Operation(str(operator), (left, right), at=span(left, right))

    def is_null(self, parts: list[Any]) -> Expression:
        return self._joined("IS NULL", parts)

    def is_not_null(self, parts: list[Any]) -> Expression:
        return self._joined("IS NOT NULL", parts)

    def is_distinct(self, parts: list[Any]) -> Expression:
        return self._joined("IS DISTINCT FROM", parts)

    def is_not_distinct(self, parts: list[Any]) -> Expression:
        return Operation("NOT", (self.is_distinct(parts),), at=span(*parts))

    def options(self, parts: list[Any]) -> tuple[str, tuple[Expression, ...]]:
        return "IN", tuple(parts)

    def options_list(self, parts: list[Any]) -> tuple[str, tuple[Expression, ...]]:
        value = parts[0]
        if isinstance(value, ListOf):
            return "IN", value.items
        if isinstance(value, Literal) and isinstance(value.value, tuple) and value.value:
            return "IN", tuple(Literal(item) for item in value.value)
        return "IN LIST", (value,)

    def in_(self, parts: list[Any]) -> Expression:
        item, (operator, options) = parts[0], parts[-1]
        return Operation(operator, (item, *options), at=span(*parts[:-1], *options))

    def not_in(self, parts: list[Any]) -> Expression:
        return Operation("NOT", (self.in_(parts),), at=span(parts[0]))

    def between(self, parts: list[Any]) -> Expression:
        item, low, high = (part for part in parts if not isinstance(part, Token))
        pair = (Operation(">=", (item, low), at=span(item)), Operation("<=", (item, high), at=span(item)))
        return Operation("AND", pair, at=span(item, high))

    def not_between(self, parts: list[Any]) -> Expression:
        return Operation("NOT", (self.between(parts),), at=span(parts[0]))

    def like(self, parts: list[Any]) -> Expression:
        return self._joined("LIKE", parts)

    def not_like(self, parts: list[Any]) -> Expression:
        return Operation("NOT", (self.like(parts),), at=span(*parts))

    def ilike(self, parts: list[Any]) -> Expression:
        return self._joined("ILIKE", parts)

    def not_ilike(self, parts: list[Any]) -> Expression:
        return Operation("NOT", (self.ilike(parts),), at=span(*parts))

    # -- numbers and texts --

    def concatenate(self, parts: list[Any]) -> Expression:
        return self._folded([p if not isinstance(p, Token) else Token("OP", "||") for p in parts])

    def arithmetic(self, parts: list[Any]) -> Expression:
        return self._folded(parts)

    def _folded(self, parts: list[Any]) -> Expression:
        left: Expression = parts[0]
        for operator, right in zip(parts[1::2], parts[2::2], strict=True):
            left = Operation(str(operator), (left, right), at=span(left, right))
        return left

    def negate(self, parts: list[Any]) -> Expression:
        value = parts[-1]
        if isinstance(value, Literal) and type(value.value) in (int, float):
            return Literal(-value.value, at=span(*parts))  # type: ignore[operator]
        return Operation("NEGATE", (value,), at=span(*parts))

    def plus(self, parts: list[Any]) -> Expression:
        value: Expression = parts[-1]
        return value

    def type_name(self, parts: list[Any]) -> Token:
        name: Token = parts[0]
        if name.lower() not in TYPES:
            raise Fault(
                f"there is no type {str(name)!r} here{did_you_mean(name, sorted(TYPES))}",
                name.start_pos or 0,
                len(name),
            )
        return name

    def cast(self, parts: list[Any]) -> Expression:
        return Cast(parts[0], str(parts[1]).upper(), at=span(*parts))

    def cast_call(self, parts: list[Any]) -> Expression:
        value, kind = next(p for p in parts if isinstance(p, Expression)), parts[-1]
        return Cast(value, str(kind).upper(), at=span(*parts))

    def try_cast(self, parts: list[Any]) -> Expression:
        value, kind = next(p for p in parts if isinstance(p, Expression)), parts[-1]
        return Cast(value, str(kind).upper(), strict=False, at=span(*parts))

    def case(self, parts: list[Any]) -> Expression:
        expressions = [part for part in parts if isinstance(part, Expression)]
        otherwise = expressions.pop() if len(expressions) % 2 else None
        return Case(tuple(expressions), otherwise, at=span(*parts))

    def list_value(self, parts: list[Any]) -> Expression:
        if all(isinstance(part, Literal) and not isinstance(part.value, tuple) for part in parts):
            return Literal(tuple(part.value for part in parts), at=span(*parts))
        return ListOf(tuple(parts), at=span(*parts))

    # -- leaves --

    def string(self, parts: list[Any]) -> Expression:
        return Literal(str(parts[0])[1:-1].replace("''", "'"), at=span(*parts))

    def integer(self, parts: list[Any]) -> Expression:
        text = str(parts[0])
        if len(text) > 38:
            raise Fault("this number is too long", parts[0].start_pos, len(text))
        return Literal(int(text), at=span(*parts))

    def decimal(self, parts: list[Any]) -> Expression:
        return Literal(float(parts[0]), at=span(*parts))

    def true(self, parts: list[Any]) -> Expression:
        return Literal(True, at=span(*parts))

    def false(self, parts: list[Any]) -> Expression:
        return Literal(False, at=span(*parts))

    def null(self, parts: list[Any]) -> Expression:
        return Literal(None, at=span(*parts))

    def literal(self, parts: list[Any]) -> Expression:
        value: Expression = parts[0]
        return value

    def parameter(self, parts: list[Any]) -> Expression:
        return Parameter(str(parts[0])[1:], at=span(*parts))

    def name(self, parts: list[Any]) -> Token:
        token: Token = parts[0]
        if token.type == "QUOTED":
            return token.update(value=str(token)[1:-1].replace('""', '"'))
        return token

    def property(self, parts: list[Any]) -> Expression:
        return Property(str(parts[0]), str(parts[1]), at=span(*parts))

    def variable(self, parts: list[Any]) -> Expression:
        return ElementId(str(parts[0]), at=span(*parts))

    def call(self, parts: list[Any]) -> Expression:
        return self._call(parts[0], tuple(parts[1:]))

    def call_star(self, parts: list[Any]) -> Expression:
        return self._call(parts[0], ())

    def call_distinct(self, parts: list[Any]) -> Expression:
        name = _SYNONYMS.get(parts[0].lower(), parts[0].lower())
        if name not in AGGREGATES:
            raise Fault(
                f"DISTINCT belongs to an aggregate, which {parts[0]}() is not", parts[0].start_pos, len(parts[0])
            )  # fmt: skip
        return Call(name, (parts[-1],), distinct=True, at=span(*parts))

    def _call(self, name: Token, arguments: tuple[Expression, ...]) -> Expression:
        plain = name.lower()
        return Call(_SYNONYMS.get(plain, plain), arguments, at=span(name, *arguments))

"""Trees of the Cypher grammar: one method a rule of ``cypher.lark``.

Tests: tests/queries/languages/cypher/test_parser.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from lark import Token

from queries.ir.builder import Arrow, Element, WrittenExists, WrittenPath
from queries.ir.expression import (
    AllAlong,
    Case,
    Cast,
    EachAlong,
    ElementId,
    Expression,
    Literal,
    Operation,
    Property,
    Span,
    transform,
)
from queries.ir.pattern import Quantifier, Select
from queries.languages.cypher.clauses import Item, Match, Projection, SortKey, Timeboxed
from queries.languages.cypher.functions import called, called_distinct, single
from queries.languages.grammar import Fault, span
from queries.languages.scalar_trees import ScalarTrees

MAX_REPEAT = 1000


@dataclass(frozen=True)
class _Part:
    what: str
    value: Any


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class CypherTrees(ScalarTrees):
    """See ScalarTrees; here the clauses, the patterns and Cypher's own expressions."""

    def start(self, parts: list[Any]) -> list[Any]:
        return parts

    def timeboxed(self, parts: list[Any]) -> Timeboxed:
        function, text, _, limit = parts[1:5]
        if function.lower() != "apoc.cypher.runtimeboxed":
            raise _unsupported("this procedure is not called here", function, "Only apoc.cypher.runTimeboxed is.")
        value, items = parts[6], parts[-1]
        return Timeboxed(_unescaped(text), limit, str(value), items, span(*parts[1:3]))

    def match(self, parts: list[Any]) -> Match:
        chains = next(part for part in parts if isinstance(part, tuple))
        return Match(chains, _found(parts, "where"), span(parts[0]))

    def with_clause(self, parts: list[Any]) -> Projection:
        return self._projection(parts, final=False)

    def return_clause(self, parts: list[Any]) -> Projection:
        return self._projection(parts, final=True)

    def _projection(self, parts: list[Any], final: bool) -> Projection:
        distinct = any(isinstance(part, Token) and part.type == "DISTINCT" for part in parts)
        items = next(part for part in parts if isinstance(part, tuple))
        tail = next(part for part in parts if isinstance(part, list))
        return Projection(
            final,
            distinct,
            items,
            _found(tail, "order") or (),
            _found(tail, "skip"),
            _found(tail, "limit"),
            _found(parts, "where"),
            span(parts[0]),
        )

    def tail(self, parts: list[Any]) -> list[Any]:
        return parts

    def order(self, parts: list[Any]) -> _Part:
        return _Part("order", tuple(part for part in parts if isinstance(part, SortKey)))

    def key(self, parts: list[Any]) -> SortKey:
        return SortKey(parts[0], len(parts) > 1 and parts[1].type == "DESC")

    def skip(self, parts: list[Any]) -> _Part:
        return _Part("skip", parts[-1])

    def limit(self, parts: list[Any]) -> _Part:
        return _Part("limit", parts[-1])

    def where(self, parts: list[Any]) -> _Part:
        return _Part("where", parts[-1])

    def items(self, parts: list[Any]) -> tuple[Item, ...]:
        return tuple(parts)

    def item(self, parts: list[Any]) -> Item:
        name = str(parts[-1]) if len(parts) > 1 else None
        return Item(name, parts[0], span(parts[0]))

    def item_star(self, parts: list[Any]) -> Item:
        return Item(None, None, span(*parts))

    # -- patterns --

    def chains(self, parts: list[Any]) -> tuple[WrittenPath, ...]:
        return tuple(parts)

    def chain(self, parts: list[Any]) -> WrittenPath:
        chain: WrittenPath = parts[-1]
        return replace(chain, name=str(parts[0])) if len(parts) > 1 else chain

    def path(self, parts: list[Any]) -> WrittenPath:
        vertices = tuple(part for part in parts if isinstance(part, Element))
        return WrittenPath(vertices, tuple(p for p in parts if isinstance(p, Arrow)), at=span(*parts))

    def shortest(self, parts: list[Any]) -> WrittenPath:
        return self._selected(parts, Select.ANY_SHORTEST)

    def all_shortest(self, parts: list[Any]) -> WrittenPath:
        return self._selected(parts, Select.ALL_SHORTEST)

    def _selected(self, parts: list[Any], select: Select) -> WrittenPath:
        chain = self.path(parts)
        arrow = chain.arrows[0]
        if arrow.quantifier is None:  # one edge is a path of length one
            arrow = replace(arrow, quantifier=Quantifier(1, 1))
        return replace(chain, arrows=(arrow,), select=select)

    def node(self, parts: list[Any]) -> Element:
        element: Element = parts[0]
        return element

    def bare_node(self, parts: list[Any]) -> Element:
        return Element(str(parts[0]), (), None, span(*parts))

    def node_empty(self, parts: list[Any]) -> Element:
        return Element(None, (), None, Span(0, 1))

    def node_full(self, parts: list[Any]) -> Element:
        return _element(parts)

    def labels(self, parts: list[Any]) -> _Part:
        return _Part("labels", tuple(str(part) for part in parts))

    def detail(self, parts: list[Any]) -> _Part:
        return _Part("detail", (_element(parts), _found(parts, "range")))

    def left(self, parts: list[Any]) -> Arrow:
        return self._arrow(parts, "left")

    def right(self, parts: list[Any]) -> Arrow:
        return self._arrow(parts, "right")

    def any_way(self, parts: list[Any]) -> Arrow:
        return self._arrow(parts, "any")

    def _arrow(self, parts: list[Any], way: str) -> Arrow:
        element, quantifier = parts[1].value
        return Arrow(replace(element, at=span(parts[0], parts[2])), way, quantifier)

    def left_bare(self, parts: list[Any]) -> Arrow:
        return Arrow(Element(None, (), None, span(*parts)), "left")

    def right_bare(self, parts: list[Any]) -> Arrow:
        return Arrow(Element(None, (), None, span(*parts)), "right")

    def any_bare(self, parts: list[Any]) -> Arrow:
        return Arrow(Element(None, (), None, span(*parts)), "any")

    def range_open(self, parts: list[Any]) -> _Part:
        return _Part("range", Quantifier(1, None))

    def range_exact(self, parts: list[Any]) -> _Part:
        return _range(_times(parts[1]), _times(parts[1]), parts[1])

    def range_both(self, parts: list[Any]) -> _Part:
        return _range(_times(parts[1]), _times(parts[3]), parts[3])

    def range_from(self, parts: list[Any]) -> _Part:
        return _Part("range", Quantifier(_times(parts[1]), None))

    def range_to(self, parts: list[Any]) -> _Part:
        return _range(1, _times(parts[2]), parts[2])

    def map(self, parts: list[Any]) -> _Part:
        return _Part("map", tuple(zip(parts[::2], parts[1::2], strict=True)))

    def map_value(self, parts: list[Any]) -> _Part:
        part: _Part = parts[0]
        return part

    # -- expressions --

    def xor_(self, parts: list[Any]) -> Expression:
        return self._joined("XOR", parts)

    def compare_twice(self, parts: list[Any]) -> Expression:
        low, first, middle, second, high = parts
        left = Operation(str(first), (low, middle), at=span(low, middle))
        return Operation(
            "AND", (left, Operation(str(second), (middle, high), at=span(middle, high))), at=span(low, high)
        )

    def in_list(self, parts: list[Any]) -> Expression:
        return Operation("IN LIST", (parts[0], parts[-1]), at=span(*parts))

    def starts_with(self, parts: list[Any]) -> Expression:
        return self._joined("STARTS WITH", parts)

    def ends_with(self, parts: list[Any]) -> Expression:
        return self._joined("ENDS WITH", parts)

    def contains(self, parts: list[Any]) -> Expression:
        return self._joined("CONTAINS", parts)

    def matches(self, parts: list[Any]) -> Expression:
        return self._joined("MATCHES", parts)

    def in_brackets(self, parts: list[Any]) -> Expression:
        return ElementId(parts[0].name, at=parts[0].at)

    def pattern_predicate(self, parts: list[Any]) -> Expression:
        chain = self.path(parts)
        return WrittenExists((chain,), None, at=chain.at)

    def exists_block(self, parts: list[Any]) -> Expression:
        chains = next(part for part in parts if isinstance(part, tuple))
        return WrittenExists(chains, _found(parts, "where"), at=span(parts[0]))

    def exists_call(self, parts: list[Any]) -> Expression:
        inside = parts[-1]
        if isinstance(inside, WrittenExists):
            return inside
        return Operation("IS NOT NULL", (inside,), at=span(*parts))

    def case(self, parts: list[Any]) -> Expression:
        """With an operand, every WHEN is compared with it."""
        words = [part.type for part in parts if isinstance(part, Token)]
        expressions = [part for part in parts if isinstance(part, Expression)]
        operand = expressions.pop(0) if isinstance(parts[1], Expression) else None
        otherwise = expressions.pop() if "ELSE" in words else None
        if operand is not None:
            expressions[::2] = [Operation("=", (operand, when), at=when.at) for when in expressions[::2]]
        return Case(tuple(expressions), otherwise, at=span(*parts))

    def string(self, parts: list[Any]) -> Expression:
        return Literal(_unescaped(parts[0]), at=span(*parts))

    def name(self, parts: list[Any]) -> Token:
        token: Token = parts[0]
        return token.update(value=str(token)[1:-1].replace("``", "`")) if token.type == "QUOTED" else token

    def quantified(self, parts: list[Any]) -> Expression:
        word, name, _, over, _, predicate = parts
        along = _path_of(over, word)
        own = f"~{name}"
        holds = _named(predicate, str(name), own)
        if word.type == "ALL":
            return AllAlong(own, along.over, along.path, holds, at=span(word))
        if word.type == "SINGLE":
            return single(EachAlong(own, along.over, along.path, Cast(holds, "INTEGER"), at=span(word)))
        none: Expression = AllAlong(own, along.over, along.path, Operation("NOT", (holds,)), at=span(word))
        return none if word.type == "NONE" else Operation("NOT", (none,), at=span(word))

    def _call(self, name: Token, arguments: tuple[Expression, ...]) -> Expression:
        return called(name, arguments)

    def call_distinct(self, parts: list[Any]) -> Expression:
        return called_distinct(parts[0], parts[-1])

    def comprehension(self, parts: list[Any]) -> Expression:
        name, _, over, *rest = parts
        if any(isinstance(part, Token) and part.type == "WHERE" for part in rest):
            raise _unsupported("a list comprehension with WHERE is not answered", name, "Filter the rows instead.")
        along = _path_of(over, name)
        own = f"~{name}"
        value = _named(rest[-1], str(name), own) if rest else ElementId(own)
        return EachAlong(own, along.over, along.path, value, at=span(name))


def _found(parts: list[Any], what: str) -> Any:
    return next((part.value for part in parts if isinstance(part, _Part) and part.what == what), None)


def _element(parts: list[Any]) -> Element:
    token = next((part for part in parts if isinstance(part, Token)), None)
    where: Expression | None = None
    entries = _found(parts, "map") or ()
    name = str(token) if token is not None else None
    # Without a name, the properties of the map belong to "~", which the builder's name replaces.
    equal = [
        Operation("=", (Property(name or "~", str(key), at=span(key)), value), at=span(key, value))
        for key, value in entries
    ]
    if equal:
        where = equal[0] if len(equal) == 1 else Operation("AND", tuple(equal))
    places = [part for part in parts if isinstance(part, Token)] + [key for key, _ in entries]
    return Element(name, _found(parts, "labels") or (), where, span(*places))


def _path_of(over: Any, at: Token) -> EachAlong:
    if isinstance(over, EachAlong) and isinstance(over.value, ElementId) and over.value.variable == over.variable:
        return over
    raise _unsupported("lists are gone through only for nodes(p) and relationships(p)", at)


def _named(expression: Expression, old: str, new: str) -> Expression:
    def change(node: Expression) -> Expression:
        if isinstance(node, Property | ElementId) and node.variable == old:
            return replace(node, variable=new)
        return node

    return transform(expression, change)


def _range(low: int, high: int, at: Token) -> _Part:
    if high < low:
        raise Fault(f"*{low}..{high} is no range of lengths", at.start_pos or 0, len(at))
    return _Part("range", Quantifier(low, high))


def _times(number: Token) -> int:
    if len(number) > 9 or int(number) > MAX_REPEAT:
        raise Fault(f"{number} repetitions are more than {MAX_REPEAT}", number.start_pos or 0, len(number))
    return int(number)


def _unescaped(token: Token) -> str:
    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, str(token)[1:-1], flags=re.DOTALL)


def _unsupported(message: str, at: Token, hint: str = "") -> Fault:
    return Fault(message, at.start_pos or 0, len(at), hint, unsupported=True)

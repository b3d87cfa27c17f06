"""Trees of the Cypher grammar: one method a rule of ``cypher.lark``.

Tests: tests/queries/languages/cypher/test_parser.py.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from lark import Token

from queries.ir.builder import WrittenExists
from queries.ir.expression import (
    AllAlong,
    Case,
    Cast,
    EachAlong,
    EachIn,
    ElementId,
    Expression,
    Literal,
    MapOf,
    Operation,
    Part,
    Property,
    Reduced,
    transform,
)
from queries.languages.cypher.clauses import Item, Match, Projection, Single, SortKey, Timeboxed, Union, Unwind
from queries.languages.cypher.functions import called, called_distinct, single
from queries.languages.cypher.lists import over_list, sliced
from queries.languages.cypher.maps import Projected, along_name
from queries.languages.cypher.pattern_trees import PatternTrees, WrittenPart, found, map_values
from queries.languages.grammar import Fault, span
from queries.planning.elements import IS_LABEL

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class CypherTrees(PatternTrees):
    """See ScalarTrees and PatternTrees; here the clauses and Cypher's own expressions."""

    def start(self, parts: list[Any]) -> list[Any]:
        return parts

    def single(self, parts: list[Any]) -> Single:
        return Single(tuple(parts))

    def union(self, parts: list[Any]) -> Union:
        return Union(len(parts) > 1, span(*parts))

    def unwind(self, parts: list[Any]) -> Unwind:
        return Unwind(parts[1], str(parts[-1]), span(*parts))

    def optional_match(self, parts: list[Any]) -> Match:
        return replace(self.match(parts), optional=True)

    def timeboxed(self, parts: list[Any]) -> Timeboxed:
        function, text, _, limit = parts[1:5]
        if function.lower() != "apoc.cypher.runtimeboxed":
            raise _unsupported("this procedure is not called here", function, "Only apoc.cypher.runTimeboxed is.")
        value, items = parts[6], parts[-1]
        return Timeboxed(_unescaped(text), limit, str(value), items, span(*parts[1:3]))

    def match(self, parts: list[Any]) -> Match:
        chains = next(part for part in parts if isinstance(part, tuple))
        return Match(chains, found(parts, "where"), span(parts[0]))

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
            found(tail, "order") or (),
            found(tail, "skip"),
            found(tail, "limit"),
            found(parts, "where"),
            span(parts[0]),
        )

    def tail(self, parts: list[Any]) -> list[Any]:
        return parts

    def order(self, parts: list[Any]) -> WrittenPart:
        return WrittenPart("order", tuple(part for part in parts if isinstance(part, SortKey)))

    def key(self, parts: list[Any]) -> SortKey:
        return SortKey(parts[0], len(parts) > 1 and parts[1].type == "DESC")

    def skip(self, parts: list[Any]) -> WrittenPart:
        return WrittenPart("skip", parts[-1])

    def limit(self, parts: list[Any]) -> WrittenPart:
        return WrittenPart("limit", parts[-1])

    def where(self, parts: list[Any]) -> WrittenPart:
        return WrittenPart("where", parts[-1])

    def items(self, parts: list[Any]) -> tuple[Item, ...]:
        return tuple(parts)

    def item(self, parts: list[Any]) -> Item:
        name = str(parts[-1]) if len(parts) > 1 else None
        return Item(name, parts[0], span(parts[0]))

    def item_star(self, parts: list[Any]) -> Item:
        return Item(None, None, span(*parts))

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

    def field(self, parts: list[Any]) -> Expression:
        of, name = parts
        if isinstance(of, ElementId):
            return Property(of.variable, str(name), at=span(of, name))
        return Part(of, Literal(str(name), at=span(name)), at=span(of, name))

    def index(self, parts: list[Any]) -> Expression:
        of, key = parts
        return Part(of, key, at=span(of, key))

    def slice(self, parts: list[Any]) -> Expression:
        of, *ends = parts
        dots = next(i for i, part in enumerate(ends) if isinstance(part, Token))
        low = ends[0] if dots else None
        high = ends[-1] if dots + 1 < len(ends) else None
        return sliced(of, low, high, span(*parts))

    def has_labels(self, parts: list[Any]) -> Expression:
        name, labels = parts
        at = span(name, labels)
        each = [Property(str(name), IS_LABEL + label, at=at) for label in labels.value]
        return each[0] if len(each) == 1 else Operation("OR", tuple(each), at=at)

    def has_labels_in_brackets(self, parts: list[Any]) -> Expression:
        return self.has_labels(parts[0].parts)

    def projection(self, parts: list[Any]) -> Expression:
        name, entries = parts
        return Projected(str(name), entries.value, at=span(name, entries))

    def projection_in_brackets(self, parts: list[Any]) -> Expression:
        return self.projection(parts[0].parts)

    def map_literal(self, parts: list[Any]) -> Expression:
        entries = map_values(parts[0])
        names = [str(name) for name, _ in entries]
        for number, (name, _) in enumerate(entries):
            if str(name).lower() in map(str.lower, names[:number]):
                raise Fault(f"the map has two values {str(name)!r}", name.start_pos or 0, len(name))
        return MapOf(tuple(names), tuple(value for _, value in entries), at=parts[0].at)

    def map_in_brackets(self, parts: list[Any]) -> Expression:
        return self.map_literal(parts[0].parts)

    def pattern_predicate(self, parts: list[Any]) -> Expression:
        chain = self.path(parts)
        return WrittenExists((chain,), None, at=chain.at)

    def exists_block(self, parts: list[Any]) -> Expression:
        chains = next(part for part in parts if isinstance(part, tuple))
        return WrittenExists(chains, found(parts, "where"), at=span(parts[0]))

    def count_block(self, parts: list[Any]) -> Expression:
        return replace(self.exists_block(parts), counted=True)  # type: ignore[call-arg]

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
        path = _is_path(over)
        own = along_name(str(name), over.over) if path else f"~{name}"
        holds = _named(predicate, str(name), own)
        if not path:
            return over_list(word.type, own, over, holds, span(word))
        if word.type == "ALL":
            return AllAlong(own, over.over, over.path, holds, at=span(word))
        if word.type == "SINGLE":
            return single(EachAlong(own, over.over, over.path, Cast(holds, "INTEGER"), at=span(word)))
        none: Expression = AllAlong(own, over.over, over.path, Operation("NOT", (holds,)), at=span(word))
        return none if word.type == "NONE" else Operation("NOT", (none,), at=span(word))

    def _call(self, name: Token, arguments: tuple[Expression, ...]) -> Expression:
        return called(name, arguments)

    def call_distinct(self, parts: list[Any]) -> Expression:
        return called_distinct(parts[0], parts[-1])

    def comprehension(self, parts: list[Any]) -> Expression:
        name, _, over, *rest = parts
        path = _is_path(over)
        own = along_name(str(name), over.over) if path else f"~{name}"
        expressions = [_named(part, str(name), own) for part in rest if isinstance(part, Expression)]
        kept = expressions.pop(0) if any(isinstance(p, Token) and p.type == "WHERE" for p in rest) else None
        value = expressions[0] if expressions else None
        if not path:
            return EachIn(own, over, kept, value, at=span(name))
        return EachAlong(own, over.over, over.path, value or ElementId(own), kept, at=span(name))

    def reduced(self, parts: list[Any]) -> Expression:
        words = [part for part in parts if isinstance(part, Token) and part.type in ("NAME", "QUOTED")]
        total, name = words
        initial, over, value = (part for part in parts if isinstance(part, Expression))
        if str(total) == str(name):
            raise Fault("the total and the item of reduce() have one name", name.start_pos or 0, len(name))
        value = _named(_named(value, str(total), f"~{total}"), str(name), f"~{name}")
        return Reduced(f"~{total}", initial, f"~{name}", over, value, at=span(parts[0]))


def _is_path(over: Expression) -> bool:
    """nodes(p) or relationships(p) as they are."""
    plain = isinstance(over, EachAlong) and over.kept is None and isinstance(over.value, ElementId)
    return plain and over.value.variable == over.variable  # type: ignore[attr-defined]


def _named(expression: Expression, old: str, new: str) -> Expression:
    def change(node: Expression) -> Expression:
        if isinstance(node, Property | ElementId) and node.variable == old:
            return replace(node, variable=new)
        return node

    return transform(expression, change)


def _unescaped(token: Token) -> str:
    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, str(token)[1:-1], flags=re.DOTALL)


def _unsupported(message: str, at: Token, hint: str = "") -> Fault:
    return Fault(message, at.start_pos or 0, len(at), hint, unsupported=True)

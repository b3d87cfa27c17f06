"""Trees of the patterns in Cypher: nodes, relationships, paths, maps.

Tests: tests/queries/languages/cypher/test_parser.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lark import Token

from queries.ir.builder import Arrow, Element, WrittenPath
from queries.ir.expression import ElementId, Expression, Operation, Property, Span
from queries.ir.pattern import Quantifier, Select
from queries.languages.cypher.maps import Entry
from queries.languages.grammar import Fault, span
from queries.languages.scalar_trees import ScalarTrees

MAX_REPEAT = 1000
_NOWHERE = Span(0, 1)
"""Of ``()``, whose signs the grammar does not hand on."""


@dataclass(frozen=True)
class WrittenPart:
    what: str
    value: Any
    at: Span | None = None


@dataclass(frozen=True)
class InBrackets:
    """What brackets hold that may be a node or an expression: the parts of the rule."""

    parts: list[Any]


class PatternTrees(ScalarTrees):
    """See ScalarTrees; here what stands in MATCH."""

    def chains(self, parts: list[Any]) -> tuple[WrittenPath, ...]:
        return tuple(parts)

    def chain(self, parts: list[Any]) -> WrittenPath:
        chain: WrittenPath = parts[-1]
        return replace(chain, name=str(parts[0])) if len(parts) > 1 else chain

    def path(self, parts: list[Any]) -> WrittenPath:
        vertices = tuple(part for part in parts if isinstance(part, Element))
        arrows = tuple(part for part in parts if isinstance(part, Arrow))
        return WrittenPath(vertices, arrows, at=span(*(p for p in parts if getattr(p, "at", None) != _NOWHERE)))

    def shortest(self, parts: list[Any]) -> WrittenPath:
        return self._selected(parts, Select.ANY_SHORTEST)

    def all_shortest(self, parts: list[Any]) -> WrittenPath:
        return self._selected(parts, Select.ALL_SHORTEST)

    def all_selected(self, parts: list[Any]) -> WrittenPath:
        return self._selected(parts, Select.ALL_SHORTEST)

    def any_selected(self, parts: list[Any]) -> WrittenPath:
        shortest = any(isinstance(part, Token) and part.type == "SELECT_SHORTEST" for part in parts)
        return self._selected(parts, Select.ANY_SHORTEST if shortest else Select.ANY)

    def shortest_k(self, parts: list[Any]) -> WrittenPath:
        number = parts[1]
        k = _times(number)
        if k < 1:
            raise Fault("SHORTEST 0 asks for no path", number.start_pos or 0, len(number))
        return replace(self._selected(parts, Select.SHORTEST_K), k=k)

    def _selected(self, parts: list[Any], select: Select) -> WrittenPath:
        chain = self.path(parts)
        arrow = chain.arrows[0]
        if arrow.quantifier is None:  # one edge is a path of length one
            arrow = replace(arrow, quantifier=Quantifier(1, 1))
        return replace(chain, arrows=(arrow,), select=select)

    def node(self, parts: list[Any]) -> Element:
        element = parts[0]
        return element if isinstance(element, Element) else _element(element.parts)

    def bare_node(self, parts: list[Any]) -> Element:
        return Element(str(parts[0]), (), None, span(*parts))

    def labelled_node(self, parts: list[Any]) -> InBrackets:
        return InBrackets(parts)

    def mapped_node(self, parts: list[Any]) -> InBrackets:
        return InBrackets(parts)

    def only_mapped(self, parts: list[Any]) -> InBrackets:
        return InBrackets(parts)

    def node_empty(self, parts: list[Any]) -> Element:
        return Element(None, (), None, _NOWHERE)

    def node_full(self, parts: list[Any]) -> Element:
        return _element(parts)

    def labels(self, parts: list[Any]) -> WrittenPart:
        return WrittenPart("labels", tuple(str(part) for part in parts), span(*parts))

    def detail(self, parts: list[Any]) -> WrittenPart:
        return WrittenPart("detail", (_element(parts), found(parts, "range")))

    def left(self, parts: list[Any]) -> Arrow:
        return self._arrow(parts, "left")

    def right(self, parts: list[Any]) -> Arrow:
        return self._arrow(parts, "right")

    def any_way(self, parts: list[Any]) -> Arrow:
        return self._arrow(parts, "any")

    def _arrow(self, parts: list[Any], way: str) -> Arrow:
        element, quantifier = parts[1].value
        after = found(parts, "range")
        if quantifier is not None and after is not None:
            at = parts[2]
            raise Fault("this edge says twice how often it repeats", at.start_pos or 0, len(at))
        quantifier = quantifier or after
        return Arrow(replace(element, at=span(parts[0], parts[2])), way, quantifier)

    def left_bare(self, parts: list[Any]) -> Arrow:
        return Arrow(Element(None, (), None, span(*parts)), "left")

    def right_bare(self, parts: list[Any]) -> Arrow:
        return Arrow(Element(None, (), None, span(*parts)), "right")

    def any_bare(self, parts: list[Any]) -> Arrow:
        return Arrow(Element(None, (), None, span(*parts)), "any")

    def range_open(self, parts: list[Any]) -> WrittenPart:
        return WrittenPart("range", Quantifier(1, None))

    def range_exact(self, parts: list[Any]) -> WrittenPart:
        return _range(_times(parts[1]), _times(parts[1]), parts[1])

    def range_both(self, parts: list[Any]) -> WrittenPart:
        return _range(_times(parts[1]), _times(parts[3]), parts[3])

    def range_from(self, parts: list[Any]) -> WrittenPart:
        return WrittenPart("range", Quantifier(_times(parts[1]), None))

    def range_to(self, parts: list[Any]) -> WrittenPart:
        return _range(1, _times(parts[2]), parts[2])

    def times_any(self, parts: list[Any]) -> WrittenPart:
        return WrittenPart("range", Quantifier(0, None))

    def times_exact(self, parts: list[Any]) -> WrittenPart:
        return _range(_times(parts[0]), _times(parts[0]), parts[0])

    def times_both(self, parts: list[Any]) -> WrittenPart:
        return _range(_times(parts[0]), _times(parts[1]), parts[1])

    def times_from(self, parts: list[Any]) -> WrittenPart:
        return WrittenPart("range", Quantifier(_times(parts[0]), None))

    def times_to(self, parts: list[Any]) -> WrittenPart:
        return _range(0, _times(parts[0]), parts[0])

    def map(self, parts: list[Any]) -> WrittenPart:
        return WrittenPart("map", tuple(parts), span(*(entry.name for entry in parts)))

    def entry(self, parts: list[Any]) -> Entry:
        return Entry(parts[0], parts[1])

    def entry_property(self, parts: list[Any]) -> Entry:
        return Entry(parts[-1], own=True)

    def entry_all(self, parts: list[Any]) -> Entry:
        return Entry(parts[-1], every=True)

    def entry_variable(self, parts: list[Any]) -> Entry:
        return Entry(parts[0], ElementId(str(parts[0]), at=span(parts[0])))

    def map_value(self, parts: list[Any]) -> WrittenPart:
        part: WrittenPart = parts[0]
        return part


def found(parts: list[Any], what: str) -> Any:
    return next((part.value for part in parts if isinstance(part, WrittenPart) and part.what == what), None)


def _element(parts: list[Any]) -> Element:
    token = next((part for part in parts if isinstance(part, Token)), None)
    where: Expression | None = None
    written = next((part for part in parts if isinstance(part, WrittenPart) and part.what == "map"), None)
    entries = () if written is None else map_values(written)
    name = str(token) if token is not None else None
    # Without a name, the properties of the map belong to "~", which the builder's name replaces.
    equal = [
        Operation("=", (Property(name or "~", str(key), at=span(key)), value), at=span(key, value))
        for key, value in entries
    ]
    if equal:
        where = equal[0] if len(equal) == 1 else Operation("AND", tuple(equal))
    places = [part for part in parts if isinstance(part, Token)] + [key for key, _ in entries]
    return Element(name, found(parts, "labels") or (), where, span(*places))


def map_values(written: WrittenPart) -> list[tuple[Token, Expression]]:
    """Names and values of a map that projects nothing."""
    found = []
    for entry in written.value:
        if entry.value is None or (isinstance(entry.value, ElementId) and entry.value.at == span(entry.name)):
            at = span(entry.name)
            raise Fault(
                "wanted name: value", at.start, at.end - at.start, "n {.type} is the map of a node's properties."
            )
        found.append((entry.name, entry.value))
    return found


def _range(low: int, high: int, at: Token) -> WrittenPart:
    if high < low:
        raise Fault(f"*{low}..{high} is no range of lengths", at.start_pos or 0, len(at))
    return WrittenPart("range", Quantifier(low, high))


def _times(number: Token) -> int:
    if len(number) > 9 or int(number) > MAX_REPEAT:
        raise Fault(f"{number} repetitions are more than {MAX_REPEAT}", number.start_pos or 0, len(number))
    return int(number)

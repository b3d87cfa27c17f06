"""Trees of the SQL/PGQ grammar: one method a rule of ``sql_pgq.lark``.

Tests: tests/queries/languages/sql_pgq/test_parser.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lark import Token

from queries.ir.builder import Arrow, Element, WrittenExists, WrittenPath
from queries.ir.expression import Call, EachAlong, ElementId, Expression, PathLength, Property
from queries.ir.pattern import Mode, Quantifier, Select, Semantics
from queries.languages.grammar import Fault, span
from queries.languages.scalar_trees import ScalarTrees

MAX_REPEAT = 1000


@dataclass(frozen=True)
class Body:
    """What stood between the graph's name and the closing parenthesis."""

    chains: tuple[WrittenPath, ...]
    where: Expression | None
    semantics: Semantics
    columns: tuple[tuple[str | None, Expression], ...] | None


@dataclass(frozen=True)
class _Label:
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Where:
    condition: Expression


class PgqTrees(ScalarTrees):
    """See ScalarTrees; here the rules about vertices, edges and paths."""

    def body(self, parts: list[Any]) -> Body:
        chains = next(part for part in parts if isinstance(part, tuple) and isinstance(part[0], WrittenPath))
        where = next((part.condition for part in parts if isinstance(part, _Where)), None)
        columns = next((part for part in parts if isinstance(part, list)), None)
        choices = [part for part in parts if isinstance(part, Semantics)]
        if len(choices) == 2 and choices[0] is not choices[1]:
            raise Fault(f"the pattern is to be {choices[0].value} and {choices[1].value} at once")
        semantics = choices[0] if choices else Semantics.HOMOMORPHIC
        return Body(chains, where, semantics, tuple(columns) if columns is not None else None)

    def homomorphic(self, parts: list[Any]) -> Semantics:
        return Semantics.HOMOMORPHIC

    def distinct_edges(self, parts: list[Any]) -> Semantics:
        return Semantics.DISTINCT_EDGES

    def distinct_vertices(self, parts: list[Any]) -> Semantics:
        return Semantics.DISTINCT_VERTICES

    def induced(self, parts: list[Any]) -> Semantics:
        return Semantics.INDUCED

    def keep(self, parts: list[Any]) -> Semantics:
        semantics: Semantics = parts[-1]
        return semantics

    def where(self, parts: list[Any]) -> _Where:
        return _Where(parts[-1])

    # -- columns --

    def columns(self, parts: list[Any]) -> list[tuple[str | None, Expression]]:
        return [part for part in parts if isinstance(part, tuple)]

    def column(self, parts: list[Any]) -> tuple[str | None, Expression]:
        value = parts[0]
        if len(parts) > 1:
            return str(parts[-1]), value
        if isinstance(value, Property):
            return value.name, value
        if isinstance(value, Call):
            return value.function, value
        return None, value

    def star_column(self, parts: list[Any]) -> tuple[str | None, Expression]:
        name = parts[0].lower()
        return f"{name}.*", Property(name, "*", at=span(*parts))

    def star_all(self, parts: list[Any]) -> tuple[str | None, Expression]:
        return "*", Property("*", "*", at=span(*parts))

    # -- paths --

    def path_list(self, parts: list[Any]) -> tuple[WrittenPath, ...]:
        return tuple(parts)

    def path(self, parts: list[Any]) -> WrittenPath:
        name = parts[0].lower() if isinstance(parts[0], Token) else None
        select, mode, k = next((p for p in parts if isinstance(p, tuple)), (Select.ALL, None, None))
        vertices = tuple(part for part in parts if isinstance(part, Element))
        arrows = tuple(part for part in parts if isinstance(part, Arrow))
        at = span(*parts)
        return WrittenPath(vertices, arrows, name, select, mode, k, at)

    def path_prefix(self, parts: list[Any]) -> tuple[Select, Mode | None, int | None]:
        select, k = next((p for p in parts if isinstance(p, tuple)), (Select.ALL, None))
        mode = next((p for p in parts if isinstance(p, Mode)), None)
        return select, mode, k

    def any_shortest(self, parts: list[Any]) -> tuple[Select, int | None]:
        return Select.ANY_SHORTEST, None

    def all_shortest(self, parts: list[Any]) -> tuple[Select, int | None]:
        return Select.ALL_SHORTEST, None

    def shortest_k(self, parts: list[Any]) -> tuple[Select, int | None]:
        return Select.SHORTEST_K, _times(parts[-1])

    def any_path(self, parts: list[Any]) -> tuple[Select, int | None]:
        return Select.ANY, None

    def all_paths(self, parts: list[Any]) -> tuple[Select, int | None]:
        return Select.ALL, None

    def mode(self, parts: list[Any]) -> Mode:
        return Mode[str(parts[0]).upper()]

    # -- elements --

    def vertex(self, parts: list[Any]) -> Element:
        element: Element = parts[0]
        return element

    def element(self, parts: list[Any]) -> Element:
        name = next((part for part in parts if isinstance(part, Token)), None)
        labels = next((part.names for part in parts if isinstance(part, _Label)), ())
        where = next((part.condition for part in parts if isinstance(part, _Where)), None)
        return Element(None if name is None else name.lower(), labels, where, span(*parts, where))

    def label(self, parts: list[Any]) -> _Label:
        return _Label(tuple(str(part) for part in parts if part.type != "IS"))

    def edge(self, parts: list[Any]) -> Arrow:
        arrow: Arrow = parts[0]
        return arrow if len(parts) == 1 else Arrow(arrow.element, arrow.way, parts[1])

    def right(self, parts: list[Any]) -> Arrow:
        return Arrow(_placed(parts), "right")

    def left(self, parts: list[Any]) -> Arrow:
        return Arrow(_placed(parts), "left")

    def any_way(self, parts: list[Any]) -> Arrow:
        return Arrow(_placed(parts), "any")

    def right_bare(self, parts: list[Any]) -> Arrow:
        return Arrow(Element(None, (), None, span(*parts)), "right")

    def left_bare(self, parts: list[Any]) -> Arrow:
        return Arrow(Element(None, (), None, span(*parts)), "left")

    def any_bare(self, parts: list[Any]) -> Arrow:
        return Arrow(Element(None, (), None, span(*parts)), "any")

    def any_times(self, parts: list[Any]) -> Quantifier:
        return Quantifier(0, None)

    def some_times(self, parts: list[Any]) -> Quantifier:
        return Quantifier(1, None)

    def maybe_once(self, parts: list[Any]) -> Quantifier:
        return Quantifier(0, 1)

    def exactly(self, parts: list[Any]) -> Quantifier:
        times = _times(parts[0])
        return Quantifier(times, times)

    def between_times(self, parts: list[Any]) -> Quantifier:
        low, high = _times(parts[0]), _times(parts[1])
        if high < low:
            raise Fault(f"{{{low},{high}}} is no range of repetitions", parts[0].start_pos, len(parts[0]))
        return Quantifier(low, high)

    def at_least(self, parts: list[Any]) -> Quantifier:
        return Quantifier(_times(parts[0]), None)

    def at_most(self, parts: list[Any]) -> Quantifier:
        return Quantifier(0, _times(parts[0]))

    # -- expressions about patterns --

    # Names of variables are SQL names, the same in upper and lower case.

    def property(self, parts: list[Any]) -> Expression:
        return Property(parts[0].lower(), str(parts[1]), at=span(*parts))

    def variable(self, parts: list[Any]) -> Expression:
        return ElementId(parts[0].lower(), at=span(*parts))

    def exists(self, parts: list[Any]) -> Expression:
        chains = next(part for part in parts if isinstance(part, tuple))
        where = next((part.condition for part in parts if isinstance(part, _Where)), None)
        return WrittenExists(chains, where, at=span(parts[0]))

    def _call(self, name: Token, arguments: tuple[Expression, ...]) -> Expression:
        plain, at = name.lower(), span(name, *arguments)
        if plain in ("path_length", "vertices", "nodes", "edges", "relationships", "element_id", "id"):
            if len(arguments) != 1 or not isinstance(arguments[0], ElementId):
                raise Fault(f"{plain}() wants one variable of the pattern", at.start, at.end - at.start)
            variable = arguments[0].variable
            if plain == "path_length":
                return PathLength(variable, at=at)
            if plain in ("element_id", "id"):
                return ElementId(variable, at=at)
            over = "vertices" if plain in ("vertices", "nodes") else "edges"
            return EachAlong("element", over, variable, ElementId("element"), at=at)
        return super()._call(name, arguments)


def _times(number: Token) -> int:
    if len(number) > 9 or int(number) > MAX_REPEAT:
        raise Fault(
            f"{number} repetitions are more than {MAX_REPEAT}", number.start_pos or 0, len(number),
            hint="For any number write * or +, with ANY SHORTEST before the path.",
        )  # fmt: skip
    return int(number)


def _placed(parts: list[Any]) -> Element:
    element: Element = next(part for part in parts if isinstance(part, Element))
    return Element(element.name, element.labels, element.where, span(*parts))

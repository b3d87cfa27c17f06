"""Functions of Cypher, as openCypher means them, in the expressions that every engine answers.

Tests: tests/queries/languages/cypher/test_parser.py.
"""

from __future__ import annotations

from collections.abc import Callable

from lark import Token

from ingest.schema.errors import did_you_mean
from queries.ir.expression import (
    WHOLE_PART,
    Call,
    Case,
    Cast,
    EachAlong,
    ElementId,
    Expression,
    Literal,
    Operation,
    Part,
    PathLength,
    Span,
)
from queries.languages.cypher.lists import ranged, sliced
from queries.languages.cypher.maps import KEYS_OF, LABELS_OF, PROPERTIES_OF, TYPE_OF, WITHOUT
from queries.languages.grammar import Fault, span

_SAME = "abs ceil floor round sign sqrt exp log10 trim ltrim rtrim replace reverse left right coalesce sin cos pi"
_RENAMED = {
    "tolower": "lower",
    "toupper": "upper",
    "size": "len",
    "log": "ln",
    "split": "string_split",
    "rand": "random",
}
_FUNCTIONS: dict[str, str] = {name: name for name in _SAME.split()} | _RENAMED
_AGGREGATES = {"sum": "sum", "avg": "avg", "min": "min", "max": "max", "collect": "list", "stdev": "stddev"}
_CASTS = {"tostring": "VARCHAR", "tofloat": "DOUBLE"}
_OF_NOTHING = {"sum": Literal(0), "stddev": Literal(0.0)}
"""What these are of no values; of one value there is no spread either. Other aggregates are null then."""
_SPECIAL = ("count", "length", "nodes", "relationships", "id", "elementId", "exists", "substring", "head", "last")
_LATER = ("tail", "range", "keys", "labels", "type", "properties")


def called(name: Token, arguments: tuple[Expression, ...]) -> Expression:
    """A call as written; Fault for an unknown function, with the nearest."""
    plain, at = name.lower(), span(name, *arguments)
    made = _SPECIAL_CALLS.get(plain)
    if made is not None:
        if len(arguments) != 1 and plain not in _SEVERAL:
            raise Fault(f"{name}() wants one argument", at.start, at.end - at.start)
        return made(name, arguments, at)
    if plain in _AGGREGATES:
        return _aggregate(_AGGREGATES[plain], arguments, at)
    if plain == "round" and len(arguments) == 1:
        return _rounded(arguments[0], at)
    if plain in ("tointeger", "toint") and len(arguments) == 1:
        return Call(WHOLE_PART, arguments, at=at)
    if plain in _CASTS and len(arguments) == 1:
        return Cast(arguments[0], _CASTS[plain], strict=plain == "tostring", at=at)
    if plain in _FUNCTIONS:
        return Call(_FUNCTIONS[plain], arguments, at=at)
    known = [*_FUNCTIONS, *_AGGREGATES, *_CASTS, *_SPECIAL, *_LATER, "tointeger"]
    raise Fault(f"there is no function {str(name)!r} here{did_you_mean(name, known)}", at.start, len(name))


def called_distinct(name: Token, argument: Expression) -> Expression:
    """``sum(DISTINCT x)``; Fault for what is no aggregate."""
    word, at = name.lower(), span(name, argument)
    if word == "count":
        return Call("count", (argument,), distinct=True, at=at)
    if word in _AGGREGATES:
        return _aggregate(_AGGREGATES[word], (argument,), at, distinct=True)
    raise Fault(f"DISTINCT belongs to an aggregate, which {name}() is not", name.start_pos or 0, len(name))


def single(flags: EachAlong) -> Expression:
    """Whether exactly one of a list of 1, 0 and null is 1; unknown where the nulls decide."""
    number = Call("coalesce", (Call("list_sum", (flags,)), Literal(0)))
    unknown = Operation("<", (Call("list_count", (flags,)), Call("len", (flags,))))
    several, one = Operation(">", (number, Literal(1))), Operation("=", (number, Literal(1)))
    return Case((several, Literal(False), unknown, Literal(None)), one, at=flags.at)


def _aggregate(function: str, arguments: tuple[Expression, ...], at: Span, distinct: bool = False) -> Expression:
    called = Call(function, arguments, distinct=distinct, at=at)
    nothing = _OF_NOTHING.get(function)
    return called if nothing is None else Call("coalesce", (called, nothing), at=at)


def _rounded(value: Expression, at: Span) -> Expression:
    """The nearest whole number, of two the greater."""
    below, above = Call("floor", (value,)), Call("ceil", (value,))
    nearer = Operation("<", (Operation("-", (value, below)), Literal(0.5)))
    return Case((nearer, below), above, at=at)


def _variable(name: Token, arguments: tuple[Expression, ...]) -> str:
    if not isinstance(arguments[0], ElementId):
        raise Fault(f"{name}() wants a variable", name.start_pos or 0, len(name))
    return arguments[0].variable


def _length(name: Token, arguments: tuple[Expression, ...], at: Span) -> Expression:
    return PathLength(_variable(name, arguments), at=at)


def _nodes(name: Token, arguments: tuple[Expression, ...], at: Span) -> Expression:
    return EachAlong("~element", "vertices", _variable(name, arguments), ElementId("~element"), at=at)


def _relationships(name: Token, arguments: tuple[Expression, ...], at: Span) -> Expression:
    return EachAlong("~element", "edges", _variable(name, arguments), ElementId("~element"), at=at)


def _identity(name: Token, arguments: tuple[Expression, ...], at: Span) -> Expression:
    return ElementId(_variable(name, arguments), at=at)


def _count(name: Token, arguments: tuple[Expression, ...], at: Span) -> Expression:
    return Call("count", arguments, at=at)


def _substring(name: Token, arguments: tuple[Expression, ...], at: Span) -> Expression:
    if len(arguments) not in (2, 3):
        raise Fault("substring() wants a text, a start and perhaps a length", at.start, at.end - at.start)
    text, start, *length = arguments
    return Call("substring", (text, Operation("+", (start, Literal(1))), *length), at=at)  # Cypher counts from 0


def _part(key: int) -> Callable[[Token, tuple[Expression, ...], Span], Expression]:
    return lambda name, arguments, at: Part(arguments[0], Literal(key), at=at)


def _tail(name: Token, arguments: tuple[Expression, ...], at: Span) -> Expression:
    return sliced(arguments[0], Literal(1), None, at)


def _range(name: Token, arguments: tuple[Expression, ...], at: Span) -> Expression:
    if len(arguments) not in (2, 3):
        raise Fault("range() wants a first and a last number and perhaps a step", at.start, at.end - at.start)
    return ranged(arguments, at)


def _later(function: str) -> Callable[[Token, tuple[Expression, ...], Span], Expression]:
    """A function whose meaning depends on what its argument turns out to be; see maps.settled."""
    return lambda name, arguments, at: Call(function, arguments, at=at)


def _without(name: Token, arguments: tuple[Expression, ...], at: Span) -> Expression:
    if len(arguments) != 2:
        raise Fault("removeKeys() wants a map and a list of keys", at.start, at.end - at.start)
    return Call(WITHOUT, arguments, at=at)


def _document(name: Token, arguments: tuple[Expression, ...], at: Span) -> Expression:
    return Cast(arguments[0], "JSON", at=at)


def _end(name: Token, arguments: tuple[Expression, ...], at: Span) -> Expression:
    raise Fault(
        f"{name}() is not answered here", name.start_pos or 0, len(name), "Name the node in the pattern: (a)-[e]->(b).",
        unsupported=True,
    )  # fmt: skip


_SPECIAL_CALLS: dict[str, Callable[[Token, tuple[Expression, ...], Span], Expression]] = {
    "length": _length,
    "nodes": _nodes,
    "relationships": _relationships,
    "rels": _relationships,
    "id": _identity,
    "elementid": _identity,
    "count": _count,
    "substring": _substring,
    "head": _part(0),
    "last": _part(-1),
    "tail": _tail,
    "range": _range,
    "keys": _later(KEYS_OF),
    "labels": _later(LABELS_OF),
    "type": _later(TYPE_OF),
    "properties": _later(PROPERTIES_OF),
    "apoc.map.removekeys": _without,
    "apoc.convert.fromjsonmap": _document,
    "apoc.convert.fromjsonlist": _document,
    "startnode": _end,
    "endnode": _end,
}
_SEVERAL = ("count", "substring", "range", "apoc.map.removekeys")

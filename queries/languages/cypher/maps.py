"""Maps in Cypher, and elements where a value stands: what of them depends on what a name turns out to be.

A map that is written out is a struct. A map whose keys are in the data (the properties of a node, a JSON text) is a
JSON document, and so is each part of it; a part that is compared or counted is read as the number or text it is.

Tests: tests/queries/languages/cypher/test_maps.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from lark import Token

from queries.ir.builder import WrittenPath
from queries.ir.expression import (
    Call,
    Cast,
    EachAlong,
    EachIn,
    ElementId,
    Expression,
    ListOf,
    Literal,
    MapOf,
    Operation,
    Part,
    Property,
    Span,
)
from queries.languages.grammar import Fault
from queries.planning.elements import KEYS, LABELS, PROPERTIES, TYPE

VERTEX, EDGE, JSON, LIST, MAP, VERTICES, EDGES = "vertex", "edge", "json", "list", "map", "vertices", "edges"
KEYS_OF, PROPERTIES_OF, LABELS_OF, TYPE_OF, WITHOUT = "~keys", "~properties", "~labels", "~type", "~without"
"""Functions whose meaning depends on their argument; ``settled`` replaces them."""
_COMPARED = frozenset({"=", "<>", "<", "<=", ">", ">=", "IN", "IN LIST", "+", "-", "*", "/", "%"})
_TEXTS = frozenset({"STARTS WITH", "ENDS WITH", "CONTAINS", "MATCHES", "LIKE", "ILIKE", "||"})
_COUNTED = frozenset({"sum", "avg", "min", "max", "stddev", "median"})
_SAME = frozenset({"coalesce", "list_reverse", "list_slice"})


@dataclass(frozen=True)
class Entry:
    """One entry of a map as written: ``name: value``, ``.name`` (``own``) or ``.*`` (``every``)."""

    name: Token
    value: Expression | None = None
    own: bool = False
    every: bool = False


@dataclass(frozen=True)
class Projected(Expression):
    """``n {.type, x: 1}`` before n is known."""

    opaque: ClassVar[bool] = False
    variable: str = ""
    entries: tuple[Entry, ...] = ()
    values: tuple[Expression, ...] = ()

    def __post_init__(self) -> None:
        if not self.values:
            object.__setattr__(self, "values", tuple(self._value(entry) for entry in self.entries))

    def _value(self, entry: Entry) -> Expression:
        if entry.value is not None:
            return entry.value
        return Property(self.variable, PROPERTIES if entry.every else str(entry.name), at=self.at)

    def variables(self) -> frozenset[str]:
        return frozenset(name for value in self.values for name in value.variables())


Kinds = Callable[[str], str]
_ALONG = {"vertices": "~node ", "edges": "~edge "}


def along_name(name: str, over: str) -> str:
    """What an element of a path is called inside the expression about it, so that it is known for one."""
    return _ALONG[over] + name


def kinds_in(chains: Iterable[WrittenPath]) -> dict[str, str]:
    """Kinds of the names that patterns bring."""
    kinds: dict[str, str] = {}
    for chain in chains:
        kinds.update({vertex.name: VERTEX for vertex in chain.vertices if vertex.name})
        arrows = (arrow for arrow in chain.arrows if arrow.element.name)
        kinds.update({str(arrow.element.name): EDGES if arrow.quantifier else EDGE for arrow in arrows})
    return kinds


def kind_of(node: Expression, kinds: Kinds) -> str:
    """What a value is, where that is plain: an element, a JSON document, a list, a list of elements, a map."""
    match node:
        case ElementId(variable=variable):
            along = {_ALONG["vertices"]: VERTEX, _ALONG["edges"]: EDGE}
            return along.get(variable[:6], "") or kinds(variable)
        case Property(name=name):
            return {PROPERTIES: JSON, KEYS: LIST, LABELS: LIST}.get(name, "")
        case Cast(type="JSON"):
            return JSON
        case Part(operand=operand, json=json):
            return JSON if json else {VERTICES: VERTEX, EDGES: EDGE}.get(kind_of(operand, kinds), "")
        case MapOf():
            return MAP
        case EachAlong(over=over, value=ElementId(variable=inner), variable=own) if inner == own:
            return VERTICES if over == "vertices" else EDGES
        case EachIn(source=source, value=None):
            return kind_of(source, kinds)
        case Call(function="list", arguments=(ElementId(variable=variable),)):
            return {VERTEX: VERTICES, EDGE: EDGES}.get(kinds(variable), LIST)
        case Call(function=function, arguments=arguments) if function in _SAME and arguments:
            found = {kind_of(argument, kinds) for argument in arguments[:1]}
            return found.pop()
        case Call(function="json_merge_patch"):
            return JSON
        case Literal(value=tuple()) | ListOf() | EachIn() | EachAlong() | Call(function="list" | "json_keys"):
            return LIST
    return ""


def settled(node: Expression, kinds: Kinds) -> Expression:
    """A node whose parts are settled, as what it means for the kinds of its parts.

    Raises:
        Fault: a function that means nothing for them.
    """
    match node:
        case Call(function=function) if function.startswith("~"):
            return _of_element(node, kinds)
        case Call(function=function, arguments=(argument,)) if function in _COUNTED and _is_json(argument, kinds):
            return replace(node, arguments=(Cast(argument, "DOUBLE"),))
        case Call(function="len", arguments=(argument,)) if _is_json(argument, kinds):
            return Call("json_array_length", (argument,), at=node.at)
        case Cast(operand=operand, type="VARCHAR") if _is_json(operand, kinds):
            return _text_of(operand)
        case Part(operand=operand) if kind_of(operand, kinds) in (VERTEX, EDGE):
            if not isinstance(operand, ElementId):
                raise _fault("an element of a list is read by a name of its own: WITH head(list) AS first", node)
            if isinstance(node.key, Literal) and isinstance(node.key.value, str):
                return Property(operand.variable, node.key.value, at=node.at)
            return replace(node, operand=Property(operand.variable, PROPERTIES, at=operand.at), json=True)
        case Part(operand=operand) if _is_json(operand, kinds):
            return replace(node, json=True)
        case Projected():
            return _projected(node, kinds)
        case Operation(operator=operator, operands=operands) if any(_is_json(one, kinds) for one in operands):
            if operator in _TEXTS:
                return replace(node, operands=tuple(_text_of(o) if _is_json(o, kinds) else o for o in operands))
            if operator in _COMPARED:
                texts = any(_is_text(one) for one in operands)
                as_value = _text_of if texts else _number_of
                return replace(node, operands=tuple(as_value(o) if _is_json(o, kinds) else o for o in operands))
    return node


def _is_json(node: Expression, kinds: Kinds) -> bool:
    return kind_of(node, kinds) == JSON


def _is_text(node: Expression) -> bool:
    match node:
        case Literal(value=tuple() as values):
            return any(isinstance(value, str) for value in values)
        case Literal(value=value):
            return isinstance(value, str)
        case Cast(type="VARCHAR"):
            return True
        case ListOf(items=items):
            return any(map(_is_text, items))
    return False


def _text_of(node: Expression) -> Expression:
    return Call("json_extract_string", (node, Literal("$")), at=node.at)


def _number_of(node: Expression) -> Expression:
    return Cast(node, "DOUBLE", at=node.at)


def _of_element(node: Call, kinds: Kinds) -> Expression:
    argument, *rest = node.arguments
    kind = kind_of(argument, kinds)
    if node.function in (LABELS_OF, TYPE_OF):
        wanted, name = (VERTEX, LABELS) if node.function == LABELS_OF else (EDGE, TYPE)
        if kind != wanted or not isinstance(argument, ElementId):
            what = "labels() wants a node" if wanted == VERTEX else "type() wants a relationship"
            raise _fault(what, node)
        return Property(argument.variable, name, at=node.at)
    if isinstance(argument, MapOf) and node.function == KEYS_OF:
        return Literal(argument.keys, at=node.at)
    if kind in (VERTEX, EDGE) and isinstance(argument, ElementId):
        name = KEYS if node.function == KEYS_OF else PROPERTIES
        document: Expression = Property(argument.variable, name, at=node.at)
    elif kind in (LIST, VERTICES, EDGES):
        raise _fault("wanted a map or a node, and this is a list", node)
    else:
        whole = argument if kind == JSON else Call("to_json", (argument,))
        document = Call("json_keys", (whole,), at=node.at) if node.function == KEYS_OF else whole
    if node.function != WITHOUT:
        return document
    names = rest[0].value if rest and isinstance(rest[0], Literal) and isinstance(rest[0].value, tuple) else None
    if names is None or not all(isinstance(name, str) for name in names):
        raise _fault("removeKeys() wants the keys as a list of texts", node)
    # Merged with nulls, entries go.
    gone = [part for name in names for part in (Literal(name), Literal(None))]
    return Call("json_merge_patch", (document, Call("json_object", tuple(gone))), at=node.at) if gone else document


def _projected(node: Projected, kinds: Kinds) -> Expression:
    names = [str(entry.name) for entry in node.entries]
    kind = kinds(node.variable)
    if kind == JSON:
        values = tuple(
            replace(value, json=True) if isinstance(value, Part) and entry.own else value
            for value, entry in zip(node.values, node.entries, strict=True)
        )
        node = replace(node, values=values)
    elif kind not in (VERTEX, EDGE, MAP, ""):
        raise _fault(f"{node.variable!r} is a list and has no properties", node)
    if not any(entry.every for entry in node.entries):
        return MapOf(tuple(names), node.values, at=node.at)
    documents: list[Expression] = []
    for entry, name, value in zip(node.entries, names, node.values, strict=True):
        documents.append(value if entry.every else Call("json_object", (Literal(name), value)))
    return documents[0] if len(documents) == 1 else Call("json_merge_patch", tuple(documents), at=node.at)


def _fault(message: str, node: Expression) -> Fault:
    at = node.at or Span(0, 1)
    return Fault(message, at.start, at.end - at.start, unsupported=False)


def entries_of(value: Expression) -> tuple[str, ...]:
    """The entries of a map that is written out."""
    return value.keys if isinstance(value, MapOf) else ()


def membership(node: Expression) -> Expression:
    """``x IN [a, b]`` of a written list, as engines know it."""
    if not isinstance(node, Operation) or node.operator != "IN LIST":
        return node
    item, options = node.operands
    if isinstance(options, Literal) and isinstance(options.value, tuple) and options.value:
        return Operation("IN", (item, *(Literal(value) for value in options.value)), at=node.at)
    items = getattr(options, "items", None)
    return Operation("IN", (item, *items), at=node.at) if items else node

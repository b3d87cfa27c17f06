"""DotMotif: motifs as lines of edges (``A -> B [weight > 5]``), matched with distinct vertices.

The whole second version of the language is read (``dotmotif.lark``): named edges, constraints between
elements, edges that must not exist (``!>`` or ``~>``), macros, automorphisms (``===``). Predicates are pushed into the
search. An edge of an excitatory (``-+``) or inhibitory type (``-|``, ``--``) is one whose column ``sign`` is 1 or -1;
``Graph.set_signs`` makes that column, and an unknown sign is neither.
The answer has one column for each vertex, with its root_id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lark import Token, Transformer

from ingest.schema.errors import ParseError, did_you_mean
from queries.ir.builder import Arrow, Element, PatternBuilder, WrittenPath
from queries.ir.connectome import BY_NEUROPIL
from queries.ir.expression import (
    ElementId,
    Expression,
    Literal,
    Operation,
    Parameter,
    Property,
    Span,
    conjuncts,
    transform,
)
from queries.ir.pattern import Column, Pattern, Semantics
from queries.ir.statement import Slot, Statement
from queries.languages.grammar import Fault, Grammar, span
from queries.sql.tokens import MAX_LENGTH

MAX_RULES = 2000
_SIGNS = {"+": 1, "|": -1, "-": -1}
_Key = tuple[str, str, bool, int]
"""Source, target, whether the edge exists, and the sign of one that does not: two of those are two conditions."""
_COMPARISONS = {"==": "=", "!=": "<>"}


@dataclass(frozen=True)
class _Edge:
    source: Token
    target: Token
    exists: bool
    clauses: tuple[tuple[Token, Token, Expression], ...]
    name: Token | None
    sign: int
    """0 where the type of the edge does not matter."""


@dataclass(frozen=True)
class _Constraint:
    name: Token
    key: Token
    operator: Token
    value: Expression | None
    other: Token | None = None
    other_key: Token | None = None


@dataclass(frozen=True)
class _Same:
    first: Token
    second: Token


@dataclass(frozen=True)
class _Macro:
    name: Token
    parameters: tuple[Token, ...]
    rules: tuple[Any, ...]


@dataclass(frozen=True)
class _Call:
    name: Token
    arguments: tuple[Token, ...]


_NAMES = {
    "RELATION": "an edge (-> or !>)",
    "OPERATOR": "a comparison",
    "WORD_OPERATOR": "in or contains",
    "NAME": "a name",
    "QUOTED": "a quoted text",
    "NUMBER": "a number",
    "PARAMETER": "$parameter",
    "LPAR": "(",
    "RPAR": ")",
    "LBRACE": "{",
    "RBRACE": "}",
    "LSQB": "[",
    "RSQB": "]",
    "COMMA": ",",
    "DOT": ".",
    "SEMICOLON": ";",
}


@lru_cache(maxsize=1)
def _grammar() -> Grammar:
    return Grammar(
        (files("queries.languages.dotmotif") / "dotmotif.lark").read_text(encoding="utf-8"), "start", _Trees(), _NAMES
    )


def parse(text: str, graph: str = "connectome") -> Statement:
    """A motif as a statement of one pattern.

    Raises:
        ParseError, UnsupportedError: with line, column and the place underlined.
    """
    return Statement(text, (Slot(0, len(text), parse_pattern(text, graph)),), "dotmotif", text)


def parse_pattern(text: str, graph: str = "connectome") -> Pattern:
    """A motif as a pattern; see parse()."""
    if len(text) > MAX_LENGTH:
        raise ParseError(f"the motif has {len(text):,} characters, more than {MAX_LENGTH:,}")
    try:
        blocks = _grammar().parse(text)
        return _Motif(text, graph).pattern(blocks)
    except Fault as fault:
        raise fault.error(text) from None


class _Motif:
    def __init__(self, text: str, graph: str) -> None:
        self.text = text
        self.builder = PatternBuilder(graph, text)
        self.macros: dict[str, _Macro] = {}
        self.edges: dict[_Key, list[Expression]] = {}
        self.edge_names: dict[_Key, str] = {}
        self.named: dict[str, _Key] = {}
        self.places: dict[str, Span] = {}
        self.constraints: list[tuple[_Constraint, dict[str, str]]] = []
        self.same: list[tuple[str, str]] = []
        self.rules = 0

    def pattern(self, blocks: tuple[Any, ...]) -> Pattern:
        self._read(blocks, {}, ())
        if not self.edges:
            raise Fault("the motif has no edge", 0, hint="Write for example: A -> B")
        for vertex, at in self.places.items():
            self.builder.add(WrittenPath((Element(vertex, (), None, at),), at=at))
        for key, predicates in self.edges.items():
            source, target, exists, _ = key
            name = self.edge_names[key]
            where = _all(predicates)
            arrow = Arrow(Element(name, (), where, self.places[source]), "right", negated=not exists)
            ends = tuple(Element(end, (), None, self.places[end]) for end in (source, target))
            self.builder.add(WrittenPath(ends, (arrow,), at=self.places[source]))
        for constraint, scope in self.constraints:
            self.builder.where(self._condition(constraint, scope))
        columns = [Column(vertex, ElementId(vertex)) for vertex in self.places]
        built = self.builder.build(columns, Semantics.DISTINCT_VERTICES)
        groups = [together for together in _groups(self.same) if len(together) > 1]
        return _of_neuropils(replace(self._shared(built, groups), alike=tuple(map(tuple, groups))))

    def _read(self, blocks: tuple[Any, ...], scope: dict[str, str], calls: tuple[str, ...]) -> None:
        """Edges and constraints of blocks; ``scope`` maps a macro's names to those of the motif."""
        local = dict(scope)
        for block in blocks:
            self.rules += 1
            if self.rules > MAX_RULES:
                raise Fault(f"the motif comes to more than {MAX_RULES} rules")
            if isinstance(block, _Macro):
                self.macros[str(block.name)] = block
            elif isinstance(block, _Edge):
                self._edge(block, local, inside=bool(calls))
            elif isinstance(block, _Constraint):
                self.constraints.append((block, local))
            elif isinstance(block, _Same):
                self.same.append((self._vertex(block.first, local, calls), self._vertex(block.second, local, calls)))
            else:
                self._call(block, local, calls)

    def _call(self, call: _Call, scope: dict[str, str], calls: tuple[str, ...]) -> None:
        name = str(call.name)
        macro = self.macros.get(name)
        if macro is None:
            raise _fault(f"there is no macro {name!r}{did_you_mean(name, self.macros)}", call.name)
        if name in calls:
            raise _fault(f"the macro {name!r} calls itself", call.name)
        if len(call.arguments) != len(macro.parameters):
            raise _fault(
                f"the macro {name!r} wants {len(macro.parameters)} names and got {len(call.arguments)}", call.name
            )
        inner = {
            str(parameter): self._vertex(argument, scope, calls)
            for parameter, argument in zip(macro.parameters, call.arguments, strict=True)
        }
        self._read(macro.rules, inner, (*calls, name))

    def _vertex(self, name: Token, scope: dict[str, str], calls: tuple[str, ...]) -> str:
        if not calls:
            self.places.setdefault(str(name), span(name))
            return str(name)
        if scope.get(str(name)) not in self.places:
            raise _fault(f"{str(name)!r} is not among the macro's names{did_you_mean(name, scope)}", name)
        return scope[str(name)]

    def _edge(self, edge: _Edge, scope: dict[str, str], inside: bool) -> None:
        calls = ("macro",) if inside else ()
        source, target = (self._vertex(end, scope, calls) for end in (edge.source, edge.target))
        key = (source, target, edge.exists, 0 if edge.exists else edge.sign)
        opposite = self.edges.get((source, target, not edge.exists, 0))
        if opposite == [] and not edge.clauses:
            raise _fault(f"{source} -> {target} is to exist and not to exist", edge.source)
        name = self.edge_names.setdefault(key, self.builder.fresh("edge"))
        predicates = self.edges.setdefault(key, [])
        for clause_key, operator, value in edge.clauses:
            predicates.append(_compare(Property(name, str(clause_key), at=span(clause_key)), operator, value))
        if edge.name is not None:
            if inside:
                scope[str(edge.name)] = name
            elif str(edge.name) in self.named or str(edge.name) in self.places:
                raise _fault(f"the name {str(edge.name)!r} is taken already", edge.name)
            self.named[str(edge.name)] = key

    def _element(self, name: Token, scope: dict[str, str]) -> str:
        if str(name) in scope:
            return scope[str(name)]
        if str(name) in self.named:
            return self.edge_names[self.named[str(name)]]
        if str(name) in self.places:
            return str(name)
        known = [*self.places, *self.named]
        raise _fault(f"{str(name)!r} is no vertex and no named edge{did_you_mean(name, known)}", name)

    def _condition(self, constraint: _Constraint, scope: dict[str, str]) -> Expression:
        left = Property(self._element(constraint.name, scope), str(constraint.key), at=span(constraint.key))
        right = constraint.value
        if right is None:
            assert constraint.other is not None
            assert constraint.other_key is not None
            other = self._element(constraint.other, scope)
            right = Property(other, str(constraint.other_key), at=span(constraint.other_key))
        condition = _compare(left, constraint.operator, right)
        absent = {self.edge_names[key] for key in self.edges if not key[2]}
        if condition.variables() & absent:
            if len(condition.variables()) > 1:
                raise _fault("an edge that must not exist has no value to compare with", constraint.name)
            key = next(k for k, name in self.edge_names.items() if name in condition.variables())
            edge = self.builder.edges[self.edge_names[key]]
            self.builder.edges[edge.variable] = replace(edge, predicate=_all([*conjuncts(edge.predicate), condition]))
            return Literal(True)
        return condition

    def _shared(self, pattern: Pattern, groups: list[list[str]]) -> Pattern:
        """Conditions on a vertex hold for the vertices that are alike to it."""
        conditions = list(conjuncts(pattern.where))
        for group in groups:
            for condition in list(conditions):
                names = condition.variables()
                if len(names) == 1 and next(iter(names)) in group:
                    old = next(iter(names))
                    copies = [_renamed(condition, old, new) for new in group if new != old]
                    conditions += [copy for copy in copies if copy not in conditions]
        return replace(pattern, where=_all(conditions))


def _of_neuropils(pattern: Pattern) -> Pattern:
    """An edge with a condition on ``neuropil`` is the synapses of one neuropil; a match counts once for several."""
    trees = [pattern.where, *(edge.predicate for edge in pattern.edges)]
    nodes = [node for tree in trees if tree is not None for node in tree.walk()]
    names = {node.variable for node in nodes if isinstance(node, Property) and node.name.lower() == "neuropil"}
    edges = tuple(replace(e, labels=(BY_NEUROPIL,)) if e.variable in names else e for e in pattern.edges)
    return pattern if edges == pattern.edges else replace(pattern, edges=edges, distinct=True)


def _groups(same: list[tuple[str, str]]) -> list[list[str]]:
    groups: list[list[str]] = []
    for first, second in same:
        met = [group for group in groups if first in group or second in group]
        merged = list(dict.fromkeys([name for group in met for name in group] + [first, second]))
        groups = [group for group in groups if group not in met] + [merged]
    return groups


def _compare(left: Expression, operator: Token, right: Expression) -> Expression:
    at = getattr(left, "at", None)
    text = str(operator)
    negated = text.startswith("!") and text != "!="
    match text.lstrip("!") if negated else text:
        case "in":
            result: Expression = Operation("CONTAINS", (right, left), at=at)
        case "contains":
            result = Operation("CONTAINS", (left, right), at=at)
        case plain:
            return Operation(_COMPARISONS.get(plain, plain), (left, right), at=at)
    return Operation("NOT", (result,), at=at) if negated else result


def _all(parts: list[Expression]) -> Expression | None:
    kept = [part for part in parts if part != Literal(True)]
    if not kept:
        return None
    return kept[0] if len(kept) == 1 else Operation("AND", tuple(kept))


def _renamed(expression: Expression, old: str, new: str) -> Expression:
    def change(node: Expression) -> Expression:
        if isinstance(node, Property | ElementId) and node.variable == old:
            return replace(node, variable=new)
        return node

    return transform(expression, change)


def _fault(message: str, at: Token, hint: str = "", unsupported: bool = False) -> Fault:
    return Fault(message, at.start_pos or 0, len(at), hint, unsupported=unsupported)


class _Trees(Transformer[Any, Any]):
    """One method a rule of ``dotmotif.lark``."""

    def start(self, parts: list[Any]) -> tuple[Any, ...]:
        return tuple(parts)

    rules = start
    names = start
    clauses = start
    clause = start

    def name(self, parts: list[Any]) -> Token:
        token: Token = parts[0]
        return token

    def key(self, parts: list[Any]) -> Token:
        token: Token = parts[0]
        return token.update(value=str(token)[1:-1]) if token.type == "QUOTED" else token

    operator = name
    bracketed = name

    relation = name

    def number(self, parts: list[Any]) -> Expression:
        text = str(parts[0])
        if len(text) > 38:
            raise _fault("this number is too long", parts[0])
        plain = text.lstrip("+-").isdigit()
        return Literal(int(text) if plain else float(text), at=span(*parts))

    def text(self, parts: list[Any]) -> Expression:
        return Literal(str(parts[0])[1:-1], at=span(*parts))

    def bare(self, parts: list[Any]) -> Expression:
        word = str(parts[0])
        known: dict[str, bool | None] = {"true": True, "false": False}
        return Literal(known.get(word.lower(), word), at=span(*parts))

    def bound(self, parts: list[Any]) -> Expression:
        return Parameter(str(parts[0])[1:], at=span(*parts))

    def edge(self, parts: list[Any]) -> _Edge:
        source, relation, target, *rest = parts
        clauses = next((part for part in rest if isinstance(part, tuple)), ())
        sign = _SIGNS.get(relation[1], 0)
        if sign:
            key, equals = relation.update(value="sign"), relation.update(value="=")
            clauses = (*clauses, (key, equals, Literal(sign, at=span(relation))))
        name = next((part for part in rest if isinstance(part, Token)), None)
        return _Edge(source, target, relation[0] == "-", clauses, name, sign)

    def static(self, parts: list[Any]) -> _Constraint:
        return _Constraint(*parts)

    def dynamic(self, parts: list[Any]) -> _Constraint:
        name, key, operator, other, other_key = parts
        return _Constraint(name, key, operator, None, other, other_key)

    def same(self, parts: list[Any]) -> _Same:
        return _Same(*parts)

    def macro(self, parts: list[Any]) -> _Macro:
        return _Macro(*parts)

    def macro_call(self, parts: list[Any]) -> _Call:
        return _Call(*parts)

"""What rows of a Cypher query carry: the names in them, and what later clauses still read of these.

Tests: tests/queries/languages/cypher/test_stages.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from queries.ir.builder import WrittenExists, WrittenPath
from queries.ir.expression import (
    AllAlong,
    Call,
    EachAlong,
    ElementId,
    Expression,
    Literal,
    Part,
    PathLength,
    Property,
)
from queries.ir.pattern import Pattern
from queries.languages.cypher.clauses import Clause, Match, Projection, Unwind, item_name
from queries.languages.cypher.maps import KEYS_OF, PROPERTIES_OF, WITHOUT
from queries.planning.elements import KEYS, LABELS, PROPERTIES, TYPE

_WHOLE = {KEYS_OF: KEYS, PROPERTIES_OF: PROPERTIES, WITHOUT: PROPERTIES, "~labels": LABELS, "~type": TYPE}


PATH = "path"


@dataclass(frozen=True)
class Name:
    """What a name stands for: its column, its kind, and of an element the columns of what is read of it."""

    column: str
    kind: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] | None = ()
    """Of a vertex; None where they do not tell its table."""
    computed: tuple[tuple[Expression, str], ...] = ()
    """Values along a path, with their columns."""
    entries: tuple[str, ...] = ()
    """Of a map."""

    @property
    def columns(self) -> list[str]:
        own = [] if self.kind == PATH else [self.column]
        return [*own, *self.properties.values(), *(column for _, column in self.computed)]


@dataclass(frozen=True)
class Found:
    """A pattern, and the names that its columns are."""

    pattern: Pattern
    names: Mapping[str, Name]
    shared: Mapping[str, str] = field(default_factory=dict)
    """Name of earlier rows -> the column here that has to be equal."""
    rest: tuple[Expression, ...] = ()
    """Conditions that read earlier rows too."""


@dataclass
class Needs:
    """Names, properties of elements, and values along paths, in the order in which they are first read."""

    names: dict[str, None] = field(default_factory=dict)
    properties: dict[str, dict[str, None]] = field(default_factory=dict)
    paths: dict[str, list[Expression]] = field(default_factory=dict)

    def of(self, name: str) -> tuple[str, ...]:
        """Properties that are read of an element."""
        return tuple(self.properties.get(name, ()))

    def read(self, expression: Expression | None) -> None:
        """Note what an expression reads."""
        for node in expression.walk() if expression is not None else ():
            match node:
                case WrittenExists(chains=chains, where=where):
                    self.chains(chains)
                    self.read(where)
                case Property(variable=variable, name=name):
                    self.names[variable] = None
                    self.properties.setdefault(variable, {})[name] = None
                case ElementId(variable=variable):
                    self.names[variable] = None
                case Call(function=function, arguments=(ElementId(variable=variable), *_)) if function in _WHOLE:
                    self.properties.setdefault(variable, {})[_WHOLE[function]] = None
                case Part(operand=ElementId(variable=variable), key=Literal(value=str() as name)):
                    self.properties.setdefault(variable, {})[name] = None
                case Part(operand=ElementId(variable=variable), key=key) if not isinstance(key, Literal):
                    self.properties.setdefault(variable, {})[PROPERTIES] = None
                case EachAlong(path=path) | AllAlong(path=path) | PathLength(path=path):
                    self.names[path] = None
                    if node not in self.paths.setdefault(path, []):
                        self.paths[path].append(node)

    def chains(self, chains: Iterable[WrittenPath]) -> None:
        """Note what patterns read: the names in them and what their conditions compare with."""
        for chain in chains:
            for element in (*chain.vertices, *(arrow.element for arrow in chain.arrows)):
                if element.name is not None:
                    self.names[element.name] = None
                self.read(element.where)

    def renamed(self, other: Needs, old: str, new: str) -> None:
        """What is read of ``new`` in ``other`` is read of ``old``."""
        self.names[old] = None
        self.properties.setdefault(old, {}).update(other.properties.get(new, {}))
        if new in other.paths:
            moved = [replace(node, path=old) for node in other.paths[new]]  # type: ignore[call-arg]
            self.paths.setdefault(old, []).extend(node for node in moved if node not in self.paths[old])


def needs_of(clauses: Sequence[Clause], text: str) -> Needs:
    """What ``clauses`` read of the names before them."""
    needs = Needs()
    for clause in reversed(clauses):
        if isinstance(clause, Match):
            needs.read(clause.where)
            needs.chains(clause.chains)
        elif isinstance(clause, Unwind):
            needs.read(clause.value)
        else:
            needs = _before(clause, needs, text)
    return needs


def _before(clause: Projection, after: Needs, text: str) -> Needs:
    after.read(clause.where)
    needs = Needs()
    for key in clause.order:
        after.read(key.value)
        needs.read(key.value)
    for item in clause.items:
        if item.value is None:
            needs.names.update(after.names)
            needs.properties.update(after.properties)
            needs.paths.update(after.paths)
        elif isinstance(item.value, ElementId):
            needs.renamed(after, item.value.variable, item_name(item, text))
            if clause.final and item.name is not None:
                needs.properties.setdefault(item.value.variable, {})[PROPERTIES] = None
        else:
            needs.read(item.value)
    return needs

"""A MATCH over rows that are there already, as a pattern of its own and what joins it to them.

Tests: tests/queries/languages/cypher/test_stages.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from queries.ir.builder import PatternBuilder, WrittenExists, WrittenPath
from queries.ir.expression import ElementId, Expression, Property, conjuncts, transform
from queries.ir.pattern import Column, Semantics
from queries.languages.cypher.clauses import Match
from queries.languages.cypher.maps import EDGE, EDGES, VERTEX, kinds_in, membership, settled
from queries.languages.cypher.needs import PATH, Found, Name, Needs
from queries.languages.cypher.stages import Stages

_OF_NEURONS = frozenset({"connectsto", "synapse"})


def found_by(clause: Match, stages: Stages, needs: Needs) -> Found:
    """The pattern of a MATCH; what rows and pattern share, and conditions that read both, are for the join.

    Args:
        needs: what the clauses after it read.

    Raises:
        UnsupportedError: a name of the rows that is no node.
    """
    return _Finder(clause, stages, needs).found()


def labels_of(value: Expression, builder: PatternBuilder) -> tuple[str, ...] | None:
    """Labels that tell the table of a vertex; None where neither it nor its edges do."""
    read = (builder.vertices.get(node.variable) for node in value.walk() if isinstance(node, ElementId))
    vertex = next((found for found in read if found is not None), None)
    if vertex is None or vertex.labels:
        return () if vertex is None else vertex.labels
    edges = [e for e in builder.edges.values() if vertex.variable in (e.source, e.target)]
    plain = all(label.lower() in _OF_NEURONS for edge in edges for label in edge.labels)
    return () if plain else None


class _Finder:
    def __init__(self, clause: Match, stages: Stages, needs: Needs) -> None:
        self.clause = clause
        self.stages = stages
        self.needs = needs
        self.builder = PatternBuilder(stages.graph, stages.text)
        self.named = {n: None for chain in clause.chains for n in _names(chain)}
        self.rest: list[Expression] = []

    def found(self) -> Found:
        for chain in self.clause.chains:
            self._check(chain)
            self.builder.add(self._chain(chain))
        for part in conjuncts(self.clause.where):
            self._condition(part)
        columns: dict[str, Expression] = {}
        shared: dict[str, str] = {}
        names: dict[str, Name] = {}
        for name in self.named:
            if name in self.stages.names:
                shared[name] = self.stages.fresh()
                columns[shared[name]] = ElementId(name)
            else:
                names[name] = self._name(name, columns)
        pattern = self.builder.build([Column(n, v) for n, v in columns.items()], Semantics.DISTINCT_EDGES)
        return Found(pattern, names, shared, tuple(self.rest))

    def _check(self, chain: WrittenPath) -> None:
        for name in _names(chain):
            meaning = self.stages.names.get(name)
            vertex = any(element.name == name for element in chain.vertices)
            if meaning is not None and not (vertex and meaning.kind == VERTEX):
                what = {EDGE: "an edge", PATH: "a path"}.get(meaning.kind, "a value")
                raise self.stages.fault(
                    f"{name!r} is {what} already, and only nodes are matched again", chain.at, "Give it another name."
                )

    def _chain(self, chain: WrittenPath) -> WrittenPath:
        vertices = tuple(replace(v, where=self._own(v.where)) for v in chain.vertices)
        arrows = tuple(replace(a, element=replace(a.element, where=self._own(a.element.where))) for a in chain.arrows)
        return replace(chain, vertices=vertices, arrows=arrows)

    def _own(self, where: Expression | None) -> Expression | None:
        """The condition of an element, without what it compares with earlier rows."""
        kept: Expression | None = None
        for part in conjuncts(where):
            if self._reads_rows(part):
                self.rest.append(part)
            else:
                kept = part if kept is None else replace(where, operands=(kept, part))  # type: ignore[type-var]
        return kept

    def _condition(self, part: Expression) -> None:
        if self._reads_rows(part):
            self.rest.append(part)
        else:
            self.builder.where(self._within(part))

    def _reads_rows(self, part: Expression) -> bool:
        """Whether a condition reads names that are none of the pattern's."""
        needs = Needs()
        needs.read(part)
        outside = {name for name in needs.names if name in self.stages.names and name not in self.named}
        return bool(outside)

    def _within(self, expression: Expression, local: Mapping[str, str] = MappingProxyType({})) -> Expression:
        def kinds(name: str) -> str:
            return self._kinds(name) or local.get(name, "")

        def change(node: Expression) -> Expression:
            if isinstance(node, WrittenExists):
                inside = {**local, **kinds_in(node.chains)}
                return replace(node, where=None if node.where is None else self._within(node.where, inside))
            return membership(settled(node, kinds))

        return transform(expression, change)

    def _kinds(self, name: str) -> str:
        edge = self.builder.edges.get(name)
        if edge is not None:
            return EDGES if edge.quantifier else EDGE
        return VERTEX if name in self.builder.vertices else PATH if name in self.builder.paths else ""

    def _name(self, name: str, columns: dict[str, Expression]) -> Name:
        """What a new name is, with its columns."""
        kind = self._kinds(name)
        if kind in (PATH, EDGES):
            made = {self.stages.fresh(): node for node in self.needs.paths.get(name, ())}
            columns.update((column, self._within(node)) for column, node in made.items())
            return Name(name, PATH, computed=tuple((node, column) for column, node in made.items()))
        read = dict.fromkeys(self.needs.of(name))
        for part in self.rest:  # the join reads properties too
            more = Needs()
            more.read(part)
            read.update(dict.fromkeys(more.of(name)))
        columns[name] = ElementId(name)
        properties = {wanted: self.stages.fresh() for wanted in read}
        columns.update((column, Property(name, wanted)) for wanted, column in properties.items())
        return Name(name, kind, properties, labels_of(ElementId(name), self.builder))


def _names(chain: WrittenPath) -> Iterable[str]:
    written = [v.name for v in chain.vertices] + [a.element.name for a in chain.arrows] + [chain.name]
    return [name for name in written if name is not None]

"""A pattern tied to the tables and columns of a property graph.

Tests: tests/queries/planning/test_bind.py.
Tests: tests/queries/test_divided.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from queries.ir.expression import ElementId, Literal, Operation, conjunction, conjuncts
from queries.ir.identifiers import OURS, quote
from queries.ir.pattern import Edge, Pattern
from queries.ir.property_graph import Derived, EdgeTable, PropertyGraph, VertexTable

Key = int | str


@dataclass(frozen=True, eq=False)
class BoundPattern:
    """A pattern whose property names are spelled as its tables spell them.

    Variables of EXISTS sub-patterns are unique over the whole pattern and bound here too.
    """

    pattern: Pattern
    graph: PropertyGraph
    vertex_tables: Mapping[str, VertexTable]
    """Vertex variable -> its one table."""
    edge_tables: Mapping[str, tuple[EdgeTable, ...]]
    """Edge variable -> its tables; several where labels are alternatives or a label is shared."""
    column_types: Mapping[tuple[str, str], str]
    """(variable, column) -> DuckDB type name of every property that is read."""
    edge_keys: Mapping[str, tuple[str, ...]]
    """Edge table -> columns that tell its rows apart; () where nothing does (a view without KEY)."""

    edge_columns: Mapping[str, frozenset[str]]
    """Edge table -> its columns."""
    derived: Mapping[tuple[str, str], Derived]
    """(table, property) -> how a property that is no column is computed; engines without SQL leave these alone."""

    taken: frozenset[str] = frozenset()
    """Lower-case names of columns that SQL may meet, which no relation of a variable has as its own."""

    def tables(self) -> set[str]:
        """Names of the tables of its vertices and edges."""
        edges = (table.table for tables in self.edge_tables.values() for table in tables)
        return {*(table.table for table in self.vertex_tables.values()), *edges}

    def relation_name(self, variable: str) -> str:
        """What SQL calls the rows of a variable: the variable, unless a column somewhere has that name."""
        name = variable
        while name.lower() in self.taken:
            name += OURS
        return name

    def alias(self, variable: str) -> str:
        """relation_name() as an identifier."""
        return quote(self.relation_name(variable))

    def bound_pattern(self, pattern: Pattern) -> BoundPattern:
        """The same bindings for a rewritten pattern, or for a sub-pattern of EXISTS."""
        return replace(self, pattern=pattern)


def ends_of(table: EdgeTable, edge: Edge) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Vertex tables that the source and the target of an edge may be of."""
    if edge.direction.value == "-":
        both = (table.source, table.target)
        return both, both
    return (table.source,), (table.target,)


def shown_name(variable: str) -> str:
    """A variable for a message."""
    return "()" if variable[:1].isdigit() else repr(variable)


@dataclass(frozen=True, slots=True)
class Within:
    """Matches in which one vertex has a key from ``low`` to ``high``, both included: questions are divided by them."""

    vertex: str
    low: Key
    high: Key

    def of(self, bound: BoundPattern) -> BoundPattern:
        """The pattern with that condition on the vertex."""
        key = ElementId(self.vertex)
        ends = [Operation(">=", (key, Literal(self.low))), Operation("<=", (key, Literal(self.high)))]
        vertices = tuple(
            replace(one, predicate=conjunction([*conjuncts(one.predicate), *ends]))
            if one.variable == self.vertex
            else one
            for one in bound.pattern.vertices
        )
        return bound.bound_pattern(replace(bound.pattern, vertices=vertices))

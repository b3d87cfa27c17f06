"""Tie a pattern's names to tables and columns of a property graph, or say what was meant instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from queries.pattern import Pattern
from queries.property_graph import EdgeTable, PropertyGraph, VertexTable


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
    types: pa.Schema | None = None
    """Arrow types of the output columns, as DuckDB gives them; integers for aggregates are int64."""

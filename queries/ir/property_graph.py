"""Property graphs: which tables are vertices and edges, under which labels and property names.

Tests: tests/queries/planning/test_bind.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingest.schema.errors import SchemaError


@dataclass(frozen=True)
class Derived:
    """A property that is no column: an expression over the row ``{row}`` and, for texts, a bound ``{value}``."""

    name: str
    type: str
    """DuckDB type."""
    sql: str
    value: str | None = None
    listed: bool = False
    """Whether ``keys`` and ``properties`` of an element name it."""
    reads: tuple[str, ...] = ()
    """Columns of the row; where one is missing there is no such property."""
    yields: bool = False
    """Whether a column of the name hides it."""


@dataclass(frozen=True)
class Membership:
    """Properties named after texts that another table holds: true where the row belongs to that text."""

    names: str
    """SELECT of the texts."""
    sql: str
    """Truth value over ``{row}`` and ``{value}``."""
    listed: str = ""
    """JSON document of the texts that are true of ``{row}``."""


@dataclass(frozen=True)
class Partial:
    """A column in which a row may hold only a part of what the graph knows."""

    column: str
    whole: str
    """SELECT of a truth value: whether the rows hold all of it."""
    message: str
    hint: str


@dataclass(frozen=True)
class VertexTable:
    """A table or view whose rows are vertices, told apart by one key column."""

    table: str
    key: str
    labels: tuple[str, ...]
    properties: tuple[str, ...] | None = None
    """Columns that may be read; None for all."""
    aliases: tuple[tuple[str, str], ...] = ()
    """Other names of columns, as (alias, column)."""
    only: tuple[tuple[str, str], ...] = ()
    """Rows of the table that belong, as (column, text value), all of them equal."""
    derived: tuple[Derived, ...] = ()
    membership: Membership | None = None
    by_name: bool = False
    """True: matched only where its label is written, or where the edges at a vertex lead to it."""
    shown: tuple[str, ...] = ()
    """What ``labels`` of Cypher says; the labels when empty."""

    def __post_init__(self) -> None:
        if not self.labels:
            raise SchemaError(f"vertex table {self.table} has no label")


@dataclass(frozen=True)
class EdgeTable:
    """A table or view whose rows are edges between two vertex tables."""

    table: str
    source_key: str
    source: str
    """Name of the vertex table the source key refers to."""
    target_key: str
    target: str
    labels: tuple[str, ...]
    key: tuple[str, ...] = ()
    """Columns that tell two rows apart; () means the row's own number (base tables only)."""
    properties: tuple[str, ...] | None = None
    aliases: tuple[tuple[str, str], ...] = ()
    only: tuple[tuple[str, str], ...] = ()
    by_name: bool = False
    """True: matched only where its label is written; an edge without a label skips it."""
    complete: bool = False
    """True: the store guarantees that both ends are rows of their vertex tables."""
    single: bool = False
    """True: at most one row for an ordered pair of vertices."""
    derived: tuple[Derived, ...] = ()
    partial: tuple[Partial, ...] = ()
    shown: Derived | None = None
    """What ``type`` of Cypher says; the last label when None."""

    def __post_init__(self) -> None:
        if not self.labels:
            raise SchemaError(f"edge table {self.table} has no label")


@dataclass(frozen=True)
class PropertyGraph:
    """A named set of vertex and edge tables. Labels are compared without regard to case, as SQL names are.

    Raises:
        SchemaError: two vertex tables of one label, an edge table that refers to no vertex table.
    """

    name: str
    vertex_tables: tuple[VertexTable, ...]
    edge_tables: tuple[EdgeTable, ...]
    dataset: str | None = None
    """What the data set is called, which may stand before the label of a vertex: ``hemibrain_Neuron``."""
    prefixed: bool = False
    """Whether it may; any word may where the data set has no name."""
    missing: tuple[tuple[str, str], ...] = ()
    """Labels that people of other systems know, as (label, why there is nothing of it)."""

    def __post_init__(self) -> None:
        if not self.vertex_tables:
            raise SchemaError(f"property graph {self.name} has no vertex table")
        tables = {table.table.lower() for table in self.vertex_tables}
        if len(tables) < len(self.vertex_tables):
            raise SchemaError(f"property graph {self.name} names a vertex table twice")
        seen: set[str] = set()
        for vertex in self.vertex_tables:
            for label in vertex.labels:
                if label.lower() in seen:
                    raise SchemaError(f"property graph {self.name}: two vertex tables have the label {label!r}")
                seen.add(label.lower())
        for edge in self.edge_tables:
            for end in (edge.source, edge.target):
                if end.lower() not in tables:
                    known = ", ".join(table.table for table in self.vertex_tables)
                    raise SchemaError(
                        f"property graph {self.name}: edge table {edge.table} refers to {end}, "
                        f"which is not one of its vertex tables ({known})"
                    )

    def vertex_table(self, table: str) -> VertexTable:
        """The vertex table of that name (one of ours, checked when built)."""
        return next(v for v in self.vertex_tables if v.table.lower() == table.lower())

    def vertices_of(self, label: str) -> VertexTable | None:
        """The vertex table with that label."""
        wanted = label.lower()
        found = next((v for v in self.vertex_tables if wanted in map(str.lower, v.labels)), None)
        word, _, rest = wanted.rpartition("_")
        if found is not None or not self.prefixed or not word or not self._is_dataset(word):
            return found
        return next((v for v in self.vertex_tables if rest in map(str.lower, v.labels)), None)

    def _is_dataset(self, word: str) -> bool:
        """Whether a word is the name of the data set, its version and signs aside."""
        known, said = (re.sub(r"\W|_", "", name.lower()) for name in (self.dataset or "", word))
        return not known or known == said or bool(re.fullmatch(rf"{re.escape(said)}v?\d*", known))

    def edges_of(self, label: str) -> tuple[EdgeTable, ...]:
        """The edge tables with that label; several may share one."""
        wanted = label.lower()
        return tuple(e for e in self.edge_tables if wanted in map(str.lower, e.labels))

    def vertex_labels(self) -> list[str]:
        return [label for table in self.vertex_tables for label in table.labels]

    def edge_labels(self) -> list[str]:
        return list(dict.fromkeys(label for table in self.edge_tables for label in table.labels))

"""Matches of the join as Arrow: properties gathered by number, the rest of the pattern as SQL over them.

Tests: tests/queries/csr/test_executor.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.schema.errors import GraphlabError
from queries.csr.lists import Places, column_of, pair_places
from queries.csr.needs import Needs
from queries.csr.program import Loaded, edges_of
from queries.csr.relations import vertices_of
from queries.duckdb.executor import read
from queries.duckdb.writer import KEY, Writer
from queries.ir.expression import ElementId, Property, conjunction
from queries.ir.identifiers import quote
from queries.ir.pattern import Edge, Order
from queries.planning.bound import BoundPattern
from queries.planning.values import OWN, Values
from queries.source import Limits, Source

MATCHES = f"{OWN}matches"
_KEY = KEY.strip('"')


class MatchWriter(Writer):
    """Writes a pattern's outputs and remaining conditions over a relation of matches.

    The relation has a struct column for each variable, so that ``"a"."cell_type"`` means what it means over
    tables.
    """

    def __init__(self, needs: Needs, values: Values) -> None:
        super().__init__(needs.bound, values)
        self.needs = needs
        for vertex in self.pattern.vertices:
            table = self.bound.vertex_tables[vertex.variable]
            self.ids[vertex.variable] = f"{self.alias(vertex.variable)}.{quote(table.key)}"

    def relations(self) -> tuple[list[str], list[str]]:
        conditions = [f"{self.key_of(e)} <> {self.key_of(f)}" for e, f in self.needs.keys]
        rest = conjunction(list(self.needs.residual))
        if rest is not None:
            conditions.append(self.sql(rest))
        return [MATCHES], conditions

    def key_of(self, edge: Edge) -> str:
        return f"{self.alias(edge.variable)}.{KEY}"


def wanted_columns(needs: Needs, values: Values) -> dict[str, tuple[tuple[str, ...], bool]]:
    """Edge variable -> (columns that outputs and remaining conditions read, whether its key is read)."""
    writer = MatchWriter(needs, values)
    by_key = writer.identified | {e.variable for pair in needs.keys for e in pair}
    read = _read(needs)
    return {edge.variable: (tuple(read.get(edge.variable, ())), edge.variable in by_key) for edge in edges_of(needs)}


def _read(needs: Needs) -> dict[str, dict[str, None]]:
    """Columns read after the join: by outputs, sort keys and remaining conditions."""
    from dataclasses import replace

    from queries.ir.parts import expressions

    pattern = needs.bound.pattern
    after = replace(
        pattern,
        vertices=tuple(replace(v, predicate=None) for v in pattern.vertices),
        edges=tuple(replace(e, predicate=None) for e in pattern.edges),
        where=conjunction(list(needs.residual)),
    )
    columns: dict[str, dict[str, None]] = {}
    for root in expressions(after):
        for node in root.walk():
            if isinstance(node, Property):
                columns.setdefault(node.variable, {})[node.name] = None
    return columns


class OutputColumns:
    """Columns of the variables of a pattern, taken by node and row numbers."""

    def __init__(self, loaded: Loaded, source: Source, parameters: Mapping[str, Any], limits: Limits) -> None:
        self.loaded = loaded
        self.needs = loaded.needs
        self.bound: BoundPattern = loaded.needs.bound
        self.source = source
        self.parameters = parameters
        self.limits = limits
        self.columns = _read(self.needs)
        self.vertex_columns = {v.variable: self._vertex_columns(v.variable) for v in self.bound.pattern.vertices}
        self.edges = edges_of(self.needs)
        self._expanded = [e for e in self.edges if self._rows_wanted(e)]

    def _rows_wanted(self, edge: Edge) -> bool:
        relation = self.loaded.relations[edge.variable]
        return not relation.single or relation.columns is not None

    def _vertex_columns(self, variable: str) -> pa.Table:
        """Key and columns read of every vertex, by number."""
        table = self.bound.vertex_tables[variable]
        vertices = vertices_of(self.source, table, self.limits)
        names = [name for name in self.columns.get(variable, ()) if name != table.key]
        keys = pa.table({table.key: column_of(vertices.keys)})
        if not names:
            return keys
        values = Values(self.parameters)
        writer = Writer(self.bound, values)
        where = " AND ".join(writer.only(table, writer.alias(variable)))
        sql = (
            f"SELECT {', '.join(f'{writer.alias(variable)}.{quote(n)}' for n in [table.key, *names])} "
            f"FROM {quote(table.table)} AS {writer.alias(variable)}{' WHERE ' + where if where else ''}"
        )
        rows = read(self.source.connection, sql, values.all(sql), self.limits)[0]
        numbers = vertices.numbers(rows.column(0))
        place = np.empty(vertices.n, np.int64)
        there = np.flatnonzero(numbers >= 0)
        place[numbers[there]] = there
        taken = rows.select(rows.column_names[1:]).combine_chunks().take(column_of(place))
        for i, name in enumerate(names):
            keys = keys.append_column(name, taken.column(i))
        return keys

    def rows(self, order: tuple[str, ...], nodes: npt.NDArray[np.int32]) -> tuple[dict[str, Any], int]:
        """Row numbers of every variable for a batch of matches; parallel rows of an edge each give a match."""
        by_variable: dict[str, Any] = {name: np.ascontiguousarray(nodes[:, i]) for i, name in enumerate(order)}
        count = len(nodes)
        for edge in self._expanded:
            relation = self.loaded.relations[edge.variable]
            at = pair_places(relation.start, relation.targets, by_variable[edge.source], by_variable[edge.target])
            first: Places = relation.first[at]
            if not relation.single:
                times = relation.first[at + 1] - first
                again = np.repeat(np.arange(count), times)
                by_variable = {name: numbers[again] for name, numbers in by_variable.items()}
                offset = np.arange(len(again)) - np.repeat(np.cumsum(times) - times, times)
                first = first[again] + offset
                count = len(again)
            by_variable[edge.variable] = relation.order[first]
        return by_variable, count

    def structs(self, order: tuple[str, ...], nodes: npt.NDArray[np.int32]) -> pa.RecordBatch:
        """One struct column a variable."""
        numbers, count = self.rows(order, nodes)
        arrays, names = [pa.nulls(count, pa.int8())], ["~"]
        for variable, table in self.vertex_columns.items():
            arrays.append(_struct(table, numbers[variable]))
            names.append(self.bound.relation_name(variable))
        for edge in self.edges:
            columns = self.loaded.relations[edge.variable].columns
            if columns is not None:
                arrays.append(_struct(columns, numbers[edge.variable]))
                names.append(self.bound.relation_name(edge.variable))
        return pa.RecordBatch.from_arrays(arrays, names=names)

    def direct(self) -> list[tuple[str, str, str]] | None:
        """(output, variable, column) where every output is one column as it is; None otherwise."""
        pattern = self.bound.pattern
        if pattern.aggregates or pattern.distinct or pattern.order or pattern.alike or pattern.skip is not None:
            return None
        if not self.needs.plain or (pattern.limit is not None and not isinstance(pattern.limit, int)):
            return None
        outputs = []
        for column in pattern.columns:
            value = column.value
            if isinstance(value, ElementId) and value.variable in self.bound.vertex_tables:
                outputs.append((column.name, value.variable, self.bound.vertex_tables[value.variable].key))
            elif isinstance(value, Property):
                outputs.append((column.name, value.variable, value.name))
            else:
                return None
        return outputs or None

    def batch(
        self, outputs: list[tuple[str, str, str]], order: tuple[str, ...], nodes: npt.NDArray[np.int32]
    ) -> pa.RecordBatch:
        """The outputs of direct() for a batch of matches."""
        numbers, _ = self.rows(order, nodes)
        taken = []
        for _, variable, name in outputs:
            array = _flat(self._table(variable).column(name))
            taken.append(array.take(column_of(numbers[variable])))
        return pa.RecordBatch.from_arrays(taken, names=[name for name, _, _ in outputs])

    def _table(self, variable: str) -> pa.Table:
        if variable in self.vertex_columns:
            return self.vertex_columns[variable]
        columns = self.loaded.relations[variable].columns
        assert columns is not None
        return columns


def _flat(array: Any) -> pa.Array:
    """A chunked array as one array."""
    if isinstance(array, pa.ChunkedArray):
        return array.chunk(0) if array.num_chunks == 1 else pa.concat_arrays(array.chunks or [pa.array([], array.type)])
    return array


def _struct(table: pa.Table, numbers: Any) -> pa.StructArray:
    where = column_of(numbers)
    return pa.StructArray.from_arrays([_flat(column).take(where) for column in table.columns], names=table.column_names)


def answered_by_sql(gathered: OutputColumns, batches: Iterator[pa.RecordBatch], stop: Any) -> pa.Table:
    """Outputs, remaining conditions, groups and order of a pattern over its matches, streamed through DuckDB."""
    values = Values(gathered.parameters)
    sql = MatchWriter(gathered.needs, values).select()
    order = tuple(gathered.loaded.variables)
    empty = gathered.structs(order, np.empty((0, len(order)), np.int32))
    connection = gathered.source.connection
    raised: list[GraphlabError] = []

    def watched() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except GraphlabError as error:
            raised.append(error)
            raise

    reader = pa.RecordBatchReader.from_batches(empty.schema, watched())
    connection.register(MATCHES, reader)
    try:
        return read(connection, sql, values.all(sql), gathered.limits, stopping=stop)[0]
    except Exception:
        # DuckDB tells of a stream that failed in words of its own: the reason is what stopped the matches.
        if raised:
            raise raised[0] from None
        raise
    finally:
        connection.unregister(MATCHES)


__all__ = ["MatchWriter", "Order", "OutputColumns", "answered_by_sql", "wanted_columns"]

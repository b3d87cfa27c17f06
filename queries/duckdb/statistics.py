"""Degree statistics and selectivities: what the planner knows before anything runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from queries.duckdb.writer import Writer
from queries.ir.expression import Expression
from queries.ir.identifiers import quote
from queries.ir.pattern import Direction, Edge, Exists
from queries.ir.property_graph import EdgeTable, VertexTable
from queries.planning.bound import BoundPattern
from queries.planning.values import Values
from queries.source import Source


@dataclass(frozen=True, slots=True)
class EdgeStatistics:
    """Numbers of one edge table: rows, and how many pairs of rows meet at a vertex."""

    rows: float
    through: float
    """Directed 2-paths: sum over vertices of in-degree x out-degree."""
    diverging: float
    """Pairs of rows with one source: sum of out-degree squared."""
    converging: float
    """Pairs of rows with one target: sum of in-degree squared."""


def vertex_rows(source: Source, table: VertexTable) -> float:
    """Rows of a vertex table; cached in the source."""
    return float(_cached(source, ("vertices", table.table, table.only), _count_sql(table)))


def edge_statistics(source: Source, table: EdgeTable) -> EdgeStatistics:
    """Statistics of an edge table; two group-bys, cached in the source."""
    key = statistics_key(table)
    if key not in source.cache:
        begin, end, where = quote(table.source_key), quote(table.target_key), _only(table)
        values = dict(_only_values(table))
        # Edges that lead to another table do not meet each other, and their keys may be of other types.
        meet = "o JOIN i USING (k)" if table.source.lower() == table.target.lower() else "o, i WHERE FALSE"
        sql = f"""WITH o AS (SELECT {begin} AS k, count(*) AS d FROM {quote(table.table)}{where} GROUP BY {begin}),
            i AS (SELECT {end} AS k, count(*) AS d FROM {quote(table.table)}{where} GROUP BY {end})
            SELECT (SELECT CAST(coalesce(sum(d), 0) AS DOUBLE) FROM o),
                   (SELECT CAST(coalesce(sum(CAST(o.d AS DOUBLE) * i.d), 0) AS DOUBLE) FROM {meet}),
                   (SELECT CAST(coalesce(sum(CAST(d AS DOUBLE) * d), 0) AS DOUBLE) FROM o),
                   (SELECT CAST(coalesce(sum(CAST(d AS DOUBLE) * d), 0) AS DOUBLE) FROM i)"""
        source.cache[key] = EdgeStatistics(*source.connection.execute(sql, values).fetchall()[0])
    statistics: EdgeStatistics = source.cache[key]
    return statistics


def statistics_key(table: EdgeTable) -> Any:
    """Under which the statistics of a table are kept in the source."""
    return ("degrees", table.table, table.only, table.source_key, table.target_key)


def degree_moments(rows: int, out: npt.NDArray[np.int64], into: npt.NDArray[np.int64]) -> EdgeStatistics:
    """Statistics of rows by how many of them begin and end at each vertex."""
    begin, end = out.astype(np.float64), into.astype(np.float64)
    return EdgeStatistics(
        float(rows), float((begin * end).sum()), float((begin * begin).sum()), float((end * end).sum())
    )


CLUSTERING = 50.0
"""How much likelier than by chance two vertices with a common neighbour are joined, in connectomes: where it is not
measured."""
DRAWN, WEDGES = 20_000, 500
"""Rows that wedges begin with, and wedges that are looked at."""


def closure_key(table: EdgeTable) -> Any:
    """Under which the clustering of a table, where it is measured, is kept in the source."""
    return ("clustering", *statistics_key(table))


def clustering_of_rows(
    source: npt.NDArray[np.int32], target: npt.NDArray[np.int32], out: npt.NDArray[np.int64]
) -> float | None:
    """How much likelier than by chance a directed 2-path is closed, from some of them, always the same.

    Args:
        source, target: int32 [rows], numbers of the ends. out: int64 [n], rows that begin at each vertex.

    Returns:
        None where the rows are not in the order of their sources, or no 2-path was drawn.
    """
    if not len(source) or source[0] < 0 or target.min() < 0 or np.any(source[1:] < source[:-1]):
        return None
    begun = (_spread(DRAWN, 0) * len(source)).astype(np.int64)
    weight = np.cumsum(out[target[begun]])
    if not weight[-1]:
        return None
    row = begun[np.searchsorted(weight, _spread(WEDGES, 1) * weight[-1], "right")]
    first = np.concatenate([[0], np.cumsum(out)])
    middle = target[row]
    last = target[first[middle] + (_spread(WEDGES, 2) * out[middle]).astype(np.int64)]
    closed = sum(bool((target[first[a] : first[a + 1]] == c).any()) for a, c in zip(source[row], last, strict=True))
    chance = len(source) / len(out) ** 2
    return (closed + 0.5) / (WEDGES + 1) / chance


def _spread(count: int, which: int) -> npt.NDArray[np.float64]:
    """Numbers of 0 .. 1 that fill it evenly (a Weyl sequence), three of them apart; numpy's own take long to import."""
    return np.asarray(np.arange(1, count + 1) * math.sqrt((2, 3, 5)[which]) % 1.0, np.float64)


def _cached(source: Source, key: Any, query: tuple[str, dict[str, Any]]) -> Any:
    if key not in source.cache:
        source.cache[key] = source.connection.execute(*query).fetchall()[0][0]
    return source.cache[key]


def _count_sql(table: VertexTable | EdgeTable) -> tuple[str, dict[str, Any]]:
    return f"SELECT count(*) FROM {quote(table.table)}{_only(table)}", dict(_only_values(table))


def _only(table: VertexTable | EdgeTable) -> str:
    kept = [f"{quote(column)} = $only{i}" for i, (column, _) in enumerate(table.only)]
    return f" WHERE {' AND '.join(kept)}" if kept else ""


def _only_values(table: VertexTable | EdgeTable) -> list[tuple[str, Any]]:
    return [(f"only{i}", value) for i, (_, value) in enumerate(table.only)]


class Cardinalities:
    """How many rows a pattern's elements have after their own predicates, counted when first asked."""

    def __init__(self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> None:
        self._bound = bound
        self._source = source
        self._parameters = parameters
        self._counted: dict[str, float] = {}

    def of_vertex(self, variable: str) -> float:
        """Rows of a vertex after its predicate."""
        if variable not in self._counted:
            table = self._bound.vertex_tables[variable]
            predicate = self._bound.pattern.vertex(variable).predicate
            whole = vertex_rows(self._source, table)
            self._counted[variable] = self._selected(whole, [table], variable, predicate)
        return self._counted[variable]

    def all_vertices(self, variable: str) -> float:
        """Rows of a vertex before its predicate."""
        return max(1.0, vertex_rows(self._source, self._bound.vertex_tables[variable]))

    def of_edge(self, edge: Edge) -> float:
        """Rows of an edge after its predicate; twice as many where it is followed either way."""
        if edge.variable not in self._counted:
            tables = self._bound.edge_tables[edge.variable]
            whole = sum(self.statistics(edge)[i].rows for i in range(len(tables)))
            self._counted[edge.variable] = self._selected(whole, tables, edge.variable, edge.predicate)
        return self._counted[edge.variable] * (2 if edge.direction is Direction.ANY else 1)

    def selectivity(self, edge: Edge) -> float:
        """Part of an edge's rows that its predicate keeps."""
        whole = sum(s.rows for s in self.statistics(edge)) * (2 if edge.direction is Direction.ANY else 1)
        return self.of_edge(edge) / whole if whole else 0.0

    def statistics(self, edge: Edge) -> list[EdgeStatistics]:
        """Statistics of each table of an edge."""
        return [edge_statistics(self._source, table) for table in self._bound.edge_tables[edge.variable]]

    def clustering(self, edge: Edge) -> float:
        """How much likelier than by chance an edge closes a circle, where that was measured; CLUSTERING elsewhere."""
        (table, *more) = self._bound.edge_tables[edge.variable]
        return CLUSTERING if more else float(self._source.cache.get(closure_key(table), CLUSTERING))

    def _selected(self, whole: float, tables: Any, variable: str, predicate: Expression | None) -> float:
        if predicate is None or any(isinstance(node, Exists) for node in predicate.walk()):
            return whole
        values = Values(self._parameters)
        writer = Writer(self._bound, values)
        total = 0.0
        for table in tables:
            if isinstance(table, VertexTable):
                writer.ids[variable] = f"{writer.alias(variable)}.{quote(table.key)}"
            kept = " AND ".join([*writer.only(table, writer.alias(variable)), writer.sql(predicate)])
            sql = f"SELECT count(*) FROM {quote(table.table)} AS {writer.alias(variable)} WHERE {kept}"
            total += self._counted_rows(sql, values.all(sql))
        return total

    def _counted_rows(self, sql: str, values: dict[str, Any]) -> float:
        """A count, kept in the source where its values can be compared."""
        listed = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        if any(type(value) not in (int, float, str, bool, tuple, type(None)) for value in listed.values()):
            return float(self._source.connection.execute(sql, values).fetchall()[0][0])
        typed = tuple((name, type(value).__name__, value) for name, value in sorted(listed.items()))
        return float(_cached(self._source, ("selected", sql, typed), (sql, values)))

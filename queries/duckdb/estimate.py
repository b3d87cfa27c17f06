"""What a chain of SQL joins costs, from degree statistics.

Tests: tests/queries/duckdb/test_statistics.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from queries.duckdb.statistics import Cardinalities
from queries.ir.pattern import Direction, Edge
from queries.planning.bound import BoundPattern
from queries.planning.executor import CostEstimate
from queries.source import Source

SQL_START, SQL_JOIN = 0.002, 0.001
"""Seconds: of every statement, and of every edge in it."""
SQL_ROWS_PER_SECOND = 2.5e7
SQL_SCANNED_PER_SECOND = 2e8


def estimate_sql(bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> CostEstimate:
    """What a chain of binary joins costs: the sizes of its intermediate results, in a greedy order.

    Fan-outs are size-biased means from the degree moments, as a row that arrives at a vertex arrives in
    proportion to its degree; predicates are taken as independent of degree.
    """
    pattern = bound.pattern
    counts = Cardinalities(bound, source, parameters)
    edges = list(pattern.positive)
    joined: set[str] = set()
    through: dict[str, list[tuple[Edge, str]]] = {}
    rows, work, scanned = 1.0, 0.0, 0.0
    largest = ""
    peak = 0.0
    while edges:
        options = [(_grown(rows, edge, joined, through, counts), number) for number, edge in enumerate(edges)]
        linked = [option for option in options if {edges[option[1]].source, edges[option[1]].target} & joined]
        rows, number = min(linked or options)
        edge = edges.pop(number)
        work += rows
        scanned += sum(statistics.rows for statistics in counts.statistics(edge))
        if rows > peak:
            peak, largest = rows, edge.variable
        for end, role in ((edge.source, "source"), (edge.target, "target")):
            joined.add(end)
            through.setdefault(end, []).append((edge, role))
    for vertex in pattern.vertices:
        if vertex.variable not in joined:
            rows *= max(1.0, counts.of_vertex(vertex.variable))
            work += rows
    scanned += sum(counts.all_vertices(vertex.variable) for vertex in pattern.vertices)
    seconds = (
        SQL_START + SQL_JOIN * len(pattern.positive) + scanned / SQL_SCANNED_PER_SECOND + work / SQL_ROWS_PER_SECOND
    )
    why = f"joins of {scanned:,.0f} rows, largest intermediate {peak:,.0f}"
    return CostEstimate(
        rows, work, seconds, why + (f" after edge {largest}" if largest and not largest[0].isdigit() else "")
    )


def _grown(
    rows: float, edge: Edge, joined: set[str], through: dict[str, list[tuple[Edge, str]]], counts: Cardinalities
) -> float:
    """Rows after joining one more edge."""
    kept = counts.of_edge(edge)
    source = counts.of_vertex(edge.source) / counts.all_vertices(edge.source)
    target = counts.of_vertex(edge.target) / counts.all_vertices(edge.target)
    if edge.quantifier is not None:
        steps = edge.quantifier.maximum if edge.quantifier.maximum is not None else 4
        fan = kept / counts.all_vertices(edge.source)
        begin = 1.0 if edge.source in joined or edge.target in joined else counts.of_vertex(edge.source)
        return rows * begin * max(1.0, min(fan, 1e3)) ** min(steps, 4)
    if edge.source in joined and edge.target in joined:
        chance = kept / (counts.all_vertices(edge.source) * counts.all_vertices(edge.target))
        return rows * min(1.0, chance * counts.clustering(edge))
    if edge.source not in joined and edge.target not in joined:
        return rows * kept * source * target
    end, role, new = (edge.source, "source", target) if edge.source in joined else (edge.target, "target", source)
    return rows * fan_out(edge, role, through[end][0][1], counts) * counts.selectivity(edge) * new


def fan_out(edge: Edge, role: str, arrived: str, counts: Cardinalities) -> float:
    """Edges at a vertex that another edge's row arrived at."""
    fan = 0.0
    for statistics in counts.statistics(edge):
        if statistics.rows == 0:
            continue
        if edge.direction is Direction.ANY:
            pairs = (2 * statistics.through + statistics.diverging + statistics.converging) / 2
        elif role != arrived:
            pairs = statistics.through
        else:
            pairs = statistics.diverging if role == "source" else statistics.converging
        fan += pairs / statistics.rows
    return fan

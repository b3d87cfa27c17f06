"""What the CSR engine expects of a pattern before it loads anything: degree moments and selectivities.

Tests: tests/queries/duckdb/test_statistics.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

from queries.csr.lists import ends_of_rows
from queries.csr.relations import numbered
from queries.duckdb.estimate import fan_out
from queries.duckdb.statistics import Cardinalities, closure_key, clustering_of_rows, degree_moments, statistics_key
from queries.ir.pattern import Edge
from queries.planning.bound import BoundPattern
from queries.planning.executor import CostEstimate
from queries.source import Source

START = 0.006
READ = 0.009
"""Seconds: asking for rows that are not kept, however few."""
COLD = 0.9
"""Seconds: loading numba and the compiled kernels for the first question of a process."""
LINKED = 0.06
"""Seconds: the same where machine code is kept, without numba."""
SCANNED_PER_SECOND = 2e8
LOADED_PER_SECOND = 3e7
"""Rows fetched, numbered and sorted."""
HELD_VERTEX, HELD_ROW = 5e-9, 1.3e-9
"""Seconds for each vertex and row of lists that are kept: degrees, order of vertices, one array of all lists."""
LOOKED_PER_SECOND = 2e8
"""Entries of adjacency lists."""
LISTED_PER_SECOND = 1.2e7
"""Matches with their columns."""
BEGIN = 15.0
"""What beginning an intersection costs, in entries."""
TRIED = 5
MOST_NUMBERED = 20_000_000
"""Rows of an edge table that are fetched for their degrees; beyond, SQL groups them in less memory."""


def note_degrees(bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> None:
    """Statistics of edge tables from the numbered rows that a join would load anyway.

    SQL takes longer to group the rows by either end, and what it did is of no use to the join.
    """
    for edge in bound.pattern.edges:
        tables = bound.edge_tables[edge.variable]
        if len(tables) == 1 and statistics_key(tables[0]) not in source.cache:
            rows = numbered(bound, edge, source, parameters, MOST_NUMBERED)
            if rows is not None:
                n = 1 + max(int(rows.source.max(initial=-1)), int(rows.target.max(initial=-1)))
                ends = ends_of_rows(rows.source, rows.target, n)
                source.cache[statistics_key(tables[0])] = degree_moments(len(rows.source), *ends)
                measured = clustering_of_rows(rows.source, rows.target, ends[0])
                if measured is not None:
                    source.cache[closure_key(tables[0])] = measured


def estimate_join(
    bound: BoundPattern, source: Source, parameters: Mapping[str, Any], kept: Mapping[str, bool], loading_s: float
) -> CostEstimate:
    """Loading what is not kept, the best order's list entries, and the matches.

    Args:
        kept: edge variable -> whether its rows are in the source's cache.
        loading_s: what it takes to load the kernels, where they are still to be loaded.
    """
    counts = Cardinalities(bound, source, parameters)
    pattern = bound.pattern
    names = [vertex.variable for vertex in pattern.vertices]
    orders = permutations(names) if len(names) <= TRIED else [tuple(_linked(names, pattern.positive))]
    looked, rows, order = min(_walk(counts, one, pattern.positive, pattern.only_counts) for one in orders)
    if pattern.only_counts:
        around = _meeting(counts, names, pattern.positive, pattern.semantics.vertices_differ)
        if around is not None and around < looked:
            looked = around
        looked = min(looked, _closing(counts, pattern.positive, len(names)))
    loaded, scanned = 0.0, 0.0
    seen: set[Any] = set()
    memory = 0.0
    for edge in pattern.edges:
        tables = bound.edge_tables[edge.variable]
        memory += counts.of_edge(edge) * HELD_ROW
        memory += (counts.all_vertices(edge.source) + counts.all_vertices(edge.target)) * HELD_VERTEX
        shape = (
            tuple((t.table, t.only) for t in tables),
            edge.direction,
            repr(edge.predicate).replace(edge.variable, ""),
        )
        if shape in seen or kept.get(edge.variable, False):
            continue
        seen.add(shape)
        scanned += sum(statistics.rows for statistics in counts.statistics(edge))
        loaded += counts.of_edge(edge)
    listed = 0.0 if pattern.only_counts else rows
    seconds = (
        START
        + memory
        + (READ if scanned else 0.0)
        + loading_s
        + scanned / SCANNED_PER_SECOND
        + loaded / LOADED_PER_SECOND
        + looked / LOOKED_PER_SECOND
        + listed / LISTED_PER_SECOND
    )
    why = f"{loaded:,.0f} rows to load, then {looked:,.0f} list entries in the order {', '.join(order)}"
    return CostEstimate(rows, looked, seconds, why + (", kernels to load" if loading_s else ""))


def _linked(names: Sequence[str], edges: Sequence[Edge]) -> list[str]:
    """Vertices so that each, where possible, is joined to one before it."""
    order = [names[0]]
    while len(order) < len(names):
        near = [
            e.target if e.source in order else e.source for e in edges if (e.source in order) != (e.target in order)
        ]
        order.append(near[0] if near else next(n for n in names if n not in order))
    return order


def _walk(
    counts: Cardinalities, order: Sequence[str], edges: Sequence[Edge], counting: bool
) -> tuple[float, float, tuple[str, ...]]:
    """(entries looked at, matches, order) of matching vertices in that order."""
    met: dict[str, tuple[Edge, str] | None] = {}
    rows, looked = 1.0, 0.0
    for number, name in enumerate(order):
        kept = counts.of_vertex(name) / counts.all_vertices(name)
        joins = [e for e in edges if name in (e.source, e.target) and (e.source in met or e.target in met)]
        if not joins:
            rows *= max(1.0, counts.of_vertex(name))
            looked += rows
            met[name] = None
            continue
        fans = [_fan(counts, edge, name, met) for edge in joins]
        shortest = min(range(len(joins)), key=lambda i: fans[i])
        entries = fans[shortest]
        last = number == len(order) - 1
        looked += rows * ((0.0 if last and counting and len(joins) == 1 else entries) + BEGIN)
        rows *= entries * kept
        for i, edge in enumerate(joins):
            if i != shortest:
                population = counts.all_vertices(edge.source) * counts.all_vertices(edge.target)
                rows *= min(1.0, counts.clustering(edge) * counts.of_edge(edge) / population)
        edge = joins[shortest]
        met[name] = (edge, "target" if edge.target == name else "source")
    return looked, rows, tuple(order)


def _fan(counts: Cardinalities, edge: Edge, name: str, met: Mapping[str, tuple[Edge, str] | None]) -> float:
    """Entries of an edge's list at the vertex met before, by how that one was met."""
    origin, role = (edge.source, "source") if edge.target == name else (edge.target, "target")
    arrived = met.get(origin)
    if arrived is None:
        return counts.of_edge(edge) / counts.all_vertices(origin)
    return fan_out(edge, role, arrived[1], counts) * counts.selectivity(edge)


def _closing(counts: Cardinalities, edges: Sequence[Edge], vertices: int) -> float:
    """Entries of lists by degree, where three vertices are all joined by edges of one kind; infinite elsewhere."""
    pairs = {frozenset((edge.source, edge.target)) for edge in edges}
    if vertices != 3 or len(pairs) != 3 or any(len(pair) < 2 for pair in pairs):
        return float("inf")
    rows = {counts.of_edge(edge) for edge in edges}
    if len(rows) > 1:
        return float("inf")
    kept = rows.pop()
    return kept * (BEGIN + kept / counts.all_vertices(edges[0].source))


def _meeting(counts: Cardinalities, names: Sequence[str], edges: Sequence[Edge], differ: bool) -> float | None:
    """Entries of 2-paths on both sides, where four edges make a circle of four vertices."""
    if len(names) != 4 or len(edges) != 4 or any(edge.source == edge.target for edge in edges):
        return None
    around = {name: {e.target if e.source == name else e.source for e in edges if name in (e.source, e.target)}
              for name in names}  # fmt: skip
    if any(len(others) != 2 for others in around.values()):
        return None
    best = float("inf")
    for a in names:
        total = 0.0
        for first in (e for e in edges if a in (e.source, e.target)):
            middle = first.target if first.source == a else first.source
            second = next(e for e in edges if e is not first and middle in (e.source, e.target))
            role = "source" if second.source == middle else "target"
            arrived = "target" if first.target == middle else "source"
            total += counts.of_edge(first) * (fan_out(second, role, arrived, counts) * counts.selectivity(second) + 4)
        best = min(best, total)
    return best

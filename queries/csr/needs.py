"""What a pattern asks of the join, and what is left for SQL over the matches.

Tests: tests/queries/csr/test_program.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, permutations

from queries.ir.expression import AllAlong, EachAlong, ElementId, Expression, Operation, PathLength, Property, conjuncts
from queries.ir.parts import expressions
from queries.ir.pattern import Direction, Edge, Select, Semantics
from queries.ir.property_graph import EdgeTable
from queries.planning.bound import BoundPattern

MOST_VERTICES = 12
_TURNED = {">": "<", ">=": "<="}


@dataclass(frozen=True)
class Needs:
    """The parts of a pattern by who checks them."""

    bound: BoundPattern
    """With an edge of its own for every pair of vertices that INDUCED forbids to be joined."""
    edges: tuple[Edge, ...]
    """Between two vertices."""
    loops: tuple[Edge, ...]
    """From a vertex to itself."""
    absent: tuple[tuple[Edge, bool], ...]
    """Edges that must not be; whether their predicate counts."""
    orders: tuple[tuple[str, str], ...]
    """id of the first below id of the second."""
    differs: frozenset[frozenset[str]]
    """Pairs of vertices that must differ."""
    twins: tuple[tuple[Edge, Edge], ...]
    """Pairs of edges that are the same exactly when their ends are, and must not be."""
    keys: tuple[tuple[Edge, Edge], ...]
    """Pairs of edges whose keys SQL compares."""
    residual: tuple[Expression, ...]
    """Conditions for SQL."""

    @property
    def plain(self) -> bool:
        """Whether the join alone decides what matches vertices, alike ones aside."""
        return not self.residual and not self.keys


def refusal(bound: BoundPattern) -> str | None:
    """Why the join cannot answer a pattern; None when it can."""
    pattern = bound.pattern
    if any(edge.quantifier is not None for edge in pattern.edges):
        return "it has repeated edges, which SQL walks along"
    if any(path.select is not Select.ALL or path.mode is not None for path in pattern.paths):
        return "it selects among paths"
    for root in expressions(pattern):
        if any(isinstance(node, EachAlong | AllAlong | PathLength) for node in root.walk()):
            return "it looks along a path"
    if len(pattern.vertices) < 2:
        return "it has one vertex, so there is nothing to join"
    if len(pattern.vertices) > MOST_VERTICES:
        return f"it has {len(pattern.vertices)} vertices; at most {MOST_VERTICES} are joined"
    return None


def needs_of(bound: BoundPattern) -> Needs:
    """Sort the parts of a pattern that refusal() lets through."""
    pattern = bound.pattern
    positive = pattern.positive
    orders = list(pattern.symmetry)
    differs: set[frozenset[str]] = set()
    residual: list[Expression] = []
    for part in conjuncts(pattern.where):
        compared = _compared(part, bound)
        if compared is None:
            residual.append(part)
        elif compared[0] == "<":
            orders.append(compared[1:])
        else:
            differs.add(frozenset(compared[1:]))
    names = [vertex.variable for vertex in pattern.vertices]
    if pattern.semantics.vertices_differ:
        for a, b in combinations(names, 2):
            if bound.vertex_tables[a].table == bound.vertex_tables[b].table:
                differs.add(frozenset((a, b)))
    absent = [(edge, True) for edge in pattern.negative]
    if pattern.semantics is Semantics.INDUCED:
        forbidden = list(_forbidden(bound))
        absent += [(edge, False) for edge, _ in forbidden]
        tables = {edge.variable: (table,) for edge, table in forbidden}
        bound = replace(bound, edge_tables={**bound.edge_tables, **tables})
    twins: list[tuple[Edge, Edge]] = []
    keys: list[tuple[Edge, Edge]] = []
    if pattern.semantics is Semantics.DISTINCT_EDGES:
        for e, f in combinations(positive, 2):
            how = _meeting(bound, e, f)
            if how == "ends":
                twins.append((e, f))
            elif how == "keys":
                keys.append((e, f))
    return Needs(
        bound,
        tuple(edge for edge in positive if edge.source != edge.target),
        tuple(edge for edge in positive if edge.source == edge.target),
        tuple(absent),
        tuple(dict.fromkeys(orders)),
        frozenset(differs),
        tuple(twins),
        tuple(keys),
        tuple(residual),
    )


def _compared(part: Expression, bound: BoundPattern) -> tuple[str, str, str] | None:
    """``a.root_id < b.root_id`` or ``<>`` as (operator, a, b)."""
    if not isinstance(part, Operation) or part.operator not in ("<", ">", "<>"):
        return None
    ends = [_vertex(operand, bound) for operand in part.operands]
    a, b = ends
    if a is None or b is None or a == b or bound.vertex_tables[a].table != bound.vertex_tables[b].table:
        return None
    if part.operator in _TURNED:
        return _TURNED[part.operator], b, a
    return part.operator, a, b


def _vertex(expression: Expression, bound: BoundPattern) -> str | None:
    if isinstance(expression, ElementId) and expression.variable in bound.vertex_tables:
        return expression.variable
    if isinstance(expression, Property) and expression.variable in bound.vertex_tables:
        return expression.variable if bound.vertex_tables[expression.variable].key == expression.name else None
    return None


def _forbidden(bound: BoundPattern) -> Iterator[tuple[Edge, EdgeTable]]:
    """For INDUCED, as sql_writer writes it: no edge of the pattern's tables where the pattern has none."""
    pattern = bound.pattern
    covered = {(e.source, e.target) for e in pattern.positive}
    covered |= {(e.target, e.source) for e in pattern.positive if e.direction is Direction.ANY}
    tables = dict.fromkeys(t for e in pattern.positive for t in bound.edge_tables[e.variable])
    for a, b in permutations([v.variable for v in pattern.vertices], 2):
        ends = (bound.vertex_tables[a].table, bound.vertex_tables[b].table)
        for number, table in enumerate(tables):
            if (a, b) not in covered and (table.source, table.target) == ends:
                yield Edge(f"~{a}~{b}~{number}", a, b), table


def _meeting(bound: BoundPattern, e: Edge, f: Edge) -> str:
    """How two edges can be one: never, when their ``ends`` are the same, or by their ``keys``."""
    ours, theirs = bound.edge_tables[e.variable], bound.edge_tables[f.variable]
    if not {t.table for t in ours} & {t.table for t in theirs}:
        return "never"
    if len(ours) > 1 or len(theirs) > 1 or Direction.ANY in (e.direction, f.direction):
        return "keys"
    a, b = ours[0], theirs[0]
    key = bound.edge_keys[a.table]
    if (a.source_key, a.target_key) != (b.source_key, b.target_key):
        return "keys"
    mine, other = dict(a.only), dict(b.only)
    if any(column in key and column in other and other[column] != value for column, value in mine.items()):
        return "never"
    told_by_ends = key == ("rowid",) or {a.source_key, a.target_key} <= set(key)
    return "ends" if a.single and b.single and a.only == b.only and told_by_ends else "keys"

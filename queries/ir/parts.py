"""Parts of a pattern: its expressions, what they read, and what can be reached from a vertex.

Tests: tests/queries/csr/test_program.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from queries.ir.expression import ElementId, Expression, Property, conjunction, conjuncts
from queries.ir.pattern import Exists, Pattern


def expressions(pattern: Pattern, where: bool = True) -> Iterator[Expression]:
    """Roots whose ``walk`` together meets every expression of a pattern and of its sub-patterns once.

    Args:
        where: also the pattern's own condition; that of a sub-pattern is met on the walk to it.
    """
    roots: list[Expression | None] = [pattern.where] if where else []
    roots += [vertex.predicate for vertex in pattern.vertices]
    roots += [edge.predicate for edge in pattern.edges]
    roots += [edge.interior.predicate for edge in pattern.edges if edge.interior]
    roots += [column.value for column in pattern.columns]
    roots += [key.value for key in pattern.order]
    for root in roots:
        if root is None:
            continue
        yield root
        for node in root.walk():
            if isinstance(node, Exists):
                yield from expressions(node.pattern, where=False)


def reachable_part(pattern: Pattern, vertex: str) -> Pattern | None:
    """The single edges around a vertex with their predicates, if any of these restricts it; None otherwise.

    Homomorphic and without outputs: it allows every vertex that the whole pattern does, perhaps more.
    """
    single = [edge for edge in pattern.positive if edge.quantifier is None]
    inside = {vertex}
    grown = True
    while grown:
        grown = False
        for edge in single:
            if (edge.source in inside) != (edge.target in inside):
                inside |= {edge.source, edge.target}
                grown = True
    vertices = tuple(v for v in pattern.vertices if v.variable in inside)
    edges = tuple(e for e in single if e.source in inside)
    known = inside | {e.variable for e in edges}
    conditions = [
        part
        for part in conjuncts(pattern.where)
        if part.variables() and part.variables() <= known and not any(isinstance(n, Exists) for n in part.walk())
    ]
    predicates = [*(v.predicate for v in vertices), *(e.predicate for e in edges)]
    if not conditions and all(predicate is None for predicate in predicates):
        return None
    own = pattern.vertex(vertex)
    if own.predicate is not None:
        return Pattern(pattern.graph, (own,))
    return Pattern(pattern.graph, vertices, edges, conjunction(conditions))


def columns_read(pattern: Pattern) -> dict[str, dict[str, None]]:
    """Columns of each variable that something reads, in order of first reading."""
    read: dict[str, dict[str, None]] = {}
    for root in expressions(pattern):
        for node in root.walk():
            if isinstance(node, Property):
                read.setdefault(node.variable, {})[node.name] = None
    return read


def identified(pattern: Pattern) -> set[str]:
    """Variables whose identity something reads."""
    return {n.variable for root in expressions(pattern) for n in root.walk() if isinstance(n, ElementId)}

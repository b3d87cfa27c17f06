"""Automorphisms of a pattern, and orders of ids that keep one of every set of interchangeable matches."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from ingest.errors import AnalysisError
from queries.expression import Expression, Identity, Property, conjuncts, transform
from queries.pattern import Direction, Exists, Pattern

MAX_VERTICES = 8

Mapping = tuple[int, ...]
"""Where each vertex goes, by number."""


def without_automorphisms(pattern: Pattern) -> Pattern:
    """The pattern with orders that keep one match of every set that differ by an automorphism.

    Two vertices are interchangeable when exchanging them changes neither edges nor predicates. The orders are
    those of Grochow and Kellis (2007): fix one vertex after the other, each the least of its orbit.

    Raises:
        AnalysisError: more than MAX_VERTICES vertices, or matches in which vertices may be the same.
    """
    if not pattern.semantics.vertices_differ:
        raise AnalysisError(
            f"automorphisms are left out where matched vertices differ; this pattern is {pattern.semantics.value}. "
            "In SQL/PGQ write KEEP DISTINCT VERTICES or KEEP INDUCED"
        )
    group = automorphisms(pattern)
    names = [vertex.variable for vertex in pattern.vertices]
    orders: list[tuple[str, str]] = []
    for number, name in enumerate(names):
        orbit = sorted({mapping[number] for mapping in group} - {number})
        orders += [(name, names[other]) for other in orbit]
        group = [mapping for mapping in group if mapping[number] == number]
    return replace(pattern, symmetry=tuple(dict.fromkeys([*pattern.symmetry, *orders])))


def automorphisms(pattern: Pattern) -> list[Mapping]:
    """All ways to exchange vertices that leave the pattern as it is, the identity among them."""
    names = [vertex.variable for vertex in pattern.vertices]
    if len(names) > MAX_VERTICES:
        raise AnalysisError(
            f"automorphisms are found for at most {MAX_VERTICES} vertices; this pattern has {len(names)}"
        )
    before = _shape(pattern, {name: name for name in names})
    found = []
    for mapping in permutations(range(len(names))):
        renamed = {names[i]: names[j] for i, j in enumerate(mapping)}
        if _shape(pattern, renamed) == before:
            found.append(mapping)
    return found


def _shape(pattern: Pattern, renamed: dict[str, str]) -> tuple[frozenset[object], ...]:
    """The pattern's parts under new vertex names; edges are known by their ends, not by their names."""
    edge_names: dict[str, str] = {}
    edges = []
    for edge in pattern.edges:
        ends = (renamed[edge.source], renamed[edge.target])
        if edge.direction is Direction.ANY:
            ends = (min(ends), max(ends))
        kind = (ends, edge.direction, frozenset(map(str.lower, edge.labels)), edge.negated, edge.quantifier)
        edge_names[edge.variable] = repr(kind)
        edges.append((kind, _renamed(edge.predicate, {edge.variable: "edge"})))
    vertices = [
        (renamed[v.variable], frozenset(v.labels), _renamed(v.predicate, {v.variable: "vertex"}))
        for v in pattern.vertices
    ]
    conditions = [_renamed(part, {**renamed, **edge_names}) for part in conjuncts(pattern.where)]
    return frozenset(edges), frozenset(vertices), frozenset(conditions)


def _renamed(expression: Expression | None, names: dict[str, str]) -> Expression | None:
    if expression is None:
        return None

    def change(node: Expression) -> Expression:
        if isinstance(node, Property | Identity):
            return replace(node, variable=names.get(node.variable, node.variable))
        if isinstance(node, Exists):  # a sub-pattern tells its shared vertices apart
            return replace(node, pattern=replace(node.pattern, graph=repr(sorted(names.items()))))
        return node

    return transform(expression, change)

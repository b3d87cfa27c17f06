"""Vertices that may be exchanged: automorphisms of a pattern, and vertices declared alike.

Of matches that differ by an exchange one is kept. Where every exchange leaves the pattern as it is, orders of ids
say which, and engines check them as they go; where it does not, the exchanged match may or may not be there, and
``Pattern.alike`` makes engines compare the matches they found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations, permutations
from math import factorial, prod

from ingest.schema.errors import AnalysisError
from queries.ir.expression import ElementId, Expression, Property, conjuncts, transform
from queries.ir.pattern import Direction, Exists, Pattern

MAX_VERTICES = 8

Mapping = tuple[int, ...]
"""Where each vertex goes, by number."""


def ordered(pattern: Pattern) -> Pattern:
    """The pattern with orders in place of alike vertices, as far as exchanging these leaves the pattern as it is.

    A set of alike vertices of which every two can be exchanged so needs no comparing of matches any more.
    """
    if not pattern.alike or not pattern.semantics.vertices_differ:
        return pattern
    place = {vertex.variable: number for number, vertex in enumerate(pattern.vertices)}
    orders = list(pattern.symmetry)
    compared = []
    for together in pattern.alike:
        exchanges = list(_exchangeable(pattern, sorted(together, key=place.__getitem__)))
        orders += exchanges
        if len(exchanges) < len(together) * (len(together) - 1) // 2:
            compared.append(together)
    return replace(pattern, symmetry=tuple(dict.fromkeys(orders)), alike=tuple(compared))


def _exchangeable(pattern: Pattern, names: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of vertices whose exchange leaves the pattern as it is, the earlier first."""
    same = {vertex.variable: vertex.variable for vertex in pattern.vertices}
    before = _shape(pattern, same)
    for first, second in combinations(names, 2):
        if _shape(pattern, {**same, first: second, second: first}) == before:
            yield first, second


def without_automorphisms(pattern: Pattern) -> Pattern:
    """The pattern with orders that keep one match of every set that differ by an automorphism.

    Two vertices are interchangeable when exchanging them changes neither edges nor predicates. The orders are
    those of Grochow and Kellis (2007): fix one vertex after the other, each the least of its orbit. Vertices
    declared alike and automorphisms are one group of exchanges.

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
    alike = _joined(pattern, group) if pattern.alike else ()
    orders: list[tuple[str, str]] = []
    for number, name in enumerate(names):
        orbit = sorted({mapping[number] for mapping in group} - {number})
        orders += [(name, names[other]) for other in orbit]
        group = [mapping for mapping in group if mapping[number] == number]
    return replace(pattern, symmetry=tuple(dict.fromkeys([*pattern.symmetry, *orders])), alike=alike)


def automorphisms(pattern: Pattern) -> list[Mapping]:
    """All ways to exchange vertices that leave the pattern as it is, the identity among them."""
    names = [vertex.variable for vertex in pattern.vertices]
    if len(names) > MAX_VERTICES:
        raise AnalysisError(
            f"automorphisms are found for at most {MAX_VERTICES} vertices; this pattern has {len(names)}"
        )
    before = _shape(pattern, {name: name for name in names})
    mappings = []
    for mapping in permutations(range(len(names))):
        renamed = {names[i]: names[j] for i, j in enumerate(mapping)}
        if _shape(pattern, renamed) == before:
            mappings.append(mapping)
    return mappings


def _joined(pattern: Pattern, group: list[Mapping]) -> tuple[tuple[str, ...], ...]:
    """The sets of vertices that automorphisms and alike vertices together exchange; () where automorphisms do it all.

    Raises:
        AnalysisError: together they exchange only some vertices of a set with others.
    """
    names = [vertex.variable for vertex in pattern.vertices]
    whole = set(group)
    declared = []
    for together in pattern.alike:
        for first, second in combinations(sorted(map(names.index, together)), 2):
            exchange = list(range(len(names)))
            exchange[first], exchange[second] = second, first
            declared.append(tuple(exchange))
    if all(exchange in whole for exchange in declared):
        return ()
    made = _closed(declared)
    for mapping in group:
        if mapping not in made:
            declared.append(mapping)
            made = _closed(declared)
    sets = sorted({tuple(sorted({mapping[number] for mapping in made})) for number in range(len(names))})
    if len(made) != prod(factorial(len(together)) for together in sets):
        raise AnalysisError(
            "exclude_automorphisms and === together exchange vertices in a way that neither says by itself; "
            "leave out one of the two"
        )
    return tuple(tuple(names[number] for number in together) for together in sets if len(together) > 1)


def _closed(generators: Iterable[Mapping]) -> set[Mapping]:
    """All that repeated exchanges come to."""
    own = list(dict.fromkeys(generators))
    closed = set(own)
    waiting = list(own)
    while waiting:
        one = waiting.pop()
        for other in own:
            both = tuple(other[place] for place in one)
            if both not in closed:
                closed.add(both)
                waiting.append(both)
    return closed


def _shape(pattern: Pattern, renamed: dict[str, str]) -> tuple[frozenset[object], ...]:
    """The pattern's parts under new vertex names; edges are known by their ends and predicates, not by their names."""
    edge_names: dict[str, str] = {}
    edges = []
    for edge in pattern.edges:
        ends = (renamed[edge.source], renamed[edge.target])
        if edge.direction is Direction.ANY:
            ends = (min(ends), max(ends))
        kind = (ends, edge.direction, frozenset(map(str.lower, edge.labels)), edge.negated, edge.quantifier)
        predicate = _renamed(edge.predicate, {edge.variable: "edge"})
        edge_names[edge.variable] = repr((kind, predicate))
        edges.append((kind, predicate))
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
        if isinstance(node, Property | ElementId):
            return replace(node, variable=names.get(node.variable, node.variable))
        if isinstance(node, Exists):  # a sub-pattern tells its shared vertices apart
            return replace(node, pattern=replace(node.pattern, graph=repr(sorted(names.items()))))
        return node

    return transform(expression, change)

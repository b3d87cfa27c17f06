"""Rewrites of a bound pattern: small rules, each Pattern -> Pattern with the same matches, in one readable order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from queries.ir.expression import (
    AllAlong,
    ElementId,
    Expression,
    Literal,
    Operation,
    Property,
    conjunction,
    conjuncts,
    transform,
)
from queries.ir.pattern import Edge, Exists, Interior, Pattern


def absent_edges(pattern: Pattern) -> Pattern:
    """``NOT EXISTS { (c)-[e]->(a) }`` between two matched vertices becomes a negated edge."""
    kept: list[Expression] = []
    edges = list(pattern.edges)
    for part in conjuncts(pattern.where):
        edge = _absent_edge(part, pattern)
        if edge is None:
            kept.append(part)
        else:
            edges.append(edge)
    return replace(pattern, edges=tuple(edges), where=conjunction(kept))


def _absent_edge(part: Expression, pattern: Pattern) -> Edge | None:
    if not (isinstance(part, Operation) and part.operator == "NOT" and isinstance(part.operands[0], Exists)):
        return None
    if part.operands[0].counted:
        return None
    inner = part.operands[0].pattern
    if len(inner.edges) != 1 or inner.edges[0].quantifier is not None or inner.edges[0].negated:
        return None
    edge = inner.edges[0]
    known = {vertex.variable for vertex in pattern.vertices}
    if set(inner.outer) != {v.variable for v in inner.vertices} or not set(inner.outer) <= known:
        return None
    conditions = [*conjuncts(edge.predicate), *conjuncts(inner.where)]
    if any(vertex.predicate is not None for vertex in inner.vertices):
        return None
    if any(condition.variables() - {edge.variable} for condition in conditions):
        return None
    if any(isinstance(node, Exists) for condition in conditions for node in condition.walk()):
        return None
    return replace(edge, negated=True, predicate=conjunction(conditions))


def along_paths(pattern: Pattern) -> Pattern:
    """``ALL (x IN relationships(p) WHERE ...)`` becomes the predicate of p's edges, likewise for its vertices."""
    kept: list[Expression] = []
    edges = {edge.variable: edge for edge in pattern.edges}
    vertices = {vertex.variable: vertex for vertex in pattern.vertices}
    paths = {path.variable: path for path in pattern.paths}
    for part in conjuncts(pattern.where):
        along = part if isinstance(part, AllAlong) else None
        path = paths.get(along.path) if along else None
        if along is None or path is None or along.predicate.variables() - {along.variable}:
            kept.append(part)
            continue
        for name in path.edges:
            edge = edges[name]
            if along.over == "edges":
                predicate = _renamed(along.predicate, along.variable, name)
                edges[name] = replace(edge, predicate=_both(edge.predicate, predicate))
                continue
            for end in (edge.source, edge.target):
                if end in pattern.outer:
                    kept.append(_renamed(along.predicate, along.variable, end))
                    continue
                predicate = _renamed(along.predicate, along.variable, end)
                vertices[end] = replace(vertices[end], predicate=_both(vertices[end].predicate, predicate))
            if edge.quantifier is not None:
                edges[name] = replace(edge, interior=_interior(edge, along))
    return replace(pattern, edges=tuple(edges.values()), vertices=tuple(vertices.values()), where=conjunction(kept))


def _interior(edge: Edge, along: AllAlong) -> Interior:
    if edge.interior is None:
        return Interior(along.variable, along.predicate)
    same = _renamed(along.predicate, along.variable, edge.interior.variable)
    both = _both(edge.interior.predicate, same)
    assert both is not None
    return Interior(edge.interior.variable, both)


def push_down(pattern: Pattern) -> Pattern:
    """A condition about one element moves to that element, where every engine checks it first."""
    kept: list[Expression] = []
    vertices = {vertex.variable: vertex for vertex in pattern.vertices if vertex.variable not in pattern.outer}
    edges = {edge.variable: edge for edge in pattern.positive if edge.quantifier is None}
    for part in conjuncts(pattern.where):
        names = part.variables()
        name = next(iter(names)) if len(names) == 1 else ""
        if any(isinstance(node, Exists) for node in part.walk()):
            kept.append(part)
        elif name in vertices:
            vertex = vertices[name]
            vertices[name] = replace(vertex, predicate=_both(vertex.predicate, part))
        elif name in edges:
            edge = edges[name]
            edges[name] = replace(edge, predicate=_both(edge.predicate, part))
        else:
            kept.append(part)
    return replace(
        pattern,
        vertices=tuple(vertices.get(v.variable, v) for v in pattern.vertices),
        edges=tuple(edges.get(e.variable, e) for e in pattern.edges),
        where=conjunction(kept),
    )


def drop_truths(pattern: Pattern) -> Pattern:
    """``WHERE TRUE`` is no condition."""
    kept = [part for part in conjuncts(pattern.where) if not (isinstance(part, Literal) and part.value is True)]
    return replace(pattern, where=conjunction(kept))


def double_negations(pattern: Pattern) -> Pattern:
    """``NOT NOT p`` is p, true, false or unknown alike."""

    def change(node: Expression) -> Expression:
        inner = node.operands[0] if isinstance(node, Operation) and node.operator == "NOT" else None
        return inner.operands[0] if isinstance(inner, Operation) and inner.operator == "NOT" else node

    return pattern if pattern.where is None else replace(pattern, where=transform(pattern.where, change))


def inside_exists(pattern: Pattern) -> Pattern:
    """The same rules within sub-patterns."""
    if pattern.where is None:
        return pattern

    def change(node: Expression) -> Expression:
        return replace(node, pattern=rewrite(node.pattern)) if isinstance(node, Exists) else node

    return replace(pattern, where=transform(pattern.where, change))


RULES: tuple[Callable[[Pattern], Pattern], ...] = (
    inside_exists,
    double_negations,
    drop_truths,
    absent_edges,
    along_paths,
    push_down,
)


def rewrite(pattern: Pattern) -> Pattern:
    """All rules, in order."""
    for rule in RULES:
        pattern = rule(pattern)
    return pattern


def _both(first: Expression | None, second: Expression | None) -> Expression | None:
    return conjunction([*conjuncts(first), *(part for part in conjuncts(second) if part not in conjuncts(first))])


def _renamed(expression: Expression, old: str, new: str) -> Expression:
    def change(node: Expression) -> Expression:
        if isinstance(node, Property | ElementId) and node.variable == old:
            return replace(node, variable=new)
        return node

    return transform(expression, change)

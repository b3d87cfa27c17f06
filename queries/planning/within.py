"""Matches in which one vertex lies in a range of keys, so that a question is divided by them.

Tests: tests/queries/test_divided.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from queries.ir.expression import ElementId, Literal, Operation, conjunction, conjuncts
from queries.planning.bound import BoundPattern

Key = int | str


@dataclass(frozen=True, slots=True)
class Within:
    """Keys from ``low`` to ``high``, both included."""

    vertex: str
    low: Key
    high: Key

    def of(self, bound: BoundPattern) -> BoundPattern:
        """The pattern with that condition on the vertex."""
        key = ElementId(self.vertex)
        ends = [Operation(">=", (key, Literal(self.low))), Operation("<=", (key, Literal(self.high)))]
        vertices = tuple(
            replace(one, predicate=conjunction([*conjuncts(one.predicate), *ends]))
            if one.variable == self.vertex
            else one
            for one in bound.pattern.vertices
        )
        return bound.bound_pattern(replace(bound.pattern, vertices=vertices))

"""The same numbers of the two sides of one brain: how much they differ is the yardstick of noise.

Tests: tests/graphlab/circuits/statistics/test_sides.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphlab.circuits.statistics.registered import STATISTICS
from graphlab.circuits.statistics.sides import halves
from graphlab.circuits.statistics.statistic import Ints, Told
from graphlab.circuits.statistics.table import measure_all
from queries.snapshot import Snapshot

Numbers = Mapping[tuple[Any, ...], float]


def both_sides(graph: Snapshot, sides: Sequence[str | None], count: Callable[[Snapshot, Ints], Numbers]) -> tuple[
    Numbers, Numbers
]:  # fmt: skip
    """Numbers of the wiring among left neurons alone, and among right ones; nothing where a side has no connections."""
    left, right = (count(graph.subset(nodes), nodes) for nodes in halves(sides))
    return left, right


def statistics_of_sides(
    graph: Snapshot, sides: Sequence[str | None], names: Sequence[str], told: Told
) -> tuple[Numbers, Numbers]:
    """The named statistics of each side alone, by the key of each number."""

    def count(half: Snapshot, nodes: Ints) -> Numbers:
        if not half.m or not half.weight.any():
            return {}
        columns = {name: [values[k] for k in nodes.tolist()] for name, values in told.columns.items()}
        columns = {name: values for name, values in columns.items() if any(values)}
        able = [name for name in names if _can(name, columns)]
        measured = measure_all(half, able, replace(told, columns=columns)) if able else None
        return {value.key: value.value for value in measured.values} if measured else {}

    return both_sides(graph, sides, count)


def _can(name: str, columns: Mapping[str, Any]) -> bool:
    needs = STATISTICS.get(name).needs
    return "side" not in needs and needs <= set(columns)

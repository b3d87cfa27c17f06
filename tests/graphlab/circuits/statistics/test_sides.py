"""Halves of a brain by the words that people write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphlab.circuits.statistics.by_side import statistics_of_sides
from graphlab.circuits.statistics.sides import halves
from graphlab.circuits.statistics.statistic import Told
from graphlab.circuits.statistics.table import measure_all
from ingest.schema.errors import AnalysisError


def test_halves_by_words() -> None:
    left, right = halves(["L", "Right", "left", None, "center", "rhs", ""])
    assert (left.tolist(), right.tolist()) == ([0, 2], [1, 5])
    with pytest.raises(AnalysisError, match=r"found 0 left and 2 right neurons \(values of the column: east, right\)"):
        halves(["east", "right", "right"])
    with pytest.raises(AnalysisError, match="the column has no values"):
        halves([None, ""])


def test_a_half_is_the_wiring_among_its_neurons(drawn: Any) -> None:
    graph = drawn(40, 400, 1)
    sides = ["left" if k % 2 else "right" for k in range(40)]
    flow = ["intrinsic" if k % 3 else None for k in range(40)]
    names = ["reciprocity", "roles", "left-right"]
    told = Told({"flow": flow, "side": sides, "cell_type": ["a"] * 40}, club_degree=5)
    left, right = statistics_of_sides(graph, sides, names, told)
    for numbers, odd in ((left, 1), (right, 0)):
        nodes = [k for k in range(40) if k % 2 == odd]
        part = graph.subset(np.array(nodes))
        own = Told({"flow": [flow[k] for k in nodes]}, club_degree=5)
        wanted = measure_all(part, ["reciprocity", "roles"], own)
        assert numbers == {value.key: value.value for value in wanted.values}

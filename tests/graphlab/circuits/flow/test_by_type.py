"""A flow by types: what goes in comes out, small types together, names that no drawing trusts."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

from graphlab.charts.flow_diagram import flow_diagram
from graphlab.circuits.flow.by_type import OTHER, flow_by_type
from graphlab.circuits.flow.max_flow import max_flow
from graphlab.circuits.weights.weights import Weights


def test_types_carry_what_their_neurons_carry(random_weights: Callable[..., Weights]) -> None:
    weights = random_weights(40, 0.12, 7)
    sources, targets = np.arange(4), np.arange(36, 40)
    found = max_flow(weights, sources, targets)
    types = ["in"] * 4 + [f"<t{k % 8}>" for k in range(32)] + ["out"] * 4
    drawn = flow_by_type(weights, found, sources, types, 10)
    assert OTHER not in drawn.names
    assert drawn.names[0] == "in"
    assert sum(size for a, _, size in drawn.links if drawn.names[a] == "in") == pytest.approx(found.value)
    assert sum(size for _, b, size in drawn.links if drawn.names[b] == "out") == pytest.approx(found.value)
    few = flow_by_type(weights, found, sources, types, 3)
    assert OTHER in few.names
    assert sum(size for *_, size in few.links) == pytest.approx(sum(size for *_, size in drawn.links))
    assert sum(few.neurons) == sum(drawn.neurons)
    for one in (drawn, few):
        figure = ElementTree.fromstring(str(flow_diagram(one.names, one.layer, one.through, one.links, "a < b")))
        boxes = list(figure.iter("{http://www.w3.org/2000/svg}rect"))
        assert len(boxes) == len(one.names)
        assert figure.get("aria-label") == "a < b"

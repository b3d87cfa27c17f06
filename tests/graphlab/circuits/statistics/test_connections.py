"""Sizes, degrees, reciprocity, weights, transmitters against networkx and plain loops."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.statistics import connections
from graphlab.circuits.statistics.statistic import Measured, Told
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

SIZES = (st.integers(2, 14), st.integers(1, 90), st.integers(0, 2**32))


def numbers(found: Measured) -> dict[Any, float]:
    return {value.key if value.group or not np.isnan(value.at) else value.name: value.value for value in found.values}


@settings(deadline=None, max_examples=50)
@given(*SIZES)
def test_size_degrees_and_reciprocity(drawn: Any, as_networkx: Any, n: int, m: int, seed: int) -> None:
    graph = drawn(n, m, seed)
    other = as_networkx(graph)
    size = numbers(connections.size.measure(graph, Told()))
    assert size["connections"] == other.number_of_edges()
    assert size["density"] == pytest.approx(nx.density(other))
    assert size["connected_neurons"] == sum(degree > 0 for _, degree in other.degree)
    found = connections.degrees.measure(graph, Told())
    assert found.neurons["in_degree"].tolist() == [degree for _, degree in other.in_degree]
    assert found.neurons["out_strength"].tolist() == [weight for _, weight in other.out_degree(weight="weight")]
    returned = connections.reciprocity.measure(graph, Told())
    assert numbers(returned)["reciprocity"] == pytest.approx(nx.overall_reciprocity(other))
    both = [(a, b) for a, b in other.edges if other.has_edge(b, a)]
    assert numbers(returned)["mutual_pairs"] == len(both) // 2
    shared = sum(min(other[a][b]["weight"], other[b][a]["weight"]) for a, b in both)
    assert numbers(returned)["weighted_reciprocity"] == pytest.approx(shared / graph.weight.sum())
    partners = returned.neurons["mutual_partners"]
    assert partners.tolist() == [sum(a == k for a, _ in both) for k in range(n)]


def test_weights_by_hand() -> None:
    graph = Snapshot.from_edges(np.arange(1, 5, dtype=np.uint64), [0, 0, 1, 2], [1, 2, 2, 3], [1, 1, 3, 15])
    found = numbers(connections.weights.measure(graph, Told()))
    assert (found["total_weight"], found["weight_mean"], found["weight_max"]) == (20, 5, 15)
    assert found["weight_one_share"] == 0.5
    assert found["strongest_tenth_share"] == 0.75  # one connection of four
    assert found["weight_quantile", "", 0.5] == 2


def test_transmitters_by_hand() -> None:
    graph = Snapshot.from_edges(np.arange(1, 5, dtype=np.uint64), [0, 0, 1, 2], [1, 2, 2, 3], [1, 1, 3, 15])
    told = Told({"nt_type": ["GABA", "acetylcholine", None, ""]})
    found = numbers(connections.transmitters.measure(graph, told))
    assert found["transmitter_neurons", "unknown", None] == 2
    assert found["transmitter_connection_share", "GABA", None] == 0.5
    assert found["transmitter_weight_share", "unknown", None] == 0.75
    with pytest.raises(AnalysisError, match="column 'nt_type' of neurons, which no neuron has a value in"):
        connections.transmitters.measure(graph, Told({"nt_type": ["", None, None, None]}))

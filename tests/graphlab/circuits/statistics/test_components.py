"""Components, percolation and the sweep of thresholds against networkx and the same graph made anew."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.statistics import components
from graphlab.circuits.statistics.clustering import clustering
from graphlab.circuits.statistics.connections import reciprocity
from graphlab.circuits.statistics.statistic import Told

SIZES = (st.integers(2, 16), st.integers(1, 60), st.integers(0, 2**32))
OF_NETWORKX = {"weak": nx.weakly_connected_components, "strong": nx.strongly_connected_components}


@settings(deadline=None, max_examples=50)
@given(*SIZES)
def test_components_are_those_of_networkx(drawn: Any, as_networkx: Any, n: int, m: int, seed: int) -> None:
    graph = drawn(n, m, seed)
    found = components.components.measure(graph, Told())
    values = {value.name: value.value for value in found.values}
    for word, of in OF_NETWORKX.items():
        sizes = sorted(map(len, of(as_networkx(graph))), reverse=True)
        assert values[f"{word}_components"] == len(sizes)
        assert values[f"largest_{word}_component"] == sizes[0]
        assert values[f"{word}_singletons"] == sizes.count(1)
        number = found.neurons[f"{word}_component"].astype(int)
        assert np.bincount(number).tolist() == sizes, "numbered from the largest on"
        together = {frozenset(np.flatnonzero(number == k).tolist()) for k in range(len(sizes))}
        assert together == set(map(frozenset, of(as_networkx(graph))))


@settings(deadline=None, max_examples=50)
@given(*SIZES)
def test_thresholds_are_those_of_the_thresholded_graph(drawn: Any, n: int, m: int, seed: int) -> None:
    graph = drawn(n, m, seed)
    found = {(value.name, value.at): value.value for value in components.thresholds.measure(graph, Told()).values}
    for at in components.THRESHOLDS:
        part = graph.subset(min_weight=at)
        assert found["connections_at", at] == part.m
        values = {value.name: value.value for value in reciprocity.measure(part, Told()).values}
        values |= {value.name: value.value for value in clustering.measure(part, Told()).values}
        for name in ("reciprocity", "transitivity"):
            assert found[f"{name}_at", at] == pytest.approx(values[name], nan_ok=True)
        if part.m:
            sizes = {value.name: value.value for value in components.components.measure(part, Told()).values}
            assert found["largest_strong_at", at] == sizes["largest_strong_component"]
            assert found["largest_weak_at", at] == sizes["largest_weak_component"]


@settings(deadline=None, max_examples=50)
@given(*SIZES)
def test_percolation_is_that_of_the_rest(drawn: Any, as_networkx: Any, n: int, m: int, seed: int) -> None:
    graph = drawn(n, m, seed)
    found = {(value.name, value.at): value.value for value in components.percolation.measure(graph, Told()).values}
    other = as_networkx(graph)
    order = sorted(range(n), key=lambda k: (-other.degree[k], k))
    for at in components.REMOVED:
        for word, taken in (("hubs", order), ("leaves", order[::-1])):
            rest = other.subgraph(taken[round(at * n) :])
            for kind, of in OF_NETWORKX.items():
                most = max(map(len, of(rest)), default=0)
                assert found[f"largest_{kind}_without_{word}", at] == most / n

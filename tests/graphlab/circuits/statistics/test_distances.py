"""Path lengths, efficiency, betweenness, small-worldness against networkx; pivots against the exact numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.statistics.distances import Betweenness, Paths, SmallWorld, searched
from graphlab.circuits.statistics.statistic import Told
from ingest.schema.errors import AnalysisError

SIZES = (st.integers(2, 14), st.integers(1, 60), st.integers(0, 2**32))


def values_of(found: Any) -> dict[str, float]:
    return {value.name: value.value for value in found.values}


@settings(deadline=None, max_examples=50)
@given(*SIZES)
def test_paths_are_those_of_networkx(drawn: Any, as_networkx: Any, n: int, m: int, seed: int) -> None:
    graph = drawn(n, m, seed)
    other = as_networkx(graph)
    found = values_of(Paths().measure(graph, Told()))
    order = sorted(nx.strongly_connected_components(other), key=lambda part: (-len(part), min(part)))
    strong = other.subgraph(order[0])
    if len(strong) > 1:
        assert found["path_length"] == pytest.approx(nx.average_shortest_path_length(strong))
        assert found["diameter"] == nx.diameter(strong)
    else:
        assert np.isnan([found["path_length"], found["diameter"]]).all()
    order = sorted(nx.weakly_connected_components(other), key=lambda part: (-len(part), min(part)))
    weak = other.to_undirected().subgraph(order[0])
    assert found["path_length_undirected"] == pytest.approx(nx.average_shortest_path_length(weak))


@settings(deadline=None, max_examples=50)
@given(*SIZES)
def test_betweenness_and_efficiency_are_those_of_networkx(
    drawn: Any, as_networkx: Any, n: int, m: int, seed: int
) -> None:
    graph = drawn(n, m, seed)
    other = as_networkx(graph)
    found = Betweenness().measure(graph, Told())
    wanted = nx.betweenness_centrality(other, normalized=False)
    assert found.neurons["betweenness"] == pytest.approx(np.array([wanted[k] for k in range(n)]))
    far = dict(nx.all_pairs_shortest_path_length(other))
    near = [[1 / far[a][b] if a != b and b in far[a] else 0.0 for b in range(n)] for a in range(n)]
    values = values_of(found)
    assert values["efficiency"] == pytest.approx(np.sum(near) / (n * (n - 1)))
    assert values["reach"] == pytest.approx(np.count_nonzero(near) / (n * (n - 1)))
    assert found.neurons["nearness"] == pytest.approx(np.sum(near, axis=0) / (n - 1))
    if n > 2:
        assert values["betweenness_max"] == pytest.approx(max(wanted.values()) / ((n - 1) * (n - 2)))
    assert "betweenness_error" not in found.neurons


def test_small_worldness_by_its_definition(drawn: Any, as_networkx: Any) -> None:
    graph = drawn(300, 3000, 1)
    plain = as_networkx(graph).to_undirected()
    found = values_of(SmallWorld().measure(graph, Told()))
    closed = nx.transitivity(plain) / nx.density(plain)
    assert found["relative_clustering"] == pytest.approx(closed)
    largest = plain.subgraph(max(nx.connected_components(plain), key=len))
    random = [
        nx.average_shortest_path_length(nx.gnm_random_graph(300, plain.number_of_edges(), seed=seed))
        for seed in range(5)
    ]
    length = nx.average_shortest_path_length(largest) / np.mean(random)
    assert found["relative_path_length"] == pytest.approx(length, abs=0.02)
    assert found["small_worldness"] == pytest.approx(found["relative_clustering"] / found["relative_path_length"])


def test_many_searches_at_once_are_searches_one_by_one(drawn: Any) -> None:
    """Past 64 sources, and with the last word half full."""
    graph = drawn(150, 500, 2)
    sources = np.arange(150)
    together = searched(graph.out_start, graph.out_target, sources, workers=2)
    for source in (0, 63, 64, 127, 128, 149):
        alone = searched(graph.out_start, graph.out_target, np.array([source]))
        for name in ("reached", "summed", "inverse", "farthest"):
            assert getattr(alone, name)[0] == getattr(together, name)[source]


@pytest.mark.slow
def test_pivots_estimate_the_exact_numbers_within_their_errors(drawn: Any) -> None:
    """Over 40 seeds, estimates lie around the exact number as often within two errors as they should."""
    graph = drawn(1200, 9000, 5)
    within: dict[str, list[bool]] = {}
    exact_neurons: Any = None
    covered = []
    for kind in (Paths(), Betweenness()):
        exact = values_of(kind.measure(graph, Told()))
        if isinstance(kind, Betweenness):
            exact_neurons = kind.measure(graph, Told()).neurons["betweenness"]
        for seed in range(40):
            found = kind.measure(graph, replace(Told(seed=seed), exact_up_to=500))
            for value in found.values:
                if not np.isnan(value.error) and value.name != "betweenness_max":  # a maximum of estimates lies above
                    within.setdefault(value.name, []).append(abs(value.value - exact[value.name]) <= 2 * value.error)
            if exact_neurons is not None:
                busy = exact_neurons > np.quantile(exact_neurons, 0.9)
                off = np.abs(found.neurons["betweenness"] - exact_neurons)
                covered.append(float((off <= 2 * found.neurons["betweenness_error"])[busy].mean()))
    assert set(within) == {"path_length", "path_length_undirected", "efficiency", "reach"}
    for name, hits in within.items():
        assert np.mean(hits) >= 0.85, name
    assert 0.85 <= np.mean(covered) <= 0.99


def test_pivots_say_how_many_they_are() -> None:
    with pytest.raises(AnalysisError, match="100 pivots; wanted at least 256"):
        Told(pivots=100)
    assert "pivots drawn with seed 7" in Paths().sentence(Told(seed=7))
    assert len(Told(exact_up_to=300).sources(1000, 0)) == 256
    assert Told(exact_up_to=300).sources(300, 0).tolist() == list(range(300))

"""Clustering against networkx."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.statistics.clustering import clustering
from graphlab.circuits.statistics.statistic import Told


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 14), st.integers(1, 120), st.integers(0, 2**32), st.sampled_from([1, 2]))
def test_clustering_is_that_of_networkx(drawn: Any, as_networkx: Any, n: int, m: int, seed: int, workers: int) -> None:
    graph = drawn(n, m, seed)
    found = clustering.measure(graph, Told(workers=workers))
    values = {value.name: value.value for value in found.values}
    directed = as_networkx(graph)
    plain = directed.to_undirected()
    assert found.neurons["clustering"] == pytest.approx(np.array([nx.clustering(plain)[k] for k in range(n)]))
    assert found.neurons["directed_clustering"] == pytest.approx(
        np.array([nx.clustering(directed)[k] for k in range(n)])
    )
    assert values["local_clustering"] == pytest.approx(nx.average_clustering(plain))
    assert values["directed_clustering"] == pytest.approx(nx.average_clustering(directed))
    assert values["triangles"] == sum(nx.triangles(plain).values()) // 3
    if any(degree > 1 for _, degree in plain.degree):
        assert values["transitivity"] == pytest.approx(nx.transitivity(plain))
    else:
        assert np.isnan(values["transitivity"]), "no pair of partners, so no share of them"

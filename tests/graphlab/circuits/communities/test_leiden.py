"""Leiden against networkx, and against every division of small wirings."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.communities.leiden import leiden, modularity
from queries.snapshot import Snapshot

EDGES = st.dictionaries(
    st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] != pair[1]),
    st.integers(1, 9),
    min_size=1,
    max_size=20,
)


def wiring(edges: dict[tuple[int, int], int], n: int = 7) -> Snapshot:
    pre, post = np.array(list(edges)).T
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post, list(edges.values()))


@settings(max_examples=40, deadline=None)
@given(EDGES, st.lists(st.integers(0, 3), min_size=7, max_size=7), st.sampled_from([0.5, 1.0, 2.0]))
def test_modularity_equals_networkx(edges: dict[tuple[int, int], int], parts: list[int], resolution: float) -> None:
    peer = nx.DiGraph()
    peer.add_nodes_from(range(7))
    peer.add_weighted_edges_from((a, b, w) for (a, b), w in edges.items())
    groups = [{i for i in range(7) if parts[i] == k} for k in set(parts)]
    wanted = nx.community.modularity(peer, groups, resolution=resolution)
    assert modularity(wiring(edges), np.array(parts), resolution) == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=8, deadline=None)
@given(EDGES, st.sampled_from([0.5, 1.0, 2.0]))
def test_the_best_of_some_starts_is_the_best_there_is(edges: dict[tuple[int, int], int], resolution: float) -> None:
    """Of all divisions of six neurons; weights and directions count."""
    graph = wiring({(a % 6, b % 6): w for (a, b), w in edges.items() if a % 6 != b % 6} or {(0, 1): 1}, 6)
    divisions = itertools.product(*(range(k + 1) for k in range(6)))
    every = {tuple(np.unique(one, return_inverse=True)[1].tolist()) for one in divisions}
    best = max(modularity(graph, np.array(d), resolution) for d in every)
    found = [leiden(graph, resolution, np.random.default_rng(seed)) for seed in range(12)]
    assert max(modularity(graph, one, resolution) for one in found) == pytest.approx(best, abs=1e-12)


def test_planted_communities_are_found_and_the_seed_decides(three: Snapshot) -> None:
    first, again = (leiden(three, 1.0, np.random.default_rng(5)) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert len(set(first.tolist())) == 3
    assert all(len(set(first[k::3].tolist())) == 1 for k in range(3))
    assert leiden(three, 3.0, np.random.default_rng(0)).max() > 2

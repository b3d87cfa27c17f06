"""Random graphs for statistics, and the same graphs as networkx has them."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest

from queries.snapshot import Snapshot


@pytest.fixture(scope="session")
def drawn() -> Callable[[int, int, int], Snapshot]:
    """A graph of n neurons with at most m connections on any pairs, hubs among them, by a seed."""

    def made(n: int, m: int, seed: int) -> Snapshot:
        rng = np.random.default_rng(seed)
        draw = rng.lognormal(0, 0.8, n)
        share = np.outer(draw, rng.permutation(draw))
        np.fill_diagonal(share, 0)
        m = min(m, n * (n - 1))
        chosen = rng.choice(n * n, m, replace=False, p=(share / share.sum()).ravel()) if m else np.empty(0, np.int64)
        ids = np.arange(1, n + 1, dtype=np.uint64)
        return Snapshot.from_edges(ids, chosen // n, chosen % n, rng.integers(1, 60, m))

    return made


@pytest.fixture(scope="session")
def as_networkx() -> Callable[[Snapshot], nx.DiGraph]:
    def made(graph: Snapshot) -> nx.DiGraph:
        found = nx.DiGraph()
        found.add_nodes_from(range(graph.n))
        edges = zip(graph.sources().tolist(), graph.out_target.tolist(), graph.weight.tolist(), strict=True)
        found.add_weighted_edges_from(edges)
        return found

    return made

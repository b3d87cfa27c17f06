"""A small graph whose answers can be checked by hand, and random ones beside it.

Tests: tests/contracts/test_executors.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from graphlab.graph import Graph

EDGES = ((1, 2, 5.0), (2, 1, 3.0), (2, 3, 10.0), (1, 3, 2.0), (3, 4, 7.0))
"""pre, post, weight of the toy graph: one reciprocal pair, one triangle, one neuron without outputs."""
TYPES = {1: "A", 2: "B", 3: "A", 4: "B"}
"""root_id -> cell_type of the toy graph."""


def toy_graph(folder: Path) -> Graph:
    """The graph of EDGES and TYPES."""
    return _made(folder, list(TYPES), list(TYPES.values()), list(EDGES))


def random_graph(folder: Path, seed: int, n: int = 12) -> Graph:
    """``n`` neurons of three types, each ordered pair connected with a chance of 0.3; ids beyond 2**53."""
    rng = np.random.default_rng(seed)
    ids = [720575940600000000 + int(i) for i in rng.permutation(n)]
    edges = [(a, b, float(rng.integers(1, 9))) for a in ids for b in ids if a != b and rng.random() < 0.3]
    return _made(folder, ids, [str(t) for t in rng.choice(["A", "B", "C"], n)], edges)


def _made(folder: Path, ids: list[int], types: list[str], edges: list[tuple[int, int, float]]) -> Graph:
    pre, post, weight = zip(*edges, strict=True)
    graph = Graph.create(folder)
    graph.ingest(pa.table({"root_id": pa.array(ids, pa.uint64()), "cell_type": types}), as_="neurons")
    connections = {"pre_root_id": pa.array(pre, pa.uint64()), "post_root_id": pa.array(post, pa.uint64())}
    graph.ingest(pa.table({**connections, "weight": pa.array(weight)}), as_="connections")
    return graph

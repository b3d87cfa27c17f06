"""Clustering: how often two partners of a neuron are partners of each other."""

from __future__ import annotations

from functools import partial

import numpy as np

from graphlab.circuits.statistics.connections import degrees_of, share
from graphlab.circuits.statistics.statistic import Floats, Ints, Measured, Told, Value, statistic
from graphlab.motifs.census.shares import over_shares, shares
from ingest.running.task_runners import Workers
from queries.snapshot import Snapshot

SHARES = 8
"""Whole numbers add up to the same in any shares, so few are enough."""


def triangles_of(graph: Snapshot, workers: Workers = 1) -> tuple[Ints, Ints, Ints]:
    """int64 [n] each: partners, triangles without direction, and with (half the diagonal of (A + A^T)^3)."""
    from graphlab.motifs.kernels.triads import forward_in_degree_order, typed_neighbours

    start, neighbour, state = typed_neighbours(graph.out_start, graph.out_target, graph.in_start, graph.in_source)
    forward_start, forward, order = forward_in_degree_order(start, neighbour, state)
    plain, directed = np.zeros(graph.n, np.int64), np.zeros(graph.n, np.int64)
    parts = [(0, graph.n)] if workers == 1 else shares(np.diff(forward_start), SHARES)
    for one in over_shares(partial(_triangles, forward_start, forward), parts, workers):
        plain[order] += one[0]
        directed[order] += one[1]
    return np.diff(start), plain, directed


def _triangles(start: Ints, forward: Ints, low: int, high: int) -> tuple[Ints, Ints]:
    from graphlab.circuits.statistics.kernels.pairs import triangles_at

    n = len(start) - 1
    directed, plain = np.zeros(n, np.int64), np.zeros(n, np.int64)
    triangles_at(start, forward, low, high, directed, plain)
    return plain, directed


def transitivity_of(partners: Ints, triangles: Ints) -> float:
    """Closed share of all pairs of partners."""
    return share(int(triangles.sum()), int((partners * (partners - 1) // 2).sum()))


@statistic(
    "clustering",
    "Transitivity (global clustering): 3 triangles over all pairs of partners of a neuron, direction left out. "
    "Local clustering: the mean over all neurons of the closed share of each one's pairs, 0 with fewer than two "
    "partners. Directed clustering: its form for digraphs (Fagiolo 2007), also a mean over all neurons.",
)
def clustering(graph: Snapshot, told: Told) -> Measured:
    """Global, local and directed clustering."""
    partners, triangles, directed = triangles_of(graph, told.workers)
    into, out = degrees_of(graph)
    total = into + out
    possible = partners * (partners - 1) // 2
    # Of pairs of connections, those to one and the same partner close no triangle.
    directed_possible = total * (total - 1) - 2 * (total - partners)
    local, local_directed = _ratio(triangles, possible), _ratio(directed, directed_possible)
    n = graph.n
    return Measured(
        (
            Value("triangles", int(triangles.sum()) // 3, n),
            Value("transitivity", transitivity_of(partners, triangles), int(possible.sum()), "pairs"),
            Value("local_clustering", float(local.mean()) if n else float("nan"), n),
            Value("directed_clustering", float(local_directed.mean()) if n else float("nan"), n),
        ),
        {"clustering": local, "directed_clustering": local_directed},
    )


def _ratio(part: Ints, whole: Ints) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)

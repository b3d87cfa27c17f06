"""The most that connections can carry from some neurons to others, the cut that bounds it, and the paths that carry it.

Every connection carries at most its capacity, its share of the input of its target or its weight. Sources are joined
to one end and targets to the other without a bound (igraph's push-relabel), so that whole groups of neurons are asked.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.circuits.weights.weights import Weights
from ingest.schema.errors import AnalysisError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CAPACITIES = ("fraction", "weight")
ROUNDING = 1e-9
"""Of the whole flow: what a connection carries less than that is none."""


@dataclass(frozen=True, eq=False)
class MaxFlow:
    """One maximal flow."""

    value: float
    """Its size, which is that of the cut."""
    capacity: Floats
    """[m]"""
    flow: Floats
    """[m] what each connection carries, without circles."""
    cut: npt.NDArray[np.bool_]
    """[m] connections of the smallest cut: those from the neurons that the sources could still reach to the others."""


@dataclass(frozen=True, eq=False)
class Carrier:
    """A path that carries a part of a flow."""

    nodes: Ints
    flow: float


def max_flow(weights: Weights, sources: Ints, targets: Ints, capacity: str = "fraction") -> MaxFlow:
    """A maximal flow from ``sources`` to ``targets`` (node numbers).

    Raises:
        AnalysisError: a neuron that is both.
    """
    import igraph

    from graphlab.circuits.flow.kernels.circles import remove_circles

    graph = weights.graph
    both = np.intersect1d(sources, targets)
    if len(both):
        raise AnalysisError(
            f"neuron {graph.root_ids[both[0]]} is a source and a target ({len(both):,} like that); wanted groups that "
            "have no neuron in common"
        )
    bound = weights.fractions() if capacity == "fraction" else np.array(graph.weight)
    n, m = graph.n, graph.m
    from_, to = graph.sources().astype(np.int64), graph.out_target.astype(np.int64)
    # What enters a source or leaves a target has no part in any flow between them.
    useful = ~np.isin(to, sources) & ~np.isin(from_, targets) & (bound > 0)
    kept = np.flatnonzero(useful)
    unbounded = float(bound.sum()) + 1.0
    ends = [(n, int(one)) for one in sources] + [(int(one), n + 1) for one in targets]
    edges = np.concatenate([np.column_stack([from_[kept], to[kept]]), np.array(ends, dtype=np.int64)])
    limits = np.concatenate([bound[kept], np.full(len(ends), unbounded)])
    found = igraph.Graph(n=n + 2, edges=edges, directed=True).maxflow(n, n + 1, capacity=limits.tolist())
    flow = np.zeros(m)
    flow[kept] = np.asarray(found.flow, dtype=np.float64)[: len(kept)]
    value = float(found.value)
    flow[flow <= ROUNDING * max(value, 0.0)] = 0.0
    remove_circles(np.array(graph.out_start), np.array(graph.out_target), flow)
    cut = _cut(weights, sources, bound, flow, kept)
    return MaxFlow(value, bound, flow, cut)


def _cut(weights: Weights, sources: Ints, bound: Floats, flow: Floats, kept: Ints) -> npt.NDArray[np.bool_]:
    """Full connections from what the sources reach with room to spare to what they do not reach."""
    from scipy import sparse
    from scipy.sparse.csgraph import breadth_first_order

    graph = weights.graph
    n = graph.n
    from_, to = graph.sources()[kept], graph.out_target[kept]
    room = bound[kept] - flow[kept] > ROUNDING * bound[kept]
    back = flow[kept] > 0
    rows = np.concatenate([from_[room], to[back], np.full(len(sources), n)])
    columns = np.concatenate([to[room], from_[back], sources])
    left = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n + 1, n + 1))
    inside = np.zeros(n + 1, dtype=np.bool_)
    inside[breadth_first_order(left, n, directed=True, return_predecessors=False)] = True
    cut = np.zeros(graph.m, dtype=np.bool_)
    cut[kept] = inside[from_] & ~inside[to]
    return cut


def carriers(weights: Weights, found: MaxFlow, sources: Ints, targets: Ints, most: int) -> list[Carrier]:
    """The paths of a flow, the widest first; what a path carries is taken off before the next is looked for.

    Args:
        most: paths at most; a flow has one for every connection that it fills, or fewer.
    """
    graph, left = weights.graph, found.flow.copy()
    ends = np.zeros(graph.n, dtype=np.bool_)
    ends[targets] = True
    paths: list[Carrier] = []
    while len(paths) < most:
        path = _widest(weights, left, sources, ends)
        if path is None:
            break
        nodes, edges = path
        width = float(left[edges].min())
        if width <= ROUNDING * max(found.value, 0.0):
            break
        left[edges] -= width
        paths.append(Carrier(np.asarray(nodes, dtype=np.int64), width))
    return paths


def _widest(
    weights: Weights, left: Floats, sources: Ints, ends: npt.NDArray[np.bool_]
) -> tuple[list[int], list[int]] | None:
    """The path whose narrowest connection has most left; fewest connections, then smallest ids, among equals."""
    graph = weights.graph
    queue: list[tuple[float, int, int, int, int]] = [(-np.inf, 0, int(one), -1, -1) for one in sources]
    heapq.heapify(queue)
    came: dict[int, tuple[int, int]] = {}
    while queue:
        width, length, node, before, edge = heapq.heappop(queue)
        if node in came:
            continue
        came[node] = (before, edge)
        if ends[node]:
            return _back(came, node)
        for e in range(int(graph.out_start[node]), int(graph.out_start[node + 1])):
            following = int(graph.out_target[e])
            if left[e] > 0.0 and following not in came:
                heapq.heappush(queue, (max(width, -float(left[e])), length + 1, following, node, e))
    return None


def _back(came: dict[int, tuple[int, int]], node: int) -> tuple[list[int], list[int]]:
    nodes, edges = [node], []
    while came[node][0] >= 0:
        node, edge = came[node]
        nodes.append(node)
        edges.append(edge)
    return nodes[::-1], edges[::-1]

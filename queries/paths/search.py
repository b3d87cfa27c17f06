"""Paths over a snapshot: reach within k steps, shortest paths counted or weighed, the k best ones.

Breadth-first search runs on the CSR arrays themselves, Dijkstra in scipy, k best paths in igraph. Nodes are
node numbers of the snapshot (``snapshot.indices_of``); ids come back by ``snapshot.root_ids[nodes]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import SchemaError
from queries.snapshot import Floats, Ints32, Ints64, Snapshot

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Way = Literal["out", "in", "any"]
MOST_STEPS = 2**30
SAME = 1e-12
"""Relative difference below which two weighted paths are equally long: what rounding of sums can do."""


@dataclass(frozen=True, eq=False)
class FoundPath:
    """One path: its nodes from source to target, and what it costs (edges, or the sum of edge costs)."""

    nodes: Ints64
    cost: float


def hops(snapshot: Snapshot, seeds: npt.ArrayLike, k: int, direction: Way = "out") -> tuple[Ints64, Ints32]:
    """Nodes at most ``k`` steps from the nearest seed, seeds included.

    Args:
        seeds: integers, node numbers; repeated ones count once.
        direction: ``out`` follows edges, ``in`` goes against them, ``any`` both.

    Returns:
        nodes int64 and distance int32, by distance, then by node.

    Raises:
        SchemaError: a seed that is no node, k below 0, no such direction.
    """
    from queries.paths.kernels import reach

    start, target = _rows(snapshot, direction)
    numbers = _nodes(snapshot, seeds)
    n = snapshot.n
    queue = np.empty(max(n, 1), np.int32)
    level = reach(start, target, numbers, _steps(k, n), np.zeros(max(n, 1), np.int32), 1, queue)
    distance = np.repeat(np.arange(len(level) - 1, dtype=np.int32), np.diff(level))
    nodes = queue[: level[-1]].astype(np.int64)
    order = np.lexsort((nodes, distance))
    return nodes[order], distance[order]


def hops_each(
    snapshot: Snapshot, seeds: npt.ArrayLike, k: int, direction: Way = "out"
) -> tuple[Ints64, Ints64, Ints32]:
    """hops() from every seed by itself.

    Returns:
        position int64 (of the seed in ``seeds``), nodes int64, distance int32; by position and distance.
    """
    from queries.paths.kernels import reach_each

    start, target = _rows(snapshot, direction)
    which, nodes, distance = reach_each(start, target, _nodes(snapshot, seeds), _steps(k, snapshot.n))
    return which, nodes.astype(np.int64), distance


def shortest(
    snapshot: Snapshot,
    sources: npt.ArrayLike,
    targets: npt.ArrayLike,
    weighted: Floats | None = None,
    all: bool = False,
    most: int | None = None,
) -> Iterator[FoundPath]:
    """Shortest paths from every source to every target, as they are found; none where there is no way.

    Args:
        sources, targets: node numbers.
        weighted: cost of each edge, float64 [m] in edge order, above 0; None counts edges. See costs().
        all: every shortest path of a pair, in order of their nodes; otherwise the first of these (weighted:
            the one Dijkstra keeps).
        most: longest path looked for, in edges (unweighted only).

    Raises:
        SchemaError: a number that is no node, costs of another length or not above 0.
    """
    starts, ends = _nodes(snapshot, sources), _nodes(snapshot, targets)
    if weighted is not None:
        if most is not None:
            raise SchemaError("a longest path in edges goes with unweighted paths; leave out one of the two")
        yield from _weighted(snapshot, starts, ends, _costs(snapshot, weighted), all)
        return
    for source in starts:
        for target in ends:
            paths = _counted(snapshot, int(source), int(target), MOST_STEPS if most is None else most)
            yield from paths if all else islice(paths, 1)


def distances(
    snapshot: Snapshot, sources: npt.ArrayLike, targets: npt.ArrayLike, weighted: Floats | None = None
) -> Floats:
    """Lengths of shortest paths, float64 [sources, targets]; infinite where there is no way."""
    starts, ends = _nodes(snapshot, sources), _nodes(snapshot, targets)
    lengths = np.full((len(starts), len(ends)), np.inf)
    if weighted is not None:
        matrix = _matrix(snapshot, _costs(snapshot, weighted))
        for row, source in enumerate(starts):
            lengths[row] = _dijkstra(matrix, int(source))[0][ends]
        return lengths
    from queries.paths.kernels import between

    for row, source in enumerate(starts):
        for column, target in enumerate(ends):
            here, there = np.full(snapshot.n, -1, np.int32), np.full(snapshot.n, -1, np.int32)
            length, _ = between(*_both(snapshot), source, target, MOST_STEPS, here, there)
            if length >= 0:
                lengths[row, column] = length
    return lengths


def k_best(snapshot: Snapshot, source: int, target: int, k: int, cost: Floats | None = None) -> list[FoundPath]:
    """The ``k`` cheapest paths without repeated nodes (Yen 1971, in igraph), cheapest first.

    Args:
        source, target: node numbers.
        cost: cost of each edge, float64 [m] in edge order, above 0; None counts edges.

    Returns:
        Fewer than ``k`` where there are no more; equally cheap ones in order of their nodes.
    """
    if k < 1:
        raise SchemaError(f"k is {k}; wanted 1 or more paths")
    begin, end = (int(x) for x in _nodes(snapshot, [source, target]))
    if begin == end:
        return [FoundPath(np.array([begin], np.int64), 0.0)]
    weights = None if cost is None else _costs(snapshot, cost)
    if not np.isfinite(distances(snapshot, [begin], [end])[0, 0]):
        return []
    graph = as_igraph(snapshot)
    listed = graph.get_k_shortest_paths(
        begin, end, k=k, mode="out", output="epath", weights=None if weights is None else weights
    )
    tails = graph_sources(snapshot)
    paths = []
    for edges in listed:
        numbers = np.asarray(edges, dtype=np.int64)
        nodes = np.concatenate([tails[numbers[:1]], snapshot.out_target[numbers]]).astype(np.int64)
        paths.append(FoundPath(nodes, float(len(numbers) if weights is None else weights[numbers].sum())))
    return sorted(paths, key=lambda path: (path.cost, path.nodes.tolist()))


def costs(snapshot: Snapshot, how: str = "inverse", beyond: Floats | None = None) -> Floats:
    """Costs of edges from weights: stronger is shorter.

    Args:
        how: ``inverse`` 1 / weight; ``fraction`` -log(weight / total weight into the target), so that the
            cheapest path has the largest product of input fractions. A fraction of 1 costs nothing; the least
            positive number stands for it.
        beyond: float64 [n], what each node receives that the snapshot's edges do not hold; 0 where None.

    Raises:
        SchemaError: no such costs, weights not above 0.
    """
    weight = snapshot.weight
    if len(weight) and not weight.min() > 0:
        raise SchemaError("a weight is not above 0, and stronger could not be shorter")
    if how == "inverse":
        return 1.0 / weight
    if how == "fraction":
        into = np.bincount(snapshot.out_target, weights=weight, minlength=snapshot.n).astype(np.float64)
        into += 0.0 if beyond is None else beyond
        cost: Floats = np.maximum(-np.log(weight / into[snapshot.out_target]), np.finfo(np.float64).tiny)
        return cost
    raise SchemaError(f"no costs called {how!r}; wanted inverse or fraction")


_GRAPHS: WeakKeyDictionary[Snapshot, Any] = WeakKeyDictionary()
_SOURCES: WeakKeyDictionary[Snapshot, Ints32] = WeakKeyDictionary()


def as_igraph(snapshot: Snapshot) -> Any:
    """The snapshot as an igraph.Graph, edges in edge order; kept as long as the snapshot is."""
    if snapshot not in _GRAPHS:
        import igraph

        pairs = np.column_stack([graph_sources(snapshot), snapshot.out_target])
        _GRAPHS[snapshot] = igraph.Graph(n=snapshot.n, edges=pairs, directed=True)
    return _GRAPHS[snapshot]


def graph_sources(snapshot: Snapshot) -> Ints32:
    """snapshot.sources(), kept as long as the snapshot is."""
    if snapshot not in _SOURCES:
        _SOURCES[snapshot] = snapshot.sources()
    return _SOURCES[snapshot]


# -- unweighted --


def _counted(snapshot: Snapshot, source: int, target: int, most: int) -> Iterator[FoundPath]:
    from queries.paths.kernels import between

    here, there = np.full(snapshot.n, -1, np.int32), np.full(snapshot.n, -1, np.int32)
    length, forward = between(*_both(snapshot), source, target, most, here, there)
    if length < 0:
        return
    if length > 0:
        # Nodes of the forward half that no shortest path uses would make the listing go astray.
        _keep_useful(snapshot, here, there, length, forward)
    for nodes in _along(snapshot, source, there, length):
        yield FoundPath(np.array(nodes, np.int64), float(length))


def _keep_useful(snapshot: Snapshot, here: Ints32, there: Ints32, length: int, forward: int) -> None:
    """Fill steps to the target back from where the two searches met."""
    middle = np.flatnonzero((here == forward) & (there == length - forward))
    for steps in range(forward - 1, -1, -1):
        before = np.unique(np.concatenate([_row(snapshot.in_start, snapshot.in_source, int(v)) for v in middle]))
        middle = before[here[before] == steps]
        there[middle] = length - steps


def _along(snapshot: Snapshot, source: int, there: Ints32, length: int) -> Iterator[list[int]]:
    """Every path from the source on which each node is one step closer, smallest nodes first."""
    nodes = [source]
    choices: list[Iterator[int]] = []
    while True:
        if len(nodes) == length + 1:
            yield list(nodes)
        else:
            after = _row(snapshot.out_start, snapshot.out_target, nodes[-1])
            choices.append(iter(after[there[after] == length - len(nodes)].tolist()))
            nodes.append(-1)
        while choices:
            following = next(choices[-1], None)
            if following is not None:
                del nodes[len(choices) :]
                nodes.append(following)
                break
            choices.pop()
        else:
            return


def _row(start: Ints64, entries: Ints32, node: int) -> Ints32:
    return entries[start[node] : start[node + 1]]


# -- weighted --


def _weighted(snapshot: Snapshot, starts: Ints64, ends: Ints64, cost: Floats, all: bool) -> Iterator[FoundPath]:
    matrix = _matrix(snapshot, cost)
    for source in starts.tolist():
        distance, before = _dijkstra(matrix, source)
        for target in ends.tolist():
            if not np.isfinite(distance[target]):
                continue
            if all:
                yield from _all_weighted(snapshot, source, target, cost, distance)
                continue
            nodes = [target]
            while nodes[-1] != source:
                nodes.append(int(before[nodes[-1]]))
            yield FoundPath(np.array(nodes[::-1], np.int64), float(distance[target]))


def _all_weighted(snapshot: Snapshot, source: int, target: int, cost: Floats, distance: Floats) -> Iterator[FoundPath]:
    """Back from the target over edges that make no detour; in order of the paths' nodes."""
    paths: list[list[int]] = []
    stack = [[target]]
    while stack:
        path = stack.pop()
        node = path[-1]
        if node == source:
            paths.append(path[::-1])
            continue
        row = slice(snapshot.in_start[node], snapshot.in_start[node + 1])
        sources = snapshot.in_source[row]
        through = distance[sources] + cost[snapshot.in_edge[row]]
        stack += [[*path, v] for v in sources[through <= distance[node] * (1 + SAME)].tolist()]
    for nodes in sorted(paths):
        yield FoundPath(np.array(nodes, np.int64), float(distance[target]))


def _matrix(snapshot: Snapshot, cost: Floats) -> csr_array:
    from scipy.sparse import csr_array

    return csr_array((cost, snapshot.out_target, snapshot.out_start), shape=(snapshot.n, snapshot.n))


def _dijkstra(matrix: csr_array, source: int) -> tuple[Floats, Ints32]:
    from scipy.sparse.csgraph import dijkstra

    distance, before = dijkstra(matrix, directed=True, indices=np.array([source]), return_predecessors=True)
    return distance[0], before[0]


# -- checks --


def _costs(snapshot: Snapshot, cost: Floats) -> Floats:
    values = np.asarray(cost, dtype=np.float64)
    if values.shape != (snapshot.m,):
        raise SchemaError(f"{values.size} costs for {snapshot.m} edges; wanted one for each edge, in edge order")
    if len(values) and not (values.min() > 0 and np.isfinite(values).all()):
        raise SchemaError("a cost is not above 0, and shortest paths need all of them to be")
    return values


def _nodes(snapshot: Snapshot, nodes: npt.ArrayLike) -> Ints64:
    numbers = np.atleast_1d(np.asarray(nodes, dtype=np.int64)).ravel()
    outside = numbers[(numbers < 0) | (numbers >= snapshot.n)]
    if len(outside):
        raise SchemaError(f"{outside[0]} is no node number of this graph; wanted 0 .. {snapshot.n - 1}")
    return numbers


def _steps(k: int, n: int) -> int:
    if k < 0:
        raise SchemaError(f"k is {k}; wanted 0 or more steps")
    return min(k, max(n, 1))


def _rows(snapshot: Snapshot, direction: str) -> tuple[Ints64, Ints32]:
    if direction == "out":
        return snapshot.out_start, snapshot.out_target
    if direction == "in":
        return snapshot.in_start, snapshot.in_source
    if direction != "any":
        raise SchemaError(f"no direction {direction!r}; wanted out, in or any")
    sources = np.concatenate([graph_sources(snapshot), snapshot.out_target])
    targets = np.concatenate([snapshot.out_target, graph_sources(snapshot)])
    order = np.argsort(sources, kind="stable")
    start = np.zeros(snapshot.n + 1, np.int64)
    np.cumsum(np.bincount(sources, minlength=snapshot.n), out=start[1:])
    return start, targets[order]


def _both(snapshot: Snapshot) -> tuple[Ints64, Ints32, Ints64, Ints32]:
    return snapshot.out_start, snapshot.out_target, snapshot.in_start, snapshot.in_source

"""Path lengths, efficiency, betweenness and small-worldness by breadth-first searches, from pivots where many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from graphlab.circuits.statistics.clustering import transitivity_of, triangles_of
from graphlab.circuits.statistics.components import largest
from graphlab.circuits.statistics.statistic import Floats, Ints, Measured, Told, Value
from graphlab.motifs.census.shares import over_shares, shares
from ingest.running.task_runners import Workers
from queries.snapshot import Snapshot

ALL_PIVOTS, STRONG_PIVOTS, WEAK_PIVOTS, RANDOM_PIVOTS, RANDOM_GRAPH = range(5)
"""Purposes of random numbers."""
DRAWS = 3
"""Random graphs that small-worldness divides by, and one past ``exact_up_to`` neurons."""
AT_ONCE = 64
"""Searches in the bits of one word."""
NONE = float("nan")


@dataclass(frozen=True, eq=False)
class Reach:
    """What searches from some neurons found; arrays are [sources]."""

    n: int
    reached: Ints
    summed: Ints
    inverse: Floats
    farthest: Ints

    def mean_distance(self) -> tuple[float, float]:
        """(mean over all pairs that a path joins, its standard error): a ratio of two means over the sources."""
        return _ratio_of_means(self.summed, self.reached, self.n)

    def efficiency(self) -> tuple[float, float]:
        """(mean of 1 / distance over all ordered pairs, 0 where no path leads; its standard error)."""
        return _ratio_of_means(self.inverse, np.full(len(self.inverse), self.n - 1.0), self.n)

    def reach(self) -> tuple[float, float]:
        """(share of ordered pairs that a path joins, its standard error)."""
        return _ratio_of_means(self.reached, np.full(len(self.reached), self.n - 1.0), self.n)


def _ratio_of_means(part: Any, whole: Any, n: int) -> tuple[float, float]:
    """A ratio estimated from sources drawn without replacement out of n; error 0 where all were sources."""
    k = len(part)
    if not k or not whole.sum():
        return NONE, NONE
    ratio = float(part.sum() / whole.sum())
    if k == n:
        return ratio, NONE
    left = part - ratio * whole
    spread = np.sqrt((left**2).sum() / (k - 1) / k * (1 - k / n)) / whole.mean()
    return ratio, float(spread)


def searched(start: Ints, target: Any, sources: Ints, workers: Workers = 1) -> Reach:
    """Breadth-first searches over compressed sparse rows from each source."""
    parts = [(low, min(low + AT_ONCE, len(sources))) for low in range(0, len(sources), AT_ONCE)]
    found = list(over_shares(partial(_search, start, target, sources), parts, workers)) if len(sources) else []
    columns = [np.concatenate(one) for one in zip(*found, strict=True)] if found else [np.empty(0, np.int64)] * 4
    return Reach(len(start) - 1, *columns)


def _search(start: Ints, target: Any, sources: Ints, low: int, high: int) -> tuple[Any, ...]:
    from graphlab.circuits.statistics.kernels.searches import distances_from

    k = high - low
    reached, summed, farthest = (np.zeros(k, np.int64) for _ in range(3))
    inverse = np.zeros(k)
    distances_from(start, target, sources[low:high], reached, summed, inverse, farthest)
    return reached, summed, inverse, farthest


def undirected(graph: Snapshot) -> tuple[Ints, Any]:
    """Compressed sparse rows without direction, each pair from both ends."""
    from graphlab.motifs.kernels.triads import typed_neighbours

    start, neighbour, _ = typed_neighbours(graph.out_start, graph.out_target, graph.in_start, graph.in_source)
    return start, neighbour


@dataclass(frozen=True)
class Paths:
    """Directed path lengths and efficiency."""

    name: str = "paths"
    needs: frozenset[str] = frozenset()
    by_default: bool = True

    def measure(self, graph: Snapshot, told: Told) -> Measured:
        """Path lengths within the largest strong component, without direction within the largest weak one."""
        strong = graph.subset(largest(graph, True))
        inside = searched(strong.out_start, strong.out_target, told.sources(strong.n, STRONG_PIVOTS), told.workers)
        weak = graph.subset(largest(graph, False))
        across = searched(*undirected(weak), told.sources(weak.n, WEAK_PIVOTS), told.workers)
        exact = strong.n <= told.exact_up_to
        far = int(inside.farthest.max(initial=0)) if strong.n > 1 else NONE
        length, error = inside.mean_distance()
        plain, plain_error = across.mean_distance()
        return Measured(
            (
                Value("path_length", length, strong.n, error=error),
                Value("diameter" if exact else "diameter_at_least", far, strong.n),
                Value("path_length_undirected", plain, weak.n, error=plain_error),
            )
        )

    def sentence(self, told: Told) -> str:
        return (
            "Path lengths count connections: mean over ordered pairs within the largest strong component, and without "
            f"direction within the largest weak one; searches from {_pivots(told)}; the standard error is over pivots."
        )


@dataclass(frozen=True)
class Betweenness:
    """Betweenness of every neuron, with what the same searches say of efficiency and nearness."""

    name: str = "betweenness"
    needs: frozenset[str] = frozenset()
    by_default: bool = True

    def measure(self, graph: Snapshot, told: Told) -> Measured:
        """Betweenness (pairs of other neurons whose shortest paths pass, split over ties), efficiency, reach."""
        n = graph.n
        sources = told.sources(n, ALL_PIVOTS)
        found = dependencies(graph, sources, told.workers)
        k = len(sources)
        between = found.total * (n / k)
        error = np.zeros(n)
        if k < n:
            spread = np.maximum(found.square - found.total**2 / k, 0.0) / (k - 1)
            error = n * np.sqrt(spread / k * (1 - k / n))
        top = int(np.argmax(between))
        pairs = (n - 1) * (n - 2)
        efficiency, efficiency_error = found.reach.efficiency()
        reach, reach_error = found.reach.reach()
        values = (
            Value("efficiency", efficiency, n, error=efficiency_error),
            Value("reach", reach, n, error=reach_error),
            Value("betweenness_max", float(between[top]) / pairs if pairs else NONE, n,
                  error=float(error[top]) / pairs if k < n and pairs else NONE),
            Value("betweenness_mean", float(between.mean()) / pairs if pairs else NONE, n),
        )  # fmt: skip
        neurons = {"betweenness": between, "nearness": found.near / (k if k < n else max(n - 1, 1))}
        if k < n:
            neurons["betweenness_error"] = error
        return Measured(values, neurons)

    def sentence(self, told: Told) -> str:
        return (
            "Betweenness: pairs of other neurons whose shortest directed paths pass through a neuron, ties shared "
            "(Brandes 2001); betweenness_max and _mean are shares of all (N - 1)(N - 2) pairs. Efficiency: mean of "
            "1 / distance over all ordered pairs, 0 where no path leads; reach: share of pairs that a path joins; "
            f"nearness of a neuron: its mean 1 / distance from the sources. Sources: {_pivots(told)}; the standard "
            "error is over pivots (that of the maximum is of the neuron that has it)."
        )


@dataclass(frozen=True, eq=False)
class Dependencies:
    """What ``dependencies_from`` adds up."""

    total: Floats
    square: Floats
    near: Floats
    reach: Reach


def dependencies(graph: Snapshot, sources: Ints, workers: Workers = 1) -> Dependencies:
    """Searches with betweenness from each source; the same bytes for any number of workers."""
    total, square, near = (np.zeros(graph.n) for _ in range(3))
    columns: list[Sequence[Any]] = []
    task = partial(_depend, graph.out_start, graph.out_target, sources)
    for sums, row in over_shares(task, shares(np.ones(len(sources))), workers):
        total += sums[0]
        square += sums[1]
        near += sums[2]
        columns.append(row)
    reached, summed, inverse = (np.concatenate(one) for one in zip(*columns, strict=True))
    return Dependencies(total, square, near, Reach(graph.n, reached, summed, inverse, np.empty(0, np.int64)))


def _depend(start: Ints, target: Any, sources: Ints, low: int, high: int) -> tuple[Any, Any]:
    from graphlab.circuits.statistics.kernels.searches import dependencies_from

    n, k = len(start) - 1, high - low
    sums = np.zeros((3, n))
    reached, summed, inverse = np.zeros(k, np.int64), np.zeros(k, np.int64), np.zeros(k)
    dependencies_from(start, target, sources[low:high], sums[0], sums[1], sums[2], reached, summed, inverse)
    return sums, (reached, summed, inverse)


@dataclass(frozen=True)
class SmallWorld:
    """Clustering and path length, both relative to random graphs."""

    name: str = "small-world"
    needs: frozenset[str] = frozenset()
    by_default: bool = True

    def measure(self, graph: Snapshot, told: Told) -> Measured:
        """S = (C / C_ER) / (L / L_ER), direction left out."""
        start, neighbour = undirected(graph)
        n, pairs = graph.n, len(neighbour) // 2
        partners, triangles, _ = triangles_of(graph, told.workers)
        closed = transitivity_of(partners, triangles)
        length, error = self._length(start, neighbour, told)
        drawn = []
        for number in range(1 if n > told.exact_up_to else DRAWS):
            rng = np.random.default_rng(np.random.SeedSequence(told.seed, spawn_key=(RANDOM_GRAPH, number)))
            drawn.append(self._length(*_random_graph(n, pairs, rng), told))
        random_length = float(np.mean([one for one, _ in drawn])) if drawn else NONE
        random_closed = pairs / (n * (n - 1) / 2) if n > 1 else NONE
        with np.errstate(divide="ignore", invalid="ignore"):
            relative_c, relative_l = np.divide(closed, random_closed), np.divide(length, random_length)
            value = float(np.divide(relative_c, relative_l))
        spread = NONE if np.isnan(error) else value * error / length
        return Measured(
            (
                Value("relative_clustering", float(relative_c), n),
                Value("relative_path_length", float(relative_l), n),
                Value("small_worldness", value, n, error=spread),
            )
        )

    def _length(self, start: Ints, neighbour: Any, told: Told) -> tuple[float, float]:
        """Mean path within the largest component of rows without direction, and its standard error."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        n = len(start) - 1
        there = csr_array((np.ones(len(neighbour), np.int8), neighbour, start), shape=(n, n))
        number = connected_components(there, directed=False)[1]
        inside = np.flatnonzero(number == np.bincount(number).argmax()) if n else np.empty(0, np.int64)
        chosen = inside[told.sources(len(inside), RANDOM_PIVOTS)]
        found = searched(start, neighbour, chosen, told.workers)
        return Reach(len(inside), found.reached, found.summed, found.inverse, found.farthest).mean_distance()

    def sentence(self, told: Told) -> str:
        return (
            "Small-worldness S = (C / C_ER) / (L / L_ER) without direction: C transitivity, C_ER the density of pairs, "
            f"L the mean path length within the largest component, L_ER the same of {DRAWS} random graphs with as many "
            f"neurons and pairs (1 past {told.exact_up_to:,} neurons); searches from {_pivots(told)}."
        )


def _random_graph(n: int, pairs: int, rng: np.random.Generator) -> tuple[Ints, Any]:
    """Rows without direction of so many pairs, uniform over all such graphs."""
    chosen = rng.choice(n * (n - 1) // 2, pairs, replace=False) if n > 1 else np.empty(0, np.int64)
    # Pair number h(h-1)/2 + l is (l, h); the root may be off by one in floating point.
    high = np.floor((1 + np.sqrt(1 + 8.0 * chosen)) / 2).astype(np.int64)
    high -= high * (high - 1) // 2 > chosen
    high += (high + 1) * high // 2 <= chosen
    low = chosen - high * (high - 1) // 2
    ends = np.concatenate([low * n + high, high * n + low])
    ends.sort()
    start = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(ends // max(n, 1), minlength=n), out=start[1:])
    return start, (ends % max(n, 1)).astype(np.int32)


def _pivots(told: Told) -> str:
    return (
        f"every neuron up to {told.exact_up_to:,} of them, past that {told.pivots} pivots drawn with seed {told.seed}"
    )

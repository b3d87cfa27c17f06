"""Components, and how they come apart as weak connections or well connected neurons are taken away."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.circuits.statistics.clustering import transitivity_of, triangles_of
from graphlab.circuits.statistics.connections import degrees_of, share
from graphlab.circuits.statistics.statistic import Ints, Measured, Told, Value, statistic
from queries.snapshot import Snapshot

THRESHOLDS = (1, 3, 5, 10, 15, 20, 30, 50)
"""Synapses from which a pair counts as connected, as Lin et al. 2024 swept them."""
REMOVED = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
"""Shares of neurons."""


def component_sizes(graph: Snapshot, strong: bool) -> tuple[Ints, Ints]:
    """(component of every neuron [n], size of every component), numbered by size; ties by their first neuron."""
    return _numbered(_components(graph.out_start, graph.out_target, strong))


def _components(start: Ints, target: npt.NDArray[Any], strong: bool) -> Ints:
    """int64 [n] the component of every row of compressed sparse rows."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n = len(start) - 1
    there = csr_array((np.ones(len(target), np.int8), target, start), shape=(n, n))
    number = connected_components(there, directed=True, connection="strong" if strong else "weak")[1]
    return np.asarray(number, dtype=np.int64)


def _numbered(raw: Ints) -> tuple[Ints, Ints]:
    _, first, number, sizes = np.unique(raw, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort([first, -sizes])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[number], sizes[order].astype(np.int64)


def largest(graph: Snapshot, strong: bool) -> Ints:
    """Node numbers of the largest component."""
    number, _ = component_sizes(graph, strong)
    return np.flatnonzero(number == 0)


@statistic(
    "components",
    "Weak components leave direction out, in strong ones every neuron reaches every other; all neurons count, an "
    "isolated one is a component.",
)
def components(graph: Snapshot, told: Told) -> Measured:
    """Weak and strong components: how many, the largest, that of each neuron (0 is the largest)."""
    values: list[Value] = []
    neurons = {}
    for word in ("weak", "strong"):
        number, sizes = component_sizes(graph, word == "strong")
        values += [
            Value(f"{word}_components", len(sizes), graph.n),
            Value(f"largest_{word}_component", int(sizes[0]) if len(sizes) else 0, graph.n),
            Value(f"largest_{word}_share", share(int(sizes[0]) if len(sizes) else 0, graph.n), graph.n),
            Value(f"{word}_singletons", int((sizes == 1).sum()), graph.n),
        ]
        neurons[f"{word}_component"] = number.astype(np.float64)
    return Measured(tuple(values), neurons)


@statistic(
    "thresholds",
    "The same graph with connections of at least 1, 3, 5, 10, 15, 20, 30 and 50 (`at`): what a threshold changes, "
    "since it is part of every other number here. Thresholds below the graph's own leave it as it is.",
)
def thresholds(graph: Snapshot, told: Told) -> Measured:
    """Size, reciprocity, transitivity and components at every threshold."""
    from graphlab.circuits.statistics.connections import reciprocity

    values: list[Value] = []
    before: tuple[int, list[tuple[str, float, int, str]]] = (-1, [])
    for at in THRESHOLDS:
        part = graph if not graph.m or graph.weight.min() >= at else graph.subset(edges=graph.weight >= at)
        if part.m != before[0]:
            into, out = degrees_of(part)
            partners, triangles, _ = triangles_of(part, told.workers)
            sizes = {word: component_sizes(part, word == "strong")[1] for word in ("weak", "strong")}
            before = (
                part.m,
                [
                    ("connected_neurons_at", int(((into + out) > 0).sum()), part.n, "neurons"),
                    ("connections_at", part.m, part.n, "neurons"),
                    ("density_at", share(part.m, part.n * (part.n - 1)), part.n * (part.n - 1), "pairs"),
                    ("reciprocity_at", reciprocity.measure(part, told).values[1].value, part.m, "connections"),
                    ("transitivity_at", transitivity_of(partners, triangles), part.n, "neurons"),
                    *(
                        (f"largest_{word}_at", int(size[0]) if part.m else 0, part.n, "neurons")
                        for word, size in sizes.items()
                    ),
                ],
            )
        values += [Value(name, value, over, unit, at) for name, value, over, unit in before[1]]
    return Measured(tuple(values))


@statistic(
    "percolation",
    "Largest components, as shares of all neurons, after a share of neurons (`at`) is taken away, those of the highest "
    "total degree first (hubs) or of the lowest first (leaves); ties by root_id.",
)
def percolation(graph: Snapshot, told: Told) -> Measured:
    """What holds the graph together."""
    into, out = degrees_of(graph)
    order = np.argsort(-(into + out), kind="stable")
    source = graph.sources()
    values: list[Value] = []
    for word, taken in (("hubs", order), ("leaves", order[::-1])):
        for at in REMOVED:
            left = np.ones(graph.n, np.bool_)
            left[taken[: round(at * graph.n)]] = False
            keep = left[source] & left[graph.out_target]
            start = np.concatenate([[0], np.cumsum(keep)])[graph.out_start]
            for kind in ("weak", "strong"):
                number = _components(start, graph.out_target[keep], kind == "strong")[left]
                most = int(np.bincount(number).max(initial=0))
                values.append(Value(f"largest_{kind}_without_{word}", share(most, graph.n), graph.n, at=at))
    return Measured(tuple(values))

"""Every graph of a swap null, where they are few: a tiny graph is no place for a chain.

A chain on a tiny graph may be cut off from most graphs that share what the null keeps, and neither its mean nor its
spread would show it. So all of them are listed, dyad after dyad, by what every neuron and every class of pairs still
needs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from graphlab.motifs.kernels.pair_classes import PairClasses, pair_class
from queries.snapshot import Snapshot

MOST_NEURONS = 14
MOST_GRAPHS = 3_000
MOST_STEPS = 30_000_000
"""Partial graphs looked at before the listing is given up."""


def all_graphs(graph: Snapshot, reciprocal: bool, classes: PairClasses) -> list[Snapshot] | None:
    """Every graph that keeps what a chain from ``graph`` keeps, itself first, weights 1; None where they are many."""
    n = graph.n
    if n > MOST_NEURONS or n < 2:
        return None
    first, second = np.triu_indices(n, 1)
    edge = np.zeros((n, n), dtype=np.uint8)
    edge[graph.sources(), graph.out_target] = 1
    observed = edge[first, second] + 2 * edge[second, first]
    _, kind = np.unique(_classes(classes, n), return_inverse=True)
    kind = kind.reshape(n, n)
    mutual = edge * edge.T * int(reciprocal)
    single = edge - mutual
    count = int(kind.max()) + 1
    both = kind * count + kind.T
    # What is kept: outputs, inputs and mutual partners of every neuron; classes of single edges and of mutual dyads.
    degrees = np.stack([single.sum(axis=1), single.sum(axis=0), mutual.sum(axis=1)]).astype(np.int64)
    singles = np.bincount(kind[single == 1], minlength=count).astype(np.int64)
    half = np.triu(mutual, 1) == 1
    low = np.minimum(both, both.T)
    mutuals = np.bincount(low[half], minlength=count * count).astype(np.int64)
    buffer = np.zeros((MOST_GRAPHS + 1, len(first)), dtype=np.uint8)
    made = _listed(first, second, kind, low, degrees, singles, mutuals, reciprocal, buffer, MOST_STEPS)
    if made < 0 or made > MOST_GRAPHS:
        return None
    graphs = buffer[:made]
    same = (graphs == observed).all(axis=1)
    assert same.sum() == 1
    return [_of_dyads(graph, first, second, code) for code in np.concatenate([graphs[same], graphs[~same]])]


def _of_dyads(
    like: Snapshot, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], code: npt.NDArray[np.uint8]
) -> Snapshot:
    """The graph of one number a dyad: bit 0 is from the first neuron to the second, bit 1 back."""
    there, back = (code & 1) > 0, (code & 2) > 0
    source = np.concatenate([first[there], second[back]])
    target = np.concatenate([second[there], first[back]])
    return Snapshot.from_edges(like.root_ids, source, target)


def _classes(classes: PairClasses, n: int) -> npt.NDArray[np.int64]:
    return np.array([[pair_class(classes, a, b) if a != b else -1 for b in range(n)] for a in range(n)], dtype=np.int64)


@njit(cache=True)
def _listed(first, second, kind, both, need, singles, mutuals, reciprocal, graphs, most):  # type: ignore[no-untyped-def]
    """Fill ``graphs``; the number of graphs, one more than fits when there are more, -1 after ``most`` steps."""
    dyads = len(first)
    n = need.shape[1]
    state = np.full(dyads, -1, dtype=np.int64)
    left = np.zeros(n, dtype=np.int64)
    for d in range(dyads):
        left[first[d]] += 1
        left[second[d]] += 1
    at, made, steps = 0, 0, 0
    while at >= 0:
        if at == dyads:
            for d in range(dyads):
                graphs[made, d] = state[d]
            made += 1
            if made >= len(graphs):
                return made
            at -= 1
            continue
        a, b = first[at], second[at]
        # Take back what stood here, then try the next state.
        if state[at] >= 0:
            _change(state[at], a, b, kind, both, need, singles, mutuals, reciprocal, 1)
            left[a] += 1
            left[b] += 1
        state[at] += 1
        if state[at] > 3:
            state[at] = -1
            at -= 1
            continue
        steps += 1
        if steps > most:
            return -1
        _change(state[at], a, b, kind, both, need, singles, mutuals, reciprocal, -1)
        left[a] -= 1
        left[b] -= 1
        fits = True
        for node in (a, b):
            fits = fits and need[0, node] >= 0 and need[1, node] >= 0 and need[2, node] >= 0
            if reciprocal:
                fits = fits and need[0, node] + need[1, node] + need[2, node] <= left[node]
            else:
                fits = fits and need[0, node] <= left[node] and need[1, node] <= left[node]
        fits = fits and singles[kind[a, b]] >= 0 and singles[kind[b, a]] >= 0 and mutuals[both[a, b]] >= 0
        if fits:
            at += 1
    return made


@njit(cache=True)
def _change(state, a, b, kind, both, need, singles, mutuals, reciprocal, sign):  # type: ignore[no-untyped-def]
    """Put a dyad's state to (-1) or take it from (+1) what is still needed."""
    if state == 3 and reciprocal:
        need[2, a] += sign
        need[2, b] += sign
        mutuals[both[a, b]] += sign
        return
    if state & 1:
        need[0, a] += sign
        need[1, b] += sign
        singles[kind[a, b]] += sign
    if state & 2:
        need[0, b] += sign
        need[1, a] += sign
        singles[kind[b, a]] += sign

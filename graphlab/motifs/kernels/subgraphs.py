"""Every connected set of three or four neurons once (ESU of Wernicke 2006), with its code, root by root.

A root's sets hold the root and neurons with higher numbers only. The undirected adjacency carries the state of
each dyad seen from its row: bit 0 row to column, bit 1 column to row.

Tests: tests/graphlab/motifs/mining/test_typed.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from queries.snapshot import Snapshot


class Adjacency(NamedTuple):
    """Both directions of a graph in one sorted list of neighbours."""

    start: npt.NDArray[np.int64]
    """[n + 1]"""
    node: npt.NDArray[np.int32]
    state: npt.NDArray[np.uint8]


def adjacency_of(graph: Snapshot) -> Adjacency:
    """Neighbours of every neuron, ascending, with dyad states."""
    source, target = graph.sources().astype(np.int64), graph.out_target.astype(np.int64)
    key = np.concatenate([source * graph.n + target, target * graph.n + source])
    bit = np.concatenate([np.full(graph.m, 1), np.full(graph.m, 2)]).astype(np.uint8)
    order = np.argsort(key, kind="stable")
    key, bit = key[order], bit[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    state = np.add.reduceat(bit, first) if len(first) else bit
    key = key[first]
    start = np.zeros(graph.n + 1, dtype=np.int64)
    np.cumsum(np.bincount(key // max(graph.n, 1), minlength=graph.n), out=start[1:])
    return Adjacency(start, (key % max(graph.n, 1)).astype(np.int32), state.astype(np.uint8))


def at_most(graph: Adjacency, size: int) -> int:
    """An upper bound of the connected sets: wedges for three, stars and paths for four."""
    degree = np.diff(graph.start).astype(object)
    if size == 3:
        return int((degree * (degree - 1) // 2).sum())
    row = np.repeat(degree, np.diff(graph.start))
    stars = int((degree * (degree - 1) * (degree - 2) // 6).sum())
    return stars + int(((row - 1) * (degree[graph.node] - 1)).sum()) // 2


@njit(cache=True, nogil=True)
def _grown(nodes, codes):  # type: ignore[no-untyped-def]
    more_nodes = np.empty((2 * len(nodes), 4), dtype=np.int32)
    more_codes = np.empty(2 * len(codes), dtype=np.int32)
    more_nodes[: len(nodes)] = nodes
    more_codes[: len(codes)] = codes
    return more_nodes, more_codes


@njit(cache=True, nogil=True)
def sets_of_root(graph, v, size, of_v, of_u, of_w, nodes, codes):  # type: ignore[no-untyped-def]
    """All connected sets whose smallest neuron is ``v``.

    Args:
        graph: Adjacency. size: 3 or 4.
        of_v, of_u, of_w: uint8 [n] of zeros, given back as zeros: dyad states to the first, second, third neuron.
        nodes, codes: int32 [., 4] and int32 [.] room to write to; replaced when too small.

    Returns:
        how many, nodes (columns v, u, w, x), codes.
    """
    start, node, state = graph.start, graph.node, graph.state
    count = 0
    for k in range(start[v], start[v + 1]):
        of_v[node[k]] = state[k]
    first = start[v]
    while first < start[v + 1] and node[first] < v:
        first += 1
    for i in range(first, start[v + 1]):
        u = node[i]
        for k in range(start[u], start[u + 1]):
            of_u[node[k]] = state[k]
        low = of_v[u]
        later = start[v + 1] - i - 1
        for second in range(later + start[u + 1] - start[u]):
            if second < later:
                w = node[i + 1 + second]
            else:
                w = node[start[u] + second - later]
                if w <= v or of_v[w] != 0:
                    continue
            code3 = np.int32(low) | np.int32(of_v[w]) << 2 | np.int32(of_u[w]) << 4
            if size == 3:
                if count == len(codes):
                    nodes, codes = _grown(nodes, codes)
                nodes[count, 0], nodes[count, 1], nodes[count, 2], nodes[count, 3] = v, u, w, -1
                codes[count] = code3
                count += 1
                continue
            for k in range(start[w], start[w + 1]):
                of_w[node[k]] = state[k]
            rest = later + start[u + 1] - start[u] - second - 1
            for third in range(rest + start[w + 1] - start[w]):
                if third < rest:
                    place = second + 1 + third
                    if place < later:
                        x = node[i + 1 + place]
                    else:
                        x = node[start[u] + place - later]
                        if x <= v or of_v[x] != 0:
                            continue
                else:
                    x = node[start[w] + third - rest]
                    if x <= v or x == u or of_v[x] != 0 or of_u[x] != 0:
                        continue
                if count == len(codes):
                    nodes, codes = _grown(nodes, codes)
                nodes[count, 0], nodes[count, 1], nodes[count, 2], nodes[count, 3] = v, u, w, x
                high = np.int32(of_v[x]) | np.int32(of_u[x]) << 2 | np.int32(of_w[x]) << 4
                codes[count] = code3 | high << 6
                count += 1
            for k in range(start[w], start[w + 1]):
                of_w[node[k]] = 0
        for k in range(start[u], start[u + 1]):
            of_u[node[k]] = 0
    for k in range(start[v], start[v + 1]):
        of_v[node[k]] = 0
    return count, nodes, codes


@njit(cache=True, nogil=True)
def _least(code, nodes, label, labels, size, order, orders):  # type: ignore[no-untyped-def]
    """The smallest type number over the relabellings that make the code smallest, and which one it is."""
    best, which = np.int64(-1), 0
    for k in range(orders[code]):
        number = np.int64(0)
        for role in range(size):
            number = number * labels + label[nodes[order[code, k, role]]]
        if best < 0 or number < best:
            best, which = number, k
    return best, which


@njit(cache=True, nogil=True)
def typed_counts(graph, size, label, labels, smallest, order, orders):  # type: ignore[no-untyped-def]
    """How often every typed class occurs.

    Args:
        label: int32 [n] type of each neuron, below ``labels``.
        smallest: int64 [codes]. order: int8 [codes, 24, size], the neuron of each role; orders: int64 [codes].

    Returns:
        keys (smallest code x labels^size + type number), counts; both int64, keys ascending.
    """
    n = len(graph.start) - 1
    of_v, of_u, of_w = np.zeros(n, np.uint8), np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    nodes, codes = np.empty((1024, 4), np.int32), np.empty(1024, np.int32)
    power = np.int64(labels) ** size
    keys = np.zeros(1024, dtype=np.int64)
    counts = np.zeros(1024, dtype=np.int64)
    used = 0
    for v in range(n):
        count, nodes, codes = sets_of_root(graph, v, size, of_v, of_u, of_w, nodes, codes)
        for k in range(count):
            number, _ = _least(codes[k], nodes[k], label, labels, size, order, orders)
            key = smallest[codes[k]] * power + number + 1
            if 2 * used >= len(keys):
                keys, counts = _rehashed(keys, counts)
            at = _slot(keys, key)
            if keys[at] == 0:
                keys[at] = key
                used += 1
            counts[at] += 1
    filled = np.flatnonzero(keys)
    rank = np.argsort(keys[filled])
    return keys[filled][rank] - 1, counts[filled][rank]


@njit(cache=True, nogil=True)
def _slot(keys, key):  # type: ignore[no-untyped-def]
    mask = len(keys) - 1
    at = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24)) & mask
    while keys[at] not in (0, key):
        at = (at + 1) & mask
    return at


@njit(cache=True, nogil=True)
def _rehashed(keys, counts):  # type: ignore[no-untyped-def]
    more_keys = np.zeros(4 * len(keys), dtype=np.int64)
    more_counts = np.zeros(4 * len(keys), dtype=np.int64)
    for k in range(len(keys)):
        if keys[k] != 0:
            at = _slot(more_keys, keys[k])
            more_keys[at], more_counts[at] = keys[k], counts[k]
    return more_keys, more_counts


@njit(cache=True, nogil=True)
def matching_sets(graph, size, label, labels, smallest, order, orders, code, number, low, high):  # type: ignore[no-untyped-def]
    """Sets with roots low .. high-1 of the class ``code`` (and type number, unless -1), neurons by role.

    Returns:
        int32 [found, size], column r the neuron of role r of the smallest code.
    """
    n = len(graph.start) - 1
    of_v, of_u, of_w = np.zeros(n, np.uint8), np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    nodes, codes = np.empty((1024, 4), np.int32), np.empty(1024, np.int32)
    out = np.empty((1024, size), dtype=np.int32)
    total = 0
    for v in range(low, high):
        count, nodes, codes = sets_of_root(graph, v, size, of_v, of_u, of_w, nodes, codes)
        for k in range(count):
            if smallest[codes[k]] != code:
                continue
            best, which = _least(codes[k], nodes[k], label, labels, size, order, orders)
            if number not in (-1, best):
                continue
            if total == len(out):
                more = np.empty((2 * len(out), size), dtype=np.int32)
                more[: len(out)] = out
                out = more
            for role in range(size):
                out[total, role] = nodes[k, order[codes[k], which, role]]
            total += 1
    return out[:total]

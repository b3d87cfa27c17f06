"""Kernels of motif weights: every induced triad (or tetrad) once, with the weights of its connections.

Results are by code (``codes``): instances, sum of intensities, sum of coherences, then the sums of weights of the
connections of each pair, low to high and high to low.

Tests: tests/graphlab/motifs/census/test_weights.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.motifs.kernels.subgraphs import sets_of_root


@njit(cache=True, nogil=True)
def weighted_neighbours(start, neighbour, out_start, out_target, in_start, in_source, in_edge, weight):  # type: ignore[no-untyped-def]
    """float64 [entries, 2]: weights from and to the row's neuron for ``typed_neighbours``, 0 where not connected."""
    n = len(start) - 1
    weights = np.zeros((len(neighbour), 2))
    for u in range(n):
        i, j = out_start[u], in_start[u]
        for k in range(start[u], start[u + 1]):
            if i < out_start[u + 1] and out_target[i] == neighbour[k]:
                weights[k, 0] = weight[i]
                i += 1
            if j < in_start[u + 1] and in_source[j] == neighbour[k]:
                weights[k, 1] = weight[in_edge[j]]
                j += 1
    return weights


@njit(cache=True, nogil=True)
def _add(sums, code, weights, many):  # type: ignore[no-untyped-def]
    """One instance: intensity is the geometric mean of its weights, coherence that over their arithmetic mean."""
    total, logs, edges = 0.0, 0.0, 0
    for k in range(many):
        if weights[k] > 0.0:
            total += weights[k]
            logs += np.log(weights[k])
            edges += 1
            sums[code, 3 + k] += weights[k]
    intensity = np.exp(logs / edges)
    sums[code, 0] += 1.0
    sums[code, 1] += intensity
    sums[code, 2] += intensity * edges / total


@njit(cache=True, nogil=True)
def pair_weights(start, neighbour, state, weights):  # type: ignore[no-untyped-def]
    """float64 [4, 5] of connected pairs."""
    sums = np.zeros((4, 5))
    for u in range(len(start) - 1):
        for k in range(start[u], start[u + 1]):
            if neighbour[k] > u:
                _add(sums, state[k], weights[k], 2)
    return sums


@njit(cache=True, nogil=True)
def triad_weights(start, neighbour, state, weights, low, high):  # type: ignore[no-untyped-def]
    """float64 [64, 9] of connected triads whose smaller end (open) or smallest neuron (closed) is in low .. high-1."""
    sums = np.zeros((64, 9))
    mark = np.zeros(len(start) - 1, np.int32)
    own = np.zeros(6)
    for u in range(low, high):
        first = start[u]
        for k in range(first, start[u + 1]):
            mark[neighbour[k]] = k - first + 1
        for k in range(first, start[u + 1]):
            v = neighbour[k]
            uv = np.int64(state[k])
            own[0], own[1] = weights[k]
            for j in range(start[v], start[v + 1]):
                w = neighbour[j]
                if w <= u:
                    continue
                at = mark[w]
                if at and v > w:
                    continue
                if at and v <= u:
                    continue
                code = uv | np.int64(state[j]) << 4
                own[2], own[3] = 0.0, 0.0
                if at:
                    code |= np.int64(state[first + at - 1]) << 2
                    own[2], own[3] = weights[first + at - 1]
                own[4], own[5] = weights[j]
                _add(sums, code, own, 6)
        for k in range(first, start[u + 1]):
            mark[neighbour[k]] = 0
    return sums


@njit(cache=True, nogil=True)
def _entry(start, neighbour, u, v):  # type: ignore[no-untyped-def]
    low, high = start[u], start[u + 1]
    while low < high:
        middle = (low + high) >> 1
        if neighbour[middle] < v:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def tetrad_weights(graph, weights, low, high):  # type: ignore[no-untyped-def]
    """float64 [4096, 15] of connected tetrads whose smallest neuron is in low .. high-1.

    Args:
        graph: Adjacency of ``kernels.subgraphs``; rows as those of ``weights``.
    """
    n = len(graph.start) - 1
    sums = np.zeros((4096, 15))
    of_v, of_u, of_w = np.zeros(n, np.uint8), np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    nodes, codes = np.empty((1024, 4), np.int32), np.empty(1024, np.int32)
    own = np.zeros(12)
    for root in range(low, high):
        count, nodes, codes = sets_of_root(graph, root, 4, of_v, of_u, of_w, nodes, codes)
        for k in range(count):
            code = codes[k]
            for b in range(1, 4):
                for a in range(b):
                    pair = b * (b - 1) // 2 + a
                    own[2 * pair], own[2 * pair + 1] = 0.0, 0.0
                    if (code >> (2 * pair)) & 3:
                        at = _entry(graph.start, graph.node, nodes[k, a], nodes[k, b])
                        own[2 * pair], own[2 * pair + 1] = weights[at]
            _add(sums, code, own, 12)
    return sums

"""Kernels of the signed triad census: triangles and wedges by dyad states and the signs of the neurons.

Tests: tests/graphlab/motifs/census/test_signed.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def signed_triangles(start, neighbour, state, split, sign, low, high):  # type: ignore[no-untyped-def]
    """Closed triads whose lowest rank is in low .. high-1.

    Args:
        start, neighbour, state, split: as from ``kernels.four.tetrads.ranked_neighbours``.
        sign: int8 [n] by rank, 0 .. 2.

    Returns:
        int64 [64, 27] by code (neurons numbered by rank) and 9 x sign 0 + 3 x sign 1 + sign 2.
    """
    counts = np.zeros((64, 27), np.int64)
    mark = np.zeros(len(start) - 1, np.uint8)
    for u in range(low, high):
        first, last = split[u], start[u + 1]
        if last - first < 2:
            continue
        for k in range(first, last):
            mark[neighbour[k]] = state[k]
        for k in range(first, last - 1):
            v = neighbour[k]
            code = np.int64(state[k])
            signs = 9 * np.int64(sign[u]) + 3 * np.int64(sign[v])
            for j in range(split[v], start[v + 1]):
                w = neighbour[j]
                if mark[w]:
                    counts[code | np.int64(mark[w]) << 2 | np.int64(state[j]) << 4, signs + sign[w]] += 1
        for k in range(first, last):
            mark[neighbour[k]] = 0
    return counts


@njit(cache=True, nogil=True)
def signed_wedges(start, neighbour, state, sign):  # type: ignore[no-untyped-def]
    """Wedges, closed or not: int64 [3, 9, 9], sign of the centre, 3 x (state - 1) + sign of the ends, ascending."""
    counts = np.zeros((3, 9, 9), np.int64)
    degree = np.empty(9, np.int64)
    for u in range(len(start) - 1):
        degree[:] = 0
        for k in range(start[u], start[u + 1]):
            degree[3 * np.int64(state[k]) - 3 + sign[neighbour[k]]] += 1
        for x in range(9):
            if degree[x]:
                counts[sign[u], x, x] += degree[x] * (degree[x] - 1) // 2
                for y in range(x + 1, 9):
                    counts[sign[u], x, y] += degree[x] * degree[y]
    return counts

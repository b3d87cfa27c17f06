"""Counting patterns whose three vertices are all joined: every triangle once, in degree order, by its connections.

Lists point from the vertex of lower degree to that of higher degree, which bounds the pairs looked at by the
edges times the square root of their number (Chiba and Nishizeki 1985, doi:10.1137/0214017).
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def ranked(start, targets, back, sources):  # type: ignore[no-untyped-def]
    """Neighbours of higher rank by degree, with the state of the pair: 1 to it, 2 from it, 3 both.

    Returns:
        first int64 [n + 1], neighbour int32 (ranks), state uint8; rows by rank. Loops are left out.
    """
    n = len(start) - 1
    degree = np.zeros(n, np.int64)
    for u in range(n):
        degree[u] = start[u + 1] - start[u] + back[u + 1] - back[u]
    order = np.argsort(degree, kind="mergesort")
    rank = np.empty(n, np.int32)
    for r in range(n):
        rank[order[r]] = r
    first = np.zeros(n + 1, np.int64)
    neighbour = np.empty(len(targets), np.int32)
    state = np.empty(len(targets), np.uint8)
    at = 0
    for r in range(n):
        u = order[r]
        i, i_end, j, j_end = start[u], start[u + 1], back[u], back[u + 1]
        while i < i_end or j < j_end:
            if j == j_end or (i < i_end and targets[i] < sources[j]):
                v, s = targets[i], 1
                i += 1
            elif i == i_end or sources[j] < targets[i]:
                v, s = sources[j], 2
                j += 1
            else:
                v, s = targets[i], 3
                i += 1
                j += 1
            if rank[v] > r:
                neighbour[at], state[at] = rank[v], s
                at += 1
        first[r + 1] = at
    return first, neighbour[:at].copy(), state[:at].copy()


@njit(cache=True, nogil=True)
def triangles(first, neighbour, state, begin, end, mark, found, stop):  # type: ignore[no-untyped-def]
    """Add triangles of lowest ranks ``begin`` .. ``end`` to ``found`` int64 [64], by 16 x + 4 y + z.

    x, y, z are the states of (lowest, middle), (lowest, highest) and (middle, highest).
    ``mark`` is uint8 [n] of zeros.
    """
    for r in range(begin, end):
        if stop[0]:
            return
        low, high = first[r], first[r + 1]
        for i in range(low, high):
            mark[neighbour[i]] = state[i]
        for i in range(low, high):
            s = neighbour[i]
            x = np.int64(state[i]) * 16
            for k in range(first[s], first[s + 1]):
                y = mark[np.uint32(neighbour[k])]
                if y:
                    found[x + np.int64(y) * 4 + state[k]] += 1
        for i in range(low, high):
            mark[neighbour[i]] = 0

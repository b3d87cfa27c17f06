"""Kernels of the triad census: typed neighbourhoods, degree order, triangle listing.

The work is bounded by ordered wedges: every pair of forward neighbours of a neuron in degree order is looked
at once, through a mark array that stays in the second-level cache (one byte a neuron).

Tests: tests/graphlab/motifs/census/test_dyads.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def typed_neighbours(out_start, out_target, in_start, in_source):  # type: ignore[no-untyped-def]
    """Undirected neighbourhoods with the state of each dyad.

    Args:
        out_start, out_target, in_start, in_source: CSR of a digraph without autapses, rows ascending.

    Returns:
        start int64 [n+1]; neighbour int32 [pairs x 2] ascending in each row; state uint8, bit 0 for the
        connection from the row's neuron, bit 1 for the one to it.
    """
    n = len(out_start) - 1
    start = np.zeros(n + 1, np.int64)
    m = len(out_target)
    neighbour = np.empty(2 * m, np.int32)
    state = np.empty(2 * m, np.uint8)
    at = 0
    for u in range(n):
        i, i_end = out_start[u], out_start[u + 1]
        j, j_end = in_start[u], in_start[u + 1]
        while i < i_end or j < j_end:
            if j >= j_end or (i < i_end and out_target[i] < in_source[j]):
                neighbour[at], state[at] = out_target[i], 1
                i += 1
            elif i >= i_end or in_source[j] < out_target[i]:
                neighbour[at], state[at] = in_source[j], 2
                j += 1
            else:
                neighbour[at], state[at] = out_target[i], 3
                i += 1
                j += 1
            at += 1
        start[u + 1] = at
    return start, neighbour[:at].copy(), state[:at].copy()


@njit(cache=True, nogil=True)
def forward_in_degree_order(start, neighbour, state):  # type: ignore[no-untyped-def]
    """The same pairs, each once, from the neuron of lower degree to the one of higher degree, renumbered by rank.

    Returns:
        forward_start int64 [n+1]; forward uint32 ascending, rank << 2 | state with bit 0 from the row's neuron (one
        stream of memory for both); order int32 [n], the neuron at each rank.
    """
    n = len(start) - 1
    degree = np.empty(n, np.int64)
    for u in range(n):
        degree[u] = start[u + 1] - start[u]
    order = np.argsort(degree, kind="mergesort").astype(np.int32)
    rank = np.empty(n, np.int32)
    for r in range(n):
        rank[order[r]] = r
    counts = np.zeros(n + 1, np.int64)
    for u in range(n):
        for k in range(start[u], start[u + 1]):
            if rank[neighbour[k]] > rank[u]:
                counts[rank[u] + 1] += 1
    forward_start = np.cumsum(counts)
    forward = np.empty(forward_start[n], np.uint32)
    fill = forward_start[:n].copy()
    # Visiting neurons by rank and writing into the rows of their lower neighbours leaves every row sorted.
    for r in range(n):
        v = order[r]
        for k in range(start[v], start[v + 1]):
            low = rank[neighbour[k]]
            if low < r:
                s = state[k]
                forward[fill[low]] = r << 2 | ((s & 1) << 1) | (s >> 1)
                fill[low] += 1
    return forward_start, forward, order


@njit(cache=True, nogil=True)
def triangles(forward_start, forward, first, last):  # type: ignore[no-untyped-def]
    """Closed triads by the states of their three dyads.

    Unsigned numbers throughout: signed ones cost a test for counting from the end at every look-up.

    Args:
        first, last: range of ranks whose triangles (by their lowest neuron) are counted.

    Returns:
        int64 [64], at code state(0,1) | state(0,2) << 2 | state(1,2) << 4 with neurons numbered by rank.
    """
    n = len(forward_start) - 1
    mark = np.zeros(n, np.uint8)
    counts = np.zeros(64, np.int64)
    two, three = np.uint32(2), np.uint32(3)
    for u in range(first, last):
        row, row_end = forward_start[u], forward_start[u + 1]
        if row_end - row < 2:
            continue
        for k in range(row, row_end):
            mark[forward[k] >> two] = (forward[k] & three) << two
        for k in range(row, row_end - 1):
            v = forward[k] >> two
            base = np.uint64(forward[k] & three)
            for j in range(forward_start[v], forward_start[v + np.uint32(1)]):
                far = forward[j]
                closing = mark[far >> two]
                if closing:
                    counts[base | np.uint64(closing) | np.uint64(far & three) << np.uint64(4)] += 1
        for k in range(row, row_end):
            mark[forward[k] >> two] = 0
    return counts


@njit(cache=True, nogil=True)
def degree_sums(start, state, out_degree_sums):  # type: ignore[no-untyped-def]
    """Wedge totals by the states of their two dyads seen from the centre, closed or not.

    Args:
        start, state: as from ``typed_neighbours``.
        out_degree_sums: int64 [9] to fill: pairs of neighbours in states (1,1), (2,2), (3,3), (1,2), (1,3), (2,3),
            then one-way dyads, mutual dyads, and the sum of (neighbours - 1) over ends of one-way dyads.
            The last for mutual ones follows from the others.
    """
    n = len(start) - 1
    for u in range(n):
        a = b = c = 0
        for k in range(start[u], start[u + 1]):
            if state[k] == 1:
                a += 1
            elif state[k] == 2:
                b += 1
            else:
                c += 1
        out_degree_sums[0] += a * (a - 1) // 2
        out_degree_sums[1] += b * (b - 1) // 2
        out_degree_sums[2] += c * (c - 1) // 2
        out_degree_sums[3] += a * b
        out_degree_sums[4] += a * c
        out_degree_sums[5] += b * c
        out_degree_sums[6] += a
        out_degree_sums[7] += c
        out_degree_sums[8] += (a + b) * (a + b + c - 1)

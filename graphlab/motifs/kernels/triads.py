"""Kernels of the triad census: typed neighbourhoods, degree order, triangles counted.

The work is that of ordered wedges: every pair of partners of a neuron that come later in the order of degree is looked
at once, through a mark array that stays in the second-level cache (one byte a neuron).

Tests: tests/graphlab/motifs/census/test_triads.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.motifs.kernels.read_ahead import read_ahead


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
def add_wedges(a, b, c, sums):  # type: ignore[no-untyped-def]
    """Add a neuron with ``a`` dyads of state 1, ``b`` of state 2, ``c`` of state 3 to the sums of ``split_rows``."""
    sums[0] += a * (a - 1) // 2
    sums[1] += b * (b - 1) // 2
    sums[2] += c * (c - 1) // 2
    sums[3] += a * b
    sums[4] += a * c
    sums[5] += b * c
    sums[6] += a
    sums[7] += c
    sums[8] += (a + b) * (a + b + c - 1)


@njit(cache=True, nogil=True)
def split_rows(  # type: ignore[no-untyped-def]
    out_start, out_target, in_start, in_source, size, begin, split, rest, packed, first, last
):
    """Partners of neurons first .. last-1 in two parts, those that come later in the order of ``size`` first.

    One pass, and rows are apart, so threads may share it. No step waits for a branch that cannot be foreseen: the
    partner is written at both ends of what is left of its row, and one of the ends moves.

    Args:
        out_start, out_target, in_start, in_source: CSR of a digraph without autapses, rows ascending.
        size: int32 [n], outputs and inputs of each neuron; of two alike the larger number comes later.
        begin: int64 [n + 1], split, rest: int64 [n], packed: uint32 [2 m]; filled: the row of u has its later partners
            at begin[u] .. split[u], ascending, and its earlier ones at rest[u] .. begin[u + 1]; what is between is
            0. An entry is neuron << 2 | state, bit 0 for the connection to it, bit 1 for the one from it.

    Returns:
        int64 [9]: wedges by the states of their two dyads seen from the centre, closed or not: (1,1), (2,2), (3,3),
        (1,2), (1,3), (2,3), then one-way dyads, mutual dyads twice, and the sum of (partners - 1) over ends of one-way
        dyads. The last for mutual ones follows from the others.
    """
    sums = np.zeros(9, np.int64)
    for u in range(first, last):
        i, i_end = out_start[u], out_start[u + 1]
        j, j_end = in_start[u], in_start[u + 1]
        left, right, own, both = i + j, i_end + j_end, size[u], np.int64(0)
        begin[u] = left
        while i < i_end and j < j_end:
            x, y = out_target[i], in_source[j]
            w = min(x, y)
            to, back = np.int64(x == w), np.int64(y == w)
            later = np.int64(size[w] + (w > u) > own)
            packed[left] = packed[right - 1] = w << 2 | back << 1 | to
            left += later
            right -= 1 - later
            both += to & back
            i += to
            j += back
        while i < i_end:
            w = out_target[i]
            later = np.int64(size[w] + (w > u) > own)
            packed[left] = packed[right - 1] = w << 2 | 1
            left += later
            right -= 1 - later
            i += 1
        while j < j_end:
            w = in_source[j]
            later = np.int64(size[w] + (w > u) > own)
            packed[left] = packed[right - 1] = w << 2 | 2
            left += later
            right -= 1 - later
            j += 1
        split[u], rest[u] = left, right
        for k in range(left, right):
            packed[k] = 0  # equal graphs are equal bytes, which parts of a run are told apart by
        a, b, c = out_start[u + 1] - out_start[u] - both, in_start[u + 1] - in_start[u] - both, both
        add_wedges(a, b, c, sums)
    return sums


AHEAD = 4
"""Rows asked for before they are looked at."""
FULL = 127
"""Most triangles in a word of nine counters of 7 bits."""
ROWS = 16_000
"""Most such words in counters of 21 bits."""


@njit(cache=True, nogil=True)
def triangles(begin, split, rest, packed, first, last):  # type: ignore[no-untyped-def]
    """Closed triads by the states of their three dyads.

    A triangle u, v, w with u the earliest of the three is met where v has the larger number of the other two: w stands
    before v in the later partners of u, and is marked as a partner of v. So every pair in such a row is looked at once,
    and the row ends at v itself. Nine counters share a word: what is counted never waits for memory.

    Args:
        begin, split, rest, packed: as from ``split_rows``.
        first, last: the neurons v.

    Returns:
        int64 [64], at code state(u,v) | state(u,w) << 2 | state(v,w) << 4.
    """
    mark = np.zeros(len(begin) - 1, np.uint8)
    counts = np.zeros(64, np.int64)
    step = np.zeros(16, np.uint64)
    for vw in range(1, 4):
        for uw in range(1, 4):
            step[vw << 2 | uw] = np.uint64(1) << np.uint64(7 * (3 * vw + uw - 4))
    wide = np.zeros((4, 3), np.uint64)
    rows = 0
    one, two, three, line = np.uint64(1), np.uint32(2), np.uint32(3), np.int64(16)
    thin, seven, fourteen = np.uint64(FULL | FULL << 21 | FULL << 42), np.uint64(7), np.uint64(14)
    for v in range(first, last):
        low, high = rest[v], begin[v + 1]
        if low == high:
            continue
        for k in range(begin[v], split[v]):
            mark[packed[k] >> two] = (packed[k] & three) << two
        for k in range(low, high):
            mark[packed[k] >> two] = (packed[k] & three) << two
        itself = np.uint32(v) << two
        for k in range(low, high):
            if k + AHEAD < high:
                coming = begin[packed[k + AHEAD] >> two]
                for lines in range(4):
                    read_ahead(packed, coming + line * lines)
            state = packed[k] & three
            at = np.uint64(begin[packed[k] >> two])
            far = packed[at]
            while far < itself:
                stop = at + np.uint64(FULL)
                found = np.uint64(0)
                while far < itself and at < stop:
                    found += step[mark[far >> two] | (far & three)]
                    at += one
                    far = packed[at]
                wide[state, 0] += found & thin
                wide[state, 1] += (found >> seven) & thin
                wide[state, 2] += (found >> fourteen) & thin
                rows += 1
                if rows == ROWS:
                    _pour(wide, counts)
                    rows = 0
        for k in range(begin[v], split[v]):
            mark[packed[k] >> two] = 0
        for k in range(low, high):
            mark[packed[k] >> two] = 0
    _pour(wide, counts)
    return counts


@njit(cache=True, nogil=True)
def _pour(wide, counts):  # type: ignore[no-untyped-def]
    """Add the counters of 21 bits, by state of v to u, to ``counts`` and empty them."""
    for state in range(1, 4):
        uv = (state & 1) << 1 | state >> 1
        for field in range(9):
            vw, uw = field // 3 + 1, field % 3 + 1
            found = (wide[state, field % 3] >> np.uint64(21 * (field // 3))) & np.uint64((1 << 21) - 1)
            counts[uv | uw << 2 | vw << 4] += np.int64(found)
        wide[state] = 0

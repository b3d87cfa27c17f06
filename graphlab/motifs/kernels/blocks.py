"""Kernels of a triad census over a graph larger than memory: rows are read in passes, pairs meet in blocks.

None takes an array as long as the graph has connections but those that it reads; these may be mapped from files.

Tests: tests/graphlab/motifs/census/test_larger.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.motifs.kernels.triads import add_wedges


@njit(cache=True, nogil=True)
def degrees_and_sums(out_start, out_target, in_start, in_source, degree, sums):  # type: ignore[no-untyped-def]
    """Partners of each neuron, and the sums of ``kernels.triads.split_rows``, in one pass over all rows.

    Args:
        degree: int64 [n] to fill. sums: int64 [9] zeros to fill.
    """
    for u in range(len(out_start) - 1):
        i, i_end = out_start[u], out_start[u + 1]
        j, j_end = in_start[u], in_start[u + 1]
        c = 0
        while i < i_end and j < j_end:
            if out_target[i] == in_source[j]:
                c += 1
                i += 1
                j += 1
            elif out_target[i] < in_source[j]:
                i += 1
            else:
                j += 1
        a = i_end - out_start[u] - c
        b = j_end - in_start[u] - c
        degree[u] = a + b + c
        add_wedges(a, b, c, sums)


@njit(cache=True, nogil=True)
def higher_partners(out_start, out_target, in_start, in_source, rank, counts):  # type: ignore[no-untyped-def]
    """How many partners of each neuron have a higher rank, into ``counts`` [n] by rank."""
    for u in range(len(out_start) - 1):
        own = rank[u]
        many = 0
        j, j_end = in_start[u], in_start[u + 1]
        for i in range(out_start[u], out_start[u + 1]):
            t = out_target[i]
            while j < j_end and in_source[j] < t:
                many += rank[in_source[j]] > own
                j += 1
            if j < j_end and in_source[j] == t:
                j += 1
            many += rank[t] > own
        while j < j_end:
            many += rank[in_source[j]] > own
            j += 1
        counts[own] = many


@njit(cache=True, nogil=True)
def forward_rows(out_start, out_target, in_start, in_source, rank, first, last, place, rows):  # type: ignore[no-untyped-def]
    """The rows of neurons ``first`` .. ``last`` - 1 as ``kernels.triads.forward_in_degree_order`` has them.

    Args:
        place: int64 [last - first], where the row of each begins in ``rows``.
    """
    for u in range(first, last):
        r = rank[u]
        begin = at = place[u - first]
        j, j_end = in_start[u], in_start[u + 1]
        for i in range(out_start[u], out_start[u + 1]):
            t = out_target[i]
            while j < j_end and in_source[j] < t:
                far = rank[in_source[j]]
                if far > r:
                    rows[at] = far << 2 | 2
                    at += 1
                j += 1
            state = 1
            if j < j_end and in_source[j] == t:
                state = 3
                j += 1
            far = rank[t]
            if far > r:
                rows[at] = far << 2 | state
                at += 1
        while j < j_end:
            far = rank[in_source[j]]
            if far > r:
                rows[at] = far << 2 | 2
                at += 1
            j += 1
        rows[begin:at].sort()


@njit(cache=True, nogil=True)
def rows_by_rank(found, ranks, start, rows):  # type: ignore[no-untyped-def]
    """Rows that lie one after the other in the order of ``ranks``, into ``rows`` in the order of 0, 1, 2 ...

    Args:
        start: int64 [ranks + 1], where each row begins in ``rows``.
    """
    at = 0
    for r in ranks:
        for k in range(start[r], start[r + 1]):
            rows[k] = found[at]
            at += 1


@njit(cache=True, nogil=True)
def triangles_through(forward_start, forward, block, low, high, first, last):  # type: ignore[no-untyped-def]
    """Closed triads whose lowest rank is in ``first`` .. ``last`` - 1 and whose middle one in ``low`` .. ``high`` - 1.

    Rows of the lowest neurons are read one after the other; those of the middle ones in any order.

    Args:
        forward_start, forward: as from ``kernels.triads.forward_in_degree_order``.
        block: the rows of ranks ``low`` .. ``high`` - 1 out of ``forward``.

    Returns:
        int64 [64], at the codes of ``kernels.triads.triangles``.
    """
    mark = np.zeros(len(forward_start) - 1, np.uint8)
    counts = np.zeros(64, np.int64)
    two, three = np.uint32(2), np.uint32(3)
    least, most = np.uint32(low) << two, np.uint32(high) << two
    shift = forward_start[low]
    for u in range(first, min(last, high)):
        row, row_end = forward_start[u], forward_start[u + 1]
        if row_end - row < 2:
            continue
        begin = row + np.searchsorted(forward[row:row_end], least)
        end = row + np.searchsorted(forward[row:row_end], most)
        if begin == end or row_end - begin < 2:
            continue
        for k in range(begin, row_end):
            mark[forward[k] >> two] = (forward[k] & three) << two
        for k in range(begin, end):
            v = forward[k] >> two
            base = np.uint64(forward[k] & three)
            for j in range(forward_start[v] - shift, forward_start[v + np.uint32(1)] - shift):
                far = block[j]
                closing = mark[far >> two]
                if closing:
                    counts[base | np.uint64(closing) | np.uint64(far & three) << np.uint64(4)] += 1
        for k in range(begin, row_end):
            mark[forward[k] >> two] = 0
    return counts

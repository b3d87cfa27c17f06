"""Counting patterns whose three vertices are all joined: every triangle once, in degree order, by its connections.

Lists point from the vertex of lower degree to that of higher degree, which bounds the pairs looked at by the
edges times the square root of their number (Chiba and Nishizeki 1985, doi:10.1137/0214017). An entry is one word,
rank and state together, and the lists of a vertex's neighbours are touched while it is marked: they lie anywhere,
and waiting for memory is most of the work.

Tests: tests/queries/csr/test_triangles.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from queries.csr.kernels.constants import AHEAD, OPTIONS


@njit(**OPTIONS)
def higher(start, targets, back, sources, order, rank, begin, end, first, entries):  # type: ignore[no-untyped-def]
    """Entries of the rows ``begin`` .. ``end``; their ends, counted from ``begin``, go into ``first``.

    ``entries`` has room for one more than both lists of these rows hold: each is written and kept where it counts.

    Returns:
        how many are kept.
    """
    n = len(start) - 1
    at = 0
    for r in range(begin, end):
        u = order[r]
        i, i_end, j, j_end = start[u], start[u + 1], back[u], back[u + 1]
        while i < i_end or j < j_end:
            a = targets[i] if i < i_end else n
            b = sources[j] if j < j_end else n
            v = min(a, b)
            state = np.uint32(a == v) | (np.uint32(b == v) << np.uint32(1))
            i += a == v
            j += b == v
            entries[at] = (np.uint32(rank[v]) << np.uint32(2)) | state
            at += rank[v] > r
        first[r + 1] = at
    return at


@njit(**OPTIONS)
def triangles(first, entries, begin, end, mark, counts, stop):  # type: ignore[no-untyped-def]
    """Add triangles of lowest ranks ``begin`` .. ``end`` to ``counts`` int64 [64], by 16 x + 4 y + z.

    x, y, z are the states of (lowest, middle), (lowest, highest) and (middle, highest).
    ``mark`` is uint8 [n] of zeros.

    Returns:
        a number without meaning, so that the touched entries are really read.
    """
    touched = np.uint32(0)
    rank_of, state_of = np.uint32(2), np.uint32(3)
    for r in range(begin, end):
        if stop[0]:
            return touched
        low, high = first[r], first[r + 1]
        if high - low < 2:
            continue
        for i in range(low, high):
            entry = entries[i]
            s = entry >> rank_of
            mark[s] = entry & state_of
            touched ^= entries[first[s]] ^ entries[first[s] + AHEAD - 1]
        for i in range(low, high):
            s = entries[i] >> rank_of
            x = np.int64(entries[i] & state_of) * 16
            for k in range(first[s], first[s + 1]):
                entry = entries[k]
                y = mark[entry >> rank_of]
                if y:
                    counts[x + np.int64(y) * 4 + np.int64(entry & state_of)] += 1
        for i in range(low, high):
            mark[entries[i] >> rank_of] = 0
    return touched


@njit(**OPTIONS)
def list_triangles(first, entries, order, begin, end, mark, ways, closing, out, stop):  # type: ignore[no-untyped-def]
    """Patterns laid on the triangles of lowest ranks ``begin`` .. ``end``.

    Args:
        order: int32 [n], vertex of each rank. mark: uint8 [n] of zeros.
        ways: int8 [64, 7, 3], by the number that ``triangles`` counts under: which corner (0 lowest, 1 middle, 2
            highest) each of the pattern's vertices lies on, way after way, and -1 after the last.
        closing: int32, longer than every list. out: int32 [matches, 3], becomes the vertices.

    Returns:
        (next rank, matches written, a number without meaning as of ``triangles``); the next rank is before ``end``
        where ``out`` has no room for all matches of that one.
    """
    written = 0
    touched = np.uint32(0)
    rank_of, state_of = np.uint32(2), np.uint32(3)
    for r in range(begin, end):
        if stop[0]:
            return end, written, np.int64(touched)
        before, full = written, False
        low, high = first[r], first[r + 1]
        if high - low < 2:
            continue
        for i in range(low, high):
            entry = entries[i]
            s = entry >> rank_of
            mark[s] = entry & state_of
            touched ^= entries[first[s]] ^ entries[first[s] + AHEAD - 1]
        for i in range(low, high):
            if full:
                break
            s = entries[i] >> rank_of
            x = np.int64(entries[i] & state_of) * 16
            count = 0
            for k in range(first[s], first[s + 1]):  # without a branch: few pairs close a triangle, and which is luck
                closing[count] = k
                count += mark[entries[k] >> rank_of] > 0
            for c in range(count):
                entry = entries[closing[c]]
                t = entry >> rank_of
                laid = ways[x + np.int64(mark[t]) * 4 + np.int64(entry & state_of)]
                if laid[0, 0] < 0:
                    continue
                if written + 6 > len(out):
                    full = True
                    break
                way = 0
                while laid[way, 0] >= 0:
                    for v in range(3):
                        corner = laid[way, v]
                        out[written, v] = order[r] if corner == 0 else order[s] if corner == 1 else order[t]
                    written += 1
                    way += 1
        for i in range(low, high):
            mark[entries[i] >> rank_of] = 0
        if full:
            return r, before, np.int64(touched)
    return end, written, np.int64(touched)

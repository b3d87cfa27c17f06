"""Counting patterns whose three vertices are all joined: every triangle once, in degree order, by its connections.

Lists point from the vertex of lower degree to that of higher degree, which bounds the pairs looked at by the
edges times the square root of their number (Chiba and Nishizeki 1985, doi:10.1137/0214017). An entry is one word,
rank and state together, and the lists of a vertex's neighbours are touched while it is marked: they lie anywhere,
and waiting for memory is most of the work.

Tests: tests/queries/csr/test_triangles.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ingest.running.task_runners import Threads

AHEAD = 16
"""Entries touched ahead; so many zeros stand behind the last list."""
PARALLEL = 200_000
"""Fewer entries are not worth a second thread."""


Ranked = tuple[npt.NDArray[np.int32], npt.NDArray[np.uint32], npt.NDArray[np.int32]]


def ranked(start: Any, targets: Any, back: Any, sources: Any) -> Ranked:
    """Neighbours of higher rank by degree, with the state of the pair: 1 to it, 2 from it, 3 both.

    Args:
        start, targets; back, sources: lists of both directions, ascending.

    Returns:
        first int32 [n + 1]; entries uint32, 4 x rank + state, rows by rank; order int32 [n], the vertex of each rank.
        Loops are left out. Behind the last row are AHEAD zeros.
    """
    n = len(start) - 1
    degree = np.diff(start) + np.diff(back)
    order = np.argsort(degree.astype(np.int32), kind="stable").astype(np.int32)
    rank = np.empty(n, np.int32)
    rank[order] = np.arange(n, dtype=np.int32)
    first = np.zeros(n + 1, np.int32)
    total = np.cumsum(degree[order])
    middle = int(np.searchsorted(total, total[-1] // 2)) if n and total[-1] > PARALLEL else n

    def half(begin: int, end: int) -> npt.NDArray[np.uint32]:
        higher: npt.NDArray[np.uint32] = _higher(start, targets, back, sources, order, rank, begin, end, first)
        return higher

    if middle == n:
        parts = [half(0, n)]
    else:
        parts = list(Threads(2).map_tasks(lambda ends: half(*ends), ((0, middle), (middle, n))))
        first[middle + 1 :] += len(parts[0])
    return first, np.concatenate([*parts, np.zeros(AHEAD, np.uint32)]), order


@njit(cache=True, nogil=True)
def _higher(start, targets, back, sources, order, rank, begin, end, first):  # type: ignore[no-untyped-def]
    """Entries of the rows ``begin`` .. ``end``; their ends, counted from ``begin``, go into ``first``."""
    n = len(start) - 1
    size = 0
    for r in range(begin, end):
        u = order[r]
        size += start[u + 1] - start[u] + back[u + 1] - back[u]
    entries = np.empty(size + 1, np.uint32)  # each is written first and kept where it counts
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
    return entries[:at].copy()


@njit(cache=True, nogil=True)
def entries_after(first, entries):  # type: ignore[no-untyped-def]
    """int64 [n]: entries in the lists of each rank's neighbours."""
    n = len(first) - 1
    counts = np.zeros(n, np.int64)
    for r in range(n):
        for i in range(first[r], first[r + 1]):
            s = entries[i] >> np.uint32(2)
            counts[r] += first[s + 1] - first[s]
    return counts


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def list_triangles(first, entries, order, begin, end, mark, ways, longest, stop):  # type: ignore[no-untyped-def]
    """Patterns laid on the triangles of lowest ranks ``begin`` .. ``end``.

    Args:
        order: int32 [n], vertex of each rank. mark: uint8 [n] of zeros.
        ways: int8 [64, 7, 3], by the number that ``triangles`` counts under: which corner (0 lowest, 1 middle, 2
            highest) each of the pattern's vertices lies on, way after way, and -1 after the last.
        longest: at least the length of every list.

    Returns:
        int32 [matches, 3] vertices, and a number without meaning as of ``triangles``.
    """
    out = np.empty((1024, 3), np.int32)
    closing = np.empty(longest + 1, np.int32)
    corner = np.empty(3, np.int32)
    written = 0
    touched = np.uint32(0)
    rank_of, state_of = np.uint32(2), np.uint32(3)
    for r in range(begin, end):
        if stop[0]:
            break
        low, high = first[r], first[r + 1]
        if high - low < 2:
            continue
        corner[0] = order[r]
        for i in range(low, high):
            entry = entries[i]
            s = entry >> rank_of
            mark[s] = entry & state_of
            touched ^= entries[first[s]] ^ entries[first[s] + AHEAD - 1]
        for i in range(low, high):
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
                corner[1], corner[2] = order[s], order[t]
                if written + 6 > len(out):
                    larger = np.empty((2 * len(out), 3), np.int32)
                    larger[:written] = out[:written]
                    out = larger
                way = 0
                while laid[way, 0] >= 0:
                    for v in range(3):
                        out[written, v] = corner[laid[way, v]]
                    written += 1
                    way += 1
        for i in range(low, high):
            mark[entries[i] >> rank_of] = 0
    return out[:written], touched

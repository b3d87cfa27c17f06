"""Lists of neighbours of higher rank from rows as they come: no sorting, no second direction, no lists of all targets.

What counts triangles needs no order within a list, so three passes over the rows do: degrees, lengths, entries.

Tests: tests/queries/csr/test_triangles.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from queries.csr.kernels.constants import OPTIONS

_STATE = np.uint32(3)
_RANK = np.uint32(2)


@njit(**OPTIONS)
def add_degrees(source, target, degree):  # type: ignore[no-untyped-def]
    """Add to ``degree`` int32 [n] the rows at each end; returns how many rows lead from a node to itself.

    These, and rows with an end that is not there (-1), are left out, here and by the other kernels.
    """
    loops = 0
    for i in range(len(source)):
        a, b = source[i], target[i]
        if a < 0 or b < 0:
            continue
        if a == b:
            loops += 1
            continue
        degree[a] += 1
        degree[b] += 1
    return loops


@njit(**OPTIONS)
def ranks(degree, place, rank):  # type: ignore[no-untyped-def]
    """Rank by degree, then by number: a counting sort. ``place``: int64 [largest degree + 2] zeros, scratch."""
    for d in degree:
        place[d + 1] += 1
    for d in range(1, len(place)):
        place[d] += place[d - 1]
    for u in range(len(degree)):
        rank[u] = place[degree[u]]
        place[degree[u]] += 1


@njit(**OPTIONS)
def add_lower(source, target, rank, counts):  # type: ignore[no-untyped-def]
    """Add to ``counts`` int32 [n] the rows at each lower rank."""
    for i in range(len(source)):
        a, b = source[i], target[i]
        if a >= 0 and b >= 0 and a != b:
            counts[min(rank[a], rank[b])] += 1


@njit(**OPTIONS)
def put(source, target, rank, at, entries):  # type: ignore[no-untyped-def]
    """Write an entry of each row, 4 x higher rank + state (1 to it, 2 from it), where ``at`` int32 [n] says."""
    for i in range(len(source)):
        a, b = source[i], target[i]
        if a < 0 or b < 0 or a == b:
            continue
        low, high = rank[a], rank[b]
        state = np.uint32(1)
        if low > high:
            low, high, state = high, low, np.uint32(2)
        entries[at[low]] = (np.uint32(high) << _RANK) | state
        at[low] += 1


@njit(**OPTIONS)
def join_ways(begins, begin, end, entries, seen, first):  # type: ignore[no-untyped-def]
    """Make the entries of a pair that is joined both ways one of state 3 and close gaps, ranks ``begin`` .. ``end``.

    Args:
        begins: int64 [n + 1]. seen: int32 [n] of zeros, scratch. first: int32 [n + 1], becomes where lists begin.

    Returns:
        where the entries that are left end; -1 where an ordered pair has two rows.
    """
    write = begins[begin]
    for r in range(begin, end):
        first[r] = write
        for i in range(begins[r], begins[r + 1]):
            entry = entries[i]
            met = seen[entry >> _RANK]
            if met:
                if entries[met - 1] & entry & _STATE:
                    return -1
                entries[met - 1] |= entry & _STATE
            else:
                entries[write] = entry
                write += 1
                seen[entry >> _RANK] = write
        for i in range(first[r], write):
            seen[entries[i] >> _RANK] = 0
    return write

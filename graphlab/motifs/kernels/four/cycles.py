"""Kernels of four-cycles: two wedges over the same pair of neurons, in the graph and by neuron.

Ranks, states and types are those of ``kernels.four.tetrads``. Nine counters of a pair's wedges, one a type, share a
word of 64 bits: the words of all neurons stay in the second-level cache, and no step waits for a branch that cannot be
foreseen. A counter that reaches 64 is emptied into a table and the word marked.

Tests: tests/graphlab/motifs/kernels/four/test_cycles.py, tests/graphlab/motifs/census/test_orbits.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.motifs.kernels.read_ahead import read_ahead

AHEAD = 4
"""Rows asked for before they are looked at."""
ROWS = 16_000
"""Most words added up in counters of 21 bits."""
BITS = np.uint64(7)
LOWEST = np.uint64(sum(1 << 7 * kind for kind in range(9)))
FULL = np.uint64(sum(64 << 7 * kind for kind in range(9)))
THIRD = np.uint64(127 | 127 << 21 | 127 << 42)
MARKED = np.uint64(1 << 63)
STEP = np.zeros(16, np.uint64)
"""One more wedge, at state of the middle seen from one end << 2 | state of the other end seen from the middle."""
for _near in range(1, 4):
    for _far in range(1, 4):
        STEP[_near << 2 | _far] = 1 << 7 * (3 * _near - 3 + (0, 1, 0, 2)[_far])
ONE, TWO, THREE = np.uint64(1), np.uint32(2), np.uint32(3)


@njit(cache=True, nogil=True)
def _count_wedges(start, split, packed, u, words, marked, touched):  # type: ignore[no-untyped-def]
    """Wedges from u over its lower neighbours to neurons lower still.

    Returns:
        Of how many neurons, the first of ``touched``, there are two or more.
    """
    many = np.uint64(0)
    limit = np.uint32(u) << TWO
    last = split[u]
    for k in range(start[u], last):
        if k + AHEAD < last:
            read_ahead(packed, start[packed[k + AHEAD] >> TWO])
        near = (packed[k] & THREE) << TWO
        at = np.uint64(start[packed[k] >> TWO])
        far = packed[at]
        while far < limit:  # u itself is in the row
            w = far >> TWO
            was = words[w]
            now = was + STEP[near | (far & THREE)]
            words[w] = now
            touched[many] = w
            many += np.uint64((was & LOWEST != 0) & (was & (was - ONE) == 0))  # it was one
            if now & FULL:
                for kind in range(9):
                    counter = np.uint64(64) << BITS * np.uint64(kind)
                    if now & counter:
                        marked[w, kind] += 64
                        words[w] = (now - counter) | MARKED
            at += ONE
            far = packed[at]
    return np.int64(many)


@njit(cache=True, nogil=True)
def _forget_wedges(start, split, packed, u, words):  # type: ignore[no-untyped-def]
    limit, last = np.uint32(u) << TWO, split[u]
    for k in range(start[u], last):
        if k + AHEAD < last:
            read_ahead(packed, start[packed[k + AHEAD] >> TWO])
        at = np.uint64(start[packed[k] >> TWO])
        far = packed[at]
        while far < limit:
            words[far >> TWO] = 0
            at += ONE
            far = packed[at]


@njit(cache=True, nogil=True)
def _unpack(words, marked, w, types):  # type: ignore[no-untyped-def]
    """The wedges of a pair by type, int64 [9]; its place in ``marked`` is emptied."""
    word = words[w]
    for kind in range(9):
        types[kind] = np.int64((word >> BITS * np.uint64(kind)) & np.uint64(127))
    if word & MARKED:
        for kind in range(9):
            types[kind] += marked[w, kind]
            marked[w, kind] = 0


@njit(cache=True, nogil=True)
def four_cycles(start, split, packed, marked, low, high):  # type: ignore[no-untyped-def]
    """Cycles whose highest neuron has a rank in low .. high-1, chords or not.

    Args:
        start, split: as from ``ranked_neighbours``. packed: uint32, its neighbour << 2 | state.
        marked: int32 [n, 9] of zeros, for this thread; zeros again in the end.

    Returns:
        int64 [9, 9], types of the two wedges, first <= second.
    """
    top = min(len(start) - 1, high)
    counts = np.zeros((9, 9), np.int64)
    words, touched = np.zeros(top, np.uint64), np.empty(top + 1, np.uint32)
    types = np.empty(9, np.int64)
    for u in range(low, high):
        many = _count_wedges(start, split, packed, u, words, marked, touched)
        for i in range(many):
            _unpack(words, marked, touched[i], types)
            for x in range(9):
                one = types[x]
                if one:
                    counts[x, x] += one * (one - 1) >> 1
                    for y in range(x + 1, 9):
                        counts[x, y] += one * types[y]
        _forget_wedges(start, split, packed, u, words)
    return counts


@njit(cache=True, nogil=True)
def cycle_places(start, split, packed, marked, ends, middles, low, high, counts):  # type: ignore[no-untyped-def]
    """Four-cycles whose highest rank is in low .. high-1, added to ``counts`` int64 [n, columns] for all four.

    Args:
        packed, marked: as in ``four_cycles``.
        ends: int64 [2, 9, 9], the column of the lower and of the higher end of two wedges by their types, the first
            no larger; types are seen from the higher end.
        middles: int64 [4, 3, 9], the column of a middle by its state seen from the higher end, the one of the lower end
            seen from it minus 1, and the type of the other wedge.
    """
    words = np.zeros(max(high, 1), np.uint64)
    touched, types, own = np.empty(max(high, 1) + 1, np.uint32), np.empty(9, np.int64), np.empty((9, 9), np.int64)
    wide = np.empty((4, 3), np.uint64)
    for u in range(low, high):
        many = _count_wedges(start, split, packed, u, words, marked, touched)
        if many:
            limit, last = np.uint32(u) << TWO, split[u]
            for k in range(start[u], last):
                if k + AHEAD < last:
                    read_ahead(packed, start[packed[k + AHEAD] >> TWO])
                    coming = counts[packed[k + AHEAD] >> TWO]
                    for x in range(0, counts.shape[1], 8):
                        read_ahead(coming, x)
                into, column = counts[packed[k] >> TWO], middles[packed[k] & THREE]
                _add_other_wedges(start, packed, k, limit, words, marked, wide, column, into)
            own[:] = 0
            for i in range(many):
                if i + 8 < many:
                    for x in range(0, counts.shape[1], 8):
                        read_ahead(counts[touched[i + 8]], x)
                _unpack(words, marked, touched[i], types)
                into = counts[touched[i]]
                for x in range(9):
                    one = types[x]
                    if one:
                        two = one * (one - 1) >> 1
                        if two:
                            own[x, x] += two
                            into[ends[0, x, x]] += two
                        for y in range(x + 1, 9):
                            if types[y]:
                                two = one * types[y]
                                own[x, y] += two
                                into[ends[0, x, y]] += two
            into = counts[u]
            for x in range(9):
                for y in range(x, 9):
                    into[ends[1, x, y]] += own[x, y]
        _forget_wedges(start, split, packed, u, words)


@njit(cache=True, nogil=True)
def _add_other_wedges(start, packed, k, limit, words, marked, wide, column, into):  # type: ignore[no-untyped-def]
    """Wedges that close a cycle with those over the neuron of entry k, added to its row ``into`` of counts.

    Args:
        wide: uint64 [4, 3], counters of 21 bits to work in.
        column: int64 [3, 9], by the neuron's state to the lower end - 1 and the type of the other wedge.
    """
    wide[:] = 0
    rows = 0
    near = (packed[k] & THREE) << TWO
    at = np.uint64(start[packed[k] >> TWO])
    far = packed[at]
    while far < limit:
        state = far & THREE
        word = words[far >> TWO]
        step = STEP[near | state]
        if word & MARKED:
            for x in range(9):
                here = np.int64((word >> BITS * np.uint64(x)) & np.uint64(127)) + marked[far >> TWO, x]
                into[column[state - ONE, x]] += here - (step >> BITS * np.uint64(x) == ONE)
        else:
            word -= step
            wide[state, 0] += word & THIRD
            wide[state, 1] += (word >> BITS) & THIRD
            wide[state, 2] += (word >> BITS + BITS) & THIRD
            rows += 1
            if rows == ROWS:
                _pour(wide, column, into)
                wide[:] = 0
                rows = 0
        at += ONE
        far = packed[at]
    _pour(wide, column, into)


@njit(cache=True, nogil=True)
def _pour(wide, column, into):  # type: ignore[no-untyped-def]
    """Add the counters of 21 bits, by state and type, to their columns."""
    for state in range(1, 4):
        if wide[state, 0] | wide[state, 1] | wide[state, 2]:
            for x in range(9):
                found = (wide[state, x % 3] >> np.uint64(21 * (x // 3))) & np.uint64((1 << 21) - 1)
                into[column[state - 1, x]] += np.int64(found)

"""From keys of rows to sorted adjacency lists: numbering, counting sort, look-up. ``lists.py`` calls them.

Tests: tests/queries/planning/test_plan.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from queries.csr.kernels.constants import OPTIONS

_MIX = np.uint64(0x9E3779B97F4A7C15)


@njit(**OPTIONS)
def key_table(keys, bits, table):  # type: ignore[no-untyped-def]
    """Enter uint64 keys into an open-addressing table of 2**bits places that hold -1: the number of the key in each."""
    shift = np.uint64(64 - bits)
    last = (1 << bits) - 1
    for i in range(len(keys)):
        at = np.int64((keys[i] * _MIX) >> shift)
        while table[at] >= 0:
            at = (at + 1) & last
        table[at] = i


@njit(**OPTIONS)
def numbers_of(keys, table, bits, wanted, numbers):  # type: ignore[no-untyped-def]
    """Number of each wanted key, -1 where there is no such key."""
    shift = np.uint64(64 - bits)
    last = (1 << bits) - 1
    for i in range(len(wanted)):
        key = wanted[i]
        if i and key == wanted[i - 1]:  # tables are often in order of one end
            numbers[i] = numbers[i - 1]
            continue
        at = np.int64((key * _MIX) >> shift)
        while table[at] >= 0 and keys[table[at]] != key:
            at = (at + 1) & last
        numbers[i] = table[at]


@njit(**OPTIONS)
def usable(source, target, source_kept, target_kept, loops, kept):  # type: ignore[no-untyped-def]
    """Into ``kept`` rows whose ends are both there and kept, in order; returns how many.

    Those from a node to itself are left out unless ``loops``. ``source_kept`` and ``target_kept`` are uint8 [n], or
    empty where every node is kept.
    """
    count = 0
    for i in range(len(source)):
        a, b = source[i], target[i]
        if a < 0 or b < 0 or (a == b and not loops):
            continue
        if (len(source_kept) and not source_kept[a]) or (len(target_kept) and not target_kept[b]):
            continue
        kept[count] = i
        count += 1
    return count


@njit(**OPTIONS)
def in_order(source, target, rows):  # type: ignore[no-untyped-def]
    """1 where rows ascend by (source, target), else 0."""
    for i in range(1, len(rows)):
        a, b = rows[i - 1], rows[i]
        if source[a] > source[b] or (source[a] == source[b] and target[a] > target[b]):
            return 0
    return 1


@njit(**OPTIONS)
def falls(source, target, at):  # type: ignore[no-untyped-def]
    """Into ``at`` rows whose (source, target) is less than that of the row before; how many, -1 for more than fit."""
    count = 0
    for i in range(1, len(source)):
        if source[i] < source[i - 1] or (source[i] == source[i - 1] and target[i] < target[i - 1]):
            if count == len(at):
                return -1
            at[count] = i
            count += 1
    return count


@njit(**OPTIONS)
def count_ends(source, target, out, into):  # type: ignore[no-untyped-def]
    """Add to int64 [n] how many rows begin and end at each node, -1 where an end is missing."""
    for i in range(len(source)):
        if source[i] >= 0:
            out[source[i]] += 1
        if target[i] >= 0:
            into[target[i]] += 1


@njit(**OPTIONS)
def sorted_by(numbers, rows, place, order):  # type: ignore[no-untyped-def]
    """Rows by the number of each, equal ones in the order given, into ``order``: a counting sort.

    Args:
        place: int64 [n + 1] zeros, scratch.
    """
    for r in rows:
        place[numbers[r] + 1] += 1
    for i in range(1, len(place)):
        place[i] += place[i - 1]
    for r in rows:
        order[place[numbers[r]]] = r
        place[numbers[r]] += 1


@njit(**OPTIONS)
def adjacency(source, target, order, start, targets, first):  # type: ignore[no-untyped-def]
    """Lists of different targets.

    Args:
        start: int64 [n_source + 1] zeros; becomes where each list begins. targets: int32 [rows], first: int64
            [rows + 1]: become the targets and where the rows of each pair begin in ``order``, as far as returned.

    Returns:
        how many pairs.
    """
    count = 0
    before = -1
    for i in range(len(order)):
        a, b = source[order[i]], target[order[i]]
        if a != before or targets[count - 1] != b:
            targets[count] = b
            first[count] = i
            start[a + 1] += 1
            count += 1
            before = a
    first[count] = len(order)
    for i in range(1, len(start)):
        start[i] += start[i - 1]
    return count


@njit(**OPTIONS)
def turned(start, targets, back, place, sources):  # type: ignore[no-untyped-def]
    """The same pairs by target.

    Args:
        back: int64 [n_target + 1] zeros, place: int64 of the same length (scratch), sources: int32 [pairs]; ``back``
            and ``sources`` (ascending in each list) are the result.
    """
    for t in targets:
        back[t + 1] += 1
    for i in range(1, len(back)):
        back[i] += back[i - 1]
    for i in range(len(back)):
        place[i] = back[i]
    for a in range(len(start) - 1):
        for i in range(start[a], start[a + 1]):
            t = targets[i]
            sources[place[t]] = a
            place[t] += 1


@njit(**OPTIONS)
def pair_places(start, targets, source, target, places):  # type: ignore[no-untyped-def]
    """Place of each pair (source, target) in the lists; every pair is there."""
    for i in range(len(source)):
        places[i] = _place(targets, start[source[i]], start[source[i] + 1], target[i])


@njit(**OPTIONS)
def pairs_there(start, targets, source, target, present):  # type: ignore[no-untyped-def]
    """Whether each pair (source, target) is in the lists."""
    for i in range(len(source)):
        end = start[source[i] + 1]
        at = _place(targets, start[source[i]], end, target[i])
        present[i] = at < end and targets[at] == target[i]


@njit(**OPTIONS)
def _place(targets, low, high, wanted):  # type: ignore[no-untyped-def]
    """Of the first entry from ``low`` to ``high`` that is not below ``wanted``."""
    while low < high:
        middle = (low + high) >> 1
        if targets[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low

"""From keys of rows to sorted adjacency lists: numbering, counting sort, look-up.

Tests: tests/queries/planning/test_plan.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_MIX = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def key_table(keys, bits):  # type: ignore[no-untyped-def]
    """Open-addressing table of 2**bits places over uint64 keys: the number of the key in each, -1 for none."""
    table = np.full(1 << bits, -1, np.int32)
    shift = np.uint64(64 - bits)
    last = (1 << bits) - 1
    for i in range(len(keys)):
        at = np.int64((keys[i] * _MIX) >> shift)
        while table[at] >= 0:
            at = (at + 1) & last
        table[at] = i
    return table


@njit(cache=True, nogil=True)
def numbers_of(keys, table, bits, wanted):  # type: ignore[no-untyped-def]
    """Number of each wanted key, -1 where there is no such key."""
    numbers = np.empty(len(wanted), np.int32)
    shift = np.uint64(64 - bits)
    last = (1 << bits) - 1
    for i in range(len(wanted)):
        key = wanted[i]
        at = np.int64((key * _MIX) >> shift)
        while table[at] >= 0 and keys[table[at]] != key:
            at = (at + 1) & last
        numbers[i] = table[at]
    return numbers


@njit(cache=True, nogil=True)
def usable(source, target, source_kept, target_kept, loops):  # type: ignore[no-untyped-def]
    """Rows whose ends are both there and kept, in order; without those from a node to itself unless ``loops``.

    ``source_kept`` and ``target_kept`` are uint8 [n], or empty where every node is kept.
    """
    kept = np.empty(len(source), np.int32)
    count = 0
    for i in range(len(source)):
        a, b = source[i], target[i]
        if a < 0 or b < 0 or (a == b and not loops):
            continue
        if (len(source_kept) and not source_kept[a]) or (len(target_kept) and not target_kept[b]):
            continue
        kept[count] = i
        count += 1
    return kept if count == len(kept) else kept[:count].copy()


@njit(cache=True, nogil=True)
def sorted_pairs(source, target, rows, n_source, n_target):  # type: ignore[no-untyped-def]
    """Rows by (source, target), equal pairs in the order given: two counting sorts; ``rows`` itself if in order."""
    ascending = True
    for i in range(1, len(rows)):
        a, b = rows[i - 1], rows[i]
        if source[a] > source[b] or (source[a] == source[b] and target[a] > target[b]):
            ascending = False
            break
    if ascending:
        return rows
    place = np.zeros(n_target + 1, np.int64)
    for r in rows:
        place[target[r] + 1] += 1
    place = np.cumsum(place)
    by_target = np.empty(len(rows), np.int32)
    for r in rows:
        by_target[place[target[r]]] = r
        place[target[r]] += 1
    place = np.zeros(n_source + 1, np.int64)
    for r in rows:
        place[source[r] + 1] += 1
    place = np.cumsum(place)
    order = np.empty(len(rows), np.int32)
    for r in by_target:
        order[place[source[r]]] = r
        place[source[r]] += 1
    return order


@njit(cache=True, nogil=True)
def adjacency(source, target, order, n_source):  # type: ignore[no-untyped-def]
    """Lists of different targets.

    Returns:
        start int64 [n_source + 1], targets int32, first int64 [targets + 1]: where the rows of each pair begin
        in ``order``.
    """
    start = np.zeros(n_source + 1, np.int64)
    targets = np.empty(len(order), np.int32)
    first = np.empty(len(order) + 1, np.int64)
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
    if count == len(order):
        return np.cumsum(start), targets, first
    return np.cumsum(start), targets[:count].copy(), first[: count + 1].copy()


@njit(cache=True, nogil=True)
def turned(start, targets, n_target):  # type: ignore[no-untyped-def]
    """The same pairs by target: start int64 [n_target + 1], sources int32 ascending."""
    back = np.zeros(n_target + 1, np.int64)
    for t in targets:
        back[t + 1] += 1
    back = np.cumsum(back)
    place = back.copy()
    sources = np.empty(len(targets), np.int32)
    for a in range(len(start) - 1):
        for i in range(start[a], start[a + 1]):
            t = targets[i]
            sources[place[t]] = a
            place[t] += 1
    return back, sources


@njit(cache=True, nogil=True)
def pair_places(start, targets, source, target):  # type: ignore[no-untyped-def]
    """Place of each pair (source, target) in the lists; every pair is there."""
    places = np.empty(len(source), np.int64)
    for i in range(len(source)):
        places[i] = _place(targets, start[source[i]], start[source[i] + 1], target[i])
    return places


@njit(cache=True, nogil=True)
def pairs_there(start, targets, source, target):  # type: ignore[no-untyped-def]
    """Whether each pair (source, target) is in the lists."""
    present = np.empty(len(source), np.bool_)
    for i in range(len(source)):
        end = start[source[i] + 1]
        at = _place(targets, start[source[i]], end, target[i])
        present[i] = at < end and targets[at] == target[i]
    return present


@njit(cache=True, nogil=True)
def _place(targets, low, high, wanted):  # type: ignore[no-untyped-def]
    """Of the first entry from ``low`` to ``high`` that is not below ``wanted``."""
    while low < high:
        middle = (low + high) >> 1
        if targets[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low

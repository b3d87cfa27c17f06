"""The worst-case-optimal join over filtered CSR arrays: one kernel that follows a program of integers.

A match is found vertex by vertex. The candidates of the next vertex are the intersection of the adjacency lists
that its edges to matched vertices give; what must differ, be ordered or be absent is checked as soon as both
ends are matched. (Generic join: Ngo, Porat, Re and Rudra 2012, doi:10.1145/2213556.2213565.)

One list of an intersection, of the vertex matched longest ago, is kept marked in a byte array that stays in the
second-level cache; the shortest other list is scanned against the marks. Where the marked list is much the
shorter it is searched in the other one instead.

Tests: tests/queries/planning/test_plan.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from queries.csr.kernels.constants import GALLOP, OPTIONS


@njit(inline="always", **OPTIONS)
def lower_bound(values, low, high, wanted):  # type: ignore[no-untyped-def]
    """First place in ascending ``values[low:high]`` that is not below ``wanted``."""
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@njit(**OPTIONS)
def contains(values, low, high, wanted):  # type: ignore[no-untyped-def]
    """Whether ascending ``values[low:high]`` holds ``wanted``."""
    at = lower_bound(values, low, high, wanted)
    return at < high and values[at] == wanted


@njit(**OPTIONS)
def keep_common(candidates, first, count, values, low, high):  # type: ignore[no-untyped-def]
    """Keep of ascending ``candidates[first:first+count]`` what ``values[low:high]`` holds too; returns how many."""
    kept = first
    if (high - low) <= GALLOP * count:
        i, j = first, low
        while i < first + count and j < high:
            a, b = candidates[i], values[j]
            if a == b:
                candidates[kept] = a
                kept += 1
            i += a <= b
            j += b <= a
        return kept - first
    at = low
    for i in range(first, first + count):
        wanted = candidates[i]
        step = 1
        while at + step < high and values[at + step] < wanted:
            step *= 2
        at = lower_bound(values, at, min(at + step + 1, high), wanted)
        if at == high:
            break
        if values[at] == wanted:
            candidates[kept] = wanted
            kept += 1
    return kept - first


@njit(**OPTIONS)
def _slices(level, x, starts, bases, joins, counts, low, high):  # type: ignore[no-untyped-def]
    """Adjacency lists of a level's joins; False where one is empty."""
    for j in range(counts[level, 0]):
        vertex = joins[level, j, 0]
        row = bases[joins[level, j, 1]] + (x[vertex] if vertex >= 0 else 0)
        low[j], high[j] = starts[row], starts[row + 1]
        if low[j] == high[j]:
            return False
    return True


@njit(**OPTIONS)
def _mark(level, which, targets, low, high, marks, marked):  # type: ignore[no-untyped-def]
    """Mark one list and no other; nothing to do where it is marked already."""
    if marked[level, 0] == low[which] and marked[level, 1] == high[which]:
        return
    for i in range(marked[level, 0], marked[level, 1]):
        marks[level, targets[i]] = 0
    for i in range(low[which], high[which]):
        marks[level, targets[i]] = 1
    marked[level, 0], marked[level, 1] = low[which], high[which]


@njit(**OPTIONS)
def _base(level, marker, low, high, counts):  # type: ignore[no-untyped-def]
    """The list to go through: the shortest that is not marked, or the marked one where it is far shorter."""
    base = -1
    for j in range(counts[level, 0]):
        if j != marker and (base < 0 or high[j] - low[j] < high[base] - low[base]):
            base = j
    if marker >= 0 and (high[marker] - low[marker]) * GALLOP < high[base] - low[base]:
        return marker
    return base


@njit(**OPTIONS)
def _bounds(level, x, orders, counts):  # type: ignore[no-untyped-def]
    """(least, most): node numbers that orders with matched vertices allow."""
    least, most = np.int64(0), np.int64(2**31 - 1)
    for k in range(counts[level, 1]):
        other = np.int64(x[orders[level, k, 0]])
        if orders[level, k, 1] > 0:
            least = max(least, other + 1)
        else:
            most = min(most, other - 1)
    return least, most


@njit(**OPTIONS)
def _allowed(level, v, x, starts, targets, bases, differs, absents, twins, counts):  # type: ignore[no-untyped-def]
    """Whether a candidate differs from what it must, has none of the absent edges, and repeats no edge."""
    for k in range(counts[level, 2]):
        if x[differs[level, k]] == v:
            return False
    for k in range(counts[level, 3]):
        row = bases[absents[level, k, 1]] + x[absents[level, k, 0]]
        if contains(targets, starts[row], starts[row + 1], v):
            return False
    for k in range(counts[level, 4]):
        a, b, c, d = twins[level, k, 0], twins[level, k, 1], twins[level, k, 2], twins[level, k, 3]
        begin = v if a == level else x[a]
        end = v if b == level else x[b]
        if begin == (v if c == level else x[c]) and end == (v if d == level else x[d]):
            return False
    return True


@njit(**OPTIONS)
def _fill(level, x, program, scratch, candidates, first):  # type: ignore[no-untyped-def]
    """Candidates of a level into ``candidates[first:]``; returns (how many, list entries looked at)."""
    starts, targets, bases, joins, orders, differs, absents, twins, counts, marker = program
    marks, marked, low, high = scratch
    if not _slices(level, x, starts, bases, joins, counts, low, high):
        return 0, 1
    m = marker[level]
    base = 0
    if counts[level, 0] > 1:
        base = _base(level, m, low, high, counts)
        if m >= 0 and base != m:
            _mark(level, m, targets, low, high, marks, marked)
    begin, end = low[base], high[base]
    if counts[level, 1] > 0:
        least, most = _bounds(level, x, orders, counts)
        begin = lower_bound(targets, begin, end, least)
        end = lower_bound(targets, begin, end, most + 1)
    c = first
    if m >= 0 and base != m:
        row = marks[level]
        for i in range(begin, end):
            v = targets[i]
            candidates[c] = v
            c += row[np.uint32(v)]
    else:
        for i in range(begin, end):
            candidates[c] = targets[i]
            c += 1
    count = c - first
    for j in range(counts[level, 0]):
        if j != base and (j != m or base == m) and count > 0:
            count = keep_common(candidates, first, count, targets, low[j], high[j])
    if counts[level, 2] + counts[level, 3] + counts[level, 4] > 0:
        c = first
        for i in range(first, first + count):
            v = candidates[i]
            if _allowed(level, v, x, starts, targets, bases, differs, absents, twins, counts):
                candidates[c] = v
                c += 1
        count = c - first
    return count, end - begin + 8


@njit(**OPTIONS)
def _sweep(level, x, program, scratch, place, size, first, candidates, out, written, listing, budget, stop):  # type: ignore[no-untyped-def]
    """Candidates of the last vertex for all those of the one before it, in one loop without calls.

    Returns:
        (rows written, matches counted, list entries looked at, whether ``out`` is full: then the candidates of
        the last vertex are in ``candidates`` and still to be written).
    """
    starts, targets, bases, joins, orders, differs, absents, twins, counts, marker = program
    marks, marked, low, high = scratch
    last = level + 1
    m = marker[last]
    total, spent = np.int64(0), np.int64(0)
    other = 0
    short = np.int64(2**40)
    if m >= 0:
        other = 1 - m
        vertex = joins[last, m, 0]
        row = bases[joins[last, m, 1]] + (x[vertex] if vertex >= 0 else 0)
        low[m], high[m] = starts[row], starts[row + 1]
        if low[m] == high[m]:
            place[level] = size[level]
            return written, total, spent, False
        _mark(last, m, targets, low, high, marks, marked)
        short = (high[m] - low[m]) * GALLOP
    marker_row = marks[last]
    origin, base = joins[last, other, 0], bases[joins[last, other, 1]]
    checked = counts[last, 2] + counts[last, 3] + counts[last, 4] > 0
    listed = listing or counts[last, 3] + counts[last, 4] > 0
    ordered = counts[last, 1] > 0
    store = first[last]
    while place[level] < size[level]:
        if spent > budget or stop[0]:
            break
        x[level] = candidates[first[level] + place[level]]
        place[level] += 1
        row = base + (x[origin] if origin >= 0 else 0)
        begin, end = starts[row], starts[row + 1]
        if ordered:
            least, most = _bounds(last, x, orders, counts)
            begin = lower_bound(targets, begin, end, least)
            end = lower_bound(targets, begin, end, most + 1)
        spent += end - begin + 8
        c = store
        if end - begin > short:  # the marked list is much the shorter one
            for i in range(low[m], high[m]):
                candidates[c] = targets[i]
                c += 1
            c = store + keep_common(candidates, store, c - store, targets, begin, end)
        elif not listed:  # what must differ is taken off again
            if m < 0:
                total += end - begin
            else:
                for i in range(begin, end):
                    total += marker_row[np.uint32(targets[i])]
            for k in range(counts[last, 2]):
                v = x[differs[last, k]]
                new = m < 0 or marker_row[v] > 0
                for h in range(k):
                    new &= x[differs[last, h]] != v
                if new and contains(targets, begin, end, v):
                    total -= 1
            continue
        elif m < 0:
            for i in range(begin, end):
                candidates[c] = targets[i]
                c += 1
        else:
            for i in range(begin, end):
                v = targets[i]
                candidates[c] = v
                c += marker_row[np.uint32(v)]
        if checked and c > store:
            kept = store
            for i in range(store, c):
                v = candidates[i]
                if _allowed(last, v, x, starts, targets, bases, differs, absents, twins, counts):
                    candidates[kept] = v
                    kept += 1
            c = kept
        if not listing:
            total += c - store
        elif written + (c - store) > len(out):
            place[last], size[last] = 0, c - store
            return written, total, spent, True
        else:
            for i in range(store, c):
                for k in range(last):
                    out[written, k] = x[k]
                out[written, last] = candidates[i]
                written += 1
    return written, total, spent, False


@njit(**OPTIONS)
def join(program, scratch, state, x, place, size, first, candidates, out, listing, budget, stop):  # type: ignore[no-untyped-def]
    """Go on with the matches of the start vertices that ``candidates[:size[0]]`` held at first.

    Args:
        program: tuple of
            starts, targets: adjacency lists of all slots, one after the other; bases: where the rows of each begin.
            joins: int64 [levels, k, 2] (matched level or -1 for a plain list, slot).
            orders: int64 [levels, k, 2] (matched level, 1 above it or -1 below it).
            differs: int64 [levels, k] matched level. absents: int64 [levels, k, 2] (matched level, slot).
            twins: int64 [levels, k, 4] levels of the ends of two edges that may not be the same.
            counts: int64 [levels, 5], how many of each of these. marker: int64 [levels], join to mark or -1.
        scratch: tuple of
            marks: uint8 [levels, n] zeros at first; marked: int64 [levels, 2], what is marked.
            low, high: int64 [k].
        state: int64 [2], level to go on with (-1 when all is done) and matches counted.
        x, place, size, first: of each level its matched node, next candidate, candidates, first place in candidates.
        out: int32 [rows, levels], filled from its start when ``listing``.
        budget: list entries to look at before it returns. stop: uint8 [1], returns soon after it is set.

    Returns:
        rows written to ``out``.
    """
    last = len(x) - 1
    counts, marker = program[8], program[9]
    swept = counts[last, 0] == 1 or (counts[last, 0] == 2 and marker[last] >= 0)
    level = state[0]
    written = 0
    spent = 0
    while level >= 0:
        if listing and level == last:
            while place[last] < size[last]:
                if written == len(out):
                    state[0] = level
                    return written
                for k in range(last):
                    out[written, k] = x[k]
                out[written, last] = candidates[first[last] + place[last]]
                place[last] += 1
                written += 1
            level -= 1
            continue
        if place[level] == size[level]:
            level -= 1
            continue
        if spent > budget or stop[0]:
            state[0] = level
            return written
        following = level + 1
        if following == last and swept:
            written, total, looked, full = _sweep(
                level, x, program, scratch, place, size, first, candidates, out, written, listing, budget, stop
            )
            state[1] += total
            level = last if full else level
        else:
            x[level] = candidates[first[level] + place[level]]
            place[level] += 1
            n, looked = _fill(following, x, program, scratch, candidates, first[following])
            if following == last and not listing:
                state[1] += n
            else:
                place[following], size[following] = 0, n
                level = following
        spent += looked
    state[0] = -1
    return written

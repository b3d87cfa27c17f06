"""Counting patterns of two vertices that meet over two others: directed 4-cycles, bi-fans, bi-parallels.

Matches of a - b - c and of a - d - c are independent once a and c are chosen, so their numbers are multiplied:
2-paths are gone along instead of 3-paths.

Tests: tests/queries/csr/test_executor.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from queries.csr.kernels.constants import OPTIONS
from queries.csr.kernels.join import contains, lower_bound


@njit(**OPTIONS)
def _range(targets, low, high, other, order):  # type: ignore[no-untyped-def]
    """The part of a list above (order 1) or below (-1) a node."""
    if order > 0:
        return lower_bound(targets, low, high, other + 1), high
    if order < 0:
        return low, lower_bound(targets, low, high, other)
    return low, high


@njit(**OPTIONS)
def meetings(program, nodes, begin, budget, paths, touched, stop):  # type: ignore[no-untyped-def]
    """Matches for the start vertices ``nodes[begin:]`` until ``budget`` list entries were looked at.

    Args:
        program: tuple of
            starts, targets, bases: lists as in kernels.join.
            slots: int64 [4], lists of b from a, c from b, d from a, c from d.
            orders: int64 [5]; b to a, c to b, d to a, c to d, c to a: 1 above, -1 below, 0 any.
            distinct: whether a and c, b and d must differ (the ends of an edge do if the lists hold no autapses).
        paths: int32 [n] zeros, touched: int32 [n], both scratch.

    Returns:
        (next start vertex, matches).
    """
    starts, targets, bases, slots, orders, distinct = program
    total = np.int64(0)
    spent = 0
    at = begin
    while at < len(nodes) and spent <= budget and not stop[0]:
        a = np.int64(nodes[at])
        at += 1
        used = 0
        b_low, b_high = starts[bases[slots[0]] + a], starts[bases[slots[0]] + a + 1]
        d_low, d_high = starts[bases[slots[2]] + a], starts[bases[slots[2]] + a + 1]
        b_low, b_high = _range(targets, b_low, b_high, a, orders[0])
        d_low, d_high = _range(targets, d_low, d_high, a, orders[2])
        if b_low == b_high or d_low == d_high:
            continue
        for i in range(b_low, b_high):
            b = np.int64(targets[i])
            low, high = _range(targets, starts[bases[slots[1]] + b], starts[bases[slots[1]] + b + 1], b, orders[1])
            low, high = _range(targets, low, high, a, orders[4])
            spent += high - low + 4
            for k in range(low, high):
                c = targets[k]
                touched[used] = c
                used += paths[c] == 0
                paths[c] += 1
        if distinct:
            paths[a] = 0
        for i in range(d_low, d_high):
            d = np.int64(targets[i])
            low, high = _range(targets, starts[bases[slots[3]] + d], starts[bases[slots[3]] + d + 1], d, orders[3])
            low, high = _range(targets, low, high, a, orders[4])
            spent += high - low + 4
            for k in range(low, high):
                total += paths[targets[k]]
        for k in range(used):
            paths[touched[k]] = 0
        if distinct:  # b and d the same
            i, j = b_low, d_low
            while i < b_high and j < d_high:
                if targets[i] < targets[j]:
                    i += 1
                elif targets[j] < targets[i]:
                    j += 1
                else:
                    b = np.int64(targets[i])
                    total -= _both(targets, starts, bases, slots, orders, a, b)
                    i += 1
                    j += 1
    return at, total


@njit(**OPTIONS)
def _both(targets, starts, bases, slots, orders, a, b):  # type: ignore[no-untyped-def]
    """Vertices c other than a that both lists of b hold."""
    low, high = _range(targets, starts[bases[slots[1]] + b], starts[bases[slots[1]] + b + 1], b, orders[1])
    low, high = _range(targets, low, high, a, orders[4])
    other, end = _range(targets, starts[bases[slots[3]] + b], starts[bases[slots[3]] + b + 1], b, orders[3])
    other, end = _range(targets, other, end, a, orders[4])
    total = np.int64(0)
    if high - low > end - other:
        low, high, other, end = other, end, low, high
    for k in range(low, high):
        c = targets[k]
        if c != a and contains(targets, other, end, c):
            total += 1
    return total

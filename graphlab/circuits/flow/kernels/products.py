"""Compiled products of a wiring with many columns at once: each neuron gathers what its inputs hold.

Sums go along the incoming row in its order, so results are the same bytes for any number of threads. Four inputs are
taken at a time: reading rows of ``x`` is what takes long, and so they are read beside each other.

Tests: tests/graphlab/circuits/flow/test_effective.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, inline="always")
def _add_row(in_source, value, x, live, e, end, total):  # type: ignore[no-untyped-def]
    """Add value * x[source] of the edges e .. end - 1 to ``total``; whether any source is live."""
    width = len(total)
    some = False
    while e + 3 < end:
        a, b, c, d = in_source[e], in_source[e + 1], in_source[e + 2], in_source[e + 3]
        if live[a] or live[b] or live[c] or live[d]:
            some = True
            p, q, r, s = value[e], value[e + 1], value[e + 2], value[e + 3]
            for k in range(width):
                total[k] = (((total[k] + p * x[a, k]) + q * x[b, k]) + r * x[c, k]) + s * x[d, k]
        e += 4
    while e < end:
        a = in_source[e]
        if live[a]:
            some = True
            p = value[e]
            for k in range(width):
                total[k] += p * x[a, k]
        e += 1
    return some


@njit(cache=True, nogil=True)
def gather(in_start, in_source, value, x, live, out, out_live, low, high):  # type: ignore[no-untyped-def]
    """``out[v] = sum over incoming edges of value * x[source]`` for the rows low .. high - 1.

    Args:
        value: [m] in incoming order, of the type of x. x, out: [n, columns]. live, out_live: bool [n], rows of x and
            out that are not all zero.
    """
    total = np.zeros(x.shape[1], x.dtype)
    for v in range(low, high):
        total[:] = 0.0
        out_live[v] = _add_row(in_source, value, x, live, in_start[v], in_start[v + 1], total)
        for k in range(len(total)):
            out[v, k] = total[k]


@njit(cache=True, nogil=True)
def gather_signed(in_start, in_middle, in_source, value, x, live, out, out_live, low, high):  # type: ignore[no-untyped-def]
    """The same for what excites (first half of the columns) and what inhibits (second half).

    Args:
        in_middle: [n] where the inhibitory edges of each row begin, which change the halves. value: without sign.
    """
    width = x.shape[1]
    half = width // 2
    kept, changed = np.zeros(width, x.dtype), np.zeros(width, x.dtype)
    for v in range(low, high):
        kept[:] = 0.0
        changed[:] = 0.0
        some = _add_row(in_source, value, x, live, in_start[v], in_middle[v], kept)
        more = _add_row(in_source, value, x, live, in_middle[v], in_start[v + 1], changed)
        out_live[v] = some or more
        for k in range(half):
            out[v, k] = kept[k] + changed[half + k]
            out[v, half + k] = kept[half + k] + changed[k]

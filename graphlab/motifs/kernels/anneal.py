"""The annealing kernel: swaps that keep degrees and mutual partners, pulled towards given triad counts.

The graph is a matrix of dyad codes (bit 0: row to column, bit 1: column to row), so one changed dyad costs
one pass over the neurons to bring the 16 triad counts up to date.

Tests: tests/graphlab/motifs/nulls/test_triad_preserving.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.motifs.kernels.pair_set import below, chance


@njit(cache=True, nogil=True)
def triads_of(code, class_of_code):  # type: ignore[no-untyped-def]
    """int64 [16] triad counts of a dyad code matrix uint8 [n, n], by looking at every triple."""
    counts = np.zeros(16, dtype=np.int64)
    n = len(code)
    for a in range(n):
        for b in range(a + 1, n):
            for c in range(b + 1, n):
                counts[class_of_code[code[a, b] | code[a, c] << 2 | code[b, c] << 4]] += 1
    return counts


@njit(cache=True, nogil=True)
def _set_dyad(code, class_of_code, counts, a, b, state):  # type: ignore[no-untyped-def]
    """Give the dyad a, b a new state and bring ``counts`` up to date."""
    old = code[a, b]
    for c in range(len(code)):
        if c not in (a, b):
            rest = code[a, c] << 2 | code[b, c] << 4
            counts[class_of_code[old | rest]] -= 1
            counts[class_of_code[state | rest]] += 1
    code[a, b] = state
    code[b, a] = (state & 1) << 1 | state >> 1


@njit(cache=True, nogil=True)
def distance(counts, wanted):  # type: ignore[no-untyped-def]
    """Sum over classes of |have - want| / (have + want) (Milo et al. 2002)."""
    total = 0.0
    for k in range(len(counts)):
        both = counts[k] + wanted[k]
        if both > 0:
            total += abs(counts[k] - wanted[k]) / both
    return total


@njit(cache=True, nogil=True)
def anneal(code, one, mutual, counts, wanted, class_of_code, hot, cold, steps, enough, state):  # type: ignore[no-untyped-def]
    """Anneal in place; returns the distance that was reached.

    Args:
        code: uint8 [n, n]. one: int32 [., 2] one-way edges. mutual: int32 [., 2] mutual dyads.
        counts, wanted: int64 [16], the graph's and the observed triads.
        hot, cold: first and last temperature, in units of ``distance``; falling geometrically.
        steps: at most. enough: stop at this distance.
        state: uint64 [4].
    """
    now = distance(counts, wanted)
    trial = counts.copy()
    total = len(one) + len(mutual)
    cooling = (cold / hot) ** (1.0 / max(steps, 1))
    temperature = hot
    for _ in range(steps):
        if now <= enough:
            break
        temperature *= cooling
        first = below(state, total)
        is_one = first < len(one)
        edges = one if is_one else mutual
        i = first if is_one else first - len(one)
        j = below(state, len(edges))
        a, b = edges[i, 0], edges[i, 1]
        c, d = edges[j, 0], edges[j, 1]
        if not is_one and chance(state) < 0.5:
            c, d = d, c
        if a in (c, d) or b in (c, d) or code[a, d] != 0 or code[c, b] != 0:
            continue
        kind = np.uint8(1) if is_one else np.uint8(3)
        trial[:] = counts
        _set_dyad(code, class_of_code, trial, a, b, np.uint8(0))
        _set_dyad(code, class_of_code, trial, c, d, np.uint8(0))
        _set_dyad(code, class_of_code, trial, a, d, kind)
        _set_dyad(code, class_of_code, trial, c, b, kind)
        then = distance(trial, wanted)
        if then <= now or chance(state) < np.exp((now - then) / temperature):
            edges[i, 0], edges[i, 1] = a, d
            edges[j, 0], edges[j, 1] = c, b
            counts[:] = trial
            now = then
        else:
            code[a, d] = code[d, a] = code[c, b] = code[b, c] = np.uint8(0)
            code[a, b] = code[c, d] = kind
            code[b, a] = code[d, c] = np.uint8(2) if is_one else np.uint8(3)
    return now

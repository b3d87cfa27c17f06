"""Kernels of orbit counts: how often each neuron takes each place of a typed shape.

Ranks, states and types are those of ``kernels.four.tetrads``. The neuron counted is number 0 of a code (``codes``), and
``orbit`` gives the orbit of that number for every code. Dyads beyond a shape's own are not looked at; ``inverted``
turns these counts into induced ones.

Tests: tests/graphlab/motifs/census/test_orbits.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.motifs.kernels.four.tetrads import AHEAD, LISTED, REVERSE, list_triangles
from graphlab.motifs.kernels.read_ahead import read_ahead


@njit(cache=True, nogil=True)
def pair_numbers(start, neighbour, split, edge_start):  # type: ignore[no-untyped-def]
    """int32 [entries]: the row of ``edge_triangles`` that holds the pair of each entry of the adjacency."""
    n = len(start) - 1
    number = np.empty(len(neighbour), np.int32)
    fill = start[:n].copy()
    # Neurons in ascending order fill the lower part of their higher neighbours' rows from its beginning.
    for u in range(n):
        for k in range(split[u], start[u + 1]):
            pair = edge_start[u] + k - split[u]
            v = neighbour[k]
            number[k] = pair
            number[fill[v]] = pair
            fill[v] += 1
    return number


@njit(cache=True, nogil=True)
def triangle_places(start, neighbour, state, split, column, low, high, counts):  # type: ignore[no-untyped-def]
    """Triangles whose lowest rank is in low .. high-1, added to ``counts`` int64 [n, columns] for all three neurons.

    Args:
        column: int64 [64], of code (to a) | (to b) << 2 | (a to b) << 4 for the neuron that is number 0.
    """
    mark = np.zeros(len(start) - 1, np.int32)
    for u in range(low, high):
        first, last = split[u], start[u + 1]
        if last - first < 2:
            continue
        for k in range(first, last):
            mark[neighbour[k]] = k - first + 1
        for k in range(first, last - 1):
            v = neighbour[k]
            uv = np.int64(state[k])
            for j in range(split[v], start[v + 1]):
                at = mark[neighbour[j]]
                if at:
                    w = neighbour[j]
                    uw, vw = np.int64(state[first + at - 1]), np.int64(state[j])
                    vu, wu, wv = REVERSE[uv], REVERSE[uw], REVERSE[vw]
                    counts[u, column[uv | uw << 2 | vw << 4]] += 1
                    counts[v, column[vu | vw << 2 | uw << 4]] += 1
                    counts[w, column[wu | wv << 2 | uv << 4]] += 1
        for k in range(first, last):
            mark[neighbour[k]] = 0


@njit(cache=True, nogil=True)
def wedge_places(start, neighbour, state, degree, orbit, low, high, counts):  # type: ignore[no-untyped-def]
    """Wedges with neurons low .. high-1 in the middle or at an end, added to ``counts`` int64 [n, orbits of triads]."""
    for u in range(low, high):
        for a in range(3):
            da = degree[u, a]
            counts[u, orbit[(a + 1) | (a + 1) << 2]] += da * (da - 1) // 2
            for b in range(a + 1, 3):
                counts[u, orbit[(a + 1) | (b + 1) << 2]] += da * degree[u, b]
        for k in range(start[u], start[u + 1]):
            v = neighbour[k]
            s = np.int64(state[k])
            for b in range(1, 4):
                counts[u, orbit[s | b << 4]] += degree[v, b - 1] - (b == REVERSE[s])


@njit(cache=True, nogil=True)
def diamond_tip_places(  # type: ignore[no-untyped-def]
    start, split, packed, edge_start, triangles, column, turned, low, high, counts
):
    """Diamonds of triangles whose lowest rank is in low .. high-1, added for the neuron that is in one triangle only.

    Args:
        column, turned: int64 and bool [64], the place among 15 of a closed code's first neuron, and whether the other
            two stand there the other way round.
        counts: int64 [n, 15, 9]; added to: by that place, the types of triangles over the pair opposite.
    """
    mark = np.zeros(len(start) - 1, np.int32)
    two, three = np.uint32(2), np.uint32(3)
    widest = 0
    for u in range(low, high):
        widest = max(widest, start[u + 1] - split[u])
    found = np.empty((LISTED + widest, 4), np.int64)
    for u in range(low, high):
        first, last = split[u], start[u + 1]
        if last - first < 2:
            continue
        for k in range(first, last):
            mark[packed[k] >> two] = k - first + 1
        edge, many = edge_start[u], 0
        for k in range(first, last - 1):
            many = list_triangles(start, split, packed, edge_start, u, k, mark, triangles, found, many)
            if many < LISTED and k < last - 2:
                continue
            for i in range(many):
                if i + AHEAD < many:
                    at_v, at_w, _, vw = found[i + AHEAD]
                    to_v, to_w = packed[first + at_v], packed[first + at_w]
                    wu, wv, uv = REVERSE[to_w & three], REVERSE[vw], np.int64(to_v & three)
                    read_ahead(counts[to_w >> two], column[wu | wv << 2 | uv << 4])
                at_v, at_w, over, vw = found[i]
                to_v, to_w = packed[first + at_v], packed[first + at_w]
                uv, uw = np.int64(to_v & three), np.int64(to_w & three)
                vu, wu, wv = REVERSE[uv], REVERSE[uw], REVERSE[vw]
                _add_types(counts[u], column, turned, uv, uw, vw, triangles[over], vu, wu)
                _add_types(counts[to_v >> two], column, turned, vu, vw, uw, triangles[edge + at_w], uv, wv)
                _add_types(counts[to_w >> two], column, turned, wu, wv, uv, triangles[edge + at_v], uw, vw)
            many = 0
        for k in range(first, last):
            mark[packed[k] >> two] = 0


@njit(cache=True, nogil=True)
def _add_types(counts, column, turned, a, b, c, types, third_a, third_b):  # type: ignore[no-untyped-def]
    """The triangles over a pair but the one with the neuron itself, whose dyads are a, b and c; see above."""
    code = a | b << 2 | c << 4
    into = counts[column[code]]
    if turned[code]:
        for x in range(3):
            for y in range(3):
                into[3 * x + y] += types[3 * y + x]
        into[3 * third_b + third_a - 4] -= 1
    else:
        for x in range(9):
            into[x] += types[x]
        into[3 * third_a + third_b - 4] -= 1


@njit(cache=True, nogil=True)
def clique_places(start, split, packed, columns, low, high, counts):  # type: ignore[no-untyped-def]
    """Four neurons all connected whose lowest rank is in low .. high-1, added to ``counts`` int64 [n, columns].

    Args:
        columns: int64 [4096, 4], for every number of a code.
    """
    widest = 0
    for u in range(low, high):
        widest = max(widest, start[u + 1] - split[u])
    dense = np.zeros((widest, widest), np.uint8)
    mark = np.zeros(len(start) - 1, np.int32)
    two, three = np.uint32(2), np.uint32(3)
    third = np.empty(widest, np.int64)
    seen = np.empty(widest, np.int64)
    for u in range(low, high):
        first = split[u]
        width = start[u + 1] - first
        if width < 3:
            continue
        for i in range(width):
            mark[packed[first + i] >> two] = i + 1
        for i in range(width - 1, -1, -1):
            if i >= AHEAD:
                read_ahead(packed, split[packed[first + i - AHEAD] >> two])
            v = packed[first + i] >> two
            many = 0
            for j in range(split[v], start[v + np.uint32(1)]):
                at = mark[packed[j] >> two]
                if at:
                    dense[i, at - 1] = packed[j] & three
                    third[many] = at - 1
                    seen[many] = np.int64(packed[first + at - 1] & three) | np.int64(packed[j] & three) << 2
                    many += 1
            base = np.int64(packed[first + i] & three)
            for x in range(many - 1):
                row = dense[third[x]]
                for y in range(x + 1, many):
                    closing = np.int64(row[third[y]])
                    if closing:
                        to = columns[base | seen[x] << 2 | seen[y] << 6 | closing << 10]
                        counts[u, to[0]] += 1
                        counts[v, to[1]] += 1
                        counts[packed[first + third[x]] >> two, to[2]] += 1
                        counts[packed[first + third[y]] >> two, to[3]] += 1
        for i in range(width):
            mark[packed[first + i] >> two] = 0
            for j in range(width):
                dense[i, j] = 0


@njit(cache=True, nogil=True)
def inverted(typed, inverse, low, high):  # type: ignore[no-untyped-def]
    """Rows low .. high-1 of ``typed`` int64 [n, orbits] become induced counts in place.

    Args:
        inverse: sparse rows of ``classes.orbit_inverse``.
    """
    was = np.empty(typed.shape[1], np.int64)
    for u in range(low, high):
        was[:] = typed[u]
        if was.any():
            row_start, column, factor = inverse
            for k in range(len(was)):
                total = np.int64(0)
                for j in range(row_start[k], row_start[k + 1]):
                    total += factor[j] * was[column[j]]
                typed[u, k] = total

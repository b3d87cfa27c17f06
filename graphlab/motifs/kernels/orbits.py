"""Kernels of orbit counts: how often each neuron takes each place of a typed shape.

Ranks, states and types are those of ``kernels.tetrads``. The neuron counted is number 0 of a code (``codes``), and
``orbit`` gives the orbit of that number for every code. Dyads beyond a shape's own are not looked at; ``inverted``
turns these counts into induced ones.

Tests: tests/graphlab/motifs/census/test_orbits.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

REVERSE = np.array([0, 2, 1, 3], dtype=np.int64)


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
def steps_onward(start, neighbour, state, degree):  # type: ignore[no-untyped-def]
    """int64 [n, 3, 3]: two-step walks from a neuron that do not turn back, by the states of both steps (minus 1)."""
    n = len(start) - 1
    onward = np.zeros((n, 3, 3), np.int64)
    for v in range(n):
        for k in range(start[v], start[v + 1]):
            w = neighbour[k]
            s = np.int64(state[k])
            for t in range(3):
                onward[v, s - 1, t] += degree[w, t] - (t + 1 == REVERSE[s])
    return onward


@njit(cache=True, nogil=True)
def pulled_places(  # type: ignore[no-untyped-def]
    start, neighbour, state, degree, pair, triangles, onward, at_triangles, kinds, orbit, low, high, counts
):
    """Stars, paths, paws and the shared pairs of diamonds for neurons low .. high-1, added to their own rows.

    Args:
        pair, triangles: as from ``pair_numbers`` and ``edge_triangles``. onward: as from ``steps_onward``.
        at_triangles: int64 [n, 15] as from ``triangle_places``; kinds: int64 [15, 3], the states to a, to b, a to b of
            each column. orbit: int64 [4096].
    """
    closed = np.empty((3, 3), np.int64)
    flat = np.empty(9, np.int64)
    for u in range(low, high):
        row = counts[u]
        for a in range(1, 4):
            da = degree[u, a - 1]
            row[orbit[a | a << 2 | a << 6]] += da * (da - 1) // 2 * (da - 2) // 3
            for b in range(a + 1, 4):
                db = degree[u, b - 1]
                row[orbit[a | a << 2 | b << 6]] += da * (da - 1) // 2 * db
                row[orbit[a | b << 2 | b << 6]] += da * (db * (db - 1) // 2)
        row[orbit[1 | 2 << 2 | 3 << 6]] += degree[u, 0] * degree[u, 1] * degree[u, 2]
        for kind in range(15):
            many = at_triangles[u, kind]
            if many:
                a, b, c = kinds[kind]
                for t in range(1, 4):
                    row[orbit[a | b << 2 | c << 4 | t << 6]] += many * (degree[u, t - 1] - (t == a) - (t == b))
        for k in range(start[u], start[u + 1]):
            v = neighbour[k]
            s = np.int64(state[k])
            back = REVERSE[s]
            some = False
            for a in range(3):
                for b in range(3):
                    count = np.int64(triangles[pair[k], 3 * a + b if u < v else 3 * b + a])
                    closed[a, b] = count
                    flat[3 * a + b] = count
                    if count:
                        some = True
            for a in range(1, 4):
                to_a = degree[v, a - 1] - (a == back)
                row[orbit[s | a << 4 | a << 8]] += to_a * (to_a - 1) // 2
                for b in range(a + 1, 4):
                    row[orbit[s | a << 4 | b << 8]] += to_a * (degree[v, b - 1] - (b == back))
                beside = degree[u, a - 1] - (a == s)
                for b in range(1, 4):
                    past = degree[v, b - 1] - (b == back)
                    row[orbit[s | a << 2 | b << 8]] += beside * past - closed[a - 1, b - 1]
                    # From v by a, on by b: not to turn to u at once, nor to come round to it.
                    through = onward[v, a - 1, b - 1] - closed[REVERSE[b] - 1, a - 1]
                    if a == back:
                        through -= degree[u, b - 1] - (b == s)
                    row[orbit[s | a << 4 | b << 10]] += through
            for kind in range(15):
                many = at_triangles[v, kind]
                if many:
                    a, b, c = kinds[kind]
                    row[orbit[s | a << 4 | b << 8 | c << 10]] += many
            if some:
                for a in range(1, 4):
                    for b in range(1, 4):
                        many = closed[a - 1, b - 1]
                        if many:
                            row[orbit[s | back << 4 | b << 8 | a << 10]] -= many
                            for t in range(1, 4):
                                corner = degree[v, t - 1] - (t == back) - (t == b)
                                row[orbit[s | a << 2 | b << 4 | t << 8]] += many * corner
                for x in range(9):
                    one = flat[x]
                    if one:
                        first = s | (x // 3 + 1) << 2 | (x % 3 + 1) << 4
                        for y in range(x, 9):
                            other = one * (one - 1) // 2 if x == y else one * flat[y]
                            if other:
                                row[orbit[first | (y // 3 + 1) << 6 | (y % 3 + 1) << 8]] += other


@njit(cache=True, nogil=True)
def diamond_tip_places(start, neighbour, state, split, edge_start, triangles, column, low, high, counts):  # type: ignore[no-untyped-def]
    """Diamonds of triangles whose lowest rank is in low .. high-1, added for the neuron that is in one triangle only.

    Args:
        column: int64 [4096], place in ``counts`` int64 [n, columns].
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
                    over_vw = triangles[edge_start[v] + j - split[v]]
                    over_uw = triangles[edge_start[u] + at - 1]
                    over_uv = triangles[edge_start[u] + k - first]
                    for x in range(9):
                        rest = (x // 3 + 1) << 8 | (x % 3 + 1) << 10
                        many = np.int64(over_vw[x]) - (x == 3 * vu + wu - 4)
                        if many:
                            counts[u, column[uv | uw << 2 | vw << 4 | rest]] += many
                        many = np.int64(over_uw[x]) - (x == 3 * uv + wv - 4)
                        if many:
                            counts[v, column[vu | vw << 2 | uw << 4 | rest]] += many
                        many = np.int64(over_uv[x]) - (x == 3 * uw + vw - 4)
                        if many:
                            counts[w, column[wu | wv << 2 | uv << 4 | rest]] += many
        for k in range(first, last):
            mark[neighbour[k]] = 0


@njit(cache=True, nogil=True)
def cycle_places(start, neighbour, state, split, column, low, high, counts):  # type: ignore[no-untyped-def]
    """Four-cycles whose highest rank is in low .. high-1, added to ``counts`` int64 [n, columns] for all four.

    As in ``kernels.tetrads.four_cycles``, a pair's table is opened at its second wedge; a byte a neuron holds the
    type of the first (plus 1), or 10.
    """
    table = np.zeros((max(high, 1), 16), np.int32)
    wedges = np.zeros(max(high, 1), np.uint8)
    touched = np.empty(max(high, 1), np.int32)
    middle = np.empty((3, 9), np.int64)
    for u in range(low, high):
        many = 0
        for k in range(start[u], split[u]):
            v = neighbour[k]
            base = 3 * np.int64(state[k]) - 4
            for j in range(start[v], start[v + 1]):
                w = neighbour[j]
                if w >= u:
                    break
                kind = base + REVERSE[state[j]]
                was = wedges[w]
                if was == 0:
                    wedges[w] = kind + 1
                else:
                    if was < 10:
                        touched[many] = w
                        many += 1
                        table[w, was - 1] = 1
                        wedges[w] = 10
                    table[w, kind] += 1
        for k in range(start[u], split[u] if many else start[u]):
            v = neighbour[k]
            uv = np.int64(state[k])
            middle[:] = 0
            some = False
            for j in range(start[v], start[v + 1]):
                w = neighbour[j]
                if w >= u:
                    break
                if wedges[w] == 10:
                    some = True
                    into = middle[np.int64(state[j]) - 1]
                    for x in range(9):
                        into[x] += table[w, x]
                    into[3 * uv + REVERSE[state[j]] - 4] -= 1
            if some:
                for vw in range(3):
                    for x in range(9):
                        if middle[vw, x]:
                            code = REVERSE[uv] | (vw + 1) << 2 | (x // 3 + 1) << 8 | (x % 3 + 1) << 10
                            counts[v, column[code]] += middle[vw, x]
        for i in range(many):
            w = touched[i]
            row = table[w]
            for x in range(9):
                one = np.int64(row[x])
                if one:
                    ux, wx = x // 3 + 1, x % 3 + 1
                    for y in range(x, 9):
                        two = one * (one - 1) // 2 if x == y else one * row[y]
                        if two:
                            uy, wy = y // 3 + 1, y % 3 + 1
                            counts[u, column[ux | uy << 2 | REVERSE[wx] << 8 | REVERSE[wy] << 10]] += two
                            counts[w, column[wx | wy << 2 | REVERSE[ux] << 8 | REVERSE[uy] << 10]] += two
            row[:] = 0
        for k in range(start[u], split[u]):
            v = neighbour[k]
            for j in range(start[v], start[v + 1]):
                if neighbour[j] >= u:
                    break
                wedges[neighbour[j]] = 0


@njit(cache=True, nogil=True)
def clique_places(start, neighbour, state, split, columns, low, high, counts):  # type: ignore[no-untyped-def]
    """Four neurons all connected whose lowest rank is in low .. high-1, added to ``counts`` int64 [n, columns].

    Args:
        columns: int64 [4096, 4], for every number of a code.
    """
    widest = 0
    for u in range(low, high):
        widest = max(widest, start[u + 1] - split[u])
    dense = np.zeros((widest, widest), np.uint8)
    mark = np.zeros(len(start) - 1, np.int32)
    third = np.empty(widest, np.int64)
    seen = np.empty(widest, np.int64)
    for u in range(low, high):
        first = split[u]
        width = start[u + 1] - first
        if width < 3:
            continue
        for i in range(width):
            mark[neighbour[first + i]] = i + 1
        for i in range(width - 1, -1, -1):
            v = neighbour[first + i]
            many = 0
            for j in range(split[v], start[v + 1]):
                at = mark[neighbour[j]]
                if at:
                    dense[i, at - 1] = state[j]
                    third[many] = at - 1
                    seen[many] = np.int64(state[first + at - 1]) | np.int64(state[j]) << 2
                    many += 1
            base = np.int64(state[first + i])
            for x in range(many - 1):
                row = dense[third[x]]
                for y in range(x + 1, many):
                    closing = np.int64(row[third[y]])
                    if closing:
                        to = columns[base | seen[x] << 2 | seen[y] << 6 | closing << 10]
                        counts[u, to[0]] += 1
                        counts[v, to[1]] += 1
                        counts[neighbour[first + third[x]], to[2]] += 1
                        counts[neighbour[first + third[y]], to[3]] += 1
        for i in range(width):
            mark[neighbour[first + i]] = 0
            for j in range(width):
                dense[i, j] = 0


@njit(cache=True, nogil=True)
def inverted(typed, row_start, column, factor, low, high):  # type: ignore[no-untyped-def]
    """Rows low .. high-1 of ``typed`` int64 [n, orbits] become induced counts in place.

    Args:
        row_start, column, factor: sparse rows of ``classes.orbit_inverse``.
    """
    orbits = typed.shape[1]
    was = np.empty(orbits, np.int64)
    for u in range(low, high):
        some = False
        for k in range(orbits):
            was[k] = typed[u, k]
            if was[k]:
                some = True
        if some:
            for k in range(orbits):
                total = np.int64(0)
                for j in range(row_start[k], row_start[k + 1]):
                    total += factor[j] * was[column[j]]
                typed[u, k] = total

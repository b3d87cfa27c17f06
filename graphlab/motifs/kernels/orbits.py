"""Kernels of orbit counts: how often each neuron takes each place of a typed shape.

Ranks, states and types are those of ``kernels.tetrads``. The neuron counted is number 0 of a code (``codes``), and
``orbit`` gives the orbit of that number for every code. Dyads beyond a shape's own are not looked at; ``inverted``
turns these counts into induced ones.

Tests: tests/graphlab/motifs/census/test_orbits.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.motifs.kernels.read_ahead import read_ahead

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
def sums_around(start, neighbour, state, degree, pair, triangles, column, low, high, around):  # type: ignore[no-untyped-def]
    """What the neighbours of neurons low .. high-1 will add up; fills their rows of ``around`` int64 [n, 27].

    Args:
        pair, triangles: as from ``pair_numbers`` and ``edge_triangles``.
        column: int64 [64], the place among 15 of a closed code's first neuron.
        around: filled: degree by state [3], two-step walks that do not turn back by the states of both steps [3, 3],
            triangles by place [15].
    """
    closed, onward = np.empty((6, 9), np.int64), np.empty((3, 3), np.int64)
    for u in range(low, high):
        closed[:] = 0
        onward[:] = 0
        for k in range(start[u], start[u + 1]):
            v = neighbour[k]
            seen = np.int64(state[k]) - 1
            types = triangles[pair[k]]
            into = closed[seen + 3 * (u > v)]
            for x in range(9):
                into[x] += types[x]
            for t in range(3):
                onward[seen, t] += degree[v, t]
        row = around[u]
        row[:] = 0
        for s in range(3):
            row[s] = degree[u, s]
            for t in range(3):
                row[3 + 3 * s + t] = onward[s, t] - (t + 1 == REVERSE[s + 1]) * degree[u, s]
            for a in range(3):
                for b in range(3):
                    code = (s + 1) | (a + 1) << 2 | (b + 1) << 4
                    row[12 + column[code]] += closed[s, 3 * a + b] + closed[s + 3, 3 * b + a]
        for kind in range(12, 27):
            row[kind] >>= 1  # met at both of its other corners


@njit(cache=True, nogil=True)
def _pulled(start, neighbour, state, pair, triangles, around, kinds, orbit, u, sums, row):  # type: ignore[no-untyped-def]
    """Stars, paths, paws and the shared pairs of diamonds of neuron u, added to ``row`` int64 [orbits].

    What neighbours in one state add is summed first and then told apart by orbit: a neighbour costs a few vector sums.

    Args:
        sums: int64 [6, 9 + 27 + 81] and [3, 27 + 6] to work in.
    """
    by_type, by_state = sums
    by_type[:] = 0
    by_state[:] = 0
    end = start[u + 1]
    for k in range(start[u], end):
        if k + 4 < end:
            read_ahead(triangles, pair[k + 4])
            read_ahead(around, neighbour[k + 4])
        v = neighbour[k]
        seen = np.int64(state[k]) - 1
        near, to = around[v], by_state[seen]
        for x in range(27):
            to[x] += near[x]
        d0, d1, d2 = near[0], near[1], near[2]
        to[27] += d0 * (d0 - 1) >> 1
        to[28] += d0 * d1
        to[29] += d0 * d2
        to[30] += d1 * (d1 - 1) >> 1
        to[31] += d1 * d2
        to[32] += d2 * (d2 - 1) >> 1
        types, to = triangles[pair[k]], by_type[seen + 3 * (u > v)]
        for x in range(9):
            one = np.int64(types[x])
            if one:
                to[x] += one
                to[9 + 3 * x] += one * d0
                to[10 + 3 * x] += one * d1
                to[11 + 3 * x] += one * d2
                to[36 + 10 * x] += one * (one - 1) >> 1
                for y in range(x + 1, 9):
                    to[36 + 9 * x + y] += one * types[y]
    degree, closed = around[u], np.empty((3, 3), np.int64)
    for a in range(1, 4):
        da = degree[a - 1]
        row[orbit[a | a << 2 | a << 6]] += da * (da - 1) // 2 * (da - 2) // 3
        for b in range(a + 1, 4):
            db = degree[b - 1]
            row[orbit[a | a << 2 | b << 6]] += da * (da - 1) // 2 * db
            row[orbit[a | b << 2 | b << 6]] += da * (db * (db - 1) // 2)
    row[orbit[1 | 2 << 2 | 3 << 6]] += degree[0] * degree[1] * degree[2]
    for kind in range(15):
        many = degree[12 + kind]
        if many:
            a, b, c = kinds[kind]
            for t in range(1, 4):
                row[orbit[a | b << 2 | c << 4 | t << 6]] += many * (degree[t - 1] - (t == a) - (t == b))
    for s in range(1, 4):
        many = degree[s - 1]
        if many == 0:
            continue
        back = REVERSE[s]
        of, up, down = by_state[s - 1], by_type[s - 1], by_type[s + 2]
        for a in range(3):
            for b in range(3):
                closed[a, b] = up[3 * a + b] + down[3 * b + a]
        place = 27
        for a in range(1, 4):
            row[orbit[s | a << 4 | a << 8]] += of[place] - (a == back) * (of[a - 1] - many)
            place += 1
            for b in range(a + 1, 4):
                two = of[place] - (a == back) * of[b - 1] - (b == back) * of[a - 1]
                row[orbit[s | a << 4 | b << 8]] += two
                place += 1
            beside = degree[a - 1] - (a == s)
            for b in range(1, 4):
                past = of[b - 1] - (b == back) * many
                row[orbit[s | a << 2 | b << 8]] += beside * past - closed[a - 1, b - 1]
                # From v by a, on by b: not to turn to u at once, nor to come round to it.
                turned = (a == back) * many * (degree[b - 1] - (b == s))
                through = of[3 * a + b - 1] - closed[REVERSE[b] - 1, a - 1] - turned
                row[orbit[s | a << 4 | b << 10]] += through
        for kind in range(15):
            a, b, c = kinds[kind]
            row[orbit[s | a << 4 | b << 8 | c << 10]] += of[12 + kind]
        for a in range(1, 4):
            for b in range(1, 4):
                x, turned_x = 3 * a + b - 4, 3 * b + a - 4
                found = closed[a - 1, b - 1]
                if found:
                    row[orbit[s | back << 4 | b << 8 | a << 10]] -= found
                    for t in range(3):
                        corner = up[9 + 3 * x + t] + down[9 + 3 * turned_x + t]
                        corner -= found * ((t + 1 == back) + (t + 1 == b))
                        row[orbit[s | a << 2 | b << 4 | (t + 1) << 8]] += corner
        for x in range(9):
            for y in range(x, 9):
                a, b, c, d = x // 3 + 1, x % 3 + 1, y // 3 + 1, y % 3 + 1
                row[orbit[s | a << 2 | b << 4 | c << 6 | d << 8]] += up[36 + 9 * x + y]
                row[orbit[s | b << 2 | a << 4 | d << 6 | c << 8]] += down[36 + 9 * x + y]


@njit(cache=True, nogil=True)
def induced_places(  # type: ignore[no-untyped-def]
    start, neighbour, state, pair, triangles, around, kinds, orbit, pushed, inverse, order, low, high, counts
):
    """Orbit counts of the neurons with ranks low .. high-1, written to the rows ``order`` of ``counts``.

    Args:
        around: as from ``sums_around``. kinds: int64 [15, 3], the states to a, to b, a to b of each of its places.
        orbit: int64 [4096].
        pushed: the rest, three times a table int64 [n, columns] and the orbits of its columns.
        inverse: sparse rows of ``classes.orbit_inverse``.
        counts: int64 [n, 697] of zeros.
    """
    tips, at_tips, cycles, at_cycles, cliques, at_cliques = pushed
    row = np.empty(counts.shape[1], np.int64)
    sums = np.empty((6, 117), np.int64), np.empty((3, 33), np.int64)
    for u in range(low, high):
        if start[u] == start[u + 1]:
            continue
        row[:] = 0
        _pulled(start, neighbour, state, pair, triangles, around, kinds, orbit, u, sums, row)
        for k in range(len(at_tips)):
            row[at_tips[k]] += tips[u, k]
        for k in range(len(at_cycles)):
            row[at_cycles[k]] += cycles[u, k]
        for k in range(len(at_cliques)):
            row[at_cliques[k]] += cliques[u, k]
        _invert(row, inverse, counts[order[u]])


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
def cycle_places(start, split, packed, column, low, high, counts):  # type: ignore[no-untyped-def]
    """Four-cycles whose highest rank is in low .. high-1, added to ``counts`` int64 [n, columns] for all four.

    As in ``kernels.tetrads.four_cycles``, a pair's table is opened at its second wedge; a byte a neuron holds the
    type of the first (plus 1), or 10.

    Args:
        packed: uint32, neighbour << 2 | state.
    """
    shift, three = np.uint32(2), np.uint32(3)
    reverse = np.array([0, 1, 0, 2], np.uint32)
    table = np.zeros((max(high, 1), 16), np.int32)
    wedges = np.zeros(max(high, 1), np.uint8)
    touched = np.empty(max(high, 1), np.int32)
    middle = np.empty((3, 9), np.int64)
    for u in range(low, high):
        many = 0
        limit = np.uint32(u) << shift
        for k in range(start[u], split[u]):
            v = packed[k] >> shift
            base = three * (packed[k] & three) - three
            for j in range(start[v], start[v + np.uint32(1)]):
                far = packed[j]
                if far >= limit:
                    break
                w = far >> shift
                kind = base + reverse[far & three]
                was = wedges[w]
                if was == 0:
                    wedges[w] = kind + np.uint32(1)
                else:
                    if was < 10:
                        touched[many] = w
                        many += 1
                        table[w, was - np.uint8(1)] = 1
                        wedges[w] = 10
                    table[w, kind] += 1
        for k in range(start[u], split[u] if many else start[u]):
            v = packed[k] >> shift
            uv = np.int64(packed[k] & three)
            middle[:] = 0
            some = False
            for j in range(start[v], start[v + np.uint32(1)]):
                far = packed[j]
                if far >= limit:
                    break
                w = far >> shift
                if wedges[w] == 10:
                    some = True
                    seen = np.int64(far & three)
                    into = middle[seen - 1]
                    for x in range(9):
                        into[x] += table[w, x]
                    into[3 * uv + REVERSE[seen] - 4] -= 1
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
            v = packed[k] >> shift
            for j in range(start[v], start[v + np.uint32(1)]):
                if packed[j] >= limit:
                    break
                wedges[packed[j] >> shift] = 0


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
def _invert(was, inverse, row):  # type: ignore[no-untyped-def]
    """Induced counts ``row`` from those that do not look at further dyads, both int64 [orbits]."""
    row_start, column, factor = inverse
    for k in range(len(was)):
        total = np.int64(0)
        for j in range(row_start[k], row_start[k + 1]):
            total += factor[j] * was[column[j]]
        row[k] = total


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
            _invert(was, inverse, typed[u])

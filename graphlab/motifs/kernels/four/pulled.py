"""Kernels of orbit counts that end in a neuron's own row: what follows from its neighbours' sums, and induced counts.

Ranks, states, types and codes are those of ``kernels.four.orbits``.

Tests: tests/graphlab/motifs/census/test_orbits.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.motifs.kernels.four.tetrads import REVERSE
from graphlab.motifs.kernels.read_ahead import read_ahead
from graphlab.motifs.kernels.vectors import add_products, add_row, sum_of_rows

AHEAD = 6
"""Neighbours asked for before they are looked at."""
LANES = 8
"""Neurons whose counts are made induced together, each in its lane of a vector."""
DEGREES, ONES = 9, 12
"""Where in a row of ``vectors.add_products`` the degrees and the bare number of triangles are summed."""


@njit(cache=True, nogil=True)
def sums_around(start, neighbour, state, degree, pair, triangles, column, low, high, around):  # type: ignore[no-untyped-def]
    """What the neighbours of neurons low .. high-1 will add up; fills their rows of ``around`` int32 [n, 32].

    Args:
        pair, triangles: as from ``orbits.pair_numbers`` and ``tetrads.edge_triangles``.
        column: int64 [64], the place among 15 of a closed code's first neuron.
        around: filled: degree by state [3], two-step walks that do not turn back by the states of both steps [3, 3],
            triangles by place [15].
    """
    full = np.empty(27, np.int64)
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
        row = full
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
        for x in range(27):
            around[u, x] = row[x]


@njit(cache=True, nogil=True)
def _pulled(start, packed, pair, triangles, around, kinds, orbit, u, sums, rows, lane):  # type: ignore[no-untyped-def]
    """Stars, paths, paws and the shared pairs of diamonds of neuron u, added to its lane of ``rows`` int64 [orbits, 8].

    What neighbours in one state add is summed first and then told apart by orbit: a neighbour costs a few vector sums.

    Args:
        sums: int64 [6 x 9, 16], [3, 32] and [3, 6] to work in.
    """
    by_type, by_state, by_two = sums
    by_type[:] = 0
    by_state[:] = 0
    by_two[:] = 0
    end, two, three, itself = start[u + 1], np.uint32(2), np.uint32(3), np.uint32(u)
    for k in range(start[u], end):
        if k + AHEAD < end:
            read_ahead(triangles, pair[k + AHEAD])
            read_ahead(around, packed[k + AHEAD] >> two)
            read_ahead(around[packed[k + AHEAD] >> two], 16)
        v = packed[k] >> two
        seen = np.int64(packed[k] & three) - 1
        add_row(by_state, seen, around, v)
        near, of = around[v], by_two[seen]
        d0, d1, d2 = np.int64(near[0]), np.int64(near[1]), np.int64(near[2])
        of[0] += d0 * (d0 - 1) >> 1
        of[1] += d0 * d1
        of[2] += d0 * d2
        of[3] += d1 * (d1 - 1) >> 1
        of[4] += d1 * d2
        of[5] += d2 * (d2 - 1) >> 1
        types, block = triangles[pair[k]], 9 * (seen + 3 * np.int64(itself > v))
        for x in range(9):
            if types[x]:
                add_products(by_type, block + x, types[x], triangles, pair[k], around, v)
    row, degree, closed = rows[:, lane], around[u].astype(np.int64), np.empty((3, 3), np.int64)
    for a in range(1, 4):
        da = degree[a - 1]
        row[orbit[a | a << 2 | a << 6]] += (da * (da - 1) >> 1) * (da - 2) // 3
        for b in range(a + 1, 4):
            db = degree[b - 1]
            row[orbit[a | a << 2 | b << 6]] += (da * (da - 1) >> 1) * db
            row[orbit[a | b << 2 | b << 6]] += da * (db * (db - 1) >> 1)
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
        of, of_two = by_state[s - 1], by_two[s - 1]
        up, down = by_type[9 * s - 9 : 9 * s], by_type[9 * s + 18 : 9 * s + 27]
        for a in range(3):
            for b in range(3):
                closed[a, b] = up[3 * a + b, ONES] + down[3 * b + a, ONES]
        place = 0
        for a in range(1, 4):
            row[orbit[s | a << 4 | a << 8]] += of_two[place] - (a == back) * (of[a - 1] - many)
            place += 1
            for b in range(a + 1, 4):
                two = of_two[place] - (a == back) * of[b - 1] - (b == back) * of[a - 1]
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
                        corner = up[x, DEGREES + t] + down[turned_x, DEGREES + t]
                        corner -= found * ((t + 1 == back) + (t + 1 == b))
                        row[orbit[s | a << 2 | b << 4 | (t + 1) << 8]] += corner
        for x in range(9):
            a, b = x // 3 + 1, x % 3 + 1
            if up[x, ONES]:
                row[orbit[s | a << 2 | b << 4 | a << 6 | b << 8]] += (up[x, x] - up[x, ONES]) >> 1
                for y in range(x + 1, 9):
                    row[orbit[s | a << 2 | b << 4 | (y // 3 + 1) << 6 | (y % 3 + 1) << 8]] += up[x, y]
            if down[x, ONES]:
                row[orbit[s | b << 2 | a << 4 | b << 6 | a << 8]] += (down[x, x] - down[x, ONES]) >> 1
                for y in range(x + 1, 9):
                    row[orbit[s | b << 2 | a << 4 | (y % 3 + 1) << 6 | (y // 3 + 1) << 8]] += down[x, y]


@njit(cache=True, nogil=True)
def induced_places(  # type: ignore[no-untyped-def]
    start, packed, pair, triangles, around, kinds, orbit, pushed, tips, additions, order, low, high, counts
):
    """Orbit counts of the neurons with ranks low .. high-1, written to the rows ``order`` of ``counts``.

    Args:
        triangles: as from ``tetrads.edge_triangles``, a row more than pairs. around: as from ``sums_around``.
        kinds: int64 [15, 3], the states to a, to b, a to b of each of its places.
        orbit: int16 [4096].
        pushed: twice a table int64 [n, columns] and the orbits of its columns.
        tips: as from ``orbits.diamond_tip_places``.
        additions: the rows that add up to an induced count: starts, where those to subtract begin, orbits.
        counts: int64 [n, 697].
    """
    cycles, at_cycles, cliques, at_cliques = pushed
    rows, induced = np.empty((counts.shape[1], LANES), np.int64), np.empty((counts.shape[1], LANES), np.int64)
    sums = np.empty((54, 16), np.int64), np.empty((3, 32), np.int64), np.empty((3, 6), np.int64)
    for first in range(low, high, LANES):
        many = min(LANES, high - first)
        rows[:] = 0
        for lane in range(many):
            u = first + lane
            if start[u] == start[u + 1]:
                continue
            _pulled(start, packed, pair, triangles, around, kinds, orbit, u, sums, rows, lane)
            for place in range(15):
                a, b, c = kinds[place]
                for x in range(9):
                    code = a | b << 2 | c << 4 | (x // 3 + 1) << 8 | (x % 3 + 1) << 10
                    rows[orbit[code], lane] += tips[u, place, x]
            for k in range(len(at_cycles)):
                rows[at_cycles[k], lane] += cycles[u, k]
            for k in range(len(at_cliques)):
                rows[at_cliques[k], lane] += cliques[u, k]
        _invert(rows, additions, order[first : first + many], counts, induced)


@njit(cache=True, nogil=True)
def _invert(rows, additions, to, counts, sums):  # type: ignore[no-untyped-def]
    """Induced counts, written to the rows ``to`` of ``counts``, from those that do not look at further dyads."""
    begin, middle, column = additions
    for k in range(len(rows)):
        sum_of_rows(sums, k, rows, column, begin[k], middle[k], begin[k + 1])
    for lane in range(len(to)):
        row = counts[to[lane]]
        for k in range(len(rows)):
            row[k] = sums[k, lane]

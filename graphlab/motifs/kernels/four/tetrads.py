"""Kernels of the tetrad census: per-edge typed triangles, cliques, and sums of degrees; see ``cycles`` for the rest.

Neurons are numbered by rank of undirected degree. The state of a dyad seen from a row is 1 (to), 2 (from) or
3 (both); a wedge or triangle over a pair has one of nine types, 3 (state to its first end - 1) + state to its
second end - 1, both states seen from the ends of the pair.

Tests: tests/graphlab/motifs/census/test_orbits.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.motifs.kernels.read_ahead import read_ahead


@njit(cache=True, nogil=True)
def ranked_neighbours(start, neighbour, state):  # type: ignore[no-untyped-def]
    """Undirected neighbourhoods renumbered by degree rank (ties by number).

    Args:
        start, neighbour, state: as from ``kernels.triads.typed_neighbours``.

    Returns:
        start int64 [n+1]; neighbour int32 ranks ascending in each row; state uint8; split int64 [n], where in each
        row the higher ranks begin; degree int64 [n, 3] by state; order int32 [n], the neuron at each rank.
    """
    n = len(start) - 1
    size = np.empty(n, np.int64)
    for u in range(n):
        size[u] = start[u + 1] - start[u]
    order = np.argsort(size, kind="mergesort").astype(np.int32)
    rank = np.empty(n, np.int32)
    new_start = np.zeros(n + 1, np.int64)
    for r in range(n):
        rank[order[r]] = r
        new_start[r + 1] = new_start[r] + size[order[r]]
    new_neighbour = np.empty(len(neighbour), np.int32)
    new_state = np.empty(len(neighbour), np.uint8)
    degree = np.zeros((n, 3), np.int64)
    fill = new_start[:n].copy()
    split = np.empty(n, np.int64)
    # Neurons visited by rank are appended to the rows of their neighbours, so every row ends up ascending.
    for r in range(n):
        v = order[r]
        split[r] = fill[r]
        for k in range(start[v], start[v + 1]):
            row = rank[neighbour[k]]
            s = state[k]
            degree[r, s - 1] += 1
            new_neighbour[fill[row]] = r
            new_state[fill[row]] = ((s & 1) << 1) | (s >> 1)
            fill[row] += 1
    return new_start, new_neighbour, new_state, split, degree, order


AHEAD = 4
"""Rows asked for before they are looked at."""
LISTED = 1024
"""Triangles listed before they are counted: what is asked for at the listing has come by then."""
REVERSE = np.array([0, 2, 1, 3], dtype=np.int64)


@njit(cache=True, nogil=True)
def list_triangles(start, split, packed, edge_start, u, k, mark, counts, found, many):  # type: ignore[no-untyped-def]
    """Triangles of u, its higher neighbour in entry k and one higher still, added to ``found`` after ``many``.

    Args:
        packed: uint32, neighbour << 2 | state. mark: int32 [n], place + 1 of each higher neighbour of u in its row.
        counts: asked for in memory, the rows of the pairs opposite to u.
        found: int64 [rows, 4]: places of both neighbours in the row of u, the pair of both, its state from the first.

    Returns:
        How many there are now.
    """
    two, three, last = np.uint32(2), np.uint32(3), start[u + 1]
    if k + AHEAD < last:
        coming = split[packed[k + AHEAD] >> two]
        read_ahead(packed, coming)
        read_ahead(packed, coming + 16)
    v = packed[k] >> two
    begin, place = split[v], k - split[u]
    shift = edge_start[v] - begin
    for j in range(begin, start[v + np.uint32(1)]):
        far = packed[j]
        at = mark[far >> two]
        if at:
            read_ahead(counts, shift + j)
            row = found[many]
            row[0], row[1], row[2], row[3] = place, at - 1, shift + j, far & three
            many += 1
    return many


@njit(cache=True, nogil=True)
def edge_starts(start, split):  # type: ignore[no-untyped-def]
    """int64 [n+1], rows of pairs (low, high) by low rank, in the order of the row's higher ranks."""
    n = len(start) - 1
    edge_start = np.zeros(n + 1, np.int64)
    for u in range(n):
        edge_start[u + 1] = edge_start[u] + start[u + 1] - split[u]
    return edge_start


@njit(cache=True, nogil=True)
def edge_triangles(start, split, packed, edge_start, counts):  # type: ignore[no-untyped-def]
    """Typed triangles over every connected pair, added to ``counts`` int32 [pairs, 9].

    Args:
        packed: uint32, neighbour << 2 | state. edge_start: as from ``edge_starts``.
    """
    n = len(start) - 1
    mark = np.zeros(n, np.int32)
    two, three = np.uint32(2), np.uint32(3)
    widest = 0
    for u in range(n):
        widest = max(widest, start[u + 1] - split[u])
    found = np.empty((LISTED + widest, 4), np.int64)
    for u in range(n):
        first, last = split[u], start[u + 1]
        if last - first < 2:
            continue
        for k in range(first, last):
            mark[packed[k] >> two] = k - first + 1
        edge, many = edge_start[u], 0
        for k in range(first, last - 1):
            many = list_triangles(start, split, packed, edge_start, u, k, mark, counts, found, many)
            if many < LISTED and k < last - 2:
                continue
            for i in range(many):
                v, w, over, vw = found[i]
                uv, uw = np.int64(packed[first + v] & three), np.int64(packed[first + w] & three)
                counts[edge + v, 3 * uw + vw - 4] += 1
                counts[edge + w, 3 * uv + REVERSE[vw] - 4] += 1
                counts[over, 3 * REVERSE[uv] + REVERSE[uw] - 4] += 1
            many = 0
        for k in range(first, last):
            mark[packed[k] >> two] = 0


@njit(cache=True, nogil=True)
def stars(degree):  # type: ignore[no-untyped-def]
    """Three neighbours of one centre: int64 [3, 3, 3] at ascending states - 1."""
    counts = np.zeros((3, 3, 3), np.int64)
    for u in range(len(degree)):
        for a in range(3):
            da = degree[u, a]
            counts[a, a, a] += da * (da - 1) // 2 * (da - 2) // 3
            for b in range(a + 1, 3):
                db = degree[u, b]
                counts[a, a, b] += da * (da - 1) // 2 * db
                counts[a, b, b] += da * (db * (db - 1) // 2)
        counts[0, 1, 2] += degree[u, 0] * degree[u, 1] * degree[u, 2]
    return counts


@njit(cache=True, nogil=True)
def over_edges(start, neighbour, state, split, degree, edge_start, triangles):  # type: ignore[no-untyped-def]
    """Paths, paws and diamonds from the degrees and typed triangles of each connected pair.

    Returns:
        paths int64 [4, 3, 3]: state of the middle pair (low to high), states - 1 from its low and its high end;
        paws int64 [4, 3, 3, 3]: corner to a, corner to b (minus 1), a to b (minus 1), corner to pendant (minus 1),
        every paw twice, once for either order of a and b; diamonds int64 [4, 9, 9]: state of the pair that both
        triangles share, triangle types, first <= second.
    """
    n = len(start) - 1
    paths = np.zeros((4, 3, 3), np.int64)
    paws = np.zeros((4, 3, 3, 3), np.int64)
    diamonds = np.zeros((4, 9, 9), np.int64)
    for u in range(n):
        for k in range(split[u], start[u + 1]):
            v = neighbour[k]
            s = np.int64(state[k])
            back = ((s & 1) << 1) | (s >> 1)
            closed = triangles[edge_start[u] + k - split[u]]
            some = False
            for a in range(3):
                low = degree[u, a] - (a == s - 1)
                for b in range(3):
                    through = np.int64(closed[3 * a + b])
                    paths[s, a, b] += low * (degree[v, b] - (b == back - 1)) - through
                    if through:
                        some = True
                        for t in range(3):
                            paws[s, a, b, t] += through * (degree[u, t] - (t == s - 1) - (t == a))
                            paws[back, b, a, t] += through * (degree[v, t] - (t == back - 1) - (t == b))
            if some:
                for x in range(9):
                    one = np.int64(closed[x])
                    if one:
                        diamonds[s, x, x] += one * (one - 1) // 2
                        for y in range(x + 1, 9):
                            diamonds[s, x, y] += one * closed[y]
    return paths, paws, diamonds


@njit(cache=True, nogil=True)
def wedges_below(start, neighbour):  # type: ignore[no-untyped-def]
    """The work of ``cycles.four_cycles``, from above: int64 [n], neighbours of a neuron's lower neighbours."""
    n = len(start) - 1
    work = np.zeros(n, np.int64)
    for u in range(n):
        for k in range(start[u], start[u + 1]):
            v = neighbour[k]
            if v >= u:
                break
            work[u] += start[v + 1] - start[v]
    return work


@njit(cache=True, nogil=True)
def cliques(start, neighbour, state, split, low, high):  # type: ignore[no-untyped-def]
    """Four neurons all connected, whose lowest has a rank in low .. high-1.

    A dense table of dyads among a neuron's higher neighbours is at most twice the number of pairs of the graph.

    Returns:
        int64 [4096] at the code of ``codes``, neurons numbered by rank.
    """
    n = len(start) - 1
    counts = np.zeros(4096, np.int64)
    widest = 0
    for u in range(low, high):
        widest = max(widest, start[u + 1] - split[u])
    dense = np.zeros((widest, widest), np.uint8)
    mark = np.zeros(n, np.int32)
    third = np.empty(widest, np.int64)
    seen = np.empty(widest, np.int64)
    for u in range(low, high):
        first = split[u]
        width = start[u + 1] - first
        if width < 3:
            continue
        for i in range(width):
            mark[neighbour[first + i]] = i + 1
        # From the last row up: a pair of later neighbours looks its dyad up in rows already filled.
        for i in range(width - 1, -1, -1):
            if i >= AHEAD:
                read_ahead(neighbour, split[neighbour[first + i - AHEAD]])
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
                code = base | seen[x] << 2
                for y in range(x + 1, many):
                    closing = np.int64(row[third[y]])
                    if closing:
                        counts[code | seen[y] << 6 | closing << 10] += 1
        for i in range(width):
            mark[neighbour[first + i]] = 0
            for j in range(width):
                dense[i, j] = 0
    return counts

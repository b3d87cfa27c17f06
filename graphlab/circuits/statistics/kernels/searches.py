"""Breadth-first searches from chosen neurons: distances, reach, betweenness (Brandes 2001).

Tests: tests/graphlab/circuits/statistics/test_distances.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def distances_from(start, target, sources, reached, summed, inverse, farthest):  # type: ignore[no-untyped-def]
    """Where searches lead from each of at most 64 sources, all of them at once: a bit of a word is a search.

    Args:
        start, target: compressed sparse rows. sources: int64 [s <= 64].
        reached: int64 [s] to fill: other neurons that a path leads to. summed: int64 [s]: their distances in all.
        inverse: float64 [s]: the sum of 1 / distance. farthest: int64 [s]: the largest distance.
    """
    n = len(start) - 1
    seen = np.zeros(n, np.uint64)
    front = np.zeros(n, np.uint64)
    coming = np.zeros(n, np.uint64)
    found = np.zeros(64, np.int64)
    one, none = np.uint64(1), np.uint64(0)
    for number in range(len(sources)):
        seen[sources[number]] |= one << np.uint64(number)
    front[:] = seen
    level = 0
    there = len(sources) > 0
    while there:
        level += 1
        for v in range(n):
            searches = front[v]
            if searches != none:
                for e in range(start[v], start[v + 1]):
                    coming[target[e]] |= searches
        found[:] = 0
        there = False
        for v in range(n):
            fresh = coming[v] & ~seen[v]
            coming[v] = none
            front[v] = fresh
            if fresh != none:
                there = True
                seen[v] |= fresh
                number = 0
                while fresh != none:
                    found[number] += np.int64(fresh & one)
                    fresh >>= one
                    number += 1
        for number in range(len(sources)):
            if found[number]:
                reached[number] += found[number]
                summed[number] += level * found[number]
                inverse[number] += found[number] / level
                farthest[number] = level


@njit(cache=True, nogil=True)
def dependencies_from(start, target, sources, total, square, near, reached, summed, inverse):  # type: ignore[no-untyped-def]
    """Distances as in ``distances_from``, and how much of every source's shortest paths each neuron carries.

    Args:
        total, square: float64 [n] to add to: dependencies of the sources on each neuron, and their squares.
        near: float64 [n] to add to: 1 / distance from each source.
    """
    n = len(start) - 1
    distance = np.full(n, -1, np.int32)
    paths = np.zeros(n, np.float64)
    carried = np.zeros(n, np.float64)
    queue = np.empty(n, np.int32)
    for number in range(len(sources)):
        s = sources[number]
        distance[s] = 0
        paths[s] = 1.0
        queue[0] = s
        low, high = 0, 1
        while low < high:
            v = queue[low]
            low += 1
            level = distance[v] + 1
            share = paths[v]
            for e in range(start[v], start[v + 1]):
                w = target[e]
                if distance[w] < 0:
                    distance[w] = level
                    queue[high] = w
                    high += 1
                if distance[w] == level:
                    paths[w] += share
        for k in range(high - 1, 0, -1):
            v = queue[k]
            below = distance[v] + 1
            got = 0.0
            for e in range(start[v], start[v + 1]):
                w = target[e]
                if distance[w] == below:
                    got += (1.0 + carried[w]) / paths[w]
            got *= paths[v]
            carried[v] = got
            total[v] += got
            square[v] += got * got
            one = 1.0 / distance[v]
            near[v] += one
            summed[number] += distance[v]
            inverse[number] += one
        reached[number] = high - 1
        for k in range(high):
            v = queue[k]
            distance[v] = -1
            paths[v] = 0.0
            carried[v] = 0.0

"""Breadth-first kernels over the CSR arrays of a snapshot.

Tests: tests/queries/paths/test_search.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def reach(start, target, seeds, most, seen, round_, queue):  # type: ignore[no-untyped-def]
    """Nodes at most ``most`` steps from any of the seeds, by level and within a level in order of meeting.

    Args:
        start, target: CSR. seeds: int64 node numbers.
        seen: int32 [n], scratch; entries equal to ``round_`` count as met.
        queue: int32 [n], scratch.

    Returns:
        level int64 [levels + 1]: where each level begins in ``queue``; the last entry is the number of nodes.
    """
    level = np.zeros(most + 2, np.int64)
    end = 0
    for seed in seeds:
        if seen[seed] != round_:
            seen[seed] = round_
            queue[end] = seed
            end += 1
    begin = 0
    level[1] = end
    deep = 1
    while deep <= most and begin < end:
        stop = end
        for i in range(begin, stop):
            u = queue[i]
            for e in range(start[u], start[u + 1]):
                v = target[e]
                if seen[v] != round_:
                    seen[v] = round_
                    queue[end] = v
                    end += 1
        begin = stop
        deep += 1
        level[deep] = end
    return level[: deep + 1].copy()


@njit(cache=True, nogil=True)
def reach_each(start, target, seeds, most):  # type: ignore[no-untyped-def]
    """reach() from every seed by itself.

    Returns:
        which int64, node int32, distance int32: seed number, node and steps of everything reached.
    """
    n = len(start) - 1
    seen = np.zeros(n, np.int32)
    queue = np.empty(n, np.int32)
    which = np.empty(1024, np.int64)
    node = np.empty(1024, np.int32)
    distance = np.empty(1024, np.int32)
    at = 0
    for s in range(len(seeds)):
        level = reach(start, target, seeds[s : s + 1], most, seen, s + 1, queue)
        total = level[len(level) - 1]
        if at + total > len(node):
            size = max(2 * len(node), at + total)
            wider_which = np.empty(size, np.int64)
            wider_node = np.empty(size, np.int32)
            wider_distance = np.empty(size, np.int32)
            wider_which[:at] = which[:at]
            wider_node[:at] = node[:at]
            wider_distance[:at] = distance[:at]
            which, node, distance = wider_which, wider_node, wider_distance
        for d in range(len(level) - 1):
            for i in range(level[d], level[d + 1]):
                which[at] = s
                node[at] = queue[i]
                distance[at] = d
                at += 1
    return which[:at], node[:at], distance[:at]


@njit(cache=True, nogil=True)
def _grow(start, target, distance, queue, begin, end, steps):  # type: ignore[no-untyped-def]
    """One level further; returns the new end of the queue."""
    stop = end
    for i in range(begin, stop):
        u = queue[i]
        for e in range(start[u], start[u + 1]):
            v = target[e]
            if distance[v] < 0:
                distance[v] = steps
                queue[end] = v
                end += 1
    return end


@njit(cache=True, nogil=True)
def _edges_from(start, queue, begin, end):  # type: ignore[no-untyped-def]
    total = 0
    for i in range(begin, end):
        total += start[queue[i] + 1] - start[queue[i]]
    return total


@njit(cache=True, nogil=True)
def between(out_start, out_target, in_start, in_source, source, target, most, here, there):  # type: ignore[no-untyped-def]
    """Whole levels from both ends, the cheaper side first, until they meet.

    Args:
        most: longest path looked for, in edges.
        here, there: int32 [n], filled with -1; steps from the source and to the target on return.

    Returns:
        (length, forward): edges of a shortest path, -1 where there is none, and how many levels of it were
        gone from the source. Every node at ``forward`` steps from the source that also has a distance to the
        target of ``length - forward`` lies on a shortest path.
    """
    n = len(out_start) - 1
    ahead, back = np.empty(n, np.int32), np.empty(n, np.int32)
    here[source], there[target] = 0, 0
    ahead[0], back[0] = source, target
    a_begin, a_end, b_begin, b_end = 0, 1, 0, 1
    forward, backward = 0, 0
    if source == target:
        return 0, 0
    while a_begin < a_end and b_begin < b_end and forward + backward < most:
        if _edges_from(out_start, ahead, a_begin, a_end) <= _edges_from(in_start, back, b_begin, b_end):
            forward += 1
            stop = a_end
            a_end = _grow(out_start, out_target, here, ahead, a_begin, a_end, forward)
            a_begin = stop
            for i in range(a_begin, a_end):
                if there[ahead[i]] == backward:
                    return forward + backward, forward
        else:
            backward += 1
            stop = b_end
            b_end = _grow(in_start, in_source, there, back, b_begin, b_end, backward)
            b_begin = stop
            for i in range(b_begin, b_end):
                if here[back[i]] == forward:
                    return forward + backward, forward
    return -1, 0

"""Compiled dyads and triads of a live wiring, in time of the two neighbourhoods of a connection.

Changing a dyad changes the class of each triad that holds it; the third neuron is met by going along both sorted
neighbourhoods, and all others at once (Eppstein, Goodrich, Strash, Trott 2010).

Tests: tests/graphlab/live/wiring/test_wiring.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TAIL, NEURONS, CONNECTIONS, ONE_WAY, MUTUAL = range(5)


@njit(cache=True)
def _find(dyads, u, v):  # type: ignore[no-untyped-def]
    """Where v stands among the neighbours of u, or would."""
    low = dyads.start[u]
    high = low + dyads.length[u]
    while low < high:
        middle = (low + high) >> 1
        if dyads.neighbour[middle] < v:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _set_state(dyads, u, v, state):  # type: ignore[no-untyped-def]
    """The state of the dyad, seen from u; its list may move to the end of the room."""
    at = _find(dyads, u, v)
    end = dyads.start[u] + dyads.length[u]
    there = at < end and dyads.neighbour[at] == v
    if there and state == 0:
        for k in range(at, end - 1):
            dyads.neighbour[k] = dyads.neighbour[k + 1]
            dyads.state[k] = dyads.state[k + 1]
        dyads.length[u] -= 1
        return
    if not there:
        if dyads.length[u] == dyads.room[u]:
            to, shift = dyads.sizes[TAIL], dyads.sizes[TAIL] - dyads.start[u]
            for k in range(dyads.length[u]):
                dyads.neighbour[to + k] = dyads.neighbour[dyads.start[u] + k]
                dyads.state[to + k] = dyads.state[dyads.start[u] + k]
            dyads.start[u] = to
            dyads.room[u] = 2 * dyads.room[u] + 4
            dyads.sizes[TAIL] = to + dyads.room[u]
            at, end = at + shift, end + shift
        for k in range(end, at, -1):
            dyads.neighbour[k] = dyads.neighbour[k - 1]
            dyads.state[k] = dyads.state[k - 1]
        dyads.neighbour[at] = v
        dyads.length[u] += 1
    dyads.state[at] = state


@njit(cache=True)
def _retype(dyads, u, v, old, new):  # type: ignore[no-untyped-def]
    """Move the triads of a dyad from the classes that they have with its old state to those with the new one."""
    i, i_end = dyads.start[u], dyads.start[u] + dyads.length[u]
    j, j_end = dyads.start[v], dyads.start[v] + dyads.length[v]
    neighbour, state, triads, classes = dyads.neighbour, dyads.state, dyads.triads, dyads.classes
    met = 0
    none = 2147483647
    while i < i_end or j < j_end:
        a = neighbour[i] if i < i_end else none
        b = neighbour[j] if j < j_end else none
        rest = 0
        w = min(a, b)
        if a == w:
            rest |= state[i] << 2
            i += 1
        if b == w:
            rest |= state[j] << 4
            j += 1
        if w != u and w != v:
            met += 1
            triads[classes[old | rest]] -= 1
            triads[classes[new | rest]] += 1
    others = dyads.sizes[NEURONS] - 2 - met
    triads[classes[old]] -= others
    triads[classes[new]] += others


@njit(cache=True)
def _turned(state):  # type: ignore[no-untyped-def]
    return ((state & 1) << 1) | (state >> 1)


@njit(cache=True)
def set_edge(dyads, u, v, on):  # type: ignore[no-untyped-def]
    """A connection from u to v appears or goes."""
    at = _find(dyads, u, v)
    old = np.int64(0)
    if at < dyads.start[u] + dyads.length[u] and dyads.neighbour[at] == v:
        old = np.int64(dyads.state[at])
    new = old | 1 if on else old & 2
    _retype(dyads, u, v, old, new)
    _set_state(dyads, u, v, new)
    _set_state(dyads, v, u, _turned(new))
    change = 1 if on else -1
    dyads.out_degree[u] += change
    dyads.in_degree[v] += change
    sizes = dyads.sizes
    sizes[CONNECTIONS] += change
    sizes[ONE_WAY] += (1 if new == 1 or new == 2 else 0) - (1 if old == 1 or old == 2 else 0)
    sizes[MUTUAL] += (1 if new == 3 else 0) - (1 if old == 3 else 0)


@njit(cache=True, nogil=True)
def change_neurons(dyads, change):  # type: ignore[no-untyped-def]
    """So many neurons without connections more, or fewer where negative."""
    sizes, triads = dyads.sizes, dyads.triads
    for _ in range(abs(change)):
        others = sizes[NEURONS] if change > 0 else sizes[NEURONS] - 1
        sign = 1 if change > 0 else -1
        triads[0] += sign * (others * (others - 1) // 2 - sizes[ONE_WAY] - sizes[MUTUAL])
        triads[1] += sign * sizes[ONE_WAY]
        triads[2] += sign * sizes[MUTUAL]
        sizes[NEURONS] += sign


@njit(cache=True)
def has_room(dyads, u, v):  # type: ignore[no-untyped-def]
    """Whether a connection may appear: each list at most doubles. None that goes needs room."""
    most = 2 * (np.int64(dyads.room[u]) + dyads.room[v]) + 8
    return dyads.sizes[TAIL] + most <= len(dyads.neighbour)


@njit(cache=True, nogil=True)
def moved_room(dyads, start, neighbour, state):  # type: ignore[no-untyped-def]
    """Copy the neighbourhoods, without holes, into new room; returns where it ends."""
    tail = 0
    for u in range(len(start)):
        for k in range(dyads.length[u]):
            neighbour[tail + k] = dyads.neighbour[dyads.start[u] + k]
            state[tail + k] = dyads.state[dyads.start[u] + k]
        start[u] = tail
        dyads.room[u] = dyads.length[u]
        tail += dyads.length[u]
    return tail

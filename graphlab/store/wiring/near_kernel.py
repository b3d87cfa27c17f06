"""Of points closer than a radius, the first stays: greedy suppression with a grid, group by group.

Tests: tests/graphlab/store/wiring/test_near_synapses.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FAR = 1e15
"""Cells beyond are taken as the last one: only slower, since distances are looked at all the same."""
SIDE = 1.001
"""Side of a cell over the radius, above 1 so that rounding never puts near points two cells apart."""


@njit(cache=True, nogil=True)
def _cell(value: float, side: float) -> int:
    return int(np.floor(min(max(value / side, -FAR), FAR)))


@njit(cache=True, nogil=True)
def _bucket(x: int, y: int, z: int, mask: int) -> int:
    mixed = (x * 73856093) ^ (y * 19349663) ^ (z * 83492791)
    return int((mixed ^ (mixed >> 17)) & mask)


@njit(cache=True, nogil=True)
def suppress(starts: Ints, xyz: Floats, radius: float, dropped: npt.NDArray[np.bool_]) -> None:
    """Mark every point that lies within ``radius`` of an earlier kept point of its group.

    Time grows with the points, whatever the size of a group: kept points of one cell are few, since they are
    farther than ``radius`` from each other.

    Args:
        starts: [groups + 1] where each group begins. xyz: [n, 3]. dropped: [n] written.
    """
    side, reach = radius * SIDE, radius * radius
    widest = 0
    for g in range(starts.size - 1):
        widest = max(widest, starts[g + 1] - starts[g])
    room = 2
    while room < 2 * widest:
        room *= 2
    head = np.full(room, -1, dtype=np.int64)
    link = np.empty(widest, dtype=np.int64)
    for g in range(starts.size - 1):
        first, last = starts[g], starts[g + 1]
        size = 2
        while size < 2 * (last - first):
            size *= 2
        head[:size] = -1
        for i in range(first, last):
            cx, cy, cz = _cell(xyz[i, 0], side), _cell(xyz[i, 1], side), _cell(xyz[i, 2], side)
            near = False
            for dx in range(-1, 2):
                for dy in range(-1, 2):
                    for dz in range(-1, 2):
                        j = -1 if near else head[_bucket(cx + dx, cy + dy, cz + dz, size - 1)]
                        while j >= 0 and not near:
                            a, b, c = xyz[i, 0] - xyz[j, 0], xyz[i, 1] - xyz[j, 1], xyz[i, 2] - xyz[j, 2]
                            near = a * a + b * b + c * c <= reach
                            j = link[j - first]
            dropped[i] = near
            if not near:
                here = _bucket(cx, cy, cz, size - 1)
                link[i - first] = head[here]
                head[here] = i

"""Runs of one label along x: the rows of a volume as lists of runs, which components and neighbours are found on.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Stops = npt.NDArray[np.int32]
Firsts = npt.NDArray[np.int64]
WORD = 4


@njit(cache=True, nogil=True, inline="always")
def _run_ends(row: Any, ends: Stops) -> int:
    """Write where each run of ``row`` [n] ends into ``ends``, the last one at n; how many there are."""
    n = row.size
    count = 0
    x = 1
    while x + WORD <= n:
        # Four comparisons at once, without a branch: most fours of a row are within one segment.
        apart = row[x] ^ row[x - 1]
        for i in range(1, WORD):
            apart |= row[x + i] ^ row[x + i - 1]
        if apart != 0:
            for i in range(WORD):
                ends[count] = x + i
                count += row[x + i] != row[x + i - 1]
        x += WORD
    while x < n:
        if row[x] != row[x - 1]:
            ends[count] = x
            count += 1
        x += 1
    if n:
        ends[count] = n
        count += 1
    return count


@njit(cache=True, nogil=True)
def runs_of_plane(plane: Any, stop: Stops, label: Any, first: Firsts) -> None:
    """Write the runs of a plane [y, x]; ``stop``, ``label`` [y * x] have room for all, ``first`` [y + 1]."""
    n = first[0] = 0
    for y in range(plane.shape[0]):
        row = plane[y]
        count = _run_ends(row, stop[n:])
        x = 0
        for k in range(n, n + count):
            label[k] = row[x]
            x = stop[k]
        n += count
        first[y + 1] = n


@njit(cache=True, nogil=True)
def _grown(array: Any, n: int) -> Any:
    larger = np.empty(2 * array.size, array.dtype)
    larger[:n] = array[:n]
    return larger


@njit(cache=True, nogil=True)
def runs_of(labels: Any) -> tuple[Stops, Any, Firsts]:
    """The runs of a volume [z, y, x], row by row, without gaps.

    Returns:
        stop [runs], exclusive, along x; label [runs]; first run of each row [z * y + 1].
    """
    nz, ny, nx = labels.shape
    first = np.zeros(nz * ny + 1, np.int64)
    stop = np.empty(max(64, nx, labels.size // 8), np.int32)
    label = np.empty(stop.size, labels.dtype)
    n = 0
    for r in range(nz * ny):
        if n + nx > stop.size:
            # Twice as many are more than a row: there are as many as voxels in one already.
            stop, label = _grown(stop, n), _grown(label, n)
        row = labels[r // ny, r % ny]
        count = _run_ends(row, stop[n:])
        x = 0
        for k in range(n, n + count):
            label[k] = row[x]
            x = stop[k]
        n += count
        first[r + 1] = n
    return stop[:n], label[:n], first

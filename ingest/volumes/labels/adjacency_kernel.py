"""Pairs of labels that share a face, found between runs and kept in a hash table.

numba, as the libraries for it sort every pair of unlike voxels. One pass over the voxels: the runs of two planes are in
memory at a time, and most pairs were seen a moment ago.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ingest.volumes.labels.run_kernel import Firsts, Stops, runs_of_plane

Pairs = npt.NDArray[np.uint64]
Recent = npt.NDArray[np.uint64]
"""[2^RECENT_BITS, 4] pairs seen last: the two labels and the axes; by hash, a later pair in place of an earlier one."""
Z, Y, X = 1, 2, 4
"""Along which axes a pair is next to each other: bits of its mask."""
RECENT_BITS = 11
BATCH = 1 << 14
"""Pairs searched for before they are put into the table."""


@njit(cache=True, nogil=True)
def _hashed(a: Any, b: Any) -> Any:
    # Multiplications alone, as this runs for every change of pair; the high bits are the mixed ones.
    return np.uint64(a) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(b) * np.uint64(0xC2B2AE3D27D4EB4F)


@njit(cache=True, nogil=True)
def _place(slots: Any, pairs: Pairs, a: Any, b: Any) -> int:
    last = np.uint64(slots.size - 1)
    hashed = _hashed(a, b)
    at = (hashed ^ (hashed >> np.uint64(32))) & last
    while slots[at] != 0 and (pairs[slots[at] - 1, 0] != a or pairs[slots[at] - 1, 1] != b):
        at = (at + np.uint64(1)) & last
    return int(at)


@njit(cache=True, nogil=True)
def _twice(slots: Any, pairs: Pairs, axes: Any) -> tuple[Any, Pairs, Any]:
    n = axes.size
    more_pairs, more_axes = np.empty((2 * n, 2), np.uint64), np.zeros(2 * n, np.uint8)
    more_pairs[:n] = pairs
    more_axes[:n] = axes
    table = np.zeros(2 * slots.size, np.int64)
    for k in range(n):
        table[_place(table, more_pairs, more_pairs[k, 0], more_pairs[k, 1])] = k + 1
    return table, more_pairs, more_axes


@njit(cache=True, nogil=True)
def _note(before: Any, after: Any, axis: int, recent: Recent, found: Pairs, masks: Any, n: int) -> int:
    """Write the pair and its axis at ``n`` unless it was among the last ones; the new ``n``."""
    place = _hashed(before, after) >> np.uint64(64 - RECENT_BITS)
    if recent[place, 0] == before and recent[place, 1] == after:
        if recent[place, 2] & np.uint64(axis):
            return n
        recent[place, 2] |= np.uint64(axis)
    else:
        recent[place, 0], recent[place, 1], recent[place, 2] = before, after, axis
    found[n, 0], found[n, 1] = before, after
    masks[n] = axis
    return n + 1


@njit(cache=True, nogil=True)
def _facing(
    stop: Stops, label: Any, a: int, a_end: int,
    other_stop: Stops, other_label: Any, b: int,
    axis: int, recent: Recent, found: Pairs, masks: Any, n: int,
) -> int:  # fmt: skip
    """Pairs of a row with the one before it; both are as long, so that both end at once."""
    while a < a_end:
        before, after = other_label[b], label[a]
        if before != after:
            n = _note(before, after, axis, recent, found, masks, n)
        a_stop, b_stop = stop[a], other_stop[b]
        a += a_stop <= b_stop
        b += b_stop <= a_stop
    return n


@njit(cache=True, nogil=True)
def _search(
    stop: Stops, label: Any, first: Firsts,
    other_stop: Stops, other_label: Any, other_first: Firsts,
    nx: int, y: int, has_other: bool, recent: Recent, found: Pairs, masks: Any,
) -> tuple[int, int]:  # fmt: skip
    """Pairs from row ``y`` of a plane on, until the plane ends or ``found`` might not hold those of another row.

    No array is made or replaced here: numba would count references in the innermost loop.

    Returns:
        the next row and how many pairs were written.
    """
    n = 0
    while y < first.size - 1 and n + 5 * nx <= masks.size:
        begin, end = first[y], first[y + 1]
        for a in range(begin + 1, end):
            n = _note(label[a - 1], label[a], X, recent, found, masks, n)
        if y > 0:
            n = _facing(stop, label, begin, end, stop, label, first[y - 1], Y, recent, found, masks, n)
        if has_other:
            n = _facing(stop, label, begin, end, other_stop, other_label, other_first[y], Z, recent, found, masks, n)
        y += 1
    return y, n


@njit(cache=True, nogil=True)
def neighbours(labels: Any) -> tuple[Pairs, Any]:
    """Pairs [n, 2] of different labels [z, y, x], the one with the lower index along the axis first; axes [n]."""
    nz, ny, nx = labels.shape
    slots = np.zeros(1024, np.int64)
    pairs, axes = np.empty((256, 2), np.uint64), np.zeros(256, np.uint8)
    recent = np.zeros((1 << RECENT_BITS, 4), np.uint64)
    room = BATCH + 5 * nx
    found, masks = np.empty((room, 2), np.uint64), np.empty(room, np.uint8)
    stop, label = np.empty((2, ny * nx), np.int32), np.empty((2, ny * nx), labels.dtype)
    first = np.zeros((2, ny + 1), np.int64)
    n = 0
    for z in range(nz):
        here, other = z % 2, (z + 1) % 2
        runs_of_plane(labels[z], stop[here], label[here], first[here])
        y = 0
        while y < ny:
            y, count = _search(
                stop[here], label[here], first[here], stop[other], label[other], first[other],
                nx, y, z > 0, recent, found, masks,
            )  # fmt: skip
            for k in range(count):
                at = _place(slots, pairs, found[k, 0], found[k, 1])
                if slots[at] == 0:
                    if n == axes.size:
                        slots, pairs, axes = _twice(slots, pairs, axes)
                        at = _place(slots, pairs, found[k, 0], found[k, 1])
                    pairs[n, 0], pairs[n, 1] = found[k, 0], found[k, 1]
                    n += 1
                    slots[at] = n
                axes[slots[at] - 1] |= masks[k]
    return pairs[:n].copy(), axes[:n].copy()

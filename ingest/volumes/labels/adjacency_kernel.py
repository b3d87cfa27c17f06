"""Pairs of labels that share a face, found between runs and kept in a hash table.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ingest.volumes.labels.run_kernel import Firsts, Stops

Pairs = npt.NDArray[np.uint64]
Z, Y, X = 1, 2, 4
"""Along which axes a pair is next to each other: bits of its mask."""


@njit(cache=True, nogil=True, inline="always")
def _place(slots: Any, pairs: Pairs, a: Any, b: Any) -> int:
    last = np.uint64(slots.size - 1)
    # Multiplications alone, as this runs for every change of pair; the high bits are the mixed ones.
    hashed = a * np.uint64(0x9E3779B97F4A7C15) + b * np.uint64(0xC2B2AE3D27D4EB4F)
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
def neighbours(stop: Stops, label: Any, first: Firsts, ny: int) -> tuple[Pairs, Any]:
    """Pairs [n, 2] of different labels, the one with the lower index along the axis first, and their axes [n]."""
    slots = np.zeros(1024, np.int64)
    pairs, axes = np.empty((256, 2), np.uint64), np.zeros(256, np.uint8)
    n = 0
    for r in range(first.size - 1):
        end = first[r + 1]
        for axis in (X, Y, Z):
            a = first[r]
            if axis == X:
                b, b_end = a + 1, end
            elif axis == Y and r % ny > 0:
                b, b_end = first[r - 1], first[r]
            elif axis == Z and r >= ny:
                b, b_end = first[r - ny], first[r - ny + 1]
            else:
                continue
            low = high = label[0]
            while a < end and b < b_end:
                before, after = (label[a], label[b]) if axis == X else (label[b], label[a])
                if before != after and (before != low or after != high):
                    low, high = before, after
                    at = _place(slots, pairs, np.uint64(before), np.uint64(after))
                    if slots[at] == 0:
                        if n == axes.size:
                            slots, pairs, axes = _twice(slots, pairs, axes)
                            at = _place(slots, pairs, np.uint64(before), np.uint64(after))
                        pairs[n, 0], pairs[n, 1] = before, after
                        n += 1
                        slots[at] = n
                    axes[slots[at] - 1] |= axis
                if axis == X or stop[a] == stop[b]:
                    a += 1
                    b += 1
                elif stop[a] < stop[b]:
                    a += 1
                else:
                    b += 1
    return pairs[:n].copy(), axes[:n].copy()

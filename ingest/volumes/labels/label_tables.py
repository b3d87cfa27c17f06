"""Hash tables over labels: distinct ids with their sizes, look-up of each voxel, run by run.

A table is ``slots`` [2^k] of 1 + a row of ``ids``, 0 where nothing is. Voxels of one label lie beside each other, so a
run of them is looked up once.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Ids = npt.NDArray[np.uint64]
Slots = npt.NDArray[np.int64]


@njit(cache=True, nogil=True, inline="always")
def mixed(value: Any) -> Any:
    """A 64-bit number whose low bits depend on all bits of ``value`` (the finaliser of MurmurHash3)."""
    x = np.uint64(value)
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xFF51AFD7ED558CCD)
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xC4CEB9FE1A85EC53)
    return x ^ (x >> np.uint64(33))


@njit(cache=True, nogil=True)
def place_of(slots: Slots, ids: Ids, value: Any) -> int:
    """Where ``value`` stands in ``slots``, or the empty place where it would."""
    last = np.uint64(slots.size - 1)
    at = mixed(value) & last
    while slots[at] != 0 and ids[slots[at] - 1] != value:
        at = (at + np.uint64(1)) & last
    return int(at)


@njit(cache=True, nogil=True)
def filled(ids: Ids, n: int, capacity: int) -> Slots:
    """A table of the first ``n`` ids; of two that are the same the later one counts."""
    slots = np.zeros(capacity, np.int64)
    for k in range(n):
        slots[place_of(slots, ids, ids[k])] = k + 1
    return slots


@njit(cache=True, nogil=True)
def distinct(flat: Any) -> tuple[Slots, Ids, npt.NDArray[np.int64]]:
    """The table of all labels of ``flat`` [n], the ids as they come first, and how many voxels each has."""
    slots = np.zeros(1024, np.int64)
    ids = np.empty(512, np.uint64)
    sizes = np.empty(512, np.int64)
    n = 0
    i = 0
    while i < flat.size:
        value = flat[i]
        j = i + 1
        while j < flat.size and flat[j] == value:
            j += 1
        wide = np.uint64(value)
        at = place_of(slots, ids, wide)
        if slots[at] == 0:
            if n == ids.size:
                more_ids = np.empty(2 * n, np.uint64)
                more_sizes = np.empty(2 * n, np.int64)
                more_ids[:n] = ids
                more_sizes[:n] = sizes
                ids, sizes = more_ids, more_sizes
                slots = filled(ids, n, 4 * n)
                at = place_of(slots, ids, wide)
            ids[n] = wide
            sizes[n] = 0
            n += 1
            slots[at] = n
        sizes[slots[at] - 1] += j - i
        i = j
    return slots, ids[:n].copy(), sizes[:n].copy()


@njit(cache=True, nogil=True)
def look_up(flat: Any, slots: Slots, ids: Ids, values: Any, out: Any) -> int:
    """``out[i] = values[row of flat[i]]``; the first i whose label is not in the table, or -1."""
    i = 0
    while i < flat.size:
        value = flat[i]
        at = place_of(slots, ids, np.uint64(value))
        if slots[at] == 0:
            return i
        new = values[slots[at] - 1]
        out[i] = new
        i += 1
        while i < flat.size and flat[i] == value:
            out[i] = new
            i += 1
    return -1


@njit(cache=True, nogil=True)
def one_to_one(a: Any, a_slots: Slots, a_ids: Ids, b: Any, b_slots: Slots, b_ids: Ids) -> bool:
    """Whether every label of ``a`` lies on one label of ``b`` and the other way round."""
    b_of = np.zeros(a_ids.size, np.int64)
    a_of = np.zeros(b_ids.size, np.int64)
    i = 0
    while i < a.size:
        j = i + 1
        while j < a.size and a[j] == a[i] and b[j] == b[i]:
            j += 1
        of_a = slots_row(a_slots, a_ids, a[i])
        of_b = slots_row(b_slots, b_ids, b[i])
        if b_of[of_a] == 0:
            b_of[of_a] = of_b + 1
        if a_of[of_b] == 0:
            a_of[of_b] = of_a + 1
        if b_of[of_a] != of_b + 1 or a_of[of_b] != of_a + 1:
            return False
        i = j
    return True


@njit(cache=True, nogil=True, inline="always")
def slots_row(slots: Slots, ids: Ids, value: Any) -> int:
    """The row of a label that is in the table."""
    return int(slots[place_of(slots, ids, np.uint64(value))] - 1)

"""Connected components of label volumes: a run of voxels is one node of a union-find.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ingest.volumes.labels.run_kernel import Firsts, Stops


@njit(cache=True, nogil=True, inline="always")
def _root(parent: Any, k: int) -> int:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


@njit(cache=True, nogil=True, inline="always")
def _unite(parent: Any, a: int, b: int) -> None:
    if parent[a] == parent[b]:
        return
    a, b = _root(parent, a), _root(parent, b)
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


@njit(cache=True, nogil=True)
def _join(parent: Any, stop: Stops, label: Any, a: int, a_end: int, b: int, b_end: int) -> None:
    """Unite runs of two rows that have one label and share a face."""
    while a < a_end and b < b_end:
        if label[a] == label[b]:
            _unite(parent, a, b)
        if stop[a] == stop[b]:
            a += 1
            b += 1
        elif stop[a] < stop[b]:
            a += 1
        else:
            b += 1


@njit(cache=True, nogil=True)
def _join_corners(parent: Any, stop: Stops, label: Any, a: int, a_end: int, b: int, b_end: int) -> None:
    """As ``_join``, where a common edge or corner is enough."""
    while a < a_end and b < b_end:
        if label[a] == label[b]:
            _unite(parent, a, b)
        if stop[a] == stop[b]:
            if a + 1 < a_end and label[a + 1] == label[b]:
                _unite(parent, a + 1, b)
            if b + 1 < b_end and label[b + 1] == label[a]:
                _unite(parent, a, b + 1)
            a += 1
            b += 1
        elif stop[a] < stop[b]:
            a += 1
        else:
            b += 1


@njit(cache=True, nogil=True)
def grow_trees(parent: Any, stop: Stops, label: Any, first: Firsts, ny: int, connectivity: int) -> None:
    """Unite runs that hang together.

    Args:
        parent: [runs] written: a run of the same component, never a later one.
        stop, label, first: of ``runs_of``; ``ny`` rows are a plane.
        connectivity: 1, 2 or 3: voxels that share a face, an edge, a corner.
    """
    for k in range(parent.size):
        parent[k] = k
    for r in range(first.size - 1):
        y, q = r % ny, r - ny
        a, a_end = first[r], first[r + 1]
        if connectivity == 1:
            if y > 0:
                _join(parent, stop, label, a, a_end, first[r - 1], a)
            if q >= 0:
                _join(parent, stop, label, a, a_end, first[q], first[q + 1])
            continue
        if y > 0:
            _join_corners(parent, stop, label, a, a_end, first[r - 1], a)
        if q >= 0:
            _join_corners(parent, stop, label, a, a_end, first[q], first[q + 1])
            for step in (-1, 1):
                if 0 <= y + step < ny:
                    other = q + step
                    if connectivity == 3:
                        _join_corners(parent, stop, label, a, a_end, first[other], first[other + 1])
                    else:
                        _join(parent, stop, label, a, a_end, first[other], first[other + 1])


@njit(cache=True, nogil=True)
def join(parent: Any, a: Any, b: Any) -> None:
    """Unite the runs of each two of ``a`` [n] and ``b`` [n]."""
    for k in range(a.size):
        _unite(parent, a[k], b[k])


@njit(cache=True, nogil=True)
def first_voxels(numbers: Any, count: int) -> Any:
    """Of components [n] numbered as they come: where in ``numbers`` each comes first."""
    places = np.empty(count, np.int64)
    seen = 0
    for i in range(numbers.size):
        if numbers[i] > seen:
            places[seen] = i
            seen += 1
    return places


@njit(cache=True, nogil=True)
def number(numbers: Any, begin: int, label: Any, background: bool, components: int) -> int:
    """Replace each parent by the number of its component, as first voxels come; 0 for label 0 as background.

    Args:
        numbers: [runs] of the volume: a run of the same component, not a later one; before ``begin`` its number.
        label: [k] of the runs from ``begin`` on, which are done.
        components: how many were numbered before.

    Returns:
        how many are numbered now.
    """
    for k in range(label.size):
        run = begin + k
        if numbers[run] != run:
            numbers[run] = numbers[numbers[run]]  # it comes before and has its number
        elif background and label[k] == 0:
            numbers[run] = 0
        else:
            components += 1
            numbers[run] = components
    return components


@njit(cache=True, nogil=True)
def paint(value: Any, stop: Stops, first: Firsts, out: Any) -> None:
    """Write the value of each run into ``out`` [z, y, x]."""
    ny = out.shape[1]
    for r in range(first.size - 1):
        row = out[r // ny, r % ny]
        x = 0
        for k in range(first[r], first[r + 1]):
            while x < stop[k]:
                row[x] = value[k]
                x += 1

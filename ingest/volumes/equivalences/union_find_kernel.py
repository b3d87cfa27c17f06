"""Disjoint sets of 64-bit ids: a hash table of ids, and trees with their ranks in one array.

``table`` [2^k, 2]: id and 1 + its row, row 0 for an empty place. ``parent`` [rows]: the row above, or minus the rank of
a root.

Tests: tests/ingest/volumes/equivalences/test_equivalences.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ingest.volumes.labels.label_tables import mixed

Table = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
BATCH = 4096
"""Pairs whose ids are all looked up before their sets are united: so the memory answers several at once."""


@njit(cache=True, nogil=True)
def place_of(table: Table, value: Any) -> int:
    """Where an id stands in the table, or the empty place where it would."""
    last = np.uint64(table.shape[0] - 1)
    at = mixed(value) & last
    while table[at, 1] != 0 and table[at, 0] != value:
        at = (at + np.uint64(1)) & last
    return int(at)


@njit(cache=True, nogil=True)
def _larger(table: Table) -> Table:
    more = np.zeros((4 * table.shape[0], 2), np.uint64)
    for k in range(table.shape[0]):
        if table[k, 1] != 0:
            at = place_of(more, table[k, 0])
            more[at, 0], more[at, 1] = table[k, 0], table[k, 1]
    return more


@njit(cache=True, nogil=True)
def root_of(parent: Rows, row: Any) -> int:
    """The root of a row, whose way there is halved."""
    above = parent[row]
    while above >= 0:
        next_up = parent[above]
        if next_up < 0:
            return int(above)
        parent[row] = next_up
        row, above = next_up, parent[next_up]
    return int(row)


@njit(cache=True, nogil=True)
def unite(pairs: Any, table: Table, parent: Rows, n: int) -> tuple[Table, Rows, int]:
    """Unite the sets of each pair [m, 2], in order, by rank; of two roots of one rank the first one's stays.

    Returns:
        table and parent (new ones, where they had to grow) and how many rows are used.
    """
    rows = np.empty((BATCH, 2), np.int64)
    for begin in range(0, pairs.shape[0], BATCH):
        end = min(begin + BATCH, pairs.shape[0])
        while 2 * (n + 2 * BATCH) > table.shape[0]:
            table = _larger(table)
        if n + 2 * BATCH > parent.size:
            more = np.empty(2 * (n + 2 * BATCH), np.int64)
            more[:n] = parent[:n]
            parent = more
        for k in range(begin, end):
            if pairs[k, 0] == pairs[k, 1]:
                continue  # nothing is united, so nothing is kept
            for side in range(2):
                at = place_of(table, pairs[k, side])
                if table[at, 1] == 0:
                    parent[n] = -1
                    n += 1
                    table[at, 0], table[at, 1] = pairs[k, side], n
                rows[k - begin, side] = np.int64(table[at, 1]) - 1
        for k in range(begin, end):
            if pairs[k, 0] == pairs[k, 1]:
                continue
            a, b = root_of(parent, rows[k - begin, 0]), root_of(parent, rows[k - begin, 1])
            if a == b:
                continue
            if parent[a] > parent[b]:  # a lower rank
                parent[a] = b
            else:
                if parent[a] == parent[b]:
                    parent[a] -= 1
                parent[b] = a
    return table, parent, n


@njit(cache=True, nogil=True)
def ids_of(table: Table, n: int) -> npt.NDArray[np.uint64]:
    """The id of each row."""
    ids = np.empty(n, np.uint64)
    for k in range(table.shape[0]):
        if table[k, 1] != 0:
            ids[np.int64(table[k, 1]) - 1] = table[k, 0]
    return ids


@njit(cache=True, nogil=True)
def find(values: Any, table: Table, parent: Rows, ids: Any, out: Any) -> None:
    """The representative of each value [m]; itself where it was never united."""
    for k in range(values.size):
        at = place_of(table, values[k])
        row = np.int64(table[at, 1]) - 1
        out[k] = values[k] if row < 0 else ids[root_of(parent, row)]

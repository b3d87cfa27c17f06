"""Arrays for the kernels that number rows and lay out adjacency lists, and the call of each.

Tests: tests/queries/csr/test_program.py.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.running.task_runners import Threads, runner_of
from queries.csr.kernels import kept
from queries.csr.kernels.constants import AHEAD

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
T = TypeVar("T", bound=np.generic)
Ranked = tuple[Numbers, npt.NDArray[np.uint32], Numbers]

PARALLEL = 200_000
"""Fewer entries are not worth a second thread."""
MOST_PLACES = 2**31 - 1 - AHEAD
"""Entries of lists whose places are of 32 bits."""


def array_of(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """A column of numbers without nulls. Arrow's own ``to_numpy`` imports pandas, which a person waits for."""
    chunks = [np.from_dlpack(chunk) for chunk in column.chunks if len(chunk)]
    if len(chunks) == 1:
        one: npt.NDArray[Any] = chunks[0]
        return one
    return np.concatenate([np.empty(0, "float64" if column.type == pa.float64() else str(column.type)), *chunks])


def column_of(numbers: npt.NDArray[Any]) -> pa.Array:
    """An array of whole numbers as a column without nulls, not copied; ``pa.array`` imports pandas."""
    numbers = np.ascontiguousarray(numbers)
    return pa.Array.from_buffers(pa.from_numpy_dtype(numbers.dtype), len(numbers), [None, pa.py_buffer(numbers)])


def falls(source: Numbers, target: Numbers, most: int) -> Places | None:
    """Rows whose pair is less than the one before, ascending; None where there are more than ``most``."""
    at = np.empty(most, np.int64)
    count = kept.falls(source, target, at)
    return None if count < 0 else at[:count]


def ends_of_rows(source: Numbers, target: Numbers, n: int) -> tuple[Places, Places]:
    """How many rows begin and end at each of ``n`` nodes; -1 is no node."""
    out, into = np.zeros(n, np.int64), np.zeros(n, np.int64)
    kept.count_ends(source, target, out, into)
    return out, into


def key_table(keys: Words, bits: int) -> Numbers:
    """Open-addressing table of 2**bits places over the keys: the number of the key in each, -1 for none."""
    table = np.full(1 << bits, -1, np.int32)
    kept.key_table(keys, bits, table)
    return table


def numbers_of(keys: Words, table: Numbers, bits: int, wanted: Words, into: Numbers | None = None) -> Numbers:
    """Number of each wanted key, -1 where there is no such key; written to ``into`` where that is given."""
    numbers = np.empty(len(wanted), np.int32) if into is None else into
    kept.numbers_of(keys, table, bits, wanted, numbers)
    return numbers


def usable(source: Numbers, target: Numbers, source_kept: Bytes, target_kept: Bytes, loops: bool) -> Numbers:
    """Rows whose ends are both there and kept, in order; without those from a node to itself unless ``loops``.

    ``source_kept`` and ``target_kept`` are [n], or empty where every node is kept.
    """
    rows = np.empty(len(source), np.int32)
    count = kept.usable(source, target, source_kept, target_kept, int(loops), rows)
    return _filled(rows, count)


def sorted_pairs(source: Numbers, target: Numbers, rows: Numbers, n_source: int, n_target: int) -> Numbers:
    """Rows by (source, target), equal pairs in the order given: two counting sorts; ``rows`` itself if in order."""
    if kept.in_order(source, target, rows):
        return rows
    by_target, order = np.empty(len(rows), np.int32), np.empty(len(rows), np.int32)
    kept.sorted_by(target, rows, np.zeros(n_target + 1, np.int64), by_target)
    kept.sorted_by(source, by_target, np.zeros(n_source + 1, np.int64), order)
    return order


def adjacency(source: Numbers, target: Numbers, order: Numbers, n_source: int) -> tuple[Places, Numbers, Places]:
    """Lists of different targets.

    Returns:
        start [n_source + 1], targets, first [targets + 1]: where the rows of each pair begin in ``order``.
    """
    start = np.zeros(n_source + 1, np.int64)
    targets, first = np.empty(len(order), np.int32), np.empty(len(order) + 1, np.int64)
    count = kept.adjacency(source, target, order, start, targets, first)
    return start, _filled(targets, count), _filled(first, count + 1)


def turned(start: Places, targets: Numbers, n_target: int) -> tuple[Places, Numbers]:
    """The same pairs by target: start [n_target + 1], sources ascending."""
    back, sources = np.zeros(n_target + 1, np.int64), np.empty(len(targets), np.int32)
    kept.turned(start, targets, back, np.empty(n_target + 1, np.int64), sources)
    return back, sources


def pair_places(start: Places, targets: Numbers, source: Numbers, target: Numbers) -> Places:
    """Place of each pair (source, target) in the lists; every pair is there."""
    places = np.empty(len(source), np.int64)
    kept.pair_places(start, targets, source, target, places)
    return places


def pairs_there(start: Places, targets: Numbers, source: Numbers, target: Numbers) -> npt.NDArray[np.bool_]:
    """Whether each pair (source, target) is in the lists."""
    present = np.empty(len(source), np.bool_)
    kept.pairs_there(start, targets, source, target, present)
    return present


def ranked(start: Places, targets: Numbers, back: Places, sources: Numbers) -> Ranked:
    """Neighbours of higher rank by degree, with the state of the pair: 1 to it, 2 from it, 3 both.

    Args:
        start, targets; back, sources: lists of both directions, ascending.

    Returns:
        first [n + 1]; entries uint32, 4 x rank + state, rows by rank; order [n], the vertex of each rank.
        Loops are left out. Behind the last row are AHEAD zeros.
    """
    n = len(start) - 1
    degree = np.diff(start) + np.diff(back)
    order = np.argsort(degree.astype(np.int32), kind="stable").astype(np.int32)
    rank = np.empty(n, np.int32)
    rank[order] = np.arange(n, dtype=np.int32)
    first = np.zeros(n + 1, np.int32)
    total = np.cumsum(degree[order])
    middle = int(np.searchsorted(total, total[-1] // 2)) if n and total[-1] > PARALLEL else n

    def half(begin: int, end: int) -> npt.NDArray[np.uint32]:
        room = int(degree[order[begin:end]].sum()) + 1
        entries = np.empty(room, np.uint32)
        count = kept.higher(start, targets, back, sources, order, rank, begin, end, first, entries)
        return _filled(entries, count)

    if middle == n:
        parts = [half(0, n)]
    else:
        parts = list(Threads(2).map_tasks(lambda ends: half(*ends), ((0, middle), (middle, n))))
        first[middle + 1 :] += len(parts[0])
    return first, np.concatenate([*parts, np.zeros(AHEAD, np.uint32)]), order


def ranked_rows(source: Numbers, target: Numbers, n: int) -> tuple[Numbers, npt.NDArray[np.uint32], bool] | None:
    """The lists of ``ranked`` from rows in any order (-1: an end that is not there), entries of a list in no order.

    Returns:
        first [n + 1]; entries, AHEAD zeros behind them; whether a row led from a node to itself, which is left out.
        None where an ordered pair has several rows, or there are more of them than 31 bits count.
    """
    if len(source) > MOST_PLACES:
        return None
    middle = len(source) // 2
    cuts = [(0, len(source))] if len(source) <= PARALLEL else [(0, middle), (middle, len(source))]
    parts = [(source[begin:end], target[begin:end]) for begin, end in cuts]
    runner = runner_of(len(parts))
    degrees, counts = np.zeros((2, len(parts), n), np.int32)  # half of what an int64 takes of the cache
    loops = sum(runner.map_tasks(lambda i: kept.add_degrees(*parts[i], degrees[i]), range(len(parts))))
    degree, rank = degrees.sum(axis=0, dtype=np.int64), np.empty(n, np.int32)
    kept.ranks(degree, np.zeros(int(degree.max(initial=0)) + 2, np.int64), rank)
    for _ in runner.map_tasks(lambda i: kept.add_lower(*parts[i], rank, counts[i]), range(len(parts))):
        pass
    begins = np.concatenate([[0], np.cumsum(counts.sum(axis=0, dtype=np.int64))])
    at = (begins[:-1] + np.concatenate([np.zeros((1, n), np.int64), np.cumsum(counts[:-1], axis=0)])).astype(np.int32)
    entries, first = np.empty(int(begins[-1]) + AHEAD, np.uint32), np.empty(n + 1, np.int32)
    for _ in runner.map_tasks(lambda i: kept.put(*parts[i], rank, at[i], entries), range(len(parts))):
        pass
    ends = [0, n] if len(parts) == 1 else [0, int(np.searchsorted(begins[:-1], begins[-1] // 2)), n]

    def joined(ends: tuple[int, int]) -> int:
        written: int = kept.join_ways(begins, *ends, entries, np.zeros(n, np.int32), first)
        return written

    count = 0
    for (begin, end), written in zip(pairwise(ends), list(runner.map_tasks(joined, pairwise(ends))), strict=True):
        if written < 0:
            return None
        gap = int(begins[begin]) - count
        if gap:
            entries[count : written - gap] = entries[count + gap : written]
            first[begin:end] -= gap
        count = written - gap
    first[n] = count
    entries[count : count + AHEAD] = 0
    entries.resize(count + AHEAD, refcheck=False)  # shrunk where it lies
    return first, entries, loops > 0


def _filled(array: npt.NDArray[T], count: int) -> npt.NDArray[T]:
    """The part that was written; what is held for long holds no more."""
    return array if count == len(array) else array[:count].copy()

"""A snapshot of a table larger than memory: rows are laid down by range of neurons, then sorted range by range.

Tests: tests/queries/csr/test_from_ranges.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.running.array_files import Growing, Shelves
from queries.csr.kernels import kept
from queries.csr.lists import adjacency, key_table, numbers_of, sorted_pairs, usable
from queries.snapshot import Snapshot

Words = npt.NDArray[np.uint64]
Rows = tuple[Words, Words, npt.NDArray[np.float64]]
"""pre, post, weight of some rows."""
ROW_BYTES = 48
"""What a row of a range takes while it is sorted, from either side."""
_EVERY = np.empty(0, np.uint8)
_CHUNK = 1 << 20
_ROW = np.dtype([("source", np.int32), ("target", np.int32), ("weight", np.float64)])
_ROW_IN = np.dtype([("source", np.int32), ("target", np.int32), ("edge", np.int32)])


def snapshot_by_ranges(
    root_ids: Words,
    counted: tuple[Words, npt.NDArray[np.int64]],
    given: Iterable[Rows],
    meta: dict[str, Any],
    scratch: Path,
    memory: int,
) -> Snapshot:
    """What ``snapshot_of_rows`` makes of the same rows, byte for byte, with arrays that are mapped from files.

    The files have no names any more when this returns: they go when the arrays go.

    Args:
        root_ids: [n] strictly ascending.
        counted: presynaptic ids, and how many rows each has.
        given: every row once, in any order, in batches that fit into memory.
        scratch: folder for 36 bytes a row.
        memory: bytes that a range may take; a neuron with more rows than that takes more.

    Raises:
        ValueError: as ``snapshot_of_rows``; rows that are not those that were counted. OSError: a full disk.
    """
    n = len(root_ids)
    if n > 1 and not np.all(root_ids[1:] > root_ids[:-1]):
        raise ValueError("root_ids must ascend strictly")
    bits = max(4, int(2 * max(n, 1) - 1).bit_length())
    table = key_table(root_ids, bits)
    known = numbers_of(root_ids, table, bits, counted[0])
    if len(known) and known.min() < 0:
        raise ValueError("edges name neurons that are not among root_ids")
    rows = np.zeros(n, np.int64)
    rows[known] = counted[1]
    if n >= 2**30 or rows.sum() >= 2**31:
        raise ValueError("a snapshot holds fewer than 2^30 nodes and 2^31 edges")
    ranges = ranges_of(rows, memory // ROW_BYTES)
    range_of = _numbers(ranges)
    out_start, autapses = np.zeros(n + 1, np.int64), 0
    with Growing(scratch, np.int32) as targets, Growing(scratch, np.float64) as weights:
        with Shelves(scratch, _ROW, _sizes(rows, ranges)) as shelves:
            for batch in given:
                _lay_down(batch, root_ids, table, bits, range_of, shelves)
            for at, (low, high) in enumerate(ranges):
                source, target, weight = _columns(shelves.take(at))
                used = usable(source, target, _EVERY, _EVERY, loops=False)
                autapses += len(source) - len(used)
                source -= np.int32(low)
                order = sorted_pairs(source, target, used, high - low, n)
                start, near, _ = adjacency(source, target, order, high - low)
                if len(near) < len(order):
                    raise ValueError("an ordered pair occurs twice; sum parallel connections first")
                out_start[low + 1 : high + 1] = np.diff(start)
                targets.add(near)
                weights.add(weight[order])
        np.cumsum(out_start, out=out_start)
        out_target, weight = targets.mapped(), weights.mapped()
    in_start, in_source, in_edge = _turned(out_start, out_target, scratch, memory)
    meta = {**meta, "autapses": autapses + int(meta.get("autapses", 0))}
    return Snapshot(root_ids, out_start, out_target, weight, in_start, in_source, in_edge, meta)


def ranges_of(sizes: npt.NDArray[np.int64], most: int) -> list[tuple[int, int]]:
    """Neighbouring rows together, as many as have no more than ``most`` in sum, one at least."""
    total = np.concatenate([[0], np.cumsum(sizes)])
    cuts = [0]
    while cuts[-1] < len(sizes):
        last = int(np.searchsorted(total, total[cuts[-1]] + most, side="right")) - 1
        cuts.append(max(last, cuts[-1] + 1))
    return list(pairwise(cuts))


def _lay_down(
    batch: Rows, root_ids: Words, table: npt.NDArray[np.int32], bits: int, range_of: npt.NDArray[Any],
    shelves: Shelves,
) -> None:  # fmt: skip
    """Rows with node numbers for ids, each on the shelf of the range that its source is in."""
    pre, post, weight = batch
    source, target = (numbers_of(root_ids, table, bits, ids) for ids in (pre, post))
    if len(source) and min(source.min(), target.min()) < 0:
        raise ValueError("edges name neurons that are not among root_ids")
    rows = np.empty(len(source), _ROW)
    rows["source"], rows["target"], rows["weight"] = source, target, weight
    _put(rows, range_of[source], shelves)


def _columns(
    rows: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    return rows["source"].copy(), rows["target"].copy(), rows["weight"].copy()


def _turned(
    out_start: npt.NDArray[np.int64], out_target: npt.NDArray[np.int32], scratch: Path, memory: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The incoming side: edges are laid down by range of targets, then sorted range by range."""
    n = len(out_start) - 1
    counts = np.zeros(n, np.int64)
    for begin in range(0, len(out_target), _CHUNK):
        counts += np.bincount(out_target[begin : begin + _CHUNK], minlength=n)
    in_start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    ranges = ranges_of(counts, memory // ROW_BYTES)
    with (
        Growing(scratch, np.int32) as sources,
        Growing(scratch, np.int32) as edges,
        Shelves(scratch, _ROW_IN, _sizes(counts, ranges)) as shelves,
    ):
        range_of = _numbers(ranges)
        for low, high in ranges_of(np.diff(out_start), memory // ROW_BYTES):
            begin, end = int(out_start[low]), int(out_start[high])
            rows = np.empty(end - begin, _ROW_IN)
            rows["source"] = np.repeat(np.arange(low, high, dtype=np.int32), np.diff(out_start[low : high + 1]))
            rows["target"], rows["edge"] = out_target[begin:end], np.arange(begin, end, dtype=np.int32)
            _put(rows, range_of[rows["target"]], shelves)
        for at, (low, high) in enumerate(ranges):
            rows = shelves.take(at)
            every, order = np.arange(len(rows), dtype=np.int32), np.empty(len(rows), np.int32)
            kept.sorted_by(rows["target"] - np.int32(low), every, np.zeros(high - low + 1, np.int64), order)
            sources.add(rows["source"][order])
            edges.add(rows["edge"][order])
        return in_start, sources.mapped(), edges.mapped()


def _sizes(rows: npt.NDArray[np.int64], ranges: list[tuple[int, int]]) -> list[int]:
    return [int(rows[low:high].sum()) for low, high in ranges]


def _numbers(ranges: list[tuple[int, int]]) -> npt.NDArray[Any]:
    """The range that each node is in; numbers of 16 bits are sorted by counting."""
    kind = np.uint16 if len(ranges) < 2**16 else np.int64
    return np.repeat(np.arange(len(ranges), dtype=kind), [high - low for low, high in ranges])


def _put(rows: npt.NDArray[Any], shelf: npt.NDArray[Any], shelves: Shelves) -> None:
    """Lay rows down, each on its shelf, those of one in the order given."""
    shelves.put_sorted(rows[np.argsort(shelf, kind="stable")], np.bincount(shelf, minlength=shelves.many))

"""A snapshot of a table larger than memory: rows of one range of neurons at a time, arrays in files.

Tests: tests/queries/csr/test_from_ranges.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.running import whole_files
from queries.csr.kernels import kept
from queries.csr.lists import adjacency, key_table, numbers_of, sorted_pairs, usable
from queries.snapshot import Snapshot

Words = npt.NDArray[np.uint64]
Rows = tuple[Words, Words, npt.NDArray[np.float64]]
"""pre, post, weight of some rows."""
ROW_BYTES = 48
"""What a row of a range takes while it is sorted."""
_ENTRY_BYTES = 8
"""Of an incoming connection: its source and its edge."""
_EVERY = np.empty(0, np.uint8)
_CHUNK = 1 << 22


def snapshot_by_ranges(
    root_ids: Words,
    counted: tuple[Words, npt.NDArray[np.int64]],
    rows_of: Callable[[int, int], Iterable[Rows]],
    meta: dict[str, Any],
    scratch: Path,
    memory: int,
) -> Snapshot:
    """What ``snapshot_of_rows`` makes of the same rows, byte for byte, with arrays that are mapped from files.

    The files have no names any more when this returns: they go when the arrays go.

    Args:
        root_ids: [n] strictly ascending.
        counted: presynaptic ids, and how many rows each has.
        rows_of: the rows of presynaptic ids from one to another, both included, in any order, in batches.
        scratch: folder for 20 bytes a row.
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
    out_start, autapses = np.zeros(n + 1, np.int64), 0
    with Growing(scratch, np.int32) as targets, Growing(scratch, np.float64) as weights:
        for low, high in ranges_of(rows, memory // ROW_BYTES):
            wanted = int(rows[low:high].sum())
            if not wanted:
                continue
            given = rows_of(int(root_ids[low]), int(root_ids[high - 1]))
            source, target, weight = _numbered(given, wanted, root_ids, table, bits)
            used = usable(source, target, _EVERY, _EVERY, loops=False)
            autapses += wanted - len(used)
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


class Growing:
    """An array that grows at its end in a file, and is mapped when it is whole; the file has no name from then on.

    ``folder`` is made where it is missing.
    """

    def __init__(self, folder: Path, kind: npt.DTypeLike) -> None:
        self._kind = np.dtype(kind)
        folder.mkdir(exist_ok=True)
        self.path = whole_files.temporary_path(folder / "array")
        self._file = self.path.open("wb")

    def __enter__(self) -> Growing:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        whole_files.remove(self.path)

    def add(self, values: npt.NDArray[Any]) -> None:
        """Write further values, ``[k]`` of the array's type."""
        self._file.write(np.ascontiguousarray(values, self._kind).data)

    def flush(self) -> None:
        """Let others who open the file see what was added."""
        self._file.flush()

    def mapped(self) -> npt.NDArray[Any]:
        """All values, for reading."""
        self.flush()
        return mapped(self.path, self._kind)


def mapped(path: Path, kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """The array that a file holds, read from disk where it is looked at."""
    if not path.stat().st_size:  # nothing cannot be mapped
        return np.empty(0, kind)
    return np.asarray(np.memmap(path, kind, mode="r"))


def _numbered(
    given: Iterable[Rows], wanted: int, root_ids: Words, table: npt.NDArray[np.int32], bits: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """The rows of a range with node numbers for ids."""
    source, target = np.empty(wanted, np.int32), np.empty(wanted, np.int32)
    weight, at = np.empty(wanted), 0
    for pre, post, values in given:
        end = at + len(pre)
        if end > wanted:
            break
        source[at:end] = numbers_of(root_ids, table, bits, pre)
        target[at:end] = numbers_of(root_ids, table, bits, post)
        weight[at:end] = values
        at = end
    else:
        if at == wanted:
            if min(source.min(), target.min()) < 0:
                raise ValueError("edges name neurons that are not among root_ids")
            return source, target, weight
    raise ValueError(f"found other rows than the {wanted:,} that were counted")


def _turned(
    out_start: npt.NDArray[np.int64], out_target: npt.NDArray[np.int32], scratch: Path, memory: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The incoming side, one range of targets at a time; each looks at every edge once."""
    n = len(out_start) - 1
    counts = np.zeros(n, np.int64)
    for begin in range(0, len(out_target), _CHUNK):
        counts += np.bincount(out_target[begin : begin + _CHUNK], minlength=n)
    in_start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    with Growing(scratch, np.int32) as sources, Growing(scratch, np.int32) as edges:
        for low, high in ranges_of(counts, memory // _ENTRY_BYTES):
            many = int(in_start[high] - in_start[low])
            source, edge = np.empty(many, np.int32), np.empty(many, np.int32)
            kept.incoming(out_start, out_target, low, in_start[low : high + 1] - in_start[low], source, edge)
            sources.add(source)
            edges.add(edge)
        return in_start, sources.mapped(), edges.mapped()

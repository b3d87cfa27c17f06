"""The triad census of a graph larger than memory: its degree order in a file, counted block by block.

A triad closes over its lowest neuron in degree order, whose row is read in passing, and its middle one, whose row has
to be in memory. So the file is divided into blocks that fit, and for each block all rows below its end are read once:
with a k-th of the file in memory it is read k times at most (Hu, Tao & Chung 2013).

Tests: tests/graphlab/motifs/census/test_larger.py.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.shares import over_shares, shares
from ingest.running.array_files import Growing, Shelves, mapped
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import DiskError, ReadError
from queries.csr.from_ranges import ranges_of
from queries.snapshot import Snapshot

Counts = npt.NDArray[np.int64]
Ranks = npt.NDArray[np.int32]
IN_MEMORY = 24
"""Bytes a connection of a census that is made in memory: both directions with states, and the degree order."""
SHARES_A_BLOCK = 16
_ENTRY = 4


@dataclass(frozen=True)
class Room:
    """What a census may take."""

    memory: int
    """Bytes."""
    folder: Path
    """For what does not fit: 8 bytes a connected pair."""

    def holds(self, connections: int) -> bool:
        """Whether a census of so many connections fits into memory."""
        return connections * IN_MEMORY <= self.memory

    def note(self, connections: int) -> str:
        """What is said of a census that does not."""
        return (
            f"counted in blocks from a file: {connections:,} connections take about "
            f"{connections * IN_MEMORY / 1e9:,.2g} GB in memory, GRAPHLAB_MEMORY allows {self.memory / 1e9:,.2g} GB"
        )


def closed_and_sums(
    snapshot: Snapshot, room: Room, workers: Workers = 1, progress: Progress | None = None
) -> tuple[Counts, Counts]:
    """Closed triads by code, int64 [64], and the sums of ``kernels.triads.split_rows``, int64 [9].

    Raises:
        DiskError: the folder is full or may not be written. ReadError: the file of the degree order is gone.
    """
    degree, sums = degrees(snapshot)
    closed = np.zeros(64, np.int64)
    with in_degree_order(snapshot, degree, room) as (start, rows):
        tasks = [
            (low, high, *part)
            for low, high in ranges_of(np.diff(start), room.memory // 4 // _ENTRY)
            for part in shares(np.diff(start[: high + 1]), SHARES_A_BLOCK)
        ]
        for part in over_shares(partial(_through, start, rows), tasks, workers, progress):
            closed += part
    return closed, sums


def degrees(snapshot: Snapshot) -> tuple[Counts, Counts]:
    """Partners of each neuron, int64 [n], and the sums of ``kernels.triads.split_rows``."""
    from graphlab.motifs.kernels.blocks import degrees_and_sums

    degree, sums = np.empty(snapshot.n, np.int64), np.zeros(9, np.int64)
    degrees_and_sums(*_arrays(snapshot), degree, sums)
    return degree, sums


class Rows:
    """The degree order of a graph in a file, as workers see it: theirs to open, its content known by its hash."""

    def __init__(self, path: Path, content_hash: str, size: int) -> None:
        self.path, self.content_hash, self._size = path, content_hash, size
        self._lock = threading.Lock()
        self._all: npt.NDArray[np.uint32] | None = None
        self._block: tuple[tuple[int, int], npt.NDArray[np.uint32]] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Rows, (self.path, self.content_hash, self._size)

    def all(self) -> npt.NDArray[np.uint32]:
        """Every entry, read where it is looked at."""
        with self._lock:
            if self._all is None:
                try:
                    found = mapped(self.path, np.uint32)
                except OSError as error:
                    raise ReadError(
                        f"{self.path} cannot be read: {error.strerror}; workers on other machines need the graph's "
                        "folder at the same place"
                    ) from None
                if len(found) != self._size:
                    raise ReadError(f"{self.path} has {len(found):,} entries; wanted {self._size:,}")
                self._all = found
            return self._all

    def block(self, begin: int, end: int) -> npt.NDArray[np.uint32]:
        """Entries in memory; threads that ask for the same have them together."""
        rows = self.all()
        with self._lock:
            if self._block is None or self._block[0] != (begin, end):
                self._block = None  # before the next is read
                self._block = (begin, end), np.array(rows[begin:end])
            return self._block[1]


@contextmanager
def in_degree_order(snapshot: Snapshot, degree: Counts, room: Room) -> Iterator[tuple[Counts, Rows]]:
    """The forward lists of ``kernels.triads.forward_in_degree_order``, in a file that is gone after the block.

    Returns:
        forward_start int64 [n + 1], and the file.
    """
    from graphlab.motifs.kernels.blocks import higher_partners

    order = np.argsort(degree, kind="stable").astype(np.int32)
    rank = np.empty(snapshot.n, np.int32)
    rank[order] = np.arange(snapshot.n, dtype=np.int32)
    start = np.zeros(snapshot.n + 1, np.int64)
    higher_partners(*_arrays(snapshot), rank, start[1:])
    np.cumsum(start, out=start)
    content = hashlib.blake2b(start.data, digest_size=16)
    with _file(room.folder, int(start[-1])) as file:
        for rows in _by_rank(snapshot, order, rank, start, room):
            content.update(rows.data)
            with _disk_errors(room.folder, int(start[-1])):
                file.add(rows)
                file.flush()
        yield start, Rows(file.path, content.hexdigest(), int(start[-1]))


def _by_rank(
    snapshot: Snapshot, order: Ranks, rank: Ranks, start: Counts, room: Room
) -> Iterator[npt.NDArray[np.uint32]]:
    """Forward rows in the order of ranks, as many at a time as may be held.

    Neurons of neighbouring ranks lie anywhere in the snapshot. It is read from its begin to its end, so rows are laid
    down by range of ranks first: a mapped file that is read here and there is read many times over.
    """
    from graphlab.motifs.kernels.blocks import forward_rows, rows_by_rank

    size = np.diff(start)
    most = room.memory // 8 // _ENTRY
    ranges, stretches = ranges_of(size, most), ranges_of(size[rank], most)
    high_ends = np.array([high for _, high in ranges])
    many = [int(size[low:high].sum()) for low, high in ranges]
    with _disk_errors(room.folder, int(start[-1])), Shelves(room.folder, np.uint32, many) as shelves:
        for first, last in stretches:
            by_rank = np.sort(rank[first:last])
            ends = np.concatenate([[0], np.cumsum(size[by_rank])])
            place = ends[np.searchsorted(by_rank, rank[first:last])]
            rows = np.empty(ends[-1], np.uint32)
            forward_rows(*_arrays(snapshot), rank, first, last, place, rows)
            shelves.put_sorted(rows, np.diff(ends[np.searchsorted(by_rank, high_ends)], prepend=0))
        stretch_ends = [last for _, last in stretches]
        for at, (low, high) in enumerate(ranges):
            stretch = np.searchsorted(stretch_ends, order[low:high], side="right")
            found = shelves.take(at)
            rows = np.empty(len(found), np.uint32)
            rows_by_rank(found, np.argsort(stretch, kind="stable"), start[low : high + 1] - start[low], rows)
            yield rows


@contextmanager
def _file(folder: Path, entries: int) -> Iterator[Growing]:
    with _disk_errors(folder, entries):
        file = Growing(folder, np.uint32)
    with file:
        yield file


@contextmanager
def _disk_errors(folder: Path, entries: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError(
            f"{folder} cannot be written: {error.strerror}; this census does not fit into memory and needs "
            f"{2 * entries * _ENTRY / 1e9:,.2g} GB there. Free space, let the folder be written, or allow more memory "
            "(GRAPHLAB_MEMORY=16GB)"
        ) from error


def _arrays(snapshot: Snapshot) -> tuple[Any, Any, Any, Any]:
    return snapshot.out_start, snapshot.out_target, snapshot.in_start, snapshot.in_source


def _through(start: Counts, rows: Rows, low: int, high: int, first: int, last: int) -> Counts:
    from graphlab.motifs.kernels.blocks import triangles_through

    block = rows.block(int(start[low]), int(start[high]))
    return np.asarray(triangles_through(start, rows.all(), block, low, high, first, last))

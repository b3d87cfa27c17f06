"""Embeddings sorted by (root_id, node_id) within a memory bound: sorted runs on disk, merged in blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.running.progress import Progress
from ingest.schema.errors import SchemaError
from ingest.schema.words import EMBEDDINGS

BLOCK_ROWS = 1 << 16
Records = npt.NDArray[np.void]
"""[n] rows with the fields root_id, node_id, point (XYZ nm), vector."""
Key = tuple[int, int]


def record_type(width: int) -> np.dtype[Any]:
    """One row as it lies in a run file."""
    return np.dtype([("root_id", "u8"), ("node_id", "u8"), ("point", "f4", (3,)), ("vector", "f4", (width,))])


def sorted_blocks(
    batches: Iterable[pa.RecordBatch],
    width: int,
    folder: Path,
    memory_bytes: int,
    progress: Progress | None = None,
) -> Iterator[Records]:
    """All rows in order, in blocks of at most about BLOCK_ROWS.

    Args:
        batches: the words of EMBEDDINGS, in any order.
        width: floats a vector must have.
        folder: where runs go when the rows do not fit ``memory_bytes``; the caller removes it.
        memory_bytes: bound of the rows held at a time, sorting included.

    Raises:
        SchemaError: another width, an empty cell, a number that is not finite, the same node of a segment twice.
    """
    kind = record_type(width)
    capacity = max(1024, memory_bytes * 3 // 4 // (kind.itemsize + 24))
    buffer = np.empty(capacity, dtype=kind)  # pages are taken when they are written to
    filled = done = 0
    runs: list[Path] = []
    for batch in batches:
        for start in range(0, batch.num_rows, BLOCK_ROWS):
            records = _records(batch.slice(start, BLOCK_ROWS), kind, width)
            taken = 0
            while taken < records.size:
                if filled == capacity:
                    runs.append(_spill(buffer, folder / f"{len(runs)}.run"))
                    filled = 0
                part = records[taken : taken + capacity - filled]
                buffer[filled : filled + part.size] = part
                filled += part.size
                taken += part.size
        done += batch.num_rows
        if progress:
            progress(done, 0)
    if not runs:
        yield from _checked(_ordered(buffer[:filled]))
        return
    runs.append(_spill(buffer[:filled], folder / f"{len(runs)}.run"))
    del buffer
    yield from _checked(_merged(runs, kind, memory_bytes))


def _records(batch: pa.RecordBatch, kind: np.dtype[Any], width: int) -> Records:
    for name in EMBEDDINGS.names():
        if name not in batch.schema.names:
            raise SchemaError(f"embeddings lack the column {name!r}; wanted {', '.join(EMBEDDINGS.names())}")
        if batch.column(name).null_count:
            raise SchemaError(f"embeddings have an empty {name}; every row needs one")
    records = np.empty(batch.num_rows, dtype=kind)
    for name in ("root_id", "node_id"):
        if not pa.types.is_uint64(batch.column(name).type):
            raise SchemaError(f"embeddings: {name} is {batch.column(name).type}; wanted uint64")
        records[name] = batch.column(name).to_numpy()
    for axis, name in enumerate(("x_nm", "y_nm", "z_nm")):
        records["point"][:, axis] = batch.column(name).to_numpy()
    vectors = batch.column("vector")
    lengths = vectors.value_lengths().to_numpy(zero_copy_only=False)
    if (lengths != width).any():
        row = int(np.argmax(lengths != width))
        raise SchemaError(
            f"embeddings: segment {records['root_id'][row]}, node {records['node_id'][row]} has a vector of "
            f"{lengths[row]} numbers; wanted {width}"
        )
    records["vector"] = vectors.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    finite = np.isfinite(records["vector"]).all(axis=1) & np.isfinite(records["point"]).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise SchemaError(
            f"embeddings: segment {records['root_id'][row]}, node {records['node_id'][row]} has a vector or a position "
            "that is not finite; leave the node out or embed it again"
        )
    return records


def _order(records: Records) -> npt.NDArray[np.intp]:
    return np.lexsort((records["node_id"], records["root_id"]))


def _ordered(records: Records) -> Iterator[Records]:
    order = _order(records)
    for start in range(0, order.size, BLOCK_ROWS):
        yield records[order[start : start + BLOCK_ROWS]]


def _spill(records: Records, path: Path) -> Path:
    with path.open("wb") as file:
        for block in _ordered(records):
            block.tofile(file)
    return path


class _Run:
    """A sorted run on disk, seen through a window at its front."""

    def __init__(self, path: Path, kind: np.dtype[Any], window: int) -> None:
        self._path, self._kind, self._size = path, kind, window
        self._rows = path.stat().st_size // kind.itemsize
        self._next = 0
        self.window = np.empty(0, dtype=kind)
        self._fill()

    def _fill(self) -> None:
        more = min(self._size - self.window.size, self._rows - self._next)
        read = np.fromfile(self._path, self._kind, more, offset=self._next * self._kind.itemsize)
        self._next += more
        self.window = np.concatenate([self.window, read])

    def last(self) -> Key | None:
        """Key of the last row in the window; None when nothing lies behind it."""
        if self._next == self._rows:
            return None
        return int(self.window["root_id"][-1]), int(self.window["node_id"][-1])

    def take(self, up_to: Key | None) -> Records:
        """Rows whose key is at most ``up_to``, all of the window for None; the window is filled again."""
        cut = self.window.size
        if up_to is not None:
            root = np.uint64(up_to[0])
            low, high = (int(np.searchsorted(self.window["root_id"], root, side)) for side in ("left", "right"))
            cut = low + int(np.searchsorted(self.window["node_id"][low:high], np.uint64(up_to[1]), "right"))
        taken, self.window = self.window[:cut], self.window[cut:]
        self._fill()
        return taken


def _merged(paths: list[Path], kind: np.dtype[Any], memory_bytes: int) -> Iterator[Records]:
    """Rows up to the smallest last key of all windows are complete: sort and yield them, then move on."""
    window = max(64, memory_bytes // 4 // (len(paths) * kind.itemsize))
    runs = [_Run(path, kind, window) for path in paths]
    while runs:
        ends = [end for end in (run.last() for run in runs) if end is not None]
        up_to = min(ends) if ends else None
        taken = np.concatenate([run.take(up_to) for run in runs])
        yield from _ordered(taken)
        runs = [run for run in runs if run.window.size]


def _checked(blocks: Iterator[Records]) -> Iterator[Records]:
    """The same blocks; a node that comes twice is an error."""
    before: Key | None = None
    for block in blocks:
        if not block.size:
            continue
        roots, nodes = block["root_id"], block["node_id"]
        again = np.flatnonzero((roots[1:] == roots[:-1]) & (nodes[1:] == nodes[:-1]))
        if again.size or before == (int(roots[0]), int(nodes[0])):
            row = int(again[0]) if again.size else 0
            raise SchemaError(
                f"embeddings: segment {roots[row]} has node {nodes[row]} twice; a segment lies in one shard and a node "
                "in one row. Is a shard there under two names?"
            )
        before = int(roots[-1]), int(nodes[-1])
        yield block

"""Recordings at rest: Parquet, one row a frame and trace, whole traces a row group; read back trace by trace.

Tests: tests/graphlab/store/recordings/test_intake.py.
"""

from __future__ import annotations

import hashlib
import os
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.store.files import checksums
from ingest.recordings.recording import Recording
from ingest.running import whole_files
from ingest.running.progress import Progress
from ingest.schema.errors import ReadError

GROUP_ROWS = 1 << 20
REMEDY = "drop the animal (graphlab drop-animal) and bring it again, or take the file from a copy of the graph"
MEMORY_BYTES = 1 << 29
"""Recordings up to this size are read into memory, larger ones into a scratch file."""
Traces = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

ACTIVITY = pa.schema(
    [
        ("animal", pa.string()), ("trace", pa.int32()), ("root_id", pa.uint64()), ("frame", pa.int32()),
        ("segment", pa.int32()), ("time_s", pa.float64()), ("activity", pa.float32()),
    ]
)  # fmt: skip
BEHAVIOR = pa.schema(
    [
        ("animal", pa.string()), ("behavior", pa.string()), ("frame", pa.int32()), ("time_s", pa.float64()),
        ("value", pa.float64()),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """A complete file."""

    path: Path
    sha256: str


class RowFile:
    """float32 [traces, frames] in a scratch file of its own; slices of rows are read, never mapped.

    Mapped pages would count as memory of the process; read blocks are gone when their user is done with them.
    The file is removed with the object.
    """

    def __init__(self, folder: Path, traces: int, frames: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"traces-{uuid.uuid4().hex[:12]}.f32"
        self.shape = (traces, frames)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.ftruncate(self._descriptor, traces * frames * 4)
        self._finalizer = weakref.finalize(self, _remove, self._descriptor, self.path)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Traces:
        first, last, step = rows.indices(self.shape[0])
        if step != 1:
            raise ValueError("rows of a RowFile are read in steps of 1")
        block = np.empty((max(0, last - first), self.shape[1]), dtype=np.float32)
        self._transfer(os.preadv, block, first)
        return block

    def __setitem__(self, rows: slice, values: Traces) -> None:
        first, last, _ = rows.indices(self.shape[0])
        block = np.ascontiguousarray(values, dtype=np.float32)
        if block.shape != (last - first, self.shape[1]):
            raise ValueError(f"found {block.shape}; wanted {(last - first, self.shape[1])}")
        self._transfer(os.pwritev, block, first)

    def columns(self, first: int, last: int) -> Traces:
        """float32 [traces, last - first]: a stretch of frames of every trace."""
        block = np.empty((self.shape[0], last - first), dtype=np.float32)
        for row in range(self.shape[0]):
            os.preadv(self._descriptor, [block[row].data.cast("B")], (row * self.shape[1] + first) * 4)
        return block

    def close(self) -> None:
        self._finalizer()

    def _transfer(self, call: Callable[..., int], block: Traces, first: int) -> None:
        view = block.data.cast("B") if block.size else memoryview(b"")
        done, start = 0, first * self.shape[1] * 4
        while done < len(view):
            done += call(self._descriptor, [view[done : done + (1 << 30)]], start + done)


def _remove(descriptor: int, path: Path) -> None:
    with suppress(OSError):
        os.close(descriptor)
    with suppress(OSError):
        path.unlink()


def write_activity(
    folder: Path,
    recording: Recording,
    root_ids: Sequence[int | None],
    progress: Progress | None = None,
) -> Written:
    """Write the traces of one animal, whole or not at all; a row group holds whole traces."""
    frames, traces = len(recording.time_s), len(recording.identities)
    step = max(1, GROUP_ROWS // frames)

    def groups() -> Iterator[pa.Table]:
        for first in range(0, traces, step):
            last = min(first + step, traces)
            count = last - first
            columns = [
                pa.array([recording.animal], pa.string()).take(pa.array(np.zeros(count * frames, np.int8))),
                pa.array(np.repeat(np.arange(first, last, dtype=np.int32), frames)),
                pa.array(list(root_ids[first:last]), pa.uint64()).take(pa.array(np.repeat(np.arange(count), frames))),
                pa.array(np.tile(np.arange(frames, dtype=np.int32), count)),
                pa.array(np.tile(recording.segment.astype(np.int32), count)),
                pa.array(np.tile(recording.time_s, count)),
                pa.array(np.ascontiguousarray(recording.block(first, last), dtype=np.float32).ravel()),
            ]
            yield pa.Table.from_arrays(columns, schema=ACTIVITY)
            if progress:
                progress(last, traces)

    return _write(folder, ACTIVITY, groups(), max(GROUP_ROWS, frames))


def write_behavior(folder: Path, animal: str, time_s: Floats, behaviors: dict[str, Floats]) -> Written:
    """Write the behaviours of one animal at the frames of its recording; NaN stays NaN."""
    frames = len(time_s)

    def groups() -> Iterator[pa.Table]:
        for name, values in behaviors.items():
            columns = [
                pa.array([animal] * frames),
                pa.array([name] * frames),
                pa.array(np.arange(frames, dtype=np.int32)),
                pa.array(time_s),
                pa.array(np.asarray(values, dtype=np.float64)),
            ]
            yield pa.Table.from_arrays(columns, schema=BEHAVIOR)

    return _write(folder, BEHAVIOR, groups(), max(GROUP_ROWS, frames))


def _write(folder: Path, schema: pa.Schema, groups: Iterator[pa.Table], group_rows: int) -> Written:
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f".writing-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        with parquet.ParquetWriter(new, schema, compression="zstd") as writer:
            for group in groups:
                writer.write_table(group, row_group_size=group_rows)
        with new.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        path = new.rename(folder / f"{digest[:12]}-{uuid.uuid4().hex[:8]}.parquet")
    finally:
        whole_files.remove(new)
    whole_files.folder_to_disk(folder)
    return Written(path, digest)


def read_clock(path: Path) -> tuple[Floats, npt.NDArray[np.int64]]:
    """(seconds, segment) of the frames of a file of activity."""
    first = _opened(path).read_row_group(0, columns=["trace", "time_s", "segment"])
    trace = first.column("trace").to_numpy()
    own = trace == trace[0]
    return first.column("time_s").to_numpy()[own], first.column("segment").to_numpy()[own].astype(np.int64)


def read_activity(path: Path, traces: int, frames: int, scratch: Path) -> Traces | RowFile:
    """float32 [traces, frames]; in memory up to ``MEMORY_BYTES``, else in a scratch file under ``scratch``."""
    rows: Any = (
        np.empty((traces, frames), dtype=np.float32)
        if traces * frames * 4 <= MEMORY_BYTES
        else RowFile(scratch, traces, frames)
    )
    file, first = _opened(path), 0
    for number in range(file.num_row_groups):
        values = file.read_row_group(number, columns=["activity"]).column("activity").to_numpy()
        count = len(values) // frames
        rows[first : first + count] = values.reshape(count, frames)
        first += count
    if first != traces:
        raise ReadError(f"{path}: found {first:,} traces, the graph names {traces:,}; the file was changed")
    return rows  # type: ignore[no-any-return]


def read_behavior(path: Path, frames: int) -> dict[str, Floats]:
    """Name -> [frames]."""
    table = _opened(path).read()
    names, values = table.column("behavior").to_pylist(), table.column("value").to_numpy()
    return {names[at]: values[at : at + frames] for at in range(0, len(names), frames)}


def _opened(path: Path) -> Any:
    from pyarrow import parquet

    checksums.require_named(path, "the recording", REMEDY)
    try:
        return parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ReadError(f"{path}: the recording is missing or damaged: {str(error).splitlines()[0]}") from None

"""What a run has finished, on disk: parts that are whole or absent, so that a stopped run goes on where it was.

Tests: tests/gpu_embed/test_embed.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from ingest.running import whole_files
from ingest.schema.errors import ReadError, VersionError

IDENTITY = "run.json"
PART = "part-{:06d}-{}.arrow"
"""Number, and the first digits of the SHA-256 of the content."""
_DIGITS = 12


def claim(folder: Path, identity: Mapping[str, Any]) -> None:
    """Make a folder that of one run, or find that it is; what killed writers left in it is swept.

    Args:
        identity: everything that the content depends on; another one is refused.

    Raises:
        VersionError: the folder is of another run. ReadError: it cannot be made or read.
    """
    text = json.dumps(dict(identity), indent=2, sort_keys=True, default=str)
    path = folder / IDENTITY
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            _require_same(path, text)
        else:
            whole_files.write_bytes(path, text.encode())
        for left in folder.glob(".*"):
            if whole_files.is_left(left) or left.suffix == ".tmp":  # as earlier versions named them
                whole_files.remove(left)
    except OSError as error:
        raise _as_ours(folder, error) from None


class Rows(Protocol):
    """Where finished rows go."""

    def rows(self) -> pa.Table | None:
        """All finished rows; None when there are none."""
        ...

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep finished rows."""
        ...


class EmbeddingJournal:
    """A folder of Arrow files with finished rows, and what run they are of.

    Args:
        identity: everything that the rows depend on (volumes, weights, resolution); another one is refused.

    Raises:
        VersionError: the folder is of another run. ReadError: it cannot be made or read.
    """

    def __init__(self, folder: str | Path, identity: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        claim(self.folder, identity)
        try:
            self._parts = sorted(self.folder.glob("part-*.arrow"))
        except OSError as error:
            raise _as_ours(self.folder, error) from None

    def rows(self) -> pa.Table | None:
        """All finished rows, memory-mapped; None when there are none.

        Raises:
            ReadError: a part is corrupt.
        """
        tables = []
        for path in self._parts:
            try:
                with pa.memory_map(str(path)) as file:
                    said = path.stem.split("-")[2:]  # none in parts of earlier versions
                    if said and said != [_digits(file.read_buffer())]:
                        raise ReadError(f"{path} is damaged; remove it: its nodes are computed again")
                    file.seek(0)
                    tables.append(pa.ipc.open_file(file).read_all())
            except (pa.ArrowInvalid, OSError) as error:
                if isinstance(error, ReadError):
                    raise
                raise ReadError(f"{path} is corrupt ({error}); remove it: its nodes are computed again") from None
        return pa.concat_tables(tables) if tables else None

    def add(self, batch: pa.RecordBatch) -> None:
        """Write finished rows; on disk when it returns.

        Raises:
            ReadError: the disk is full or the folder is gone; nothing half-written is left.
        """
        if batch.num_rows == 0:
            return
        number = int(self._parts[-1].stem.split("-")[1]) + 1 if self._parts else 0
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        content = sink.getvalue()
        path = self.folder / PART.format(number, _digits(content))
        try:
            whole_files.write_bytes(path, memoryview(content))
        except OSError as error:
            raise _as_ours(self.folder, error) from None
        self._parts.append(path)

    def remove(self) -> None:
        """Forget the run: its rows are elsewhere now."""
        for path in [*self._parts, self.folder / IDENTITY]:
            path.unlink(missing_ok=True)
        self._parts = []
        self.folder.rmdir()


def _digits(content: pa.Buffer) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def _require_same(path: Path, text: str) -> None:
    wanted = json.loads(text)
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ReadError(f"{path} is damaged ({error}); remove its folder: what it holds is computed again") from None
    if not isinstance(there, dict):
        there = {}
    if there != wanted:
        other = sorted(key for key in {*there, *wanted} if there.get(key) != wanted.get(key))
        raise VersionError(
            f"{path.parent} holds a run of another {', '.join(other)}: {there.get(other[0])!r} there, "
            f"{wanted.get(other[0])!r} now. Finish that run, or remove the folder"
        )


def _as_ours(folder: Path, error: OSError) -> ReadError:
    return ReadError(
        f"cannot write {folder}: {error.strerror or error}; what is finished is kept, free some space and run it again"
    )

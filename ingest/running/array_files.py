"""Arrays in files, for what does not fit into memory; none has a name after its block.

Tests: tests/ingest/running/test_array_files.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.running import whole_files


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


class Shelves:
    """A place for each range of a table in one file: its rows are laid down in any order, and taken all at once.

    ``folder`` is made where it is missing.

    Args:
        sizes: how many rows each range has.
    """

    def __init__(self, folder: Path, kind: npt.DTypeLike, sizes: Sequence[int]) -> None:
        self.many = len(sizes)
        self._kind = np.dtype(kind)
        self._begin = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._filled = self._begin[:-1].copy()
        folder.mkdir(exist_ok=True)
        self.path = whole_files.temporary_path(folder / "shelves")
        self._file = self.path.open("w+b")

    def __enter__(self) -> Shelves:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        whole_files.remove(self.path)

    def put_sorted(self, rows: npt.NDArray[Any], counts: npt.NDArray[np.int64]) -> None:
        """Lay down rows of all ranges, in the order of these.

        Args:
            counts: how many are of each range.

        Raises:
            ValueError: a range has more rows than were said.
        """
        end = np.cumsum(counts)
        if (self._filled + counts > self._begin[1:]).any():
            raise ValueError(f"found more rows than the {int(self._begin[-1]):,} that were counted")
        for at in np.flatnonzero(counts):
            self._file.seek(int(self._filled[at]) * self._kind.itemsize)
            self._file.write(np.ascontiguousarray(rows[end[at] - counts[at] : end[at]], self._kind).data)
        self._filled += counts

    def take(self, at: int) -> npt.NDArray[Any]:
        """The rows of a range, in the order in which they were laid down.

        Raises:
            ValueError: not all were.
        """
        if self._filled[at] < self._begin[at + 1]:
            raise ValueError(f"found fewer rows than the {int(self._begin[-1]):,} that were counted")
        self._file.seek(int(self._begin[at]) * self._kind.itemsize)
        return np.fromfile(self._file, self._kind, int(self._begin[at + 1] - self._begin[at]))

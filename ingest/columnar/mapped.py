"""A file mapped into memory whose pages are let go behind the reader, so that its size is not the memory it takes.

Pages of a mapping count as memory of the process for as long as they are mapped. Those of a file that is only read can
be let go at any time: whoever looks again gets them again, from the page cache or the disk.

Tests: tests/ingest/columnar/test_mapped.py.
"""

from __future__ import annotations

import mmap
from pathlib import Path

import pyarrow as pa

HELD = 1 << 25
"""Bytes that may be read before pages are let go."""


class MappedFile:
    """The bytes of a file.

    Args:
        path: of the file.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            empty = path.stat().st_size == 0  # of nothing there is no mapping
            self._mapping = None if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.buffer = pa.py_buffer(self._mapping if self._mapping is not None else b"")
        self._held = 0

    def was_read(self, size: int) -> None:
        """Note that ``size`` bytes were read; from time to time all pages are let go."""
        self._held += size
        if self._held >= HELD and self._mapping is not None:
            self._held = 0
            if hasattr(mmap, "MADV_DONTNEED"):
                self._mapping.madvise(mmap.MADV_DONTNEED)

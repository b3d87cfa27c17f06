"""Files that lie packed beside or instead of plain ones: gzip, brotli, zstandard, bzip2, xz, told by their ending."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.schema.errors import ReadError

PACKED = {".gz": "gzip", ".br": "brotli", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}
LARGEST = 1 << 31
"""Bytes that one file may unpack to: skeletons and chunks of voxels are far smaller."""
PIECE = 1 << 22


def bare_name(name: str) -> str:
    """A file's name without the ending that says how it is packed: ``5.swc`` of ``5.swc.GZ``."""
    stem, dot, ending = name.rpartition(".")
    return stem if stem and dot + ending.lower() in PACKED else name


def unpacked(path: Path) -> bytes:
    """The content of a file, unpacked where its name ends so.

    Raises:
        ReadError: not there, damaged, or more than ``LARGEST`` bytes.
    """
    kind = PACKED.get(path.suffix.lower())
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from None
    return data if kind is None else unpack(data, kind, str(path))


def unpack(data: bytes, kind: str, name: str) -> bytes:
    """Bytes of one of the kinds of ``PACKED``, whole.

    Raises:
        ReadError: damaged, cut short, or more than ``LARGEST`` bytes.
    """
    parts: list[bytes] = []
    taken = 0
    if not data:
        raise ReadError(f"{name} is empty; wanted {kind}")
    try:
        with _opened(data, kind) as file:
            while piece := file.read(PIECE):
                parts.append(bytes(piece))
                taken += len(piece)
                if taken > LARGEST:
                    raise ReadError(f"{name} unpacks to more than {LARGEST:,} bytes; it is not unpacked")
    except ReadError:
        raise
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
        raise ReadError(f"{name} does not unpack as {kind}: {' '.join(str(error).split())[:200]}") from None
    return b"".join(parts)


def _opened(data: bytes, kind: str) -> Any:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=io.BytesIO(data))
    if kind == "bz2":
        return bz2.BZ2File(io.BytesIO(data))
    if kind == "xz":
        return lzma.LZMAFile(io.BytesIO(data))
    return pa.CompressedInputStream(pa.BufferReader(data), kind)

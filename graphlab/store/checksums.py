"""Files of a graph are what they were when they were written: checked once a file version, before anything is read.

Embeddings and recordings carry the first 12 digits of their SHA-256 in their names, snapshots and id indices a CRC-32
behind their last byte. A file that this process has checked is told by its inode, size and time of change.
"""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import pyarrow as pa

from ingest.errors import ReadError

_MARK = b"graphlab:crc32="
_TAIL = len(_MARK) + 8
_DIGITS = 12
_CHECKED: set[tuple[int, int, int, int, int]] = set()


def require_named(path: Path, what: str, remedy: str) -> None:
    """See that a file has the content that its name was made of.

    Args:
        what: how the file is called in messages. remedy: what to do about a damaged one.

    Raises:
        ReadError: another content, or no such file.
    """
    try:
        if is_known(path):
            return
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ReadError(f"{path}: {what} is missing, truncated or damaged: {error.strerror}; {remedy}") from None
    wanted = path.name.split("-")[0]
    if found[:_DIGITS] != wanted:
        raise ReadError(
            f"{path}: {what} is truncated or damaged: its SHA-256 begins with {found[:_DIGITS]}, it was written "
            f"with {wanted}; {remedy}"
        )
    _remember(path)


def seal(path: Path) -> None:
    """Write the checksum behind a file that is whole."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            crc = zlib.crc32(block, crc)
    with path.open("ab") as file:
        file.write(_MARK + f"{crc:08x}".encode())


def sealed(path: Path) -> pa.Buffer:
    """The content of a sealed file, mapped.

    Raises:
        ReadError: it is damaged or was never sealed. OSError: there is none.
    """
    with pa.memory_map(str(path)) as file:
        buffer = file.read_buffer()
    content, tail = buffer.slice(0, max(0, buffer.size - _TAIL)), buffer.slice(max(0, buffer.size - _TAIL)).to_pybytes()
    if not is_known(path):
        if not tail.startswith(_MARK) or tail[len(_MARK) :] != f"{zlib.crc32(content):08x}".encode():
            raise ReadError(f"{path}: its content is not what its checksum says")
        _remember(path)
    return content


def _version(path: Path) -> tuple[int, int, int, int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def is_known(path: Path) -> bool:
    """Whether this process has checked this version of a file."""
    try:
        return _version(path) in _CHECKED
    except FileNotFoundError:
        return False


def _remember(path: Path) -> None:
    if len(_CHECKED) > 100_000:
        _CHECKED.clear()
    _CHECKED.add(_version(path))

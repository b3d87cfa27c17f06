"""Files of a graph are what they were when they were written: checked once a file version, before anything is read.

Embeddings and recordings carry the first 12 digits of their SHA-256 in their names; other files a CRC-32 of all other
bytes where they keep text of their own: the metadata of a schema (an Arrow file has it at its begin and at its end, a
Parquet file at its end), or a document at the begin.
A file that this process has checked is told by its inode, size and time of change.

Tests: tests/graphlab/store/embeddings/test_files.py.
"""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.schema.errors import ReadError

_MARK = b"graphlab:crc32="
_ZEROS = b"00000000"
_SCHEMA_BYTES = 1 << 16
UNSEALED = {"checksum": (_MARK + _ZEROS).decode()}
"""What a file holds that ``seal`` is going to seal: metadata of its schema, or entries of its document."""
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
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ReadError(f"{path}: {what} is missing, truncated or damaged: {error.strerror}; {remedy}") from None
    wanted = path.name.split("-")[0]
    if digest[:_DIGITS] != wanted:
        raise ReadError(
            f"{path}: {what} is truncated or damaged: its SHA-256 begins with {digest[:_DIGITS]}, it was written "
            f"with {wanted}; {remedy}"
        )
    _remember(path)


def seal(path: Path) -> None:
    """Write the checksum into a file that is whole and holds ``UNSEALED``."""
    with pa.memory_map(str(path)) as file:
        content = file.read_buffer()
    places = _places(content)
    if not places:
        raise AssertionError(f"{path} has no place for its checksum")
    crc = _crc(content, places)
    with path.open("r+b") as file:
        for place in places:
            file.seek(place)
            file.write(crc)


def sealed(path: Path, earlier: bool = False) -> pa.Buffer:
    """The content of a sealed file, mapped.

    Args:
        earlier: a file without a seal is of an earlier version, and taken as it is.

    Raises:
        ReadError: it is damaged or was never sealed. OSError: there is none.
    """
    with pa.memory_map(str(path)) as file:
        content = file.read_buffer()
    if not is_known(path):
        places = _places(content)
        if not (places or earlier) or any(_at(content, place) != _crc(content, places) for place in places):
            raise ReadError(f"{path}: its content is not what its checksum says")
        _remember(path)
    return content


def write_parquet(table: pa.Table, path: Path, **said: Any) -> None:
    """A sealed Parquet file."""
    from pyarrow import parquet

    marked = {**(table.schema.metadata or {}), **UNSEALED}
    parquet.write_table(table.replace_schema_metadata(marked), path, **said)
    seal(path)


def read_parquet(path: Path, what: str, remedy: str) -> pa.Table:
    """The table of a sealed Parquet file, or of one that an earlier version wrote.

    Args:
        what: how the file is called in messages. remedy: what to do about a damaged one.

    Raises:
        ReadError: it is missing or damaged.
    """
    from pyarrow import parquet

    try:
        table = parquet.read_table(pa.BufferReader(sealed(path, earlier=True)))
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ReadError(f"{path}: {what} is missing or damaged ({why}); {remedy}") from None
    kept = {name: value for name, value in (table.schema.metadata or {}).items() if name != b"checksum"}
    return table.replace_schema_metadata(kept or None)


def _places(content: pa.Buffer) -> tuple[int, ...]:
    """Where the digits of the checksum begin: behind the first mark at the begin of a file and the last at its end."""
    tail = max(0, content.size - _SCHEMA_BYTES)
    first = content.slice(0, min(content.size, _SCHEMA_BYTES)).to_pybytes().find(_MARK)
    last = content.slice(tail).to_pybytes().rfind(_MARK)
    marks = {at for at, found in ((first, first), (last + tail, last)) if found >= 0}
    return tuple(at + len(_MARK) for at in sorted(marks) if at + len(_MARK) + len(_ZEROS) <= content.size)


def _at(content: pa.Buffer, place: int) -> bytes:
    block: bytes = content.slice(place, len(_ZEROS)).to_pybytes()
    return block


def _crc(content: pa.Buffer, places: tuple[int, ...]) -> bytes:
    """The CRC-32 of a file as it is with zeros for its digits."""
    crc, begin = 0, 0
    for place in places:
        crc = zlib.crc32(_ZEROS, zlib.crc32(content.slice(begin, place - begin), crc))
        begin = place + len(_ZEROS)
    return f"{zlib.crc32(content.slice(begin), crc):08x}".encode()


def _version(path: Path) -> tuple[int, int, int, int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


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

"""What a file is, by its first bytes rather than its name.

Tests: tests/ingest/tables/test_columnar.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ingest.reader import Sure
from ingest.schema.errors import ReadError

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
GZIP, ZSTD, BZIP2, XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ"
HDF5 = b"\x89HDF"


def begins(source: object, *magic: bytes) -> bool:
    """Whether ``source`` is a file that begins with one of ``magic``."""
    if not isinstance(source, str | Path) or not Path(source).is_file():
        return False
    with Path(source).open("rb") as file:
        return file.read(8).startswith(magic)


def ends(source: object, *endings: str) -> bool:
    """Whether ``source`` is a path with one of these endings, case ignored."""
    return isinstance(source, str | Path) and str(source).lower().endswith(endings)


def named(source: object, *endings: str) -> Sure:
    """How sure a reader of files with these endings is of ``source``."""
    return Sure.NAME if ends(source, *endings) else Sure.NO


def checked(source: Any) -> Path:
    """The path of a readable, non-empty file.

    Raises:
        ReadError: missing, a folder, empty, or not readable.
    """
    path = Path(source)
    if not path.exists():
        raise ReadError(f"{path} does not exist")
    if path.is_dir():
        raise ReadError(f"{path} is a folder without Parquet, Feather, Arrow or Avro files; name the file in it")
    try:
        if path.stat().st_size == 0:
            raise ReadError(f"{path} is empty")
        with path.open("rb") as file:
            file.read(1)
    except PermissionError:
        raise ReadError(f"{path} cannot be read: permission denied") from None
    return path

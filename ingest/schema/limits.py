"""How much memory a source may ask for, seen before it is given: by what would be allocated, not by the file's size."""

from __future__ import annotations

import os
import re

from ingest.schema.errors import ReadError, SchemaError

VARIABLE = "GRAPHLAB_READ_LIMIT"
"""Says the limit for every source instead, like ``32GB``."""
MOST = 8 << 30
SMALL, RATIO = 256 << 20, 200
"""A file may unpack to so many bytes at once, or to so many times its size where that is more: numbers as text and
columns of repeated values shrink less than that. Never to more than ``MOST``."""


def as_bytes(size: int | str | None, what: str = "memory limit") -> int | None:
    """``"2GB"`` as bytes.

    Raises:
        SchemaError: no size.
    """
    if size is None or isinstance(size, int):
        return size
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", size.lower())
    if found is None:
        raise SchemaError(f"{what} {size!r} is no size; wanted for example '2GB' or '500MB'")
    return int(float(found.group(1)) * 1024 ** " kmgt".index(found.group(2) or " "))


def most_bytes(size: int | None = None, small: int = SMALL) -> int:
    """Bytes that may be allocated at once for a source.

    Args:
        size: of its file; None where that says nothing of what comes out, as for volumes, which hold empty space.
        small: what a small file may unpack to.
    """
    said = as_bytes(os.environ.get(VARIABLE) or None, VARIABLE)
    if said is not None:
        return said
    return MOST if size is None else min(MOST, max(small, RATIO * size))


def require_room(name: str, wanted: int, size: int | None = None, small: int = SMALL) -> None:
    """Refuse what would take more memory than is given.

    Args:
        name: of what is read, in messages. wanted: bytes. size, small: see ``most_bytes``.

    Raises:
        ReadError: how much it is, how much is given, and how to give more.
    """
    most = most_bytes(size, small)
    if wanted > most:
        of_size = "" if size is None else f", {wanted / max(size, 1):,.0f} times the size of its file"
        raise ReadError(
            f"{name} would take {wanted:,} bytes of memory{of_size}; {most:,} are given. If it is no damage and really "
            f"that large, say so in the environment: {VARIABLE}={-(-wanted >> 30) + 1}GB"
        )

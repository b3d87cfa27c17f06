"""Files that are whole or not there: written beside their place, safe on disk, then renamed into it.

What a killed process leaves is told by its name, ``.<name>.part-<process>-<random>``, and swept by the next that writes
the same file or, within a graph, by the next that writes the graph.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ingest.running import interrupts

PART = re.compile(r"\..*\.part-(\d+)-[0-9a-f]{8}(\.\w+)?")
_OURS: set[Path] = set()
"""Unfinished files of this process."""


def temporary_path(path: Path) -> Path:
    """A name that no other process or thread uses, in the same folder."""
    new = path.with_name(f".{path.name[:150]}.part-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    _OURS.add(new)
    return new


@contextmanager
def write_atomically(path: Path, *, one_of_many: bool = False) -> Iterator[Path]:
    """The name to write to; after the block it is ``path``, or with an error nothing is there that was not before.

    Args:
        one_of_many: of thousands that are written together: neither the folder is looked through for each, nor the
            disk waited for.

    Raises:
        OSError: the disk is full or fails, or the folder may not be written.
    """
    if not one_of_many:
        sweep(path)
    new = temporary_path(path)
    try:
        yield new
        if one_of_many:
            new.replace(path)
            return
        to_disk(new)
        with interrupts.delay_interrupts():
            new.replace(path)
            folder_to_disk(path.parent)
    finally:
        _OURS.discard(new)
        if new.exists():
            remove(new)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """A small file at once."""
    with write_atomically(path) as new:
        new.write_bytes(content)


def create(path: Path, content: bytes, *, durable: bool = True) -> bool:
    """Write a small file that nobody wrote before: of several at once, one gets True, and it is whole from the start.

    Args:
        durable: wait for the disk.

    Raises:
        OSError: the disk is full, or this place cannot give a file a second name (most mounted buckets).
    """
    new = temporary_path(path)
    try:
        new.write_bytes(content)
        if durable:
            to_disk(new)
        try:
            os.link(new, path)
        except FileExistsError:
            # A file server that answered twice says so of our own link, too.
            return new.stat().st_nlink == 2
    finally:
        _OURS.discard(new)
        remove(new)
    if durable:
        folder_to_disk(path.parent)
    return True


def is_left(path: Path) -> bool:
    """Whether a file was left by a process that is no more."""
    match = PART.fullmatch(path.name)
    if not match or path in _OURS:
        return False
    number = int(match[1])
    return number == os.getpid() or not _alive(number)


def sweep(path: Path) -> None:
    """Remove what earlier, killed writers of ``path`` left beside it."""
    start = f".{path.name[:150]}.part-"
    with suppress(OSError):
        for item in path.parent.iterdir():
            if item.name.startswith(start) and is_left(item):
                remove(item)


def remove(path: Path) -> None:
    """A file, a link (never what it points to) or a folder away; what cannot go stays."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """What was written to a file or folder survives a power cut from here on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def folder_to_disk(path: Path) -> None:
    """Names in a folder survive a power cut, where the file system can promise that."""
    with suppress(PermissionError):
        to_disk(path)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

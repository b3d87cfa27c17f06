"""Folders for what is kept between processes and trusted when it is read again: pickled tables, machine code.

Tests: tests/ingest/running/test_machine_code.py.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

DAY_S = 86_400.0
UNUSED_DAYS = 30
"""Files that nobody used for so long are of versions that are gone: of another numba, grammar or graphlab."""


def own_folder(name: str) -> Path | None:
    """``graphlab/name`` in the user's cache folder, made where it is missing; None where this user has no such place.

    It belongs to this user and nobody else may write it: a shared one, such as /tmp, is not that.
    """
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        folder = Path(base).expanduser() / "graphlab" / name
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        status = folder.stat()
        mine = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
        if not mine or not os.access(folder, os.W_OK):
            return None
    except (OSError, RuntimeError):  # RuntimeError: no home
        return None
    return folder


def note_use(file: Path) -> None:
    """Remember that a kept file was used today, so that it stays; written once a day at most."""
    with suppress(OSError):
        if time.time() - file.stat().st_mtime > DAY_S:
            os.utime(file)


def sweep_unused(folder: Path) -> None:
    """Remove files that nobody used for ``UNUSED_DAYS``; called when another is added, which is seldom.

    Several environments of one user may share the folder, so what another version uses stays.
    """
    oldest = time.time() - UNUSED_DAYS * DAY_S
    with suppress(OSError):
        for entry in os.scandir(folder):
            with suppress(OSError):  # another process swept it, or still has it open on Windows
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                    Path(entry.path).unlink()

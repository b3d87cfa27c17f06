"""Folders for what is kept between processes and trusted when it is read again: pickled tables, machine code.

Tests: tests/queries/languages/test_grammar_tables.py.
"""

from __future__ import annotations

import os
from pathlib import Path


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

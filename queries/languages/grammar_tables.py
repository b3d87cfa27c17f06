"""Where the tables of a grammar are kept between processes: making them takes longer than most questions."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def cache_file(source: str, start: str) -> str | None:
    """The file in which lark may keep the tables of a grammar; None where this user has no such place.

    lark compares the grammar, its options and the versions of itself and Python before it uses the file, and makes
    the tables anew from a broken one. It unpickles the file, which is therefore only ever one in a folder that
    belongs to this user and that nobody else may write: a shared one, such as /tmp, is not that.
    """
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        folder = Path(base).expanduser() / "graphlab" / "grammars"
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        status = folder.stat()
        mine = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
        if not mine or not os.access(folder, os.W_OK):
            return None
    except (OSError, RuntimeError):  # RuntimeError: no home
        return None
    return str(folder / f"{hashlib.sha256(f'{start}:{source}'.encode()).hexdigest()[:16]}.lark")

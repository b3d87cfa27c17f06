"""Where the tables of a grammar are kept between processes: making them takes longer than most questions."""

from __future__ import annotations

import hashlib

from ingest.running.own_cache import note_use, own_folder, sweep_unused


def cache_file(source: str, start: str) -> str | None:
    """The file in which lark may keep the tables of a grammar; None where this user has no such place.

    lark compares the grammar, its options and the versions of itself and Python before it uses the file, and makes
    the tables anew from a broken one. It unpickles the file, so it is only ever one in the user's own folder.
    """
    folder = own_folder("grammars")
    if folder is None:
        return None
    file = folder / f"{hashlib.sha256(f'{start}:{source}'.encode()).hexdigest()[:16]}.lark"
    note_use(file) if file.exists() else sweep_unused(folder)
    return str(file)

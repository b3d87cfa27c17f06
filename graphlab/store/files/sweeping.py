"""What killed or failed writers left in a graph folder goes away: by its name, and only what no table names.

Nothing is looked for through a link, and no file is removed of a sort that graphlab does not keep there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb

from graphlab.store.files.places import EMBEDDINGS, KINDS, NEW, RECORDINGS, SCRATCH, UNFINISHED
from ingest.running import whole_files

WRITING = ".writing-"
"""How a folder or file begins that embeddings or a recording are written to."""
OWN = {
    EMBEDDINGS: re.compile(r"(.+?)(?:\.ids)?\.arrow"),
    RECORDINGS: re.compile(r"(.+)\.parquet"),
}
SPILLED = re.compile(r"traces-[0-9a-f]{12}\.f32|duckdb_temp.*")


def sweep(root: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Remove what nobody is going to finish. Nobody else may be writing the graph.

    Args:
        connection: to the graph's database, which names the files that stay.
    """
    with suppress(OSError, duckdb.Error):
        for kind in KINDS:
            for folder in _folders(root, kind):
                for item in _items(folder):
                    if whole_files.is_left(item) or (kind == SCRATCH and SPILLED.fullmatch(item.name)):
                        whole_files.remove(item)
        sweep_unnamed(root, connection)


def sweep_unnamed(root: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Remove files of embeddings and recordings that no row names, and half-written ones."""
    for kind, table in ((EMBEDDINGS, "embedding_files"), (RECORDINGS, "recording_files")):
        named = {str(row[0]) for row in connection.execute(f"SELECT file FROM {table}").fetchall()}
        for folder in _folders(root, kind):
            for item in _items(folder):
                match = OWN[kind].fullmatch(item.name)
                if item.name.startswith(WRITING) or (match and _named_by(item, match[1], root) not in named):
                    whole_files.remove(item)
            if folder.parent != root:
                with suppress(OSError):
                    folder.rmdir()  # only an empty one goes


def remove_unfinished(root: Path) -> None:
    """What an ``init`` that was killed left; nobody else is making this graph."""
    for item in root.glob(f"{NEW}*"):
        item.unlink()


def _named_by(item: Path, stem: str, root: Path) -> str:
    """How tables name a file or the one that it goes with."""
    return item.with_name(f"{stem}{item.suffix}").relative_to(root).as_posix()


def _folders(root: Path, kind: str) -> Iterator[Path]:
    """The folder of a kind and those in it, links left out, and those of runs that can go on."""
    top = root / kind
    if top.is_symlink() or not top.is_dir():
        return
    for item in _items(top):
        if item.is_dir() and not item.is_symlink() and not item.name.startswith((UNFINISHED, WRITING)):
            yield item
    yield top


def _items(folder: Path) -> list[Path]:
    try:
        return [Path(item.path) for item in os.scandir(folder)]
    except OSError:
        return []

"""Where things of a graph lie. Every path in a graph folder is made here, from names that are checked.

A path never leaves the folder, neither by its name nor through a link, and the files of one kind never have the names
of another.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from ingest.schema.errors import SchemaError, StoreError

DATABASE = "graph.duckdb"
NEW = f"{DATABASE}.new"
"""How the database of a graph is called that is being made."""
EMBEDDINGS, RECORDINGS, SNAPSHOTS, PREDICTORS, AGGREGATES, RESULTS, SAMPLES, REPORTS, WAITING, SCRATCH = KINDS = (
    "embeddings", "recordings", "snapshots", "models", "aggregates", "results", "samples", "reports", "waiting", "tmp",
)  # fmt: skip
"""Folders of a graph: what each holds."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
UNFINISHED = ".unfinished-"
"""How the folder of an embedding run begins that was stopped and can go on."""
STORED = {
    EMBEDDINGS: re.compile(r"embeddings/[A-Za-z0-9_-][A-Za-z0-9_.-]*/[0-9a-f]{12}-[0-9a-f]{8}\.arrow"),
    RECORDINGS: re.compile(r"recordings/[0-9a-f]{12}-[0-9a-f]{8}\.parquet"),
}
"""Files as tables of the graph name them."""


def require_room(folder: Path) -> None:
    """Refuse a folder that a new graph cannot have.

    Raises:
        StoreError: a graph is there, or something else.
    """
    if (folder / DATABASE).exists():
        raise StoreError(f"{folder} is a graph already; open it, or choose another folder")
    if folder.is_dir() and any(not item.name.startswith(NEW) for item in folder.iterdir()):
        raise StoreError(f"{folder} is not empty and is not a graph; choose an empty or a new folder")


def checked_name(name: str, what: str) -> str:
    """The name, if a file may be called so.

    Raises:
        SchemaError: anything but letters, digits, ``-``, ``_`` and ``.``, or too long.
    """
    if not NAME.fullmatch(name):
        raise SchemaError(
            f"{name!r} is no {what}: it names a folder or a file; use at most 100 letters, digits, '-', '_' and '.', "
            "a letter or a digit first"
        )
    return name


def place(root: Path, kind: str, *names: str) -> Path:
    """The path of a file or folder of one kind.

    Raises:
        SchemaError: a name that is none. StoreError: a link is in the way.
    """
    assert kind in KINDS, kind
    path = root / kind
    for name in names:
        checked_name(name.removeprefix(UNFINISHED), f"name of a file in {kind}")
        path = path / name
    return without_links(root, path)


def stored(root: Path, kind: str, text: str) -> Path:
    """A file that a table of the graph names; tables of a foreign graph may name anything.

    Raises:
        StoreError: it is no file of this kind, or a link is in the way.
    """
    if not STORED[kind].fullmatch(text):
        raise StoreError(
            f"{root} names {text!r} as a file of its {kind}, which no graphlab writes: the graph was changed by "
            "something else; use the copy that it came from"
        )
    return without_links(root, root / text)


def arrived(root: Path, text: str) -> Path:
    """A file that came with the last commit, as that names it.

    Raises:
        StoreError: it is no file in a folder of the graph, or a link is in the way.
    """
    parts = Path(text).parts
    if len(parts) != 2 or parts[0] not in KINDS or parts[1] == "..":
        raise StoreError(f"{root} names {text!r} as a file of its own, which no graphlab writes")
    return without_links(root, root / text)


def without_links(root: Path, path: Path) -> Path:
    """``path``, if nothing between it and the graph folder is a link.

    Raises:
        StoreError: what is a link, and where it leads.
    """
    at = root
    for name in path.relative_to(root).parts:
        at = at / name
        try:
            mode = os.lstat(at).st_mode
        except OSError:
            break
        if stat.S_ISLNK(mode):
            raise StoreError(
                f"{at} is a link to {at.readlink()}: a graph's files lie in its own folder, and nothing is read or "
                "removed elsewhere. Replace the link by what it points to"
            )
    return path


def graph_around(path: Path) -> Path | None:
    """The graph folder that a path lies in or is, links resolved; None outside of graphs."""
    try:
        real = path.resolve()
    except (OSError, RuntimeError):
        return None
    return next((at for at in (real, *real.parents) if (at / DATABASE).exists()), None)


def checked_output(path: Path) -> Path:
    """The path, if an answer or a report may be written there.

    Raises:
        StoreError: a folder, or a file of a graph, directly or through a link. Reports of a graph are excepted.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder; wanted the name of a file in it")
    # What is written is the name; what a link of that name leads to was meant, and is a graph's own all the same.
    for at in (path.parent.resolve() / path.name, Path(os.path.realpath(path))):
        graph = graph_around(at.parent)
        if graph is None:
            continue
        parts = at.relative_to(graph).parts
        if len(parts) < 2 or parts[0] != REPORTS:
            raise StoreError(
                f"{path} lies in the graph {graph}, whose files are its own; write outside of it, or into "
                f"{graph / REPORTS}"
            )
    return path


def checked_folder(path: Path) -> Path:
    """The path, if files may be written into a folder of that name: none of a graph.

    Raises:
        StoreError: it is, or lies in one.
    """
    if graph := graph_around(path):
        raise StoreError(f"{path} lies in the graph {graph}, whose files are its own; name a folder outside of it")
    return path


def require_foreign(root: Path, source: Path) -> None:
    """Refuse a source that is the graph itself or a file of it.

    Raises:
        StoreError: what to give instead.
    """
    if graph_around(source) == root.resolve():
        raise StoreError(f"{source} is of the graph {root} itself, so it is no source; name the source file")

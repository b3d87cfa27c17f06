"""Saved sets of neurons: ids under a name, kept in ``meta`` beside the tables."""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import dataclass

import numpy as np

from graphlab.store.folder import Folder
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.ids import RootIds, as_root_ids, ids_as_text

PREFIX = "neuron_set:"
"""Of the key of a set in ``meta``."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, eq=False)
class NeuronSet:
    """Neurons under a name, as they were when the set was saved; every verb takes it where it takes neurons."""

    name: str
    root_ids: RootIds
    """uint64 [n], ascending, each once."""
    saved: str
    """Date and time, UTC."""

    def __len__(self) -> int:
        return len(self.root_ids)

    def __repr__(self) -> str:
        return f"<NeuronSet {self.name}: {len(self):,} neurons, saved {self.saved}>"


def saved_sets(folder: Folder) -> dict[str, NeuronSet]:
    """Every saved set by name, in the order of the names."""
    rows = folder.cursor().execute("SELECT key, value FROM meta WHERE starts_with(key, ?)", [PREFIX]).fetchall()
    return {key.removeprefix(PREFIX): _read(str(key), str(value)) for key, value in sorted(rows)}


def saved_set(folder: Folder, name: str) -> NeuronSet:
    """The set of that name; UnknownNameError with the nearest otherwise."""
    value = folder.meta(PREFIX + name, folder.cursor())
    if value is None:
        raise UnknownNameError("saved set", name, saved_sets(folder))
    return _read(PREFIX + name, json.dumps(value))


def save(folder: Folder, name: str, root_ids: RootIds, replace: bool = False) -> NeuronSet:
    """Keep ids under a name.

    Raises:
        SchemaError: a name that no query could say, that a set has already (unless ``replace``), or that means neurons
            of the graph already.
    """
    if not _NAME.fullmatch(name):
        raise SchemaError(f"{name!r} cannot name a set; wanted letters, digits and _, a letter first, as in my_set1")
    folder = folder.whole
    with folder.transaction(sets=True) as connection:
        taken = connection.execute(
            "SELECT count(*) FROM neurons WHERE name = $name OR cell_type = $name", {"name": name}
        ).fetchall()[0][0]
        if taken:
            raise SchemaError(f"{name!r} is a name or cell type of {taken:,} neurons; call the set something else")
        if not replace and folder.meta(PREFIX + name) is not None:
            raise SchemaError(
                f"a set called {name!r} exists already; replace it (replace=True), or choose another name"
            )
        ids = np.unique(as_root_ids(root_ids))
        saved = datetime.datetime.now(datetime.UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
        folder.set_meta(PREFIX + name, {"root_ids": ids_as_text(ids), "saved": saved})
    return NeuronSet(name, ids, saved)


def remove(folder: Folder, name: str) -> None:
    """Forget a set; its neurons stay. UnknownNameError where there is none of that name."""
    known = saved_sets(folder)
    if name not in known:
        raise UnknownNameError("saved set", name, known)
    with folder.whole.transaction(sets=True) as connection:
        connection.execute("DELETE FROM meta WHERE key = ?", [PREFIX + name])


def _read(key: str, text: str) -> NeuronSet:
    value = json.loads(text)
    return NeuronSet(key.removeprefix(PREFIX), as_root_ids(value["root_ids"]), str(value["saved"]))

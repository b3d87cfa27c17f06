"""Runs: every result names the run that made it; a run knows its inputs, parameters, seed and versions."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from graphlab.store.database import first_row
from graphlab.store.files import places
from graphlab.store.files.places import DATABASE
from graphlab.store.folder import Folder
from ingest.schema.errors import StoreError, UnknownNameError

BLOCK = 1 << 22
MOVING = ("ingest", "recipe", "signs", "drop animal", "drop source", "live")
"""Verbs whose runs change the data, and leave no result of it."""
FOLLOWING = "live"
"""Key of ``meta`` while a graph follows live events: the position up to which they are in its tables."""
LINEAGE = "lineage"
"""Key of ``meta``: the runs that the data version follows from, in their order, and the version before them."""


@dataclass(frozen=True, slots=True)
class Run:
    """One row of ``runs``."""

    run_id: str
    verb: str
    parameters: dict[str, Any]
    inputs: dict[str, str]
    """Source name -> SHA-256 of its content."""
    data_version: str
    """Hash of everything ingested before; two graphs with the same one hold the same data."""
    seed: int | None = None
    result_hash: str | None = None
    message: str | None = None


def new_run(
    folder: Folder, verb: str, parameters: dict[str, Any], inputs: dict[str, str], seed: int | None = None
) -> Run:
    """A run of ``verb`` on the present data. The same work has the same id, whenever and wherever it ran.

    Args:
        parameters: all that the result depends on beside the data version and ``inputs``; what means "the latest" is
            said by its run.
    """
    parameters = json.loads(json.dumps(parameters, default=_plain))
    data_version = "0" if verb == "ingest" else str(folder.meta("data_version"))
    text = json.dumps([verb, parameters, sorted(inputs.values()), data_version, seed], sort_keys=True)
    run_id = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    return Run(run_id, verb, parameters, inputs, data_version, seed)


def _plain(value: Any) -> Any:
    """A parameter as JSON knows it: numbers of NumPy, sequences, paths."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return list(value)


def record(
    connection: duckdb.DuckDBPyConnection, run: Run, started: datetime.datetime, ended: datetime.datetime | None = None
) -> None:
    """Write the row, replacing an earlier run of the same work; call inside a transaction."""
    seconds = ((ended or datetime.datetime.now(datetime.UTC)) - started).total_seconds()
    connection.execute("DELETE FROM runs WHERE run_id = ?", [run.run_id])
    connection.execute(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            run.run_id,
            run.verb,
            started.replace(tzinfo=None),
            seconds,
            json.dumps(run.parameters, sort_keys=True),
            json.dumps(run.inputs, sort_keys=True),
            json.dumps(versions(), sort_keys=True),
            run.seed,
            run.data_version,
            run.result_hash,
            run.message,
        ],
    )


def advance_data_version(folder: Folder, run_id: str) -> None:
    """Set the data version that follows from ``run_id``; call inside the transaction that changes the data."""
    before = str(folder.meta("data_version"))
    lineage = folder.meta(LINEAGE) or {"from": before, "runs": []}
    folder.set_meta(LINEAGE, {**lineage, "runs": [*lineage["runs"], run_id]})
    folder.set_meta("data_version", _following(before, run_id))


def take_back_data_version(folder: Folder, run_id: str, by: str) -> None:
    """Set the data version that there would be without ``run_id``, which ``by`` took back.

    Where it is not known what came after it, as in a graph of an earlier graphlab, the version moves on instead.
    """
    lineage = folder.meta(LINEAGE) or {"from": "", "runs": []}
    if lineage["runs"].count(run_id) != 1:
        advance_data_version(folder, by)
        return
    left = [run for run in lineage["runs"] if run != run_id]
    version = lineage["from"]
    for run in left:
        version = _following(version, run)
    folder.set_meta(LINEAGE, {**lineage, "runs": left})
    folder.set_meta("data_version", version)


def _following(data_version: str, run_id: str) -> str:
    return hashlib.blake2b(f"{data_version} {run_id}".encode(), digest_size=8).hexdigest()


def of_input(folder: Folder, verb: str, content_hash: str) -> list[Run]:
    """Runs of a verb that read a source of this content, latest first."""
    rows = folder.connection.execute(
        "SELECT run_id FROM runs WHERE verb = ? "
        "AND list_contains(map_values(CAST(inputs AS MAP(VARCHAR, VARCHAR))), ?) ORDER BY started DESC, run_id",
        [verb, content_hash],
    ).fetchall()
    return [get(folder, str(row[0])) for row in rows]


def is_passing(data_version: Any) -> bool:
    """Whether a data version is one of the states that a graph passes while it follows events, or passed earlier.

    >>> [is_passing(version) for version in ("0", "5f3a", "5f3a+120", "5f3a@80")]
    [False, False, True, True]
    """
    return bool({"+", "@"} & set(str(data_version)))


def find(folder: Folder, run_id: str) -> Run | None:
    """The run with this id, None when there is none."""
    row = first_row(
        folder.connection,
        "SELECT run_id, verb, parameters, inputs, data_version, seed, result_hash, message FROM runs WHERE run_id = ?",
        [run_id],
    )
    if row is None:
        return None
    return Run(row[0], row[1], json.loads(row[2]), json.loads(row[3]), *row[4:])


def get(folder: Folder, run_id: str) -> Run:
    """The run with this id; UnknownNameError names the nearest ones."""
    run = find(folder, run_id)
    if run is None:
        rows = folder.connection.execute("SELECT run_id FROM runs ORDER BY started").fetchall()
        raise UnknownNameError("run", run_id, [row[0] for row in rows])
    return run


def versions() -> dict[str, str]:
    """What computed the result."""
    names = ("graphlab-connectome", "duckdb", "numpy", "numba", "pyarrow")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def hash_source(source: Any) -> str:
    """SHA-256 of a file, of every file in a folder (names and content, in order), or of what an object holds.

    Graphs that lie in a folder are no part of it: they change with every ingest, and a database that is open here must
    not be opened a second time.

    Raises:
        StoreError: the source is the database or a folder of a graph.
    """
    if not isinstance(source, str | Path):
        return _hash_object(source)
    path, digest = Path(source), hashlib.sha256()
    if not path.is_dir():
        if is_database(path):
            raise StoreError(f"{source} is the database of a graph, which is no source; name the file it came from")
        items = [path]
    elif graph := places.graph_around(path):
        raise StoreError(f"{source} is of the graph {graph}, which is no source; name the files that it was made from")
    else:
        items = sorted(files_of(path))
    for item in items:
        if item is not path:
            digest.update(str(item.relative_to(path)).encode() + b"\0")
        for block in _blocks(item):
            digest.update(block)
    return digest.hexdigest()


def _hash_object(source: Any) -> str:
    """SHA-256 of a frame, a graph, a matrix or labels in memory."""
    from ingest.tables.contents import contents

    hashes = [hash_table(table) for table in contents(source)]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def hash_table(frame: Any) -> str:
    """SHA-256 of a frame's columns and values, the same for the same content however it is chunked.

    Args:
        frame: a pyarrow, pandas or polars table; columns of Python objects (coordinate lists) included.
    """
    table = frame
    if not isinstance(frame, pa.Table):
        from ingest.reader import source_name
        from ingest.tables.frames import as_arrow

        table = as_arrow(frame, source_name(frame))
    digest = hashlib.sha256()
    for field in table.schema:
        digest.update(field.name.encode() + b"\0")
        _hash_array(digest, table.column(field.name).combine_chunks())
    return digest.hexdigest()


def _hash_array(digest: Any, array: pa.Array) -> None:
    """Hash type, length, which are null, and the values that are not: bytes under a null mean nothing."""
    import pyarrow.compute as pc  # here: a first question from a cold process should not wait for it

    if isinstance(array, pa.ChunkedArray):  # an empty column, or one past 2 GB of text
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.string())
    kind = array.type
    digest.update(f"{kind} {len(array)}".encode())
    digest.update(np.packbits(array.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    there = array.drop_null()
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        digest.update(pc.binary_length(there).to_numpy().tobytes())
        digest.update(b"".join(there.cast(pa.binary()).to_pylist()))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        digest.update(pc.list_value_length(there).cast(pa.int64()).to_numpy().tobytes())
        _hash_array(digest, there.flatten())
    elif pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            _hash_array(digest, pc.struct_field(there, number))
    elif not pa.types.is_null(kind):
        digest.update(there.to_numpy(zero_copy_only=False).tobytes())


def is_database(path: Path) -> bool:
    """Whether a file is the database of a graph or its log, links to it included."""
    return Path(os.path.realpath(path)).name.startswith(DATABASE)


def files_of(folder: Path) -> Iterator[Path]:
    """Every file in a folder and its folders, without those of graphs that lie in it; linked folders are left out."""
    for at, folders, names in os.walk(folder):
        here = Path(at)
        if (here / DATABASE).exists():
            folders.clear()
            continue
        for name in names:
            item = here / name
            if item.is_file() and not (item.is_symlink() and places.graph_around(item)):
                yield item


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block

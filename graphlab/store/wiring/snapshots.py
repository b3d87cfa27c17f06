"""Snapshots on disk: one Arrow file a graph view, arrays memory-mapped when read back."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.config import DuckDBSettings
from graphlab.store.database import arrow, disk_errors, first_row
from graphlab.store.files import checksums, places
from graphlab.store.folder import Folder
from graphlab.store.runs.runs import is_passing
from graphlab.store.wiring.compartments.choice import (
    Compartment,
    chosen_part,
    part_of_connections,
    resolved_compartment,
)
from graphlab.store.wiring.functional_edges import functional_snapshot, resolved_kind
from ingest.running import whole_files
from ingest.schema.errors import ReadError, SchemaError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    from queries.csr.from_ranges import Rows

VERSIONS = ("dataset", "materialization", "data_version", "recipe")
"""What a snapshot is made from, as ``meta`` of the graph says."""
ENDS = "pre_root_id, post_root_id, weight"
ROW_IN_MEMORY = 90
"""Bytes that a connection takes while a snapshot is made of all at once."""
LEAST_ROWS, MOST_ROWS = 2_048, 1_000_000
"""Of a batch that is read from the table; DuckDB gives no fewer."""
ARRAYS = {
    "root_ids": pa.uint64(),
    "out_start": pa.int64(),
    "out_target": pa.int32(),
    "weight": pa.float64(),
    "in_start": pa.int64(),
    "in_source": pa.int32(),
    "in_edge": pa.int32(),
}


class SnapshotRebuiltWarning(UserWarning):
    """A saved snapshot was damaged; nothing is lost, since the tables say the same."""


def snapshot(
    folder: Folder,
    kind: str = "chemical",
    min_weight: float = 0.0,
    cursor: duckdb.DuckDBPyConnection | None = None,
    compartment: Compartment = None,
) -> Snapshot:
    """The graph of one kind of connections, saved under the hash of what it was made from.

    Version and edges are read in one transaction: another thread may write the graph meanwhile. A damaged file is made
    again, with a ``SnapshotRebuiltWarning`` warning.

    Args:
        kind: chemical, electrical or extrasynaptic; response, correlation or lagged_predictive for functional edges
            of the latest run of that kind, ``response@RUN`` for another.
        min_weight: connections below it are left out; neuropils, and the compartments that are chosen, are summed
            before.
        cursor: a transaction to read the tables in; one of its own when None.
        compartment: only what the pairs have there, such as ``axo-dendritic``; see
            ``graphlab.store.wiring.compartments``. The neurons are the same.

    Raises:
        SchemaError: a min_weight that is no number, compartments of functional edges. UnknownNameError,
            AnalysisError, VersionError: see ``resolved_kind``, ``resolved_compartment`` and ``chosen_part``.
    """
    min_weight = float(min_weight)
    if np.isnan(min_weight):
        raise SchemaError("min_weight is no number (NaN); wanted the least weight of a connection that counts")
    kind, _, run_id = resolved_kind(folder, kind).partition("@")
    compartment = resolved_compartment(folder, compartment)
    if run_id and compartment is not None:
        chosen_part(folder.cursor(), compartment, kind)
    if run_id:
        return _part_of_functional(folder, functional_snapshot(folder.whole, run_id, min_weight=min_weight))
    with nullcontext(cursor) if cursor is not None else folder.reading() as cursor:
        return _stored(folder, cursor, kind, min_weight, compartment)


def _stored(
    folder: Folder, cursor: duckdb.DuckDBPyConnection, kind: str, min_weight: float, compartment: str | None
) -> Snapshot:
    meta: dict[str, Any] = {name: folder.meta(name, cursor) for name in VERSIONS}
    meta |= {"kind": kind, "min_weight": float(min_weight)}
    if compartment is not None:
        meta |= {"compartment": compartment}
    text = json.dumps({**meta, "sealed": True}, sort_keys=True)
    key = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    if folder.part is not None or is_passing(meta["data_version"]):
        return _in_memory(folder, cursor, kind, min_weight, compartment, meta)
    path = places.place(folder.path, places.SNAPSHOTS, f"{key}.arrow")
    wanted = {**meta, "hash": key}
    try:
        return load(path, wanted)
    except FileNotFoundError:
        pass
    except ReadError as error:
        warnings.warn(f"{error}; the snapshot is made again from the tables", SnapshotRebuiltWarning, stacklevel=2)
        with suppress(OSError):
            path.unlink()
    made = _from_database(folder, cursor, kind, min_weight, compartment, wanted)
    save(made, path)
    try:
        return load(path, wanted)
    except OSError:  # a read-only place: use it from memory
        return made


def _in_memory(
    folder: Folder,
    cursor: duckdb.DuckDBPyConnection,
    kind: str,
    min_weight: float,
    compartment: str | None,
    meta: dict[str, Any],
) -> Snapshot:
    """Kept in memory alone: there may be many parts, and a state of a live graph is gone with the next events."""
    meta = meta if folder.part is None else {**meta, "subset": folder.part.key}
    key = hashlib.blake2b(json.dumps(meta, sort_keys=True).encode(), digest_size=8).hexdigest()
    known = folder.known
    if ("snapshot", key) not in known:
        known["snapshot", key] = _from_database(folder, cursor, kind, min_weight, compartment, {**meta, "hash": key})
    made: Snapshot = known["snapshot", key]
    return made


def _part_of_functional(folder: Folder, made: Snapshot) -> Snapshot:
    if folder.part is None:
        return made
    if folder.part.neuropils:
        raise SchemaError("functional edges lie in no neuropil; take a subset without neuropil")
    nodes = made.indices_of(folder.part.root_ids)
    cut = made.subset(neurons=nodes[nodes >= 0], min_weight=folder.part.min_weight or None)
    return replace(cut, meta={**cut.meta, "subset": folder.part.key})


def save(made: Snapshot, path: Path) -> None:
    """Write as one record batch of one row, every array a list value; renamed into place when whole, or not there."""
    arrays = [
        pa.LargeListArray.from_arrays(
            pa.array([0, len(values)], pa.int64()), pa.array(values, type=kind, from_pandas=False)
        )
        for values, kind in ((getattr(made, name), kind) for name, kind in ARRAYS.items())
    ]
    schema = pa.schema(
        [pa.field(name, pa.large_list(kind)) for name, kind in ARRAYS.items()],
        metadata={"graphlab": json.dumps(made.meta, sort_keys=True), **checksums.UNSEALED},
    )
    batch = pa.RecordBatch.from_arrays([a.cast(f.type) for a, f in zip(arrays, schema, strict=True)], schema=schema)
    # A read-only place or a full disk: the snapshot is a convenience, not a result.
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        with whole_files.write_atomically(path) as new:
            with pa.OSFile(str(new), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
                writer.write_batch(batch)
            checksums.seal(new)


def load(path: Path, wanted: Mapping[str, Any] | None = None) -> Snapshot:
    """Map a saved snapshot; arrays are read-only views of the file.

    Args:
        wanted: what it has to be of, as its ``meta`` says.

    Raises:
        FileNotFoundError: there is none. ReadError: the file is damaged, or of something else.
    """
    checked = checksums.is_known(path)
    try:
        reader = pa.ipc.open_file(pa.BufferReader(checksums.sealed(path)))
        batch = reader.get_batch(0)
        meta: dict[str, Any] = json.loads((reader.schema.metadata or {})[b"graphlab"])
        values = {name: batch.column(name).values.to_numpy(zero_copy_only=True) for name in ARRAYS}
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise ReadError(f"{path}: this is no snapshot: {str(error).splitlines()[0]}") from None
    loaded = Snapshot(**values, meta=meta)
    if wanted is not None and any(meta.get(name) != value for name, value in wanted.items()):
        raise ReadError(f"{path}: a snapshot of something else")
    if not checked:
        _require_sound(loaded, path)
    return loaded


def _require_sound(loaded: Snapshot, path: Path) -> None:
    """Every index lies within its array: a wrong one would end the process, or count something else.

    Raises:
        ReadError: which array is wrong.
    """
    n, m = loaded.n, loaded.m
    lengths = {"out_start": n + 1, "weight": m, "in_start": n + 1, "in_source": m, "in_edge": m}
    wrong = [name for name, wanted in lengths.items() if len(getattr(loaded, name)) != wanted]
    for name in () if wrong else ("out_start", "in_start"):
        start = getattr(loaded, name)
        if start[0] != 0 or start[-1] != m or (start[1:] < start[:-1]).any():
            wrong.append(name)
    for name, most in (("out_target", n), ("in_source", n), ("in_edge", m)):
        values = getattr(loaded, name)
        # A negative number is a large one without its sign: one look at the largest is enough.
        if len(values) and int(values.view(np.uint32).max()) >= most:
            wrong.append(name)
    if not (loaded.root_ids[1:] > loaded.root_ids[:-1]).all():
        wrong.append("root_ids")
    if wrong:
        raise ReadError(f"{path}: {', '.join(wrong)} cannot be of a graph of {n:,} neurons and {m:,} connections")


def _from_database(
    folder: Folder,
    cursor: duckdb.DuckDBPyConnection,
    kind: str,
    min_weight: float,
    compartment: str | None,
    meta: dict[str, Any],
) -> Snapshot:
    from queries.csr.from_rows import snapshot_of_rows  # what is mapped needs neither
    from queries.csr.lists import array_of

    root_ids = array_of(arrow(cursor, "SELECT root_id FROM neurons WHERE in_graph ORDER BY root_id")["root_id"])
    rows, bound = "connections", {"kind": kind, "least": min_weight}
    if compartment is not None:
        chosen = chosen_part(cursor, compartment, kind)
        rows, bound = f"({part_of_connections(cursor, chosen)})", bound | chosen.parameters
    wanted = f"FROM {rows} WHERE kind = $kind AND weight >= $least"
    memory = DuckDBSettings.from_environment().memory_bytes
    if first_row(cursor, f"SELECT count(*) {wanted}", bound)[0] * ROW_IN_MEMORY > memory:
        return _by_ranges(folder, cursor, root_ids, wanted, bound, meta, memory // 4)
    edges = arrow(cursor, f"SELECT {ENDS} {wanted}", bound)
    return snapshot_of_rows(root_ids, *_arrays(edges), meta)


def _by_ranges(
    folder: Folder,
    cursor: duckdb.DuckDBPyConnection,
    root_ids: npt.NDArray[np.uint64],
    wanted: str,
    bound: dict[str, Any],
    meta: dict[str, Any],
    memory: int,
) -> Snapshot:
    """The rows as they lie in the table, some at a time, in order to hold few."""
    from queries.csr.from_ranges import snapshot_by_ranges
    from queries.csr.lists import array_of

    many = arrow(cursor, f"SELECT pre_root_id, count(*) AS rows {wanted} GROUP BY pre_root_id", bound)
    counted = array_of(many["pre_root_id"]), array_of(many["rows"])
    few = min(MOST_ROWS, max(LEAST_ROWS, memory // 2 // ROW_IN_MEMORY))

    def given() -> Iterator[Rows]:
        for batch in cursor.sql(f"SELECT {ENDS} {wanted}", params=bound).to_arrow_reader(few):
            yield _arrays(pa.Table.from_batches([batch]))

    with disk_errors(folder.path):
        return snapshot_by_ranges(root_ids, counted, given(), meta, places.place(folder.path, places.SCRATCH), memory)


def _arrays(edges: pa.Table) -> Rows:
    from queries.csr.lists import array_of

    pre, post, weight = (array_of(edges[name]) for name in edges.schema.names)
    return pre, post, weight

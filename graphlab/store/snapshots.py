"""Snapshots on disk: one Arrow file a graph view, arrays memory-mapped when read back."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.store import places, whole_files
from graphlab.store.folder import Folder, arrow
from graphlab.store.functional_edges import functional_snapshot, resolved_kind
from ingest.errors import SchemaError
from queries.snapshot import Snapshot

ARRAYS = {
    "root_ids": pa.uint64(),
    "out_start": pa.int64(),
    "out_target": pa.int32(),
    "weight": pa.float64(),
    "in_start": pa.int64(),
    "in_source": pa.int32(),
    "in_edge": pa.int32(),
}


def snapshot(folder: Folder, kind: str = "chemical", min_weight: float = 0.0) -> Snapshot:
    """The graph of one kind of connections, saved under the hash of what it was made from.

    Args:
        kind: chemical, electrical or extrasynaptic; response, correlation or lagged_predictive for functional edges
            of the latest run of that kind, ``response@RUN`` for another.
        min_weight: connections below it are left out; neuropils are summed before.

    Raises:
        SchemaError: a min_weight that is no number. UnknownNameError, AnalysisError: see ``resolved_kind``.
    """
    min_weight = float(min_weight)
    if np.isnan(min_weight):
        raise SchemaError("min_weight is no number (NaN); wanted the least weight of a connection that counts")
    kind, _, run_id = resolved_kind(folder, kind).partition("@")
    if run_id:
        return functional_snapshot(folder, run_id, min_weight=min_weight)
    meta = {
        "dataset": folder.meta("dataset"),
        "materialization": folder.meta("materialization"),
        "data_version": folder.meta("data_version"),
        "recipe": folder.meta("recipe"),
        "kind": kind,
        "min_weight": float(min_weight),
    }
    key = hashlib.blake2b(json.dumps(meta, sort_keys=True).encode(), digest_size=8).hexdigest()
    path = places.place(folder.path, places.SNAPSHOTS, f"{key}.arrow")
    if not path.exists():
        made = _from_database(folder, kind, min_weight, {**meta, "hash": key})
        save(made, path)
        if not path.exists():  # a read-only place: use it from memory
            return made
    return load(path)


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
        metadata={"graphlab": json.dumps(made.meta, sort_keys=True)},
    )
    batch = pa.RecordBatch.from_arrays([a.cast(f.type) for a, f in zip(arrays, schema, strict=True)], schema=schema)
    # A read-only place or a full disk: the snapshot is a convenience, not a result.
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        with (
            whole_files.whole(path) as new,
            pa.OSFile(str(new), "wb") as sink,
            pa.ipc.new_file(sink, schema) as writer,
        ):
            writer.write_batch(batch)


def load(path: Path) -> Snapshot:
    """Map a saved snapshot; arrays are read-only views of the file."""
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source)
        batch = reader.get_batch(0)
        meta: dict[str, Any] = json.loads((reader.schema.metadata or {})[b"graphlab"])
    values = {name: batch.column(name).values.to_numpy(zero_copy_only=True) for name in ARRAYS}
    return Snapshot(**values, meta=meta)


def _from_database(folder: Folder, kind: str, min_weight: float, meta: dict[str, Any]) -> Snapshot:
    cursor = folder.cursor()
    neurons = arrow(cursor, "SELECT root_id FROM neurons WHERE in_graph ORDER BY root_id")
    root_ids = neurons["root_id"].combine_chunks().to_numpy()
    edges = arrow(
        cursor,
        "SELECT pre_root_id, post_root_id, weight FROM connections WHERE kind = ? AND weight >= ? "
        "ORDER BY pre_root_id, post_root_id",
        [kind, min_weight],
    )
    pre, post = (edges[name].combine_chunks().to_numpy() for name in ("pre_root_id", "post_root_id"))
    return Snapshot.from_edges(
        root_ids,
        np.searchsorted(root_ids, pre),
        np.searchsorted(root_ids, post),
        edges["weight"].combine_chunks().to_numpy(),
        meta,
    )

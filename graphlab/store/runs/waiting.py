"""Results that were computed while others read the graph: recorded at once, or kept and recorded by the next writer."""

from __future__ import annotations

import datetime
import json
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

import duckdb
import pyarrow as pa

from graphlab.store.files import checksums, places
from graphlab.store.folder import Folder
from graphlab.store.runs import runs
from ingest.running import whole_files
from ingest.schema.errors import ReadError, StoreBusyError

RESULT_TABLES = (
    "motif_counts",
    "functional_connections",
    "behavior_tuning",
    "behavior_classes",
    "behavior_models",
    "structure_function",
    "behavior_enrichment",
    "behavior_tests",
    "signal_flow",
    "simulation_rates",
    "simulation_spikes",
    "simulation_doses",
    "simulation_silencing",
    "simulation_activity",
    "simulation_responses",
    "graph_statistics",
    "neuron_statistics",
    "type_connections",
    "graph_differences",
    "traversal_ranks",
    "cascades",
    "effective_connectivity",
    "influence",
    "flow_connections",
    "flow_paths",
    "intermediates",
    "communities",
    "community_scores",
    "spectral_features",
    "connectivity_clusters",
    "connectivity_merges",
    "matched_neurons",
    "merge_errors",
    "split_errors",
    "unseen_types",
)
Arriving = Callable[[Path], AbstractContextManager[Path]]
KEPT = "kept"
"""Not a table: everything about a result, kept as a file of its run."""


class ResultPendingWarning(UserWarning):
    """A result is kept, and not in the tables yet."""


def record_result(folder: Folder, run: runs.Run, tables: Mapping[str, pa.Table], started: datetime.datetime) -> None:
    """Write the rows of a run, replacing those of an earlier run of the same work; with them what waited before.

    Where readers do not let go of a shared graph, the result is kept in its folder and a ``ResultPendingWarning``
    warning says so; the next that writes the graph records it.

    Args:
        tables: name -> rows without run_id, of ``RESULT_TABLES``; ``kept`` becomes the file of the run.
    """
    ended = datetime.datetime.now(datetime.UTC)
    folder = folder.whole
    assert set(tables) <= {*RESULT_TABLES, KEPT}, sorted(tables)
    try:
        with folder.transaction() as connection:
            done = _record_all(folder, connection)
            _write(folder, connection, run, tables, started, ended)
    except StoreBusyError as busy:
        if not folder.shared:
            raise
        _keep(folder, run, tables, started, ended)
        warnings.warn(
            f"run {run.run_id} is kept and not in the tables yet: {busy}. The next that writes the graph records it",
            ResultPendingWarning,
            stacklevel=2,
        )
        return
    _forget(done)


def record_waiting(folder: Folder) -> list[str]:
    """Record what waits; returns the ids of its runs. The caller must be the only one with the graph open."""
    if not _waiting(folder):
        return []
    with folder.transaction() as connection:
        done = _record_all(folder, connection)
    _forget(done)
    return [path.stem for path in done]


def _record_all(folder: Folder, connection: duckdb.DuckDBPyConnection) -> list[Path]:
    paths = _waiting(folder)
    for path in paths:
        run, tables, started, ended = _read(path)
        _write(folder, connection, run, tables, started, ended)
    return paths


def _forget(done: list[Path]) -> None:
    for path in done:
        whole_files.remove(path)


def _waiting(folder: Folder) -> list[Path]:
    at = places.place(folder.path, places.WAITING)
    return sorted(at.glob("[0-9a-f]*.arrows")) if at.is_dir() else []


def _write(
    folder: Folder,
    connection: duckdb.DuckDBPyConnection,
    run: runs.Run,
    tables: Mapping[str, pa.Table],
    started: datetime.datetime,
    ended: datetime.datetime,
) -> None:
    for name in RESULT_TABLES:
        connection.execute(f"DELETE FROM {name} WHERE run_id = ?", [run.run_id])
    for name, table in tables.items():
        if name == KEPT:
            save_kept(folder, run.run_id, table, folder.arriving)
            continue
        connection.register("result_rows", table)
        connection.execute(f"INSERT INTO {name} BY NAME SELECT ? AS run_id, * FROM result_rows", [run.run_id])
        connection.unregister("result_rows")
    runs.record(connection, run, started, ended)


def kept_at(folder: Folder, run_id: str) -> Path:
    """The file of a run."""
    return places.place(folder.path, places.RESULTS, f"{run_id}.parquet")


def save_kept(folder: Folder, run_id: str, table: pa.Table, arriving: Arriving = whole_files.write_atomically) -> None:
    """One Parquet file of a run, whole or not there.

    Args:
        arriving: gives the name to write to; ``Folder.arriving`` puts it into place with the commit of a transaction.
    """
    path = kept_at(folder, run_id)
    path.parent.mkdir(exist_ok=True)
    with arriving(path) as new:
        # Lists keep the names of their items: the hash of a table is of its types, too.
        checksums.write_parquet(table, new, compression="zstd", use_compliant_nested_type=False)


def _keep(
    folder: Folder,
    run: runs.Run,
    tables: Mapping[str, pa.Table],
    started: datetime.datetime,
    ended: datetime.datetime,
) -> None:
    """One file: a row about the run, then each table, as Arrow streams one after another."""
    about = {"run": asdict(run), "started": started.isoformat(), "ended": ended.isoformat(), "tables": list(tables)}
    about |= checksums.UNSEALED
    path = places.place(folder.path, places.WAITING, f"{run.run_id}.arrows")
    path.parent.mkdir(exist_ok=True)
    with whole_files.write_atomically(path) as new:
        with pa.OSFile(str(new), "wb") as file:
            for table in (pa.table({"about": [json.dumps(about)]}), *tables.values()):
                with pa.ipc.new_stream(file, table.schema) as writer:
                    writer.write_table(table)
        checksums.seal(new)


def _read(path: Path) -> tuple[runs.Run, dict[str, pa.Table], datetime.datetime, datetime.datetime]:
    try:
        file = pa.BufferReader(checksums.sealed(path, earlier=True))
        about = json.loads(pa.ipc.open_stream(file).read_all().column("about")[0].as_py())
        tables = {str(name): pa.ipc.open_stream(file).read_all() for name in about["tables"]}
    except (ReadError, ValueError, KeyError, pa.ArrowException) as error:
        why = str(error).splitlines()[0] if isinstance(error, ReadError) else f"{path}: it is damaged"
        raise ReadError(f"{why}; remove it, and run again what it is the result of") from None
    started, ended = (datetime.datetime.fromisoformat(about[name]) for name in ("started", "ended"))
    return runs.Run(**about["run"]), tables, started, ended

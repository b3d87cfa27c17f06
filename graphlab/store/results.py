"""Results with their runs: written once, recomputed and compared by hash."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from graphlab.store import runs
from graphlab.store.folder import Folder
from ingest.errors import AnalysisError, VersionError


@dataclass(frozen=True, slots=True)
class Rerun:
    """What recomputing a run gave."""

    run: runs.Run
    new_hash: str
    equal: bool
    """Whether the bytes of the result are those of the recorded run."""


def record_census(folder: Folder, table: pa.Table, parameters: dict[str, Any], started: datetime.datetime) -> runs.Run:
    """Write a census into ``motif_counts`` under its run, replacing an earlier run of the same work."""
    return record(folder, "census", table, table, parameters, started)


def record(
    folder: Folder,
    verb: str,
    rows: pa.Table,
    hashed: pa.Table,
    parameters: dict[str, Any],
    started: datetime.datetime,
    *,
    inputs: dict[str, str] | None = None,
    seed: int | None = None,
    message: str | None = None,
    kept: pa.Table | None = None,
) -> runs.Run:
    """Write rows into ``motif_counts`` under their run, replacing an earlier run of the same work.

    Args:
        rows: columns of ``motif_counts``; others are left out. hashed: what a rerun must give byte for byte.
        parameters: of the verb, with ``size``. inputs: name -> SHA-256 of files that took part.
        kept: everything about the result, for reports; saved as ``results/<run>.parquet``.
    """
    run = runs.new_run(folder, verb, parameters, inputs or {}, seed)
    run = replace(run, result_hash=runs.hash_table(hashed), message=message)
    if kept is not None:
        save_kept(folder, run.run_id, kept)
    with folder.transaction() as connection:
        connection.execute("DELETE FROM motif_counts WHERE run_id = ?", [run.run_id])
        connection.register("counted", rows)
        own = [str(row[0]) for row in connection.execute("DESCRIBE motif_counts").fetchall()]
        shared = ", ".join(f'"{name}"' for name in rows.schema.names if name in own and name not in ("run_id", "size"))
        connection.execute(
            f"INSERT INTO motif_counts BY NAME SELECT ? AS run_id, ? AS size, {shared} FROM counted",
            [run.run_id, parameters["size"]],
        )
        connection.unregister("counted")
        runs.record(connection, run, started)
    return run


def record_table(
    folder: Folder, verb: str, table: pa.Table, parameters: dict[str, Any], started: datetime.datetime
) -> runs.Run:
    """Record that ``verb`` gave this table: its hash, not its rows, so that a rerun can compare."""
    run = runs.new_run(folder, verb, parameters, {})
    run = replace(run, result_hash=runs.hash_table(table))
    with folder.transaction() as connection:
        runs.record(connection, run, started)
    return run


def save_kept(folder: Folder, run_id: str, table: pa.Table) -> None:
    """One Parquet file of a run, renamed into place when whole."""
    from pyarrow import parquet

    path = folder.path / "results" / f"{run_id}.parquet"
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        parquet.write_table(table, new, compression="zstd")
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)


def kept_runs(folder: Folder, verb: str) -> list[tuple[runs.Run, pa.Table]]:
    """The kept results of a verb on the present data, latest first."""
    from pyarrow import parquet

    rows = folder.connection.execute(
        "SELECT run_id FROM runs WHERE verb = ? AND data_version = ? ORDER BY started DESC, run_id",
        [verb, str(folder.meta("data_version"))],
    ).fetchall()
    found = []
    for (run_id,) in rows:
        path = folder.path / "results" / f"{run_id}.parquet"
        if path.is_file():
            found.append((runs.get(folder, str(run_id)), parquet.read_table(path)))
    return found


def rerun(folder: Folder, run: runs.Run, verbs: Mapping[str, Callable[[dict[str, Any]], pa.Table | str]]) -> Rerun:
    """Do the work of ``run`` again on the present data.

    Args:
        verbs: verb -> from parameters to the result, or to its hash where a result is too large to hold.

    Raises:
        VersionError: the data changed since, so another result would be no surprise.
        AnalysisError: a verb that leaves no result to recompute.
    """
    if run.verb not in verbs:
        raise AnalysisError(
            f"run {run.run_id} is of the verb {run.verb!r}; only results are recomputed ({', '.join(verbs)}). "
            "To check an ingest, ingest the same source again: it says whether it is already there"
        )
    if run.data_version != str(folder.meta("data_version")):
        raise VersionError(
            f"run {run.run_id} was made on data version {run.data_version}, the graph is at "
            f"{folder.meta('data_version')}: sources were added since. Run it on a copy of the older graph"
        )
    made = verbs[run.verb](run.parameters)
    new_hash = made if isinstance(made, str) else runs.hash_table(made)
    return Rerun(run, new_hash, new_hash == run.result_hash)

"""Results with their runs: written once, recomputed and compared: bytes for counts, nearly for floats."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from graphlab.store.files import checksums
from graphlab.store.folder import Folder
from graphlab.store.runs import runs, waiting
from graphlab.store.runs.agreement import TOLERANCE, agreement, has_floats
from graphlab.store.runs.waiting import save_kept
from ingest.schema.errors import AnalysisError, VersionError


@dataclass(frozen=True, slots=True)
class Rerun:
    """What recomputing a run gave."""

    run: runs.Run
    new_hash: str
    equal: bool
    """Whether the result is that of the recorded run: whole numbers, ids and text to the byte, floats nearly."""
    how: str
    """In words: equal to the byte, equal within the tolerance, or what differs."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What a verb gave once more."""

    hashed: pa.Table
    """What the hash of the run is of."""
    whole: pa.Table
    """What is kept of the run as a file."""


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
    described = folder.connection.execute("DESCRIBE motif_counts").fetchall()
    own = {str(row[0]) for row in described} - {"run_id", "size"}
    counted = rows.select([name for name in rows.schema.names if name in own])
    size = pa.array([parameters["size"]] * counted.num_rows, pa.int32())
    tables = {"motif_counts": counted.append_column("size", size)}
    waiting.record_result(folder, run, tables if kept is None else {**tables, waiting.KEPT: kept}, started)
    return run


def record_table(
    folder: Folder, verb: str, table: pa.Table, parameters: dict[str, Any], started: datetime.datetime
) -> runs.Run:
    """Record that ``verb`` gave this table, so that a rerun can compare: its hash, and itself if it holds floats."""
    run = runs.new_run(folder, verb, parameters, {})
    run = replace(run, result_hash=runs.hash_table(table))
    waiting.record_result(folder, run, {waiting.KEPT: table} if has_floats(table) else {}, started)
    return run


def kept_runs(folder: Folder, verb: str) -> list[tuple[runs.Run, pa.Table]]:
    """The kept results of a verb on the present data, latest first."""
    rows = folder.connection.execute(
        "SELECT run_id FROM runs WHERE verb = ? AND data_version = ? ORDER BY started DESC, run_id",
        [verb, str(folder.meta("data_version"))],
    ).fetchall()
    found = []
    for (run_id,) in rows:
        table = _kept(folder, str(run_id))
        if table is not None:
            found.append((runs.get(folder, str(run_id)), table))
    return found


def _kept(folder: Folder, run_id: str) -> pa.Table | None:
    path = waiting.kept_at(folder, run_id)
    remedy = "remove it, and run again what it is the result of"
    return checksums.read_parquet(path, "the kept result", remedy) if path.is_file() else None


Again = Callable[[dict[str, Any]], pa.Table | Recomputed | str]
"""From parameters to the result, or to its hash where a result is too large to hold."""


def rerun(folder: Folder, run: runs.Run, verbs: Mapping[str, Again]) -> Rerun:
    """Do the work of ``run`` again on the present data.

    Whole numbers, ids and text must be the same to the byte; floats may differ by ``agreement.TOLERANCE``, where
    the recorded result was kept.

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
    if isinstance(made, str):
        return _by_hash(run, made)
    if not isinstance(made, Recomputed):
        made = Recomputed(made, made)
    new_hash = runs.hash_table(made.hashed)
    kept = _kept(folder, run.run_id)
    if kept is None or (new_hash != run.result_hash and not has_floats(made.hashed)):
        return _by_hash(run, new_hash)
    if new_hash != run.result_hash:
        missing = [name for name in made.hashed.column_names if name not in kept.column_names]
        if missing or runs.hash_table(kept.select(made.hashed.column_names)) != run.result_hash:
            return Rerun(run, new_hash, False, "the kept result is not the one whose hash was recorded")
    found = agreement(kept, made.whole)
    if found.problem is not None:
        return Rerun(run, new_hash, False, f"{found.problem}; floats may differ by {TOLERANCE:g} of their size")
    if found.largest == 0.0:
        return Rerun(run, new_hash, True, f"equal to the byte, {new_hash}")
    return Rerun(
        run, new_hash, True,
        f"equal: whole numbers, ids and text to the byte, floats within {TOLERANCE:g} of their size "
        f"(the largest difference is {found.largest:.2g})",
    )  # fmt: skip


def _by_hash(run: runs.Run, new_hash: str) -> Rerun:
    equal = new_hash == run.result_hash
    told = f"equal to the byte, {new_hash}" if equal else f"recorded {run.result_hash}, recomputed {new_hash}"
    return Rerun(run, new_hash, equal, told)


__all__ = ["Recomputed", "Rerun", "kept_runs", "record", "record_census", "record_table", "rerun", "save_kept"]

"""Runs under way: begun before the work, written with its result, or compared with what an earlier run recorded."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pyarrow as pa

from graphlab.store.database import arrow, quote
from graphlab.store.files import checksums
from graphlab.store.folder import Folder
from graphlab.store.runs import runs, waiting
from graphlab.store.runs.agreement import TOLERANCE, agreement, has_floats
from ingest.schema.errors import AnalysisError, StoreError, VersionError

PART = "subset"
"""Parameter of the runs of a part of a graph: which part."""
COUNTS = frozenset(
    ("dimensions", "folds", "hops", "layers", "most_steps", "runs", "samples", "seed", "starts", "steps", "trials")
)
"""Parameters that count something, in every verb that has them."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """What recomputing a run gave."""

    run: runs.Run
    new_hash: str
    equal: bool
    """Whether the result is that of the recorded run: whole numbers, ids and text to the byte, floats nearly."""
    how: str
    """In words: equal to the byte, equal within the tolerance, or what differs."""


@dataclass(frozen=True, eq=False)
class ActiveRun:
    """Work under way: its run is known before it is done."""

    folder: Folder
    run: runs.Run
    started: datetime.datetime
    recorded: bool
    """Whether the result is written, rather than compared with an earlier one or only given back."""
    repetition: Repetition | None = None

    @property
    def run_id(self) -> str:
        return self.run.run_id

    @property
    def needed(self) -> bool:
        """Whether ``finish`` looks at a result; one that is large to make may be left out where it does not."""
        return self.recorded or self.repetition is not None

    def finish(
        self,
        hashed: pa.Table,
        tables: Mapping[str, pa.Table] | None = None,
        whole: pa.Table | None = None,
        message: str | None = None,
    ) -> None:
        """Write the result, replacing that of an earlier run of the same work; or compare it where it is a rerun.

        Args:
            hashed: what a rerun must give, whole numbers, ids and text to the byte.
            tables: name -> rows without run_id, of ``waiting.RESULT_TABLES``.
            whole: everything about the result, for reports and reruns, kept as a file; ``hashed`` if it holds floats
                and there are no tables.
        """
        if self.repetition is not None:
            self.repetition.compare(hashed, hashed if whole is None else whole)
        elif self.recorded:
            if whole is None and tables is None and has_floats(hashed):
                whole = hashed
            kept = {} if whole is None else {waiting.KEPT: whole}
            run = replace(self.run, result_hash=runs.hash_table(hashed), message=message)
            waiting.record_result(self.folder, run, {**(tables or {}), **kept}, self.started)

    def finish_in(
        self,
        connection: duckdb.DuckDBPyConnection,
        message: str | None,
        result_hash: str | None = None,
        moves_data: bool = False,
    ) -> None:
        """Write the run's own row in a transaction that holds its result.

        Args:
            moves_data: the work changed the data, so results of before are of another data version.
        """
        if moves_data:
            runs.advance_data_version(self.folder, self.run_id)
        runs.record(connection, replace(self.run, result_hash=result_hash, message=message), self.started)


def start_run(
    folder: Folder,
    verb: str,
    parameters: dict[str, Any],
    inputs: dict[str, str] | None = None,
    seed: int | None = None,
    *,
    started: datetime.datetime | None = None,
    record: bool = True,
    repetition: Repetition | None = None,
) -> ActiveRun:
    """Begin work on the present data; the same work has the same run, whenever and wherever it is done.

    Args:
        parameters: all that the result depends on beside the data and ``inputs`` (name -> SHA-256 of its content).
        started: where the parameters are known only later.
        record: False to give the result back and write nothing, as where the graph is open for reading only.
        repetition: compare the result with that of an earlier run, and write nothing.

    Raises:
        AnalysisError: a count that is no whole number, a seed that the table of runs cannot hold.
        StoreError: the work changes the data, and the graph follows live events.
    """
    _require_whole_numbers({**parameters, "seed": parameters.get("seed") if seed is None else seed})
    if verb in runs.MOVING and folder.meta(runs.FOLLOWING) is not None:
        raise StoreError(
            f"{folder.path} follows live events; {verb} would change its tables beside them. Stop it first, and follow "
            "again afterwards"
        )
    if folder.part is not None:
        parameters = {**parameters, PART: folder.part.plain()}
    run = runs.new_run(folder, verb, parameters, inputs or {}, seed)
    recorded = record and not folder.read_only and repetition is None
    return ActiveRun(folder, run, started or datetime.datetime.now(datetime.UTC), recorded, repetition)


def _require_whole_numbers(parameters: Mapping[str, Any]) -> None:
    """Before any work: one verb would cut off the fraction of a count, another break at it."""
    for name in sorted(COUNTS & parameters.keys()):
        value = parameters[name]
        if isinstance(value, bool | float | str):
            raise AnalysisError(f"{name} is {value!r}; wanted a whole number")
    for name, value in parameters.items():
        if name != "seed" and isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise AnalysisError(f"{name} is {value}; no number of neurons, steps or samples is that large")
    seed = parameters["seed"]
    if isinstance(seed, int) and not 0 <= seed < 1 << 63:
        raise AnalysisError(f"seed is {seed}; wanted a whole number from 0 to 2^63 - 1")


def tables_of(folder: Folder, run_id: str) -> list[str]:
    """Names of the tables that hold rows of a run."""
    asked = " UNION ALL ".join(
        f"SELECT {k}, EXISTS (SELECT 1 FROM {name} WHERE run_id = $run)" for k, name in enumerate(waiting.RESULT_TABLES)
    )
    found = folder.cursor().execute(asked, {"run": run_id}).fetchall()
    return [waiting.RESULT_TABLES[k] for k, there in sorted(found) if there]


def rows_of(folder: Folder, run_id: str, table: str) -> pa.Table:
    """Rows of a run in one of ``tables_of``, in the order they were written."""
    sql = f"SELECT * EXCLUDE (run_id) FROM {quote(table)} WHERE run_id = ? ORDER BY rowid"
    return arrow(folder.cursor(), sql, [run_id])


def motif_counts(folder: Folder, rows: pa.Table, size: int) -> dict[str, pa.Table]:
    """Rows of the table ``motif_counts``; columns that it does not have are left out."""
    described = folder.connection.execute("DESCRIBE motif_counts").fetchall()
    own = {str(row[0]) for row in described} - {"run_id", "size"}
    counted = rows.select([name for name in rows.schema.names if name in own])
    return {"motif_counts": counted.append_column("size", pa.array([size] * counted.num_rows, pa.int32()))}


def digests(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Several tables as one that has their names and hashes."""
    digest = "".join(f"{name} {runs.hash_table(table)}\n" for name, table in sorted(tables.items()))
    return pa.table({"tables": [digest]})


def kept_runs(folder: Folder, verb: str) -> list[tuple[runs.Run, pa.Table]]:
    """The kept results of a verb on the present data, latest first: of the whole graph, or of the part asked."""
    return list(each_kept_run(folder, verb))


def each_kept_run(folder: Folder, verb: str) -> Iterator[tuple[runs.Run, pa.Table]]:
    """The same, each read when it is asked for."""
    rows = folder.connection.execute(
        "SELECT run_id FROM runs WHERE verb = ? AND data_version = ? ORDER BY started DESC, run_id",
        [verb, str(folder.meta("data_version"))],
    ).fetchall()
    part = None if folder.part is None else folder.part.key
    for run in (runs.get(folder, str(run_id)) for (run_id,) in rows):
        table = _kept(folder, run.run_id) if run.parameters.get(PART, {}).get("key") == part else None
        if table is not None:
            yield run, table


def _kept(folder: Folder, run_id: str) -> pa.Table | None:
    path = waiting.kept_at(folder, run_id)
    remedy = "remove it, and run again what it is the result of"
    return checksums.read_parquet(path, "the kept result", remedy) if path.is_file() else None


@dataclass(eq=False)
class Repetition:
    """The work of a recorded run, done again on the present data and compared.

    Whole numbers, ids and text must be the same to the byte; floats may differ by ``agreement.TOLERANCE``, where the
    recorded result was kept.
    """

    folder: Folder
    run: runs.Run
    result: Rerun | None = None

    def by(self, verbs: Mapping[str, Callable[..., object]]) -> Rerun:
        """Call the verb of the run with its parameters; a verb ends in ``compare`` or ``compare_hash``.

        Raises:
            VersionError: the data changed since, so another result would be no surprise.
            AnalysisError: a verb that leaves no result to recompute.
        """
        run, now = self.run, self.folder.meta("data_version")
        if run.verb not in verbs:
            raise AnalysisError(
                f"run {run.run_id} is of the verb {run.verb!r}; only results are recomputed ({', '.join(verbs)}). "
                "To check an ingest, ingest the same source again: it says whether it is already there"
            )
        if run.data_version != str(now):
            raise VersionError(
                f"run {run.run_id} was made on data version {run.data_version}, the graph is at {now}: sources were "
                "added since. Run it on a copy of the older graph"
            )
        verbs[run.verb](**{name: value for name, value in run.parameters.items() if name != PART})
        assert self.result is not None, f"the verb {run.verb} compares its result"
        return self.result

    def compare_hash(self, new_hash: str) -> None:
        """For a result too large to hold."""
        equal = new_hash == self.run.result_hash
        how = f"equal to the byte, {new_hash}" if equal else f"recorded {self.run.result_hash}, recomputed {new_hash}"
        self.result = Rerun(self.run, new_hash, equal, how)

    def compare(self, hashed: pa.Table, whole: pa.Table) -> None:
        """For what the recorded hash is of, and everything that was kept of the run."""
        new_hash, recorded = runs.hash_table(hashed), self.run.result_hash
        kept = _kept(self.folder, self.run.run_id)
        if kept is None or (new_hash != recorded and not has_floats(hashed)):
            self.compare_hash(new_hash)
            return
        equal, how = False, "the kept result is not the one whose hash was recorded"
        missing = [name for name in hashed.column_names if name not in kept.column_names]
        if new_hash == recorded or not (missing or runs.hash_table(kept.select(hashed.column_names)) != recorded):
            found = agreement(kept, whole)
            equal, how = found.problem is None, f"equal to the byte, {new_hash}"
            if found.problem is not None:
                how = f"{found.problem}; floats may differ by {TOLERANCE:g} of their size"
            elif found.largest > 0.0:
                how = (
                    f"equal: whole numbers, ids and text to the byte, floats within {TOLERANCE:g} of their size "
                    f"(the largest difference is {found.largest:.2g})"
                )
        self.result = Rerun(self.run, new_hash, equal, how)

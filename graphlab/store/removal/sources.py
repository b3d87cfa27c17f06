"""One source out of the graph: as if it had never been ingested, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from graphlab.store.database import first_row
from graphlab.store.embeddings.intake import forget_joins, origin_key
from graphlab.store.files import places, sweeping
from graphlab.store.folder import Folder
from graphlab.store.removal import dependants
from graphlab.store.removal.replay import replay
from graphlab.store.runs import runs
from graphlab.store.runs.results import start_run
from graphlab.store.sources import ledger
from graphlab.store.sources.ledger import REBUILT, STATE, KeptSource
from graphlab.store.wiring.compartments.choice import PLACED
from ingest.schema.errors import SchemaError, UnknownNameError

VERB = "drop source"


@dataclass(frozen=True, slots=True)
class DroppedSource:
    """What went, and what was made with it."""

    source: str
    as_: str
    run_id: str
    """Of the ingest that is undone."""
    rows: int | None
    notes: list[str] = field(default_factory=list)
    stale_runs: list[str] = field(default_factory=list)
    """Results of data that had the source; they stay, under their runs."""
    data_version: str = ""

    def __str__(self) -> str:
        rows = f"{self.rows:,} rows" if self.rows is not None else "rows"
        return "\n  - ".join([f"{self.source}: {rows} of {self.as_} dropped (run {self.run_id})", *self.notes])


def drop_source(folder: Folder, source: str | Path) -> DroppedSource:
    """Undo one ingest. What follows from the tables is made again; results that used it are named.

    Args:
        source: name of its file as ``graphlab info`` lists it, or the id of its run.

    Raises:
        UnknownNameError: no such source. SchemaError: it was dropped before, its name is that of several sources,
            another source needs it, or nothing was kept to undo it with. The graph is as it was.
    """
    found = find(folder, str(source))
    run = start_run(folder, VERB, {"source": found.name, "run": found.run_id, "as": found.as_})
    staying = [other for other in ledger.sources(folder) if other.run_id != found.run_id]
    before = dependants.remember(folder)
    later = next((one for one in staying if one.as_ == ledger.LIVE and one.seq > found.seq), None)
    if later is not None and found.as_ in (*REBUILT, "skeletons"):
        raise SchemaError(
            f"{found.name} cannot be dropped: {later.name} (run {later.run_id}) changed what it brought, and would "
            "have to be done again. Make a new graph of the other sources, and replay the events over it"
        )
    if found.as_ not in _DROPS:
        raise SchemaError(f"{found.name}: sources of {found.as_} cannot be dropped")
    drop: Callable[[Folder, KeptSource, list[KeptSource]], list[str]] = _DROPS[found.as_]
    gone: list[Path] = []
    if found.as_ == "embeddings":
        gone = [places.place(folder.path, places.AGGREGATES, f"{m}.parquet") for m in _models_of(folder, found, True)]
    with folder.transaction() as connection:
        notes = drop(folder, found, staying)
        ledger.forget(connection, found.run_id)
        connection.execute("DELETE FROM runs WHERE run_id = ?", [found.run_id])
        notes += _unname(folder, found, staying)
        runs.take_back_data_version(folder, found.run_id, run.run_id)
        stale, told = dependants.named(folder, before, found)
        notes += [*told, *dependants.sets_without_neurons(folder)]
        run.finish_in(connection, "; ".join([f"{found.name} (run {found.run_id}) dropped", *notes]))
    folder.checkpoint(f"the drop of {found.name}")
    # After the commit: a kill in between leaves files that no row names, which the next writer sweeps away.
    for path in gone:
        with suppress(OSError):
            path.unlink()
    if found.as_ not in REBUILT:
        sweeping.sweep_unnamed(folder.path, folder.connection)
    notes += dependants.broken_definitions(folder)
    version = str(folder.meta("data_version"))
    return DroppedSource(found.name, found.as_, found.run_id, found.rows, notes, stale, version)


def find(folder: Folder, source: str) -> KeptSource:
    """The source of this name or run; see ``drop_source``."""
    known = ledger.sources(folder)
    mine = [one for one in known if one.run_id == source]
    mine = mine or [one for one in known if one.name in (source, Path(source).name)]
    if len(mine) == 1:
        return mine[0]
    if mine:
        told = ", ".join(f"{one.run_id} ({one.as_})" for one in mine)
        raise SchemaError(f"{len(mine)} sources of the graph are called {source!r}; name the run of one: {told}")
    row = first_row(
        folder.connection,
        "SELECT run_id, strftime(started, '%Y-%m-%d %H:%M') FROM runs WHERE verb = ? "
        "AND (parameters->>'run' = ? OR parameters->>'source' IN (?, ?)) ORDER BY started DESC LIMIT 1",
        [VERB, source, source, Path(source).name],
    )
    if row is not None:
        raise SchemaError(f"{source} was dropped already, {row[1]} UTC (run {row[0]}); ingest it to have it again")
    if not known:
        raise SchemaError(f"this graph has no sources, so {source!r} cannot be dropped")
    raise UnknownNameError("source", source, [*{one.name for one in known}, *(one.run_id for one in known)])


def _drop_rows(folder: Folder, found: KeptSource, staying: list[KeptSource]) -> list[str]:
    """Of neurons, synapses or connections: the tables are made again from the other sources."""
    had = dependants.Places.of(folder)
    recorded = dependants.traces(folder)
    again = [source for source in staying if source.as_ in (*REBUILT, "skeletons")]
    notes = dependants.forget_placed(folder, found, again)
    replay(folder, found, again)
    dependants.require_same_traces(folder, recorded, found)
    ready = [source for source in again if source.as_ == "connections"]
    if len(ready) == 1 and ready[0].form == "state":
        # The tables say it all again.
        for part in STATE:
            folder.connection.execute(f"DROP TABLE {ready[0].kept(part)}")
        ledger.set_form(folder.connection, ready[0].run_id, "table")
    notes += had.joins_that_changed(folder)
    if again:
        notes.insert(0, f"the tables were made again from {', '.join(source.name for source in again)}")
    return notes


def _drop_skeletons(folder: Folder, found: KeptSource, staying: list[KeptSource]) -> list[str]:
    """The nodes, the synapses placed on any skeleton, and neurons that only these skeletons named."""
    connection = folder.connection
    placed = first_row(connection, "SELECT count(DISTINCT synapse_id) FROM synapse_nodes")[0]
    connection.execute("DELETE FROM skeletons WHERE run_id = ?", [found.run_id])
    connection.execute("DELETE FROM synapse_nodes")
    connection.execute("DELETE FROM meta WHERE key = ?", [PLACED])
    notes = _drop_rows(folder, found, staying)
    if placed:
        notes.append(f"the places of {placed:,} synapses on skeletons are forgotten: place them again")
    return notes


def _drop_embeddings(folder: Folder, found: KeptSource, staying: list[KeptSource]) -> list[str]:
    connection = folder.connection
    models = _models_of(folder, found)
    for other in staying:
        if other.as_ == "embeddings" and other.seq < found.seq and not _models_of(folder, other):
            parameters = json.dumps(runs.get(folder, other.run_id).parameters.get("options", {}))
            if any(json.dumps(model) in parameters for model in models):
                raise SchemaError(
                    f"{found.name} cannot be dropped: it replaced the vectors of {other.name} (run {other.run_id}), "
                    f"which are gone and cannot come back. Drop {other.run_id} first"
                )
    notes = []
    for model in models:
        notes += forget_joins(folder, model)
    connection.execute("DELETE FROM embedding_files WHERE run_id = ?", [found.run_id])
    for model in models:
        left = first_row(connection, "SELECT count(*) FROM embedding_files WHERE model = ?", [model])
        if not left[0]:
            connection.execute("DELETE FROM meta WHERE key = ?", [origin_key(model)])
    for key, value in connection.execute("SELECT key, value FROM meta WHERE starts_with(key, 'model ')").fetchall():
        of = json.loads(value) if value else None
        if isinstance(of, dict) and of.get("means of") in models:
            notes.append(f"{key.removeprefix('model ')} are means of vectors that had these: aggregate them again")
    return notes


def _models_of(folder: Folder, source: KeptSource, alone: bool = False) -> list[str]:
    """Models whose vectors a source brought; with ``alone``, those that have no others."""
    others = "AND model NOT IN (SELECT model FROM embedding_files WHERE run_id <> $run)" if alone else ""
    rows = folder.connection.execute(
        f"SELECT DISTINCT model FROM embedding_files WHERE run_id = $run {others} ORDER BY model",
        {"run": source.run_id},
    ).fetchall()
    return [str(row[0]) for row in rows]


def _drop_recorded(folder: Folder, found: KeptSource, staying: list[KeptSource]) -> list[str]:
    connection = folder.connection
    row = first_row(
        connection,
        """SELECT animal, run_id FROM recording_files WHERE run_id <> $run AND animal IN
           (SELECT animal FROM recording_files WHERE run_id = $run AND part = 'activity') ORDER BY ALL LIMIT 1""",
        {"run": found.run_id},
    )
    if row is not None:
        name = next((other.name for other in staying if other.run_id == row[1]), "another source")
        raise SchemaError(
            f"{found.name} cannot be dropped: {name} (run {row[1]}) has behaviour of its animal {row[0]!r}, which "
            "needs the recording. Drop that one first"
        )
    for table in ("recording_files", "recorded_neurons"):
        connection.execute(f"DELETE FROM {table} WHERE run_id = ?", [found.run_id])
    return []


def _unname(folder: Folder, found: KeptSource, staying: list[KeptSource]) -> list[str]:
    """What the graph is of by the dropped source alone is what the next source says, or not known any more."""
    notes = []
    for key in found.said.get("named", ()):
        value = found.said[key]
        if folder.meta(key) != value:
            continue  # somebody said otherwise since
        other = next((one for one in staying if one.said.get(key) is not None), None)
        if other is not None:
            said = json.dumps({**other.said, "named": sorted({*other.said.get("named", ()), key})})
            folder.connection.execute("UPDATE kept.sources SET said = ? WHERE run_id = ?", [said, other.run_id])
            folder.set_meta(key, other.said[key])
        elif key in ("materialization", "dataset"):
            folder.set_meta(key, None)
            notes.append(f"the graph was of {key} {value} by this source alone, and names none any more")
        else:
            folder.connection.execute("DELETE FROM meta WHERE key = ?", [key])
    return notes


_DROPS = {
    **dict.fromkeys(REBUILT, _drop_rows),
    "skeletons": _drop_skeletons,
    "embeddings": _drop_embeddings,
    "recordings": _drop_recorded,
    "behavior": _drop_recorded,
}

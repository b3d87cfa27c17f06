"""Recordings and behaviour into the graph: files beside the database, named by it once they are whole."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.store.database import arrow
from graphlab.store.files import places, sweeping
from graphlab.store.folder import Folder
from graphlab.store.recordings.files import read_behavior, read_clock, write_activity, write_behavior
from graphlab.store.runs import runs
from graphlab.store.runs.results import start_run
from graphlab.store.sources import ledger
from graphlab.store.sources.ledger import KeptSource
from ingest.reader import ReadRequest
from ingest.recordings.readers import files_of, open_behavior, open_recordings
from ingest.recordings.recording import Recording, on_clock
from ingest.running.progress import Progress
from ingest.schema.errors import GraphlabError, IdError, SchemaError, UnknownNameError
from ingest.schema.ids import root_ids_of_names


def write_recording_source(
    folder: Folder,
    source: Any,
    request: ReadRequest,
    parameters: dict[str, Any],
    unknown: str,
    progress: Progress | None,
) -> tuple[str, int, list[str], bool]:
    """One source of recordings or behaviour in one transaction: all of it or nothing.

    Returns:
        (id of the run, rows, notes, whether it was there already).

    Raises:
        SchemaError, ReadError, IdError, UnknownNameError: the graph is as it was.
    """
    started = datetime.datetime.now(datetime.UTC)
    name = Path(source).name if isinstance(source, str | Path) else f"<{type(source).__name__}>"
    is_folder = isinstance(source, str | Path) and Path(source).is_dir()
    read = {f"{name}/{path.name}": path for path in files_of(Path(source))} if is_folder else {}
    inputs = {part: runs.hash_source(one) for part, one in (read or {name: source}).items()}
    labels = request.options.get("labels")
    if labels and Path(str(labels)).is_file():
        inputs["labels"] = runs.hash_source(Path(str(labels)))
    run = start_run(folder, "ingest", parameters, inputs, started=started)
    if runs.find(folder, run.run_id):
        return run.run_id, 0, [], True
    target = places.place(folder.path, places.RECORDINGS)
    notes: list[str] = []
    failed: list[str] = []
    jobs: list[Callable[[], int]]
    apart: tuple[type[GraphlabError], ...] = (SchemaError,)
    if request.as_ == "recordings":
        opened = open_recordings(source, request.options, failed)
        for one in opened:
            _refuse_known(folder, one.animal)
        jobs = [partial(_one_animal, folder, target, one, run.run_id, unknown, notes, progress) for one in opened]
    else:
        rule = str(request.options.get("resample", "refuse"))
        arrivals = open_behavior(source, request.options, failed)
        jobs = [partial(_one_behavior, folder, target, name, *one, rule, run.run_id, notes) for one in arrivals]
        apart = (SchemaError, UnknownNameError)
    with folder.transaction() as connection:
        sweeping.sweep_unnamed(folder.path, connection)
        rows = _every(jobs, failed, apart)
        if failed:
            notes[:0] = [f"{len(failed)} animals are left out: {fault}" for fault in failed[:1]] + failed[1:]
        ledger.add(connection, KeptSource(run.run_id, name, request.as_, rows, form="files"))
        run.finish_in(connection, "; ".join(notes), moves_data=True)
    folder.checkpoint(name)
    return run.run_id, rows, notes, False


def _every(jobs: list[Callable[[], int]], failed: list[str], apart: tuple[type[GraphlabError], ...]) -> int:
    """Rows of all animals that can be written; one that cannot does not stop the others, unless there is no other.

    Each checks itself before it writes its first row. ``apart`` are faults of one animal, any other stops all.
    """
    rows, done = 0, 0
    first: GraphlabError | None = None
    for job in jobs:
        try:
            rows += job()
            done += 1
        except apart as error:
            first = first or error
            failed.append(str(error))
    if first is not None and not done:
        raise first
    return rows


def _one_animal(
    folder: Folder,
    target: Path,
    recording: Recording,
    run_id: str,
    unknown: str,
    notes: list[str],
    progress: Progress | None,
) -> int:
    animal = recording.animal
    _refuse_known(folder, animal)
    root_ids, unmatched = _root_ids(folder, recording)
    named = sum(identity.known for identity in recording.identities)
    if unmatched and unknown == "refuse":
        raise UnknownNameError("neuron", unmatched[0], _names(folder))
    notes += [f"animal {animal}: {note}" if not note.startswith("animal") else note for note in recording.notes]
    matched = f", {named - len(unmatched)} of them neurons of the graph" if named else ""
    notes.append(
        f"animal {animal}: {len(recording.identities):,} traces of {len(recording.time_s):,} frames, "
        f"{named:,} identified{matched}; behaviours: {', '.join(recording.behaviors) or 'none'}"
    )
    written = write_activity(target, recording, root_ids, progress)
    time_s, frames = recording.time_s, len(recording.time_s)
    _name_file(folder, animal, "activity", written, recording, len(recording.identities), run_id)
    rows = pa.table(
        {
            "animal": pa.array([animal] * len(root_ids), pa.string()),
            "trace": pa.array(range(len(root_ids)), pa.int32()),
            "root_id": pa.array(root_ids, pa.uint64()),
            "name": pa.array([i.name for i in recording.identities], pa.string()),
            "neuron_class": pa.array([i.neuron_class for i in recording.identities], pa.string()),
            "confidence": pa.array([i.confidence for i in recording.identities], pa.float64()),
            "run_id": pa.array([run_id] * len(root_ids), pa.string()),
        }
    )
    folder.connection.register("recorded", rows)
    folder.connection.execute("INSERT INTO recorded_neurons BY NAME FROM recorded")
    folder.connection.unregister("recorded")
    if recording.behaviors:
        written = write_behavior(target, animal, time_s, recording.behaviors)
        _name_file(folder, animal, "behavior", written, recording, len(recording.behaviors), run_id)
    return frames * len(root_ids)


def _refuse_known(folder: Folder, animal: str) -> None:
    """Raises SchemaError where an animal has a recording already."""
    if folder.connection.execute("SELECT 1 FROM recording_files WHERE animal = ?", [animal]).fetchall():
        raise SchemaError(
            f"animal {animal!r} has a recording in this graph already and keeps it, identities too: leave this file "
            f"out, give it another name with --option animal=NAME, or drop the old one first (`graphlab drop-animal "
            f"{folder.path} {shlex.quote(animal)}`) to bring it anew, with labels for example"
        )


def _root_ids(folder: Folder, recording: Recording) -> tuple[list[int | None], list[str]]:
    """The neuron of each trace: by root_id, else by the graph's name, else the id that the name has in every graph."""
    by_name = _names(folder)
    present = arrow(folder.cursor(), "SELECT root_id FROM neurons")["root_id"].to_numpy()
    fallback = root_ids_of_names({i.name for i in recording.identities if i.name})
    result: list[int | None] = []
    unmatched: list[str] = []
    for identity in recording.identities:
        number = identity.root_id
        if number is None and identity.name is not None:
            number = by_name.get(identity.name, fallback[identity.name])
        result.append(number)
        if number is not None and not (len(present) and (present == np.uint64(number)).any()):
            unmatched.append(identity.name or str(number))
    known = [number for number in result if number is not None]
    if len(set(known)) != len(known):
        raise IdError(f"animal {recording.animal}: two traces are the same neuron of the graph")
    return result, unmatched


def ids_of_names(folder: Folder, names: list[str]) -> dict[str, int]:
    """The neuron of each name: the graph's, else the id that the name has in every graph."""
    return {**root_ids_of_names(names), **{n: i for n, i in _names(folder).items() if n in set(names)}}


def _names(folder: Folder) -> dict[str, int]:
    rows = folder.connection.execute("SELECT name, root_id FROM neurons WHERE name IS NOT NULL").fetchall()
    by_name: dict[str, int] = {}
    for name, number in rows:
        if by_name.setdefault(str(name), int(number)) != int(number):
            by_name.pop(str(name))
    return by_name


def _one_behavior(
    folder: Folder,
    target: Path,
    source: str,
    animal: str | None,
    clock_s: np.ndarray,
    columns: dict[str, np.ndarray],
    rule: str,
    run_id: str,
    notes: list[str],
) -> int:
    files = folder.connection.execute(
        "SELECT animal, file FROM recording_files WHERE part = 'activity' ORDER BY animal"
    ).fetchall()
    known = [str(row[0]) for row in files]
    if not known:
        raise SchemaError(
            f"{source}: this graph has no recording; ingest one with --as recordings before its behaviour"
        )
    if animal is None:
        if len(known) > 1:
            raise SchemaError(
                f"{source}: whose behaviour? This graph has {len(known)} animals; say --option animal=NAME "
                "or give the table a column animal"
            )
        animal = known[0]
    if animal not in known:
        raise UnknownNameError("animal", animal, known)
    time_s, segment = read_clock(places.stored(folder.path, places.RECORDINGS, dict(files)[animal]))
    present: set[str] = set()
    for (file,) in folder.connection.execute(
        "SELECT file FROM recording_files WHERE animal = ? AND part = 'behavior'", [animal]
    ).fetchall():
        present |= set(read_behavior(places.stored(folder.path, places.RECORDINGS, file), len(time_s)))
    both = sorted(present & set(columns))
    if both:
        raise SchemaError(f"{source}: animal {animal} has the behaviour {both[0]!r} already; rename it in the source")
    values = on_clock(time_s, columns, clock_s, rule, source)
    same = all(values[name] is columns[name] for name in columns)
    notes.append(f"animal {animal}: {', '.join(columns)}{'' if same else f', resampled to its frames ({rule})'}")
    written = write_behavior(target, animal, time_s, values)
    stub = Recording(animal, time_s, segment, [], lambda first, last: np.empty((0, 0), np.float32))
    _name_file(folder, animal, "behavior", written, stub, len(values), run_id)
    return len(time_s) * len(values)


def _name_file(
    folder: Folder, animal: str, part: str, written: Any, recording: Recording, columns: int, run_id: str
) -> None:
    time_s = recording.time_s
    folder.connection.execute(
        "INSERT INTO recording_files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            animal,
            part,
            written.path.relative_to(folder.path).as_posix(),
            len(time_s),
            columns,
            float(time_s[0]),
            float(time_s[-1]),
            float(np.median(np.diff(time_s))) if len(time_s) > 1 else None,
            int(recording.segment[-1]) + 1,
            written.sha256,
            run_id,
        ],
    )

"""One source into the graph in one transaction: read, check, write, rebuild connections, record.

Everything a failed or killed ingest did is undone by the transaction. The same source with the same
request is a no-op, found by content hash in ``runs``.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from graphlab.store.embeddings.intake import write_embedding_source
from graphlab.store.files import places, sweeping
from graphlab.store.folder import Folder
from graphlab.store.incoming_rows import IncomingRows
from graphlab.store.runs import runs
from graphlab.store.runs.results import start_run
from graphlab.store.skeletons.intake import write_skeletons
from graphlab.store.sources import ledger
from graphlab.store.sources.keeping import Keeping, keeping
from graphlab.store.sources.ledger import KeptSource
from graphlab.store.wiring.connections import write_connections
from graphlab.store.wiring.neurons import write_neurons
from graphlab.store.wiring.rebuild import Arrived, add_unknown_neurons, rebuild_connections
from graphlab.store.wiring.recipe import Recipe, pairs_from_synapses
from graphlab.store.wiring.signs import refresh_signs
from graphlab.store.wiring.synapses import write_synapses
from ingest.clients.address import LiveAddress, is_live, parse_address
from ingest.clients.fetching import fetch
from ingest.clients.kept_pages import KeptPages, downloads
from ingest.reader import Reading, ReadRequest, source_name
from ingest.running.progress import Progress
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError, VersionError
from ingest.schema.kinds import one_kind
from ingest.schema.words import TABLES

DUPLICATES = ("sum", "first", "refuse")
BESIDE = ("labels", "column_labels")
"""Options whose value is a file, or a sequence, that is read beside the source."""
UNKNOWN = ("add", "keep", "refuse")
RECORDED = ("recordings", "behavior")
ORIGIN = "origin"
SAID = ("materialization", ORIGIN, "dataset", "resolution_nm")
"""What a source may say of itself, and is written down of it."""
"""What the graph keeps of the server that its tables came from, so that data sets of servers do not mix."""
POLICIES: dict[str, tuple[str, ...]] = {
    "neurons": ("duplicates",),
    "synapses": ("kind", "unknown"),
    "connections": ("kind", "duplicates", "unknown"),
    "skeletons": ("unknown",),
    "embeddings": (),
    "recordings": ("unknown",),
    "behavior": (),
}
"""Table -> the words of ``Policy`` that its rows obey."""


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What one ingest did, for people and for ``--json``."""

    source: str
    as_: str
    run_id: str
    rows: int
    already_there: bool = False
    notes: list[str] = field(default_factory=list)
    left_out: int = 0
    """Rows of the source that the graph did not take, for whatever reason."""

    def __str__(self) -> str:
        if self.already_there:
            done = f"{self.source}: nothing to do, this source is in the graph already (run {self.run_id})"
            return "\n  - ".join([done, *self.notes])
        most = f"MOST ROWS WERE LEFT OUT, {self.left_out:,}; " if self.left_out > self.rows else ""
        lines = [f"{self.source}: {most}{self.rows:,} rows of {self.as_} (run {self.run_id})"]
        return "\n  - ".join([*lines, *self.notes])


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do with rows that repeat and with neurons nobody has named."""

    kind: str | None = None
    duplicates: str | None = None
    """sum, first or refuse; None sums within a source and refuses pairs that an earlier source brought."""
    unknown: str | None = None
    """add, keep or refuse; None adds, and refuses skeletons of no neuron."""

    def __post_init__(self) -> None:
        if self.kind is not None:
            object.__setattr__(self, "kind", one_kind(self.kind))
        if self.duplicates is not None and self.duplicates not in DUPLICATES:
            raise UnknownNameError("duplicates", self.duplicates, DUPLICATES)
        if self.unknown is not None and self.unknown not in UNKNOWN:
            raise UnknownNameError("unknown", self.unknown, UNKNOWN)

    def unknown_of(self, as_: str) -> str:
        """What becomes of unknown neurons that rows of this table name."""
        return self.unknown or ("refuse" if as_ == "skeletons" else "add")

    def check(self, as_: str) -> None:
        """Refuse what has no meaning for rows of this table.

        Raises:
            SchemaError: something was said that would not be looked at.
        """
        for word in ("kind", "duplicates", "unknown"):
            if as_ in POLICIES and word not in POLICIES[as_] and getattr(self, word) not in (None, "add"):
                used = " and ".join(f"--{name}" for name in POLICIES[as_]) or "none of these"
                raise SchemaError(f"--{word} does nothing for {as_} ({used} would); leave it out")


def ingest(
    folder: Folder,
    source: Any,
    request: ReadRequest,
    policy: Policy,
    progress: Progress | None = None,
    alongside: Callable[[], None] | None = None,
) -> IngestSummary:
    """Read ``source`` as ``request`` says and add it to the graph.

    Args:
        alongside: called in the same transaction, for what belongs to the rows and lies elsewhere.

    Raises:
        SchemaError, IdError, ReadError: bad input, with file, row and column; the graph is as it was.
    """
    policy.check(request.as_)
    policy = replace(policy, unknown=policy.unknown_of(request.as_))
    address = parse_address(source) if is_live(source) else None
    if isinstance(source, str | Path) and address is None:
        places.require_foreign(folder.path, Path(source))
    if address is not None and request.as_ not in TABLES:
        raise SchemaError(f"{address}: --as {request.as_}: servers have tables; wanted {', '.join(TABLES)}")
    if request.as_ in RECORDED:
        return _ingest_recorded(folder, source, request, policy, progress)
    if request.as_ not in TABLES:
        raise UnknownNameError("table", request.as_, (*TABLES, *RECORDED))
    started = datetime.datetime.now(datetime.UTC)
    if address is not None:
        source, progress = _fetched(folder, address, request, progress)
        name, content = str(address), source.content
    else:
        name = Path(source).name if isinstance(source, str | Path) else source_name(source)
        if isinstance(source, str | Path) and not Path(source).exists():
            raise ReadError(f"{source} does not exist")
        content = _hash(source, request.as_)
    # Embeddings are excepted, whose voxels are those of the model, and skeletons, which may be of any unit.
    own_unit = request.as_ in ("embeddings", "skeletons")
    if request.resolution is None and not own_unit and folder.resolution is not None:
        request = replace(request, default_resolution=folder.resolution)
    inputs = {name: content, **_hashed_options(request)}
    run = start_run(folder, "ingest", _parameters(request, policy), inputs, started=started)
    there = _there_already(folder, request, run.run)
    if there is not None and not _was_replaced(folder, request, there.run_id):
        notes = _other_voxels(there, run.run)
        return IngestSummary(name, request.as_, there.run_id, 0, already_there=True, notes=notes)
    _refuse_second_reading(folder, name, run.run)
    reading = open_source(source, request)
    named = _identity(folder, reading)
    left_out = 0
    came = KeptSource(run.run_id, name, request.as_, policy=asdict(policy), form="files")
    with _nothing_left_behind(folder, request), folder.transaction() as connection:
        if request.as_ == "embeddings":
            rows, notes = write_embedding_source(folder, reading, request, run.run_id, progress)
        else:
            kept = keeping(folder, run.run_id, request.as_, bool(reading.by_name))
            arrivals, notes = add_rows(
                folder, request.as_, name, partial(open_source, source, request), reading, policy, progress, kept,
                run_id=run.run_id,
            )  # fmt: skip
            rows, left_out = arrivals.rows - arrivals.left_out, reading.left_out + arrivals.left_out
            came = replace(
                came,
                columns=arrivals.types(),
                by_name=reading.by_name,
                first_id=arrivals.first_id,
                form=kept.form,
            )
        notes = [*reading.notes, *notes]
        if left_out > rows:
            notes.insert(0, f"most rows were left out: {left_out:,} of {left_out + rows:,}")
        for key, value in named.items():
            folder.set_meta(key, value)
            if key != ORIGIN:
                notes.append(f"the graph is of {key} {value} from now on, as this source says")
        said = {key: str(reading.meta[key]) for key in SAID if key in reading.meta}
        ledger.add(connection, replace(came, rows=rows, said={**said, "named": sorted(named)}))
        run.finish_in(connection, "; ".join(notes), moves_data=True)
        if alongside is not None:
            alongside()
    folder.checkpoint(name)
    return IngestSummary(name, request.as_, run.run_id, rows, notes=notes, left_out=left_out)


def add_rows(
    folder: Folder,
    as_: str,
    name: str,
    reopen: Callable[[], Reading],
    reading: Reading,
    policy: Policy,
    progress: Progress | None = None,
    kept: Keeping | None = None,
    *,
    names: Mapping[int, str] | None = None,
    rebuild: bool = True,
    run_id: str = "",
) -> tuple[IncomingRows, list[str]]:
    """Rows of neurons, synapses or connections into the tables; call inside a transaction.

    Args:
        reopen: the same reading once more, for messages.
        names: of neurons that the rows name, beside those in the rows.
        rebuild: make what follows from the rows; False where further sources are added right after this one.
        run_id: of the ingest, which rows of skeletons keep.

    Returns:
        What arrived, and notes.
    """
    connection = folder.connection
    with IncomingRows(connection, as_, name, reopen, reading, progress, kept) as arrivals:
        arrivals.names.update(names or {})
        notes = WRITERS[as_](arrivals, policy, run_id)
        arrivals.keep_rest()
        if arrivals.rows == 0:
            why = "; ".join(note for note in reading.notes if "row" in note) or "the file has none"
            raise SchemaError(f"{name}: no rows to ingest; {why}")
        notes += finish_rows(folder, arrivals, as_, policy.unknown_of(as_), arrivals.has("in_graph"), rebuild)
    return arrivals, notes


def finish_rows(
    folder: Folder, arrived: Arrived, as_: str, unknown: str, in_graph: bool = False, rebuild: bool = True
) -> list[str]:
    """What follows from new rows: neurons that they name, connections of synapses, graph nodes, totals, signs.

    Args:
        in_graph: neurons came with a column that says which are graph nodes.
        rebuild: see ``add_rows``.
    """
    connection = folder.connection
    recipe = Recipe(**(folder.meta("recipe") or {}))
    if as_ == "synapses":
        pairs_from_synapses(connection, recipe)
    notes = add_unknown_neurons(arrived, as_, unknown)
    if not rebuild:
        connection.execute("DROP TABLE IF EXISTS pairs")
    elif as_ != "neurons" or in_graph:
        notes += rebuild_connections(connection, recipe, pairs_made=as_ == "synapses")
    else:
        refresh_signs(connection)
    return notes


def _there_already(folder: Folder, request: ReadRequest, run: runs.Run) -> runs.Run | None:
    """The run that brought this source by this request; voxels that only the graph names do not make it another one."""
    found = runs.find(folder, run.run_id)
    if found is not None or request.resolution is not None:
        return found
    for content in run.inputs.values():
        for earlier in runs.of_input(folder, "ingest", content):
            if sorted(earlier.inputs.values()) == sorted(run.inputs.values()):  # labels beside a matrix are inputs, too
                others = {key for key, value in run.parameters.items() if earlier.parameters.get(key) != value}
                if others <= {"resolution"}:
                    return earlier
    return None


def _other_voxels(there: runs.Run, run: runs.Run) -> list[str]:
    """Says that a source stays as it was read though the graph names other voxels since."""
    before, now = there.parameters.get("resolution"), run.parameters.get("resolution")
    if before == now:
        return []
    return [
        f"it came where the graph's voxels were {f'of {before} nm' if before else 'not given'}, and stays as it was "
        "read; drop it (`graphlab drop-source`) and ingest it again to read it otherwise"
    ]


def _hashed_options(request: ReadRequest) -> dict[str, str]:
    """Files and sequences that options hand over beside the source, by their content."""
    found = {name: request.options[name] for name in BESIDE if name in request.options}
    return {
        name: runs.hash_source(Path(value) if isinstance(value, str) else value)
        for name, value in found.items()
        if not isinstance(value, str | Path) or Path(value).is_file()
    }


def _was_replaced(folder: Folder, request: ReadRequest, run_id: str) -> bool:
    """Whether the embeddings that this run brought gave way to others since, so that it has to bring them again."""
    if request.as_ != "embeddings" or not request.options.get("replace"):
        return False
    rows = folder.connection.execute("SELECT 1 FROM embedding_files WHERE run_id = ?", [run_id]).fetchall()
    return not rows


def _refuse_second_reading(folder: Folder, name: str, run: runs.Run) -> None:
    """The same bytes read with other columns or voxels would count every synapse twice.

    Other rows of the file (``keep``), another sheet (``options``), other labels or another kind are another source.
    """
    if run.parameters["as"] not in ("synapses", "connections"):
        return
    same = ("as", "keep", "options", "kind")
    for earlier in runs.of_input(folder, "ingest", run.inputs[name]):
        alike = all(earlier.parameters.get(key) == run.parameters[key] for key in same)
        if alike and all(earlier.inputs.get(key) == run.inputs.get(key) for key in BESIDE):
            other = [key for key, value in run.parameters.items() if earlier.parameters.get(key) != value]
            raise SchemaError(
                f"{name}: its {run.parameters['as']} are in the graph already (run {earlier.run_id}), read with "
                f"other {', '.join(other)}; counted twice they would be wrong. Make a new graph for that"
            )


@contextmanager
def _nothing_left_behind(folder: Folder, request: ReadRequest) -> Iterator[None]:
    """Files that a failed ingest of embeddings wrote go away with its rows."""
    try:
        yield
    except BaseException:
        if request.as_ == "embeddings":
            with suppress(duckdb.Error, OSError):
                sweeping.sweep_unnamed(folder.path, folder.connection)
        raise


def _ingest_recorded(
    folder: Folder, source: Any, request: ReadRequest, policy: Policy, progress: Progress | None
) -> IngestSummary:
    from graphlab.store.recordings.intake import write_recording_source
    from ingest.recordings.readers import USES

    request.check(USES[request.as_])
    name = Path(source).name if isinstance(source, str | Path) else source_name(source)
    parameters = _parameters(request, policy)
    run_id, rows, notes, there = write_recording_source(
        folder, source, request, parameters, policy.unknown_of(request.as_), progress
    )
    return IngestSummary(name, request.as_, run_id, rows, already_there=there, notes=notes)


def open_source(source: Any, request: ReadRequest) -> Reading:
    """Open ``source`` with the registered reader that is surest of it."""
    if request.as_ == "embeddings":
        from ingest.segclr.readers import open_source as open_embeddings

        return open_embeddings(source, request)
    if request.as_ == "skeletons":
        from ingest.skeletons.readers import open_source as open_skeletons

        return open_skeletons(source, request)
    from ingest import tables

    return tables.open_source(source, request)


WRITERS: dict[str, Callable[[IncomingRows, Policy, str], list[str]]] = {
    "neurons": lambda arrivals, policy, run: write_neurons(arrivals, policy.duplicates),
    "synapses": lambda arrivals, policy, run: write_synapses(arrivals, policy.kind),
    "connections": lambda arrivals, policy, run: write_connections(arrivals, policy.kind, policy.duplicates),
    "skeletons": lambda arrivals, policy, run: write_skeletons(arrivals, policy.unknown_of("skeletons"), run),
}
"""Table -> what writes its rows, with the run of the ingest; gives notes."""


def _hash(source: Any, as_: str) -> str:
    """The hash of everything that rows of a source depend on."""
    if as_ != "skeletons":
        return runs.hash_source(source)
    if isinstance(source, str | Path):
        content = runs.hash_source(source)
        # The name of the file says whose skeleton it is: two neurons may have the same nodes.
        return content if Path(source).is_dir() else runs.hash_table(pa.table({Path(source).name: [content]}))
    from ingest.skeletons.objects import is_skeletons, raw_table

    return runs.hash_source(raw_table(source) if is_skeletons(source) else source)


def _parameters(request: ReadRequest, policy: Policy) -> dict[str, Any]:
    columns = request.columns if isinstance(request.columns, str | None) else dict(request.columns)
    return {
        "as": request.as_,
        "columns": columns,
        "resolution": str(request.resolution or request.default_resolution or "") or None,
        "keep": {key: list(values) for key, values in request.keep.items()},
        "header": request.header,
        "options": {
            # Labels in memory are told from others by their hash, which is one of the run's inputs.
            key: f"<{type(value).__name__}>" if key in BESIDE and not isinstance(value, str | Path) else str(value)
            for key, value in request.options.items()
        },
        **asdict(policy),
    }


def _fetched(
    folder: Folder, address: LiveAddress, request: ReadRequest, progress: Progress | None
) -> tuple[KeptPages, Progress | None]:
    """The pages of a live table, and what tells the rest of the progress after them."""
    came = 0

    def coming(done: int, total: int) -> None:
        nonlocal came
        came = total
        if progress:
            progress(done, 2 * total)

    places.require_foreign(folder.path, downloads())
    kept = fetch(address, request.as_, coming)
    rest = (lambda done, total: progress(came + done, came + total)) if progress else None
    return kept, rest


def _identity(folder: Folder, reading: Reading) -> dict[str, str]:
    """What a source says of the version of its ids, where the graph did not know it yet.

    Raises:
        VersionError: the graph is of another materialization, or of another data set of a server.
    """
    new = {}
    for key in ("materialization", ORIGIN):
        given, known = reading.meta.get(key), folder.meta(key)
        if given is not None and known is not None and str(given) != known:
            what = "materialization" if key == "materialization" else "data set"
            raise VersionError(
                f"the source is of {what} {given}, the graph of {known}; root ids differ between them. "
                "Make a separate graph, or pull the table at the graph's version"
            )
        if given is not None and known is None:
            new[key] = str(given)
    if "dataset" in reading.meta and folder.meta("dataset") is None:
        new["dataset"] = str(reading.meta["dataset"])
    return new

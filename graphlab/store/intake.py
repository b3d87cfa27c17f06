"""One source into the graph in one transaction: read, check, write, settle, record.

Everything a failed or killed ingest did is undone by the transaction. The same source with the same
request is a no-op, found by content hash in ``runs``.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from graphlab.store import runs
from graphlab.store.arrivals import Arrivals
from graphlab.store.connections import write_connections
from graphlab.store.embedding_intake import write_embedding_source
from graphlab.store.folder import Folder
from graphlab.store.neurons import write_neurons
from graphlab.store.recipe import Recipe
from graphlab.store.settle import add_unknown, settle
from graphlab.store.synapses import write_synapses
from ingest.errors import ReadError, SchemaError, UnknownNameError, VersionError
from ingest.reader import READERS, Reading, ReadRequest, source_name
from ingest.schema import KINDS, TABLES

Progress = Callable[[int, int], None]
DUPLICATES = ("sum", "first", "refuse")
UNKNOWN = ("add", "keep", "refuse")


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What one ingest did, for people and for ``--json``."""

    source: str
    as_: str
    run_id: str
    rows: int
    already_there: bool = False
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        if self.already_there:
            return f"{self.source}: nothing to do, this source is in the graph already (run {self.run_id})"
        lines = [f"{self.source}: {self.rows:,} rows of {self.as_} (run {self.run_id})"]
        return "\n  - ".join([*lines, *self.notes])


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do with rows that repeat and with neurons nobody has named."""

    kind: str | None = None
    duplicates: str | None = None
    """sum, first or refuse; None sums within a source and refuses pairs that an earlier source brought."""
    unknown: str = "add"

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise UnknownNameError("kind", self.kind, KINDS)
        if self.duplicates is not None and self.duplicates not in DUPLICATES:
            raise UnknownNameError("duplicates", self.duplicates, DUPLICATES)
        if self.unknown not in UNKNOWN:
            raise UnknownNameError("unknown", self.unknown, UNKNOWN)


def ingest(
    folder: Folder, source: Any, request: ReadRequest, policy: Policy, progress: Progress | None = None
) -> IngestSummary:
    """Read ``source`` as ``request`` says and add it to the graph.

    Raises:
        SchemaError, IdError, ReadError: bad input, with file, row and column; the graph is as it was.
    """
    if request.as_ not in TABLES:
        raise UnknownNameError("table", request.as_, TABLES)
    started = datetime.datetime.now(datetime.UTC)
    name = Path(source).name if isinstance(source, str | Path) else source_name(source)
    if isinstance(source, str | Path) and not Path(source).exists():
        raise ReadError(f"{source} does not exist")
    # Embeddings are excepted: their voxels are those of the model, not those of the segmentation.
    if request.resolution is None and request.as_ != "embeddings" and folder.resolution is not None:
        request = replace(request, resolution=folder.resolution)
    run = runs.new_run(folder, "ingest", _parameters(request, policy), {name: runs.hash_source(source)})
    if runs.find(folder, run.run_id):
        return IngestSummary(name, request.as_, run.run_id, 0, already_there=True)
    reading = open_source(source, request)
    _check_materialization(folder, reading)
    with folder.transaction() as connection:
        if request.as_ == "embeddings":
            rows, notes = write_embedding_source(folder, reading, request, run.run_id, progress)
        else:
            reopen = partial(open_source, source, request)
            with Arrivals(connection, request.as_, name, reopen, reading, progress) as arrivals:
                notes = WRITERS[request.as_](arrivals, policy)
                rows = arrivals.rows
                if rows == 0:
                    raise SchemaError(f"{name}: no rows to ingest; the file is empty or `keep` left nothing")
                notes += add_unknown(connection, arrivals.names, name, request.as_, policy.unknown)
                if request.as_ != "neurons" or arrivals.has("in_graph"):
                    notes += settle(connection, Recipe(**(folder.meta("recipe") or {})))
        notes = [*reading.notes, *notes]
        before = str(folder.meta("data_version"))
        folder.set_meta("data_version", hashlib.blake2b(f"{before} {run.run_id}".encode(), digest_size=8).hexdigest())
        runs.record(connection, replace(run, message="; ".join(notes)), started)
    folder.connection.execute("CHECKPOINT")
    return IngestSummary(name, request.as_, run.run_id, rows, notes=notes)


def open_source(source: Any, request: ReadRequest) -> Reading:
    """Open ``source`` with the first registered reader that is meant for it."""
    if request.as_ == "embeddings":
        from ingest import segclr_csvzip
        from ingest.embedding_table import EmbeddingTableReader

        made = EmbeddingTableReader()
        return (made if made.accepts(source) else READERS.get(segclr_csvzip.NAME)).read(source, request)
    from ingest import tables

    return tables.open_source(source, request)


WRITERS: dict[str, Callable[[Arrivals, Policy], list[str]]] = {
    "neurons": lambda arrivals, policy: write_neurons(arrivals, policy.duplicates or "first"),
    "synapses": lambda arrivals, policy: write_synapses(arrivals, policy.kind),
    "connections": lambda arrivals, policy: write_connections(arrivals, policy.kind, policy.duplicates),
}


def _parameters(request: ReadRequest, policy: Policy) -> dict[str, Any]:
    columns = request.columns if isinstance(request.columns, str | None) else dict(request.columns)
    return {
        "as": request.as_,
        "columns": columns,
        "resolution": str(request.resolution) if request.resolution else None,
        "keep": {key: list(values) for key, values in request.keep.items()},
        "header": request.header,
        "options": {key: str(value) for key, value in request.options.items()},
        **asdict(policy),
    }


def _check_materialization(folder: Folder, reading: Reading) -> None:
    """A frame that says which materialization it is of must agree with the graph, or names it first."""
    found = getattr(reading, "meta", {}).get("materialization")
    known = folder.meta("materialization")
    if found is not None and known is not None and str(found) != known:
        raise VersionError(
            f"the source is of materialization {found}, the graph of {known}; root ids differ between versions. "
            "Make a graph of its own, or pull the table at the graph's version"
        )

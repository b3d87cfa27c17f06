"""The Reader seam: a source in, Arrow batches in the project's words out; the surest reader opens it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.registry import Registry
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError
from ingest.schema.space import Resolution

FLAGS = {"columns": "--columns", "resolution": "--resolution", "keep": "--keep", "header": "--no-header"}
"""Words of a request that a reader may or may not use -> how a person says them."""


@dataclass(frozen=True, slots=True)
class AcceptedOptions:
    """What one kind of source takes of a request; ``ReadRequest.check`` refuses everything else.

    A reader declares it as its attribute ``uses``; recordings declare theirs in ``ingest.recordings.readers``.
    """

    what: str
    """The kind of source, plural, for messages."""
    options: tuple[str, ...] = ()
    """Names of ``ReadRequest.options``."""
    words: tuple[str, ...] = ()
    """Of ``FLAGS``."""

    def instead(self) -> str:
        """What may be said, in brackets, for messages."""
        accepted = [*(FLAGS[word] for word in self.words), *(f"--option {name}" for name in self.options)]
        return f" (they take {', '.join(accepted)})" if accepted else ""


@dataclass(frozen=True)
class ReadRequest:
    """What a caller wants of a source."""

    as_: str
    """Table of ``ingest.schema.words`` that the rows become: neurons, synapses, connections, skeletons, embeddings."""
    columns: str | Mapping[str, str] | None = None
    """A preset of ``ingest.dialects``, ``"PRESET,OURS=THEIRS,..."``, ours -> theirs, or None for our own names."""
    resolution: Resolution | None = None
    """nm per voxel as the caller says; needed where the source has voxels."""
    default_resolution: Resolution | None = None
    """nm per voxel of the graph, where neither the caller nor the source says one."""
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Source column -> accepted values (compared as text); other rows are left out and counted."""
    header: bool = True
    """False for files whose first line is data already."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Reader-specific choices (sheet of a workbook, variable of a .mat file)."""

    def check(self, uses: AcceptedOptions) -> None:
        """Refuse whatever the caller said that this reader would not look at.

        Raises:
            UnknownNameError: an option it does not have, naming the nearest one it has.
            SchemaError: another word of the request that it does not use.
        """
        for option in self.options:
            if option not in uses.options:
                raise UnknownNameError(f"option of {uses.what}", option, uses.options)
        for word, flag in FLAGS.items():
            if word not in uses.words and getattr(self, word) not in (None, {}, True):
                raise SchemaError(f"{flag} does nothing for {uses.what}{uses.instead()}; leave it out")


@dataclass
class Reading:
    """An opened source: its Arrow schema is known, its batches are streamed once."""

    schema: pa.Schema
    """Our words first; then columns the source brought of its own, under their own names."""
    batches: Iterator[pa.RecordBatch]
    notes: list[str] = field(default_factory=list)
    """What a person should know: columns kept as they are, rows left out by ``keep``. Complete after the last batch."""
    rows: int | None = None
    """Number of rows when known beforehand, for progress."""
    meta: dict[str, Any] = field(default_factory=dict)
    """What the source says of itself: ``materialization``; ``resolution_nm`` where its voxels are the graph's."""
    kept_rows: list[npt.NDArray[np.int64]] = field(default_factory=list)
    """1-based rows of the source that stayed, batch by batch; empty where every row stays."""

    by_name: tuple[str, ...] = ()
    """Id columns whose ids were made from names, since the source has no ids: the graph may know the names."""
    left_out: int = 0
    """Rows of the source that did not come; complete after the last batch."""

    def source_row(self, arrival: int) -> int:
        """1-based row of the source that came as number ``arrival`` (from 0), for messages."""
        for rows in self.kept_rows:
            if arrival < rows.size:
                return int(rows[arrival])
            arrival -= rows.size
        return arrival + 1

    def to_reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.schema, self.batches)


class Sure(IntEnum):
    """How sure a reader is that a source is meant for it; the surest one reads it."""

    NO = 0
    LAST = 1
    """It takes whatever nobody else does."""
    NAME = 2
    """By the ending of the file's name, or the type of the object."""
    FORMAT = 3
    """By the first bytes of the file."""
    DIALECT = 4
    """By a look inside, at what tells it from other files of its format."""


class Reader(Protocol):
    """One kind of source."""

    @property
    def uses(self) -> AcceptedOptions:
        """Options and words that it looks at; ``read`` begins with ``request.check(self.uses)``."""
        ...

    def accepts(self, source: object) -> Sure:
        """How sure it is of ``source``, a path or an object; NO for what is not there. Raises nothing."""
        ...

    def read(self, source: object, request: ReadRequest) -> Reading:
        """Open ``source``; SchemaError, IdError or ReadError name file, row and column."""
        ...


READERS: Registry[Reader] = Registry("reader", "graphlab.readers", Reader)
"""Of neurons, synapses and connections; ours are entered in ``ingest.tables``."""
EMBEDDING_READERS: Registry[Reader] = Registry("reader of embeddings", "graphlab.embedding_readers", Reader)
"""Ours are entered in ``ingest.segclr.readers``."""
SKELETON_READERS: Registry[Reader] = Registry("reader of skeletons", "graphlab.skeleton_readers", Reader)
"""Ours are entered in ``ingest.skeletons.readers``."""


def open_with(readers: Registry[Reader], source: object, request: ReadRequest) -> Reading:
    """Open a source with the reader that is surest of it, or with the one that the option ``reader`` names.

    Raises:
        ReadError: nobody reads such a source, or two are as sure. UnknownNameError: no reader of that name.
    """
    options = dict(request.options)
    name = str(options.pop("reader")) if "reader" in options else _surest(readers, source)
    reading = readers.get(name).read(source, replace(request, options=options))
    if readers.origin(name):
        reading.notes.insert(0, f"read by the reader {name!r} of {readers.origin(name)}")
    return reading


def _surest(readers: Registry[Reader], source: object) -> str:
    known = list(readers)
    sure = {name: reader.accepts(source) for name, reader in known}
    most = max(sure.values(), default=Sure.NO)
    surest = [name for name in sure if sure[name] is most]
    if most is Sure.NO:
        kinds = ", ".join(reader.uses.what for _, reader in known)
        raise ReadError(f"{source_name(source)}: nobody reads this. Wanted {kinds}")
    if len(surest) > 1:
        raise ReadError(
            f"{source_name(source)}: the readers {' and '.join(map(repr, surest))} are both meant for it; "
            f"choose one: --option reader={surest[0]}"
        )
    return surest[0]


def source_name(source: object) -> str:
    """How a source is called in messages: a path as given, a frame by its type."""
    if isinstance(source, str | Path):
        return str(source)
    return f"<{type(source).__name__}>"

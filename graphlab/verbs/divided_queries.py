"""A question over a graph, divided over workers that may be other processes and machines.

Tests: tests/graphlab/verbs/test_divided_queries.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphlab.store import query_source
from graphlab.store.folder import Folder
from graphlab.store.wiring.compartments.choice import Compartment, resolved_compartment
from graphlab.store.wiring.functional_edges import resolved_kind
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers, runner_of
from ingest.schema.errors import AnalysisError, VersionError

if TYPE_CHECKING:
    from queries.divided import Piece, Question
    from queries.result import Result
    from queries.source import Source


class Asked:
    """A question and its graph as workers see them: theirs to open; known by what is asked of which data."""

    def __init__(self, path: Path, version: str, kind: str, compartment: Compartment, question: Question,
                 content_hash: str, folder: Folder | None = None) -> None:  # fmt: skip
        self.path, self.version, self.kind, self.compartment = path, version, kind, compartment
        self.question, self.content_hash, self._folder = question, content_hash, folder

    def __reduce__(self) -> tuple[Any, ...]:
        return Asked, (self.path, self.version, self.kind, self.compartment, self.question, self.content_hash)

    @contextmanager
    def source(self) -> Iterator[Source]:
        """What the question runs over, in this process."""
        folder = self._folder or _opened(self.path)
        if str(folder.meta("data_version")) != self.version:
            raise VersionError(f"{self.path} of this machine holds other data; wanted data version {self.version}")
        with query_source.question_source(folder, self.kind, self.compartment) as source:
            yield source


def divided(
    folder: Folder,
    question: Question,
    workers: Workers,
    *,
    kind: str = "chemical",
    compartment: Compartment = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """The answer to a question whose pieces any runner does; the same bytes for every runner.

    Raises:
        UnsupportedError: the question cannot be divided. AnalysisError: it is about a part of a graph.
        VersionError: a worker has another graph at that place.
    """
    asked = _asked(folder, question, kind, compartment)
    with asked.source() as source:
        pieces = question.pieces(source)
    found = runner_of(workers).map_tasks(partial(rows_of, asked), pieces, progress=progress, total=len(pieces))
    rows = [pa.ipc.open_stream(one).read_all() for one in found]
    with asked.source() as source:
        return question.answered(source, pieces, rows, limit)


def rows_of(asked: Asked, piece: Piece) -> bytes:
    """The rows of one piece as an Arrow stream."""
    with asked.source() as source:
        table = asked.question.rows(source, piece)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _asked(folder: Folder, question: Question, kind: str, compartment: Compartment) -> Asked:
    from graphlab.distributed.content import digest
    from graphlab.store.definitions import property_graphs

    if folder.part is not None:
        raise AnalysisError(
            "questions about a part of a graph are not divided; ask the whole graph, or without workers"
        )
    version, graphs = str(folder.meta("data_version")), property_graphs(folder)
    kind, part = resolved_kind(folder, kind), resolved_compartment(folder, compartment)
    what = (question.text, question.language, dict(question.parameters or {}), question.count,
            question.exclude_automorphisms)  # fmt: skip
    content = digest((version, kind, part, sorted(graphs.items()), what), "the question")
    return Asked(folder.path, version, kind, part, question, content, folder)


_folders: dict[Path, Folder] = {}
"""Graphs that this worker has open, for its next task."""


def _opened(path: Path) -> Folder:
    if path not in _folders:
        _folders[path] = Folder.open(path, read_only=True)
    return _folders[path]

"""Parts of an embedding as tasks of any runner: what a worker needs, and the tasks handed out.

Tests: tests/graphlab/embeddings/test_part_work.py.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphlab.distributed.parts_folder import RUN
from graphlab.embeddings.parts import EmbeddingParts, PartPlace, nodes_of_part
from ingest.running.progress import Progress
from ingest.running.task_runners import TaskRunner
from ingest.schema.errors import ReadError, SchemaError
from ingest.volumes.volume import Volume, open_volume

if TYPE_CHECKING:
    from gpu_embed.checkpoints.safetensors import Checkpoint
    from gpu_embed.engines.protocol import Engine, EngineOptions

PARTS_A_WORKER = 8
"""So that a worker that is slow, or comes late, leaves its work to others: an eighth of it is waited for at most."""
LEAST_NODES = 64
"""Of a part: below, opening volumes is most of its work."""
Task = tuple[PartPlace, pa.Table]
"""A part, and its nodes."""
Absent = frozenset[tuple[int, int, int]]


@dataclass(frozen=True)
class Done:
    """What a worker says of a part."""

    nodes: int
    padded: int
    notes: tuple[str, ...]
    absent: tuple[Absent, Absent]
    """Chunks of EM and segmentation that this worker had asked for by then and that are not there."""


@dataclass(frozen=True)
class PartWork:
    """Computes one part of the nodes into its place; volumes and network are opened once in a process.

    Args:
        volumes: EM and segmentation, as a source and the options of ``open_volume``.
        identity: what the rows depend on.
        settings: of ``EmbeddingRun``.
    """

    volumes: tuple[tuple[Any, Mapping[str, Any]], tuple[Any, Mapping[str, Any]]]
    checkpoint: Checkpoint
    engine_name: str
    options: EngineOptions
    identity: Mapping[str, Any]
    settings: Mapping[str, Any]

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}

    def __call__(self, task: Task) -> Done:
        """Compute what the part has no row of.

        Raises:
            ReadError: the shared folder is not here, or is full.
        """
        from gpu_embed.embed import EmbeddingRun

        place, nodes = task
        if not (place.folder / RUN).is_file():
            raise ReadError(
                f"machine {platform.node()} does not see {place.folder}; give a folder with --shared that every "
                "machine has mounted under the same name"
            )
        em, segmentation = self._opened
        run = EmbeddingRun(em, segmentation, nodes, self._engine, place.journal(self.identity), **self.settings)
        made = run.run()
        place.finish(made)
        absent = (em.absent_chunks, segmentation.absent_chunks)
        return Done(nodes.num_rows, made.padded, tuple(self._engine.notes), absent)

    @cached_property
    def _opened(self) -> tuple[Volume, Volume]:
        em, segmentation = (open_source(source, options) for source, options in self.volumes)
        return em, segmentation

    @cached_property
    def _engine(self) -> Engine:
        from gpu_embed.engines.choose import open_engine

        return open_engine(self.checkpoint.card.architecture, self.checkpoint.weights, self.engine_name, self.options)


def compute_parts(
    work: PartWork,
    runner: TaskRunner,
    parts: EmbeddingParts,
    nodes: pa.Table,
    cell_nm: float,
    progress: Progress | None = None,
) -> list[str]:
    """Compute every part that is not done yet; afterwards they can be gathered.

    Returns:
        Notes on what was computed now.

    Raises:
        VersionError: the folder is of another run. ReadError, TaskError: see ``PartWork`` and ``TaskRunner``.
    """
    most = max(1, -(-nodes.num_rows // LEAST_NODES))
    places = parts.places(work.identity, nodes, min(most, PARTS_A_WORKER * runner.workers))
    left = [place for place in places if not place.is_done]
    tasks = ((place, nodes_of_part(nodes, place.part, place.parts, cell_nm)) for place in left)
    done = nodes.num_rows - sum(
        place.part * nodes.num_rows // place.parts - (place.part - 1) * nodes.num_rows // place.parts for place in left
    )
    said: dict[str, None] = {}
    padded, absent = 0, [Absent(), Absent()]
    if progress:
        progress(done, nodes.num_rows)
    with closing(runner.map_tasks(work, tasks, in_order=False)) as results:
        for one in results:
            done += one.nodes
            padded += one.padded
            said.update(dict.fromkeys(one.notes))
            absent = [all_of | some for all_of, some in zip(absent, one.absent, strict=True)]
            if progress:
                progress(done, nodes.num_rows)
    if padded:
        said[f"{padded:,} crops reach out of the volume; they are 0 there"] = None
    for (source, options), chunks in zip(work.volumes, absent, strict=True):
        if chunks and (note := open_source(source, options).note(len(chunks))):
            said[note] = None
    return list(said)


def open_source(source: Any, options: Mapping[str, Any]) -> Volume:
    """A volume of a URL, a path or a description; one that is open as it is.

    Raises:
        SchemaError: something else.
    """
    if isinstance(source, Volume):
        return source
    if not isinstance(source, str | Path | Mapping):
        raise SchemaError(f"volume: found {type(source).__name__}; wanted a URL, a path or a Volume")
    return open_volume(source, **options)

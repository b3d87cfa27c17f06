"""The work behind ``graphlab embed``: volumes, nodes and a checkpoint in, one more model in the graph."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphlab.embeddings.part_work import PartWork, compute_parts, open_source
from graphlab.embeddings.parts import GATHER, EmbeddingParts
from graphlab.embeddings.planned_nodes import PlannedNodes, can_plan
from graphlab.store.embeddings.intake import origin_key, require_own_relation
from graphlab.store.embeddings.models import model_names, open_embeddings
from graphlab.store.files import places
from graphlab.store.folder import Folder
from graphlab.store.intake import Policy, ingest
from ingest.reader import ReadRequest
from ingest.running.progress import Progress
from ingest.running.task_runners import TaskRunner
from ingest.schema.errors import AnalysisError, GraphlabError, ReadError, SchemaError, VersionError
from ingest.schema.space import Resolution

if TYPE_CHECKING:
    from gpu_embed.checkpoints.safetensors import Checkpoint
    from gpu_embed.embed import Embedded, EmbeddingRun, Forecast
    from gpu_embed.journal import EmbeddingJournal
    from ingest.volumes.volume import Volume

OUT_OF_DOMAIN = "-out-of-domain"
GIB = 1 << 30
CROPS_A_CELL = 4
"""Edges of a crop along a cell: the nodes of a cell go to one part, or to two at the border of their nodes."""


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """What to embed and how. See ``graph.embeddings.embed``."""

    em: Any
    segmentation: Any
    nodes: Any
    checkpoint: Any
    model: str | None = None
    segmentation_version: str | None = None
    resolution: Any = None
    segmentation_resolution: Any = None
    offset: Sequence[int] | None = None
    segmentation_offset: Sequence[int] | None = None
    axes: str | None = None
    segmentation_axes: str | None = None
    missing_chunks: str = "fill"
    unit_nm: Any = None
    spacing_nm: float = 0.0
    engine: str = "auto"
    precision: str = "fp32"
    device: str = "auto"
    batch: int | None = None
    architecture: str | None = None
    memory_gib: float = 4.0
    out_of_domain: bool = False
    cutting: str = "auto"
    csvzip: Path | None = None
    part: str | None = None
    """``3/8``: compute that part of the nodes alone, into ``shared``; ``gather``: file what all parts made."""
    shared: Path | None = None
    """Of the parts. With ``workers`` alone a folder of the graph, which every machine has to see."""
    workers: TaskRunner | None = None
    """Parts are computed by them, and filed when all are done."""


@dataclass(frozen=True)
class EmbedSummary:
    """What came of it."""

    model: str
    segmentation_version: str
    computed: int
    finished_before: int
    """Nodes that had an embedding already: of the model, or of a stopped run."""
    failed: int
    reads: int
    bytes_read: int
    seconds: float
    run_id: str | None
    failures: pa.Table = field(repr=False)
    """root_id, node_id, x_nm, y_nm, z_nm, reason, message."""
    notes: list[str] = field(default_factory=list)


class EmbedJob:
    """One job on one graph, everything checked before anything is computed.

    Raises:
        SchemaError, VersionError, ReadError, UnknownNameError: what does not fit, with what would.
    """

    def __init__(self, folder: Folder, request: EmbedRequest, *, keep: bool = True) -> None:
        from gpu_embed.checkpoints.safetensors import Checkpoint, load_checkpoint
        from gpu_embed.embed import EmbeddingRun
        from gpu_embed.encoder.architectures import architecture as named
        from gpu_embed.engines.choose import open_engine
        from gpu_embed.engines.protocol import EngineOptions
        from ingest.nodes import SCHEMA, each_once, read_nodes

        if request.workers is not None and request.part is not None:
            raise AnalysisError("workers compute all parts themselves; leave out part, or workers")
        if request.workers is None and (request.part is None) != (request.shared is None):
            raise AnalysisError(
                "a part and the folder that parts share go together; give part and shared, workers and shared, or none"
            )
        self._parts = EmbeddingParts(request.part, request.shared) if request.part and request.shared else None
        self._folder, self._request = folder, request
        given = request.checkpoint
        wanted = named(request.architecture) if request.architecture else None
        self._checkpoint: Checkpoint = given if isinstance(given, Checkpoint) else load_checkpoint(given, wanted)
        card = self._checkpoint.card
        resolution = Resolution(*card.resolution) if card.resolution else None
        geometry = {"resolution": request.resolution, "offset": request.offset, "axes": request.axes}
        sources = [(request.em, {**geometry, "prefer": resolution, "missing": request.missing_chunks})]
        em = open_source(*sources[0])
        geometry = {
            "resolution": request.segmentation_resolution or request.resolution,
            "offset": request.segmentation_offset,
            "axes": request.segmentation_axes or request.axes,
        }
        sources.append((request.segmentation, {**geometry, "prefer": em.resolution, "missing": request.missing_chunks}))
        segmentation = open_source(*sources[1])
        self._volumes = (em, segmentation)
        strange = request.out_of_domain and resolution != em.resolution
        self.model = (request.model or card.name) + (OUT_OF_DOMAIN if strange else "")
        require_own_relation(folder, places.checked_name(self.model, "name of a model"))
        if request.csvzip:
            places.checked_folder(request.csvzip)
        self.version = str(request.segmentation_version or folder.meta("materialization") or "")
        if not self.version:
            raise SchemaError(
                "embeddings need the version of their segmentation: vectors of different segmentations are never "
                "compared. Say --segmentation-version NAME"
            )
        self._there = self._known()
        memory_bytes = int(request.memory_gib * GIB)
        reserved = 0 if request.cutting == "host" else memory_bytes
        options = EngineOptions(request.precision, request.device, request.batch, reserved_bytes=reserved)
        identity = self._identity(em, segmentation)
        self._run: EmbeddingRun | None = None
        self._journal: EmbeddingJournal | None = None
        settings: dict[str, Any] = {
            "resolution": resolution,
            "out_of_domain": request.out_of_domain,
            "cutting": request.cutting,
            "memory_bytes": memory_bytes,
        }
        cell_nm = CROPS_A_CELL * card.architecture.crop * max(em.resolution.xyz)
        self._work: PartWork | None = None
        nodes, planned = request.nodes, None
        self._had = 0
        if self._parts is not None and self._there is None and can_plan(nodes):
            planned = PlannedNodes(Path(nodes), self._parts.folder, cell_nm)
            left = SCHEMA.empty_table()
        else:
            if not isinstance(nodes, pa.Table):
                nodes = read_nodes(nodes, unit_nm=request.unit_nm, spacing_nm=request.spacing_nm)
            left = _without(nodes, self._there)
            self._had = nodes.num_rows - left.num_rows
            if self._parts is not None or request.workers is not None:
                left = each_once(left)
        self._left, self._cell_nm, self._of_run = left, cell_nm, identity
        if request.workers is not None and keep:
            shared = request.shared or places.place(
                folder.path, places.EMBEDDINGS, f"{places.UNFINISHED}{self.model}-parts"
            )
            self._parts = EmbeddingParts(GATHER, shared)
            if not request.workers.shares_memory and not getattr(request.workers, "gpus", 0):
                options = replace(options, threads=1)  # a worker has one processor
            both = (sources[0], sources[1])
            self._work = PartWork(both, self._checkpoint, request.engine, options, identity, settings)
        elif self._parts is not None and self._parts.gathers:
            self._gathered = self._parts.gather(identity, planned or left)
        else:
            if self._parts is None:
                self._journal = self._open_journal(identity, keep)
            else:
                self._journal = self._parts.journal(identity, planned or left) if keep else None
                left = self._parts.own(planned or left, cell_nm, keep)
            self._run = EmbeddingRun(
                em,
                segmentation,
                left,
                open_engine(card.architecture, self._checkpoint.weights, request.engine, options),
                self._journal,
                **settings,
            )
        self._notes = [] if resolution else ["the model's card says no resolution: that the EM fits it is not checked"]
        if strange:
            self._notes.append(
                f"out of domain: the network was trained at {resolution or 'an unknown number of'} nm a voxel, the EM "
                f"has {em.resolution}; filed as {self.model}"
            )

    def forecast(self) -> Forecast:
        if self._run is None:
            raise AnalysisError("gathering computes nothing; ask for the forecast of a part, such as 1/8")
        return self._run.forecast()

    def run(self, progress: Progress | None = None) -> EmbedSummary:
        """Compute, then file everything in one transaction; a stopped run goes on where it was.

        A part computes and files nothing; who gathers files what the parts computed.
        """
        from gpu_embed.embed import Embedded, embeddings_of

        if self._work is not None:
            return self._by_workers(self._work, progress)
        if self._run is None:
            found = self._gathered
            made = Embedded(found.computed, 0, 0, 0, found.reads, found.bytes_read, found.seconds, found.failures)
            run_id, notes = self._file(found.rows, f"the parts in {self._request.shared}")
            return self._summary(made, run_id, notes)
        journal = self._journal
        if journal is None:
            raise SchemaError("this job was opened for a forecast only")
        made = self._run.run(progress)
        made.notes += [note for volume in self._volumes if (note := volume.note())]
        if self._parts is not None:
            self._parts.own_place.finish(made)
            part = f"part {self._parts.part} of {self._parts.parts} is done and kept in {self._request.shared}"
            return self._summary(made, None, [f"{part}; when every part is done, gather them"])
        run_id, notes = self._file(embeddings_of(journal) if journal.rows() is not None else None, str(journal.folder))
        journal.remove()
        return self._summary(made, run_id, notes)

    def _by_workers(self, work: PartWork, progress: Progress | None) -> EmbedSummary:
        from gpu_embed.embed import Embedded

        assert self._parts is not None
        assert self._request.workers is not None
        parts = self._parts
        if self._left.num_rows == 0:
            return self._summary(Embedded(), None, [])
        said = compute_parts(work, self._request.workers, parts, self._left, self._cell_nm, progress)
        found = parts.gather(self._of_run, self._left)
        made = Embedded(found.computed, 0, 0, 0, found.reads, found.bytes_read, found.seconds, found.failures)
        run_id, notes = self._file(found.rows, f"the parts in {parts.folder}")
        parts.remove()
        return self._summary(made, run_id, said + notes)

    def _file(self, computed: pa.Table | None, kept: str) -> tuple[str | None, list[str]]:
        """Rows into the graph and to SegCLR's shards: the run that brought them, and its notes."""
        run_id: str | None = None
        notes: list[str] = []
        # A run that was stopped after its rows were filed finds them in the graph and in the journal.
        new = None if computed is None else _without(computed, self._there)
        rows = new if new is not None and new.num_rows else None
        if rows is not None or (self._there is not None and self._request.csvzip):
            table = pa.concat_tables(_alike([part for part in (self._there, rows) if part is not None]))
            try:
                if self._request.csvzip:
                    self._write_shards(table, self._request.csvzip)
                if rows is not None:
                    options = {"model": self.model, "segmentation_version": self.version, "replace": True}
                    asked = ReadRequest("embeddings", options=options)
                    summary = ingest(self._folder, table, asked, Policy(), alongside=self._name_card)
                    run_id = summary.run_id
                    notes += summary.notes
            except GraphlabError:
                raise
            except (OSError, pa.ArrowException) as error:
                raise ReadError(
                    f"cannot write the embeddings: {error}; the graph is as it was, what was computed is kept in "
                    f"{kept}. Free some space and run it again"
                ) from None
        return run_id, notes

    def _summary(self, made: Embedded, run_id: str | None, notes: list[str]) -> EmbedSummary:
        return EmbedSummary(
            self.model,
            self.version,
            made.computed,
            made.finished_before + self._had,
            made.failures.num_rows,
            made.reads,
            made.bytes_read,
            made.seconds,
            run_id,
            made.failures,
            [*self._notes, *made.notes, *notes],
        )

    def _known(self) -> pa.Table | None:
        """Rows that the graph has of this model; refused where they are of other weights or segments."""
        if self.model not in model_names(self._folder):
            return None
        there = open_embeddings(self._folder, self.model)
        if there.segmentation_version != self.version:
            raise VersionError(
                f"model {self.model!r} is here for segmentation version {there.segmentation_version}, this run is of "
                f"{self.version}; say --model NAME to file it apart"
            )
        weights = self._card().get("weights_sha256")
        if weights != self._weights():
            raise VersionError(
                f"model {self.model!r} of this graph was made by other weights ({weights or 'no card of it is here'}); "
                "say --model NAME to file this run apart"
            )
        return there.to_arrow()

    def _identity(self, em: Volume, segmentation: Volume) -> dict[str, Any]:
        """What the rows depend on, but for the nodes."""
        return {
            "em": em.name,
            "segmentation": segmentation.name,
            "resolution": f"{em.resolution} and {segmentation.resolution}",
            "weights": self._weights(),
            "precision": self._request.precision,
            "segmentation version": self.version,
        }

    def _open_journal(self, identity: dict[str, Any], keep: bool) -> EmbeddingJournal | None:
        from gpu_embed.journal import EmbeddingJournal

        folder = places.place(self._folder.path, places.EMBEDDINGS, f"{places.UNFINISHED}{self.model}")
        if not keep and not folder.exists():
            return None
        return EmbeddingJournal(folder, identity)

    def _weights(self) -> str:
        """The hash of the weights; made here where the card has none."""
        import hashlib

        card = self._checkpoint.card
        if card.weights_sha256:
            return card.weights_sha256
        digest = hashlib.sha256()
        for name, value in sorted(self._checkpoint.weights.items()):
            digest.update(name.encode() + b"\0" + np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()

    def _card(self) -> dict[str, Any]:
        """The card of the encoder that made the model's rows; empty where none is known."""
        card = self._folder.meta(origin_key(self.model))
        if card is None:  # graphs of earlier versions have it as a file, beside cards of predictors
            path = places.place(self._folder.path, places.PREDICTORS, f"{self.model}.json")
            card = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            card = {} if "task" in card else card
        return dict(card)

    def _name_card(self) -> None:
        card = {**self._checkpoint.card.to_json(), "weights_sha256": self._weights()}
        self._folder.set_meta(origin_key(self.model), card)

    def _write_shards(self, table: pa.Table, target: Path) -> None:
        from ingest.segclr.csv_zip import write_shards

        write_shards(target, iter(table.to_batches()), convention="bytewidth8")


def _without(nodes: pa.Table, there: pa.Table | None) -> pa.Table:
    if there is None:
        return nodes
    done = set(zip(*(there.column(name).to_pylist() for name in ("root_id", "node_id")), strict=True))
    keys = zip(*(nodes.column(name).to_pylist() for name in ("root_id", "node_id")), strict=True)
    return nodes.filter(pa.array([key not in done for key in keys], pa.bool_()))


def _alike(tables: list[pa.Table]) -> list[pa.Table]:
    """Tables under one schema; fields differ in what they say about nulls only."""
    return [table.select(tables[0].schema.names).cast(tables[0].schema) for table in tables]

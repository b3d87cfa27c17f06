"""From nodes to embeddings: read, cut, compute and write at the same time; stop and go on; faults node by node."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gpu_embed.cutouts.crops import MEMORY_BYTES, NOT_FINITE, Cutouts, Failure
from gpu_embed.cutouts.stages import prefetch
from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.engines.memory import WAITING, cutting_bytes
from gpu_embed.engines.protocol import Crops, Engine, ResidentEngine
from gpu_embed.journal import EmbeddingJournal, Rows
from ingest.nodes import SCHEMA, each_once
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, SchemaError, UnknownNameError, VersionError
from ingest.schema.space import Resolution
from ingest.volumes.volume import Volume

PART_ROWS = 4096
"""Rows between two writes: what a stopped run computes again at most."""
PART_S = 60.0
QUEUED = WAITING - 2
PROBED, PROBES, PROBE_S = 32, 5, 2.0
"""Crops of a probe at most, how many probes, and the seconds after which there is no other."""
CUTTING = ("auto", "host", "device")
FAILED = pa.schema([*SCHEMA, pa.field("reason", pa.string()), pa.field("message", pa.string())])


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would cost; nothing of it is a promise where it is measured on a single crop and block."""

    nodes: int
    finished: int
    """Of an earlier run, not computed again."""
    outside: int
    padded: int
    reads: int
    read_again: int
    bytes_read: int
    naive_reads: int
    host_bytes: int
    device_bytes: int
    seconds_computing: float
    seconds_reading: float
    probe_spread: float = 0.0
    """Slowest over fastest probe of the engine, minus 1: what computing alone may be off by."""

    @property
    def seconds(self) -> float:
        """Reading and computing overlap."""
        return max(self.seconds_computing, self.seconds_reading)


@dataclass
class Embedded:
    """What a run made."""

    computed: int = 0
    finished_before: int = 0
    repeats: int = 0
    padded: int = 0
    reads: int = 0
    bytes_read: int = 0
    seconds: float = 0.0
    failures: pa.Table = field(default_factory=FAILED.empty_table)
    notes: list[str] = field(default_factory=list)


class EmbeddingRun:
    """Embeddings of nodes in two volumes, by one engine, kept in a journal.

    Args:
        em, segmentation, nodes: see ``Cutouts``; a node that is there twice is computed once.
        journal: rows that it holds are not computed again; nodes that failed are tried again. None for a forecast.
        resolution: nm per voxel that the network was trained at; None if nobody knows.
        out_of_domain: compute at another voxel size all the same. The vectors mean nothing then.
        memory_bytes: of blocks held at the same time.
        cutting: ``device`` keeps blocks where the engine computes and cuts crops there (engine ``torch`` only),
            ``host`` cuts them on the host, ``auto`` is the first on a GPU. The crops are the same bytes.

    Raises:
        VersionError: EM of another voxel size than the network's. SchemaError: dtypes, nodes.
        AnalysisError: an engine that cannot cut. UnknownNameError: no such way to cut.
    """

    def __init__(
        self,
        em: Volume,
        segmentation: Volume,
        nodes: pa.Table,
        engine: Engine,
        journal: Rows | None,
        *,
        cutting: str = "auto",
        resolution: Resolution | None = None,
        out_of_domain: bool = False,
        memory_bytes: int = MEMORY_BYTES,
        readers: int = 4,
    ) -> None:
        if resolution is not None and not _close(resolution, em.resolution) and not out_of_domain:
            raise VersionError(
                f"the network was trained at {resolution} nm a voxel, {em.name} has {em.resolution}: its embeddings "
                "would mean nothing. Choose another scale, or say --out-of-domain to compute them all the same"
            )
        self._engine, self._journal = engine, journal
        self._resident = resident_for(engine, cutting)
        self.on_device = self._resident is not None
        unique = each_once(nodes)
        self._result = Embedded(repeats=nodes.num_rows - unique.num_rows)
        self._nodes = self._left(unique)
        self._result.finished_before = unique.num_rows - self._nodes.num_rows
        self._cutouts = Cutouts(
            em,
            segmentation,
            self._nodes,
            engine.architecture.crop,
            group=engine.batch,
            readers=readers,
            memory_bytes=memory_bytes,
            on_device=self.on_device,
        )
        self._result.padded = self._cutouts.padded

    def forecast(self) -> Forecast:
        """What ``run`` would read, hold and take; computes one made-up crop and reads one block of each volume."""
        cutouts, plan = self._cutouts, self._cutouts.plan
        side = self._engine.architecture.crop
        each, apart = self._probe(phantom_crops(side, 1, 0).repeat(min(self._engine.batch, PROBED), axis=0))
        seconds, taken = 0.0, 0
        if plan.groups:
            first = {block[0]: block for block in plan.groups[0].fetch}
            before = cutouts.em.bytes_read + cutouts.segmentation.bytes_read
            started = time.perf_counter()
            for block in first.values():
                cutouts.read_block(block)
            seconds = time.perf_counter() - started
            taken = cutouts.em.bytes_read + cutouts.segmentation.bytes_read - before
        batch = min(self._engine.batch, max(1, cutouts.count))
        device = self._engine.predicted_bytes(batch)
        # Groups that wait in the queue keep the blocks they were read with.
        host = plan.most_ahead(cutouts.grids, QUEUED + (1 if self.on_device else 2), new=self.on_device)
        if self.on_device:
            slots = zip(plan.most_blocks, cutouts.grids, strict=True)
            ranked = int(np.prod(cutouts.grids[1].size))
            blocks = sum((count + 1) * (grid.slot_bytes or 0) for count, grid in slots)
            device += cutting_bytes(blocks, ranked, side, batch, len(plan.groups))
        else:
            host += max(0, min(WAITING, len(plan.groups)) - 1) * batch * side**3
        return Forecast(
            nodes=cutouts.count,
            finished=self._result.finished_before,
            outside=len(cutouts.failures),
            padded=cutouts.padded,
            reads=plan.reads,
            read_again=plan.read_again,
            bytes_read=plan.bytes_read,
            naive_reads=plan.naive_reads,
            host_bytes=host,
            device_bytes=device,
            seconds_computing=each * cutouts.count,
            seconds_reading=seconds * plan.bytes_read / taken if taken else 0.0,
            probe_spread=apart,
        )

    def _probe(self, crops: Crops) -> tuple[float, float]:
        """Seconds a crop (median after one warm-up), and how far apart the probes were."""
        self._engine.embed(crops)
        took: list[float] = []
        while len(took) < PROBES and sum(took) < PROBE_S:
            started = time.perf_counter()
            self._engine.embed(crops)
            took.append(time.perf_counter() - started)
        return float(np.median(took)) / len(crops), max(took) / min(took) - 1

    def run(self, progress: Progress | None = None) -> Embedded:
        """Compute what is left; afterwards the journal holds every row.

        Args:
            progress: called with (nodes done, nodes in all).

        Raises:
            ReadError: the disk is full; what was finished is in the journal. AnalysisError: see ``Engine.embed``.
        """
        started = time.perf_counter()
        result, cutouts, journal = self._result, self._cutouts, self._journal
        assert journal is not None, "a run needs a journal to write to"
        failures = list(cutouts.failures)
        before = (
            cutouts.em.reads + cutouts.segmentation.reads,
            cutouts.em.bytes_read + cutouts.segmentation.bytes_read,
        )
        total = cutouts.count
        done = 0
        for rows, vectors, failed in prefetch(self._computed(prefetch(self._cut(), QUEUED))):
            journal.add(self._batch(rows, vectors))
            failures += failed
            result.computed += rows.size
            done += rows.size + len(failed)
            if progress:
                progress(done, total)
        result.reads = cutouts.em.reads + cutouts.segmentation.reads - before[0]
        result.bytes_read = cutouts.em.bytes_read + cutouts.segmentation.bytes_read - before[1]
        result.failures = self._failed(failures)
        result.notes += self._notes()
        result.seconds = time.perf_counter() - started
        return result

    def _cut(self) -> Iterator[tuple[npt.NDArray[np.int64], Any, list[Failure]]]:
        if self._resident is None:
            return self._cutouts.cut(prefetch(self._cutouts.read(), QUEUED))
        from gpu_embed.cutouts.device_crops import DeviceCutter

        cutter = DeviceCutter(self._cutouts, self._resident.device, compiled=self._resident.compiled)
        return cutter.cut(prefetch(self._cutouts.fetch(), QUEUED))

    def _computed(
        self, cut: Iterator[tuple[npt.NDArray[np.int64], Any, list[Failure]]]
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], list[Failure]]]:
        """Vectors of crops, gathered to parts that are worth a write."""
        rows: list[npt.NDArray[np.int64]] = []
        vectors: list[npt.NDArray[np.float32]] = []
        failed: list[Failure] = []
        count, since = 0, time.perf_counter()
        width = self._engine.architecture.outputs
        embed = self._engine.embed if self._resident is None else self._resident.embed_resident

        def part() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], list[Failure]]:
            return (
                np.concatenate([np.empty(0, np.int64), *rows]),
                np.concatenate([np.empty((0, width), np.float32), *vectors]),
                failed,
            )

        for group, crops, faults in cut:
            outputs = embed(crops)
            finite = np.isfinite(outputs).all(axis=1)
            failed += faults
            failed += [Failure(row, NOT_FINITE, "the embedding is not finite") for row in group[~finite].tolist()]
            rows.append(group[finite])
            vectors.append(outputs[finite])
            count += len(group)
            if count >= PART_ROWS or time.perf_counter() - since > PART_S:
                yield part()
                rows, vectors, failed, count, since = [], [], [], 0, time.perf_counter()
        yield part()

    def _left(self, nodes: pa.Table) -> pa.Table:
        """Nodes that the journal has no row of."""
        there = self._journal.rows() if self._journal is not None else None
        if there is None:
            return nodes
        done = set(zip(*(there.column(name).to_pylist() for name in ("root_id", "node_id")), strict=True))
        keys = zip(*(nodes.column(name).to_pylist() for name in ("root_id", "node_id")), strict=True)
        return nodes.filter(pa.array([key not in done for key in keys], pa.bool_()))

    def _batch(self, rows: npt.NDArray[np.int64], vectors: npt.NDArray[np.float32]) -> pa.RecordBatch:
        """Rows in the words of EMBEDDINGS."""
        nodes = self._nodes.take(pa.array(rows)).combine_chunks()
        columns = {name: nodes.column(name).combine_chunks() for name in ("root_id", "node_id")}
        columns |= {f"{a}_nm": nodes.column(f"{a}_nm").combine_chunks().cast(pa.float32(), safe=False) for a in "xyz"}
        flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
        columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, self._engine.architecture.outputs)
        schema = pa.schema([pa.field(name, column.type, nullable=False) for name, column in columns.items()])
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=schema)

    def _failed(self, failures: list[Failure]) -> pa.Table:
        failures = sorted(failures, key=lambda failure: failure.row)
        nodes = self._nodes.take(pa.array([failure.row for failure in failures], pa.int64()))
        nodes = nodes.append_column("reason", pa.array([failure.reason for failure in failures], pa.string()))
        return nodes.append_column("message", pa.array([failure.message for failure in failures], pa.string()))

    def _notes(self) -> list[str]:
        notes, result = list(self._engine.notes), self._result
        if result.padded:
            notes.append(f"{result.padded:,} crops reach out of the volume; they are 0 there")
        if result.repeats:
            notes.append(f"{result.repeats:,} repeats of nodes, computed once")
        if self._cutouts.plan.read_again:
            notes.append(f"{self._cutouts.plan.read_again:,} blocks were read again for want of memory")
        return notes


def embeddings_of(journal: EmbeddingJournal) -> pa.Table:
    """All rows of a run, sorted by root_id and node_id, in the words of EMBEDDINGS.

    Raises:
        SchemaError: there are none.
    """
    table = journal.rows()
    if table is None:
        raise SchemaError("no node has an embedding: every one failed, or there were none")
    keys = [table.column(name).to_numpy() for name in ("node_id", "root_id")]
    return table.take(pa.array(np.lexsort(keys)))


def resident_for(engine: Engine, cutting: str) -> ResidentEngine | None:
    """What takes crops cut where this engine computes, None where they are cut on the host; see ``EmbeddingRun``."""
    if cutting not in CUTTING:
        raise UnknownNameError("way to cut", cutting, CUTTING)
    resident = engine.resident
    if cutting == "device" and resident is None:
        raise AnalysisError(f"engine {engine.name!r} takes crops from the host only; engine 'torch' cuts on its device")
    on_gpu = resident is not None and resident.device.type == "cuda"
    return resident if cutting == "device" or (cutting == "auto" and on_gpu) else None


def _close(a: Resolution, b: Resolution) -> bool:
    return bool(np.allclose(a.xyz, b.xyz, rtol=1e-6, atol=0))

"""Embeddings that follow edits: neurons that an edit touched, in micro-batches through the batch engine.

A neuron that is touched waits; a batch begins with the one that waits longest and takes more until it has enough nodes
or was open long enough. One that is touched again while it waits is computed once, as it is then; one that is touched
while it is computed is computed anew. Where too many wait, ``touch`` waits as well: whoever feeds is slowed down, and
nothing is dropped. A fault of the device halves the batch, down to single nodes.

Tests: tests/gpu_embed/test_live.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import pyarrow as pa

from gpu_embed.embed import FAILED, EmbeddingRun
from gpu_embed.engines.protocol import Engine
from ingest.nodes import each_once
from ingest.schema.errors import AnalysisError, SchemaError
from ingest.schema.space import Resolution
from ingest.volumes.volume import Volume

DEVICE = "device error"
"""Reason of a node that the device fails on even alone."""
IN_A_ROW = 3
"""Nodes that the device fails on one after another before it counts as broken."""
POLL_S = 0.2


class Places(Protocol):
    """Where neurons are at the moment; it follows the edits."""

    def nodes(self, root_ids: Sequence[int]) -> pa.Table:
        """root_id, node_id, x_nm, y_nm, z_nm of those that there are; nothing of those that are gone."""
        ...

    def volumes(self) -> tuple[Volume, Volume]:
        """EM, and a segmentation with the ids of now."""
        ...


@dataclass(frozen=True, slots=True)
class MicroBatches:
    """How many nodes and how long."""

    most: int = 256
    """Nodes of a batch."""
    window_s: float = 0.2
    """How long a batch stays open for more neurons, from the moment its first one was touched."""
    waiting: int = 10_000
    """Neurons that wait before ``touch`` waits."""

    def __post_init__(self) -> None:
        if self.most < 1 or self.waiting < 1 or not self.window_s >= 0:
            raise SchemaError(
                f"micro-batches of {self.most} nodes, {self.window_s} s, {self.waiting} neurons waiting; wanted 1 or "
                "more nodes and neurons, and 0 s or more"
            )


@dataclass(frozen=True, eq=False)
class Renewed:
    """What one micro-batch made."""

    rows: pa.Table
    """Words of EMBEDDINGS."""
    failures: pa.Table
    """Nodes without an embedding: root_id, node_id, place, reason, message."""
    whole: tuple[int, ...]
    """Neurons that this batch finishes: all their nodes are in ``rows`` or ``failures`` of it and of those before."""
    begun: tuple[int, ...]
    """Neurons that this batch begins: earlier rows of theirs no longer hold."""
    gone: tuple[int, ...]
    """Neurons that are no more: their rows no longer hold."""


@dataclass
class Counts:
    """Plain numbers, read by other threads."""

    touched: int = 0
    waiting: int = 0
    neurons: int = 0
    """Finished."""
    nodes: int = 0
    failed: int = 0
    batches: int = 0
    retries: int = 0
    """Batches that were halved for a fault of the device."""
    waited_s: float = 0.0
    """How long ``touch`` held its callers back."""


@dataclass
class _Begun:
    """A neuron whose nodes are not all computed."""

    root_id: int
    nodes: pa.Table
    done: int = 0
    stale: bool = False
    """It was touched again: what is computed of it does not count."""


class LiveEmbedding:
    """Embeds neurons that edits touched.

    Args:
        keep: takes each micro-batch, in the thread that computes; an error of it ends the work.
        resolution, out_of_domain: see ``EmbeddingRun``.

    ``step`` computes one micro-batch here; inside ``with`` a thread does it, and leaving computes what still waits.
    """

    def __init__(
        self,
        places: Places,
        engine: Engine,
        keep: Callable[[Renewed], None],
        settings: MicroBatches | None = None,
        *,
        resolution: Resolution | None = None,
        out_of_domain: bool = False,
    ) -> None:
        self._places, self._engine, self._keep = places, engine, keep
        self._settings = settings or MicroBatches()
        self._resolution, self._out_of_domain = resolution, out_of_domain
        self.counts = Counts()
        self._news = threading.Condition()
        self._waiting: dict[int, float] = {}
        """Root id -> when it was touched first; in that order."""
        self._begun: list[_Begun] = []
        self._thread: threading.Thread | None = None
        self._ending = False
        self._error: BaseException | None = None
        self._broken = 0

    def touch(self, root_ids: Iterable[int]) -> None:
        """Say that the shapes of neurons changed; returns once there is room for them to wait.

        Raises:
            AnalysisError, and what else ended the work: nothing is embedded any more.
        """
        begun = time.monotonic()
        for root_id in sorted(set(root_ids)):
            while not self._enter(root_id):
                if self._thread is None:
                    self.step()
        self.counts.waited_s += time.monotonic() - begun

    def _enter(self, root_id: int) -> bool:
        with self._news:
            if self._error is not None:
                raise self._error
            full = len(self._waiting) >= self._settings.waiting
            if root_id not in self._waiting and full:
                if self._thread is not None:
                    self._news.wait(POLL_S)
                return False
            self._waiting.setdefault(root_id, time.monotonic())
            for one in self._begun:
                one.stale = one.stale or one.root_id == root_id
            self.counts.touched += 1
            self.counts.waiting = len(self._waiting)
            self._news.notify_all()
            return True

    def step(self, wait_s: float = 0.0) -> bool:
        """Compute one micro-batch of what waits; False where nothing does for ``wait_s``."""
        if not self._gather(wait_s):
            return False
        gone: list[int] = []
        begun: list[int] = []
        parts: list[tuple[_Begun, pa.Table]] = []
        left = self._settings.most
        self._begun = [one for one in self._begun if not one.stale]
        for one in self._begun:
            left -= self._take(one, left, parts)
        while left > 0 and (root_id := self._next()) is not None:
            nodes = each_once(self._places.nodes([root_id]))
            if nodes.num_rows == 0:
                gone.append(root_id)
                continue
            one = _Begun(root_id, nodes)
            with self._news:
                self._begun.append(one)
            begun.append(root_id)
            left -= self._take(one, left, parts)
        rows, failures = (
            self._computed(pa.concat_tables([part for _, part in parts]))
            if parts
            else _nothing(self._engine.architecture.outputs)
        )
        with self._news:
            whole = tuple(one.root_id for one in self._begun if not one.stale and one.done == one.nodes.num_rows)
            self._begun = [one for one in self._begun if one.root_id not in whole]
        self._keep(Renewed(rows, failures, whole, tuple(begun), tuple(gone)))
        done = self.counts
        done.batches += 1
        done.neurons += len(whole)
        done.nodes += rows.num_rows
        done.failed += failures.num_rows
        return True

    def _gather(self, wait_s: float) -> bool:
        """Wait for a first neuron, then until enough are there or the batch was open long enough."""
        until = time.monotonic() + wait_s
        with self._news:
            while not self._waiting and not any(not one.stale for one in self._begun):
                left = until - time.monotonic()
                if left <= 0 or self._ending:
                    return False
                self._news.wait(min(left, POLL_S))
            if self._thread is not None and self._waiting and not self._begun:
                closes = next(iter(self._waiting.values())) + self._settings.window_s
                while len(self._waiting) < self._settings.most and not self._ending:
                    left = closes - time.monotonic()
                    if left <= 0:
                        break
                    self._news.wait(left)
        return True

    def _next(self) -> int | None:
        with self._news:
            root_id = next(iter(self._waiting), None)
            if root_id is not None:
                del self._waiting[root_id]
                self.counts.waiting = len(self._waiting)
                self._news.notify_all()
            return root_id

    def _take(self, one: _Begun, most: int, parts: list[tuple[_Begun, pa.Table]]) -> int:
        part = one.nodes.slice(one.done, max(0, most))
        if part.num_rows:
            parts.append((one, part))
            one.done += part.num_rows
        return int(part.num_rows)

    # -- computing --

    def _computed(self, nodes: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Rows and failures of nodes; halves where the device fails.

        Raises:
            AnalysisError: the device fails on one node after another.
        """
        held = _Held()
        em, segmentation = self._places.volumes()
        run = EmbeddingRun(
            em, segmentation, nodes, self._engine, held, resolution=self._resolution, out_of_domain=self._out_of_domain
        )
        failure: str | None = None
        try:
            result = run.run()
        except (RuntimeError, MemoryError, AnalysisError) as error:  # the last one where a single crop does not fit
            failure = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        if failure is None:
            self._broken = 0
            return held.table(self._engine.architecture.outputs), result.failures
        if nodes.num_rows > 1:
            self.counts.retries += 1
            half = nodes.num_rows // 2
            pairs = [self._computed(part) for part in (nodes.slice(0, half), nodes.slice(half))]
            return pa.concat_tables([rows for rows, _ in pairs]), pa.concat_tables([failed for _, failed in pairs])
        self._broken += 1
        if self._broken >= IN_A_ROW:
            raise AnalysisError(
                f"the device of engine {self._engine.name!r} failed on {IN_A_ROW} nodes one after another, each alone "
                f"({failure}); what was computed before is kept"
            )
        failed = nodes.append_column("reason", pa.array([DEVICE])).append_column("message", pa.array([failure]))
        return held.table(self._engine.architecture.outputs), failed

    # -- in a thread --

    def __enter__(self) -> LiveEmbedding:
        self._thread = threading.Thread(target=self._work, name="live embedding", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._news:
            self._ending = True
            self._news.notify_all()
        assert self._thread is not None
        self._thread.join()
        self._thread = None
        if self._error is not None and error is None:
            raise self._error

    def _work(self) -> None:
        try:
            while self.step(POLL_S) or not self._ending:
                pass
        except BaseException as error:
            with self._news:
                self._error = error
                self._news.notify_all()


class _Held:
    """Rows of one micro-batch, in memory."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []

    def rows(self) -> pa.Table | None:
        return None

    def add(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._batches.append(batch)

    def table(self, width: int) -> pa.Table:
        return pa.Table.from_batches(self._batches) if self._batches else _rows(width)


def _rows(width: int) -> pa.Table:
    ids = [pa.field(name, pa.uint64(), nullable=False) for name in ("root_id", "node_id")]
    places = [pa.field(f"{axis}_nm", pa.float32(), nullable=False) for axis in "xyz"]
    return pa.schema([*ids, *places, pa.field("vector", pa.list_(pa.float32(), width), nullable=False)]).empty_table()


def _nothing(width: int) -> tuple[pa.Table, pa.Table]:
    return _rows(width), FAILED.empty_table()

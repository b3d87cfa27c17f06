"""Neurons that edits touched, in micro-batches: against embedding everything anew; faults; too many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from gpu_embed.encoder.architectures import TINY
from gpu_embed.encoder.variables import Array
from gpu_embed.engines.choose import open_engine
from gpu_embed.engines.protocol import Engine, EngineOptions
from gpu_embed.live import DEVICE, LiveEmbedding, MicroBatches, Renewed
from ingest.nodes import SCHEMA
from ingest.schema.errors import AnalysisError, SchemaError
from ingest.volumes.volume import Volume

SHAPE = (40, 40, 48)
FIRST = 2**63 + 1


@pytest.fixture(scope="module")
def engine(tiny_weights: dict[str, Array]) -> Engine:
    return open_engine(TINY, tiny_weights, "torch", EngineOptions(device="cpu", batch=4))


class Brain:
    """Slabs of a volume, each a neuron with a few nodes; a merge gives slabs one new id."""

    def __init__(self, held: Any, slabs: int = 8) -> None:
        rng = np.random.default_rng(0)
        self.em = held(rng.integers(0, 256, SHAPE, dtype=np.uint8), chunk=(32, 32, 32))
        self.slab = (np.arange(SHAPE[2]) * slabs // SHAPE[2]).astype(np.int64)
        self.root = np.arange(slabs, dtype=np.uint64) + np.uint64(FIRST)
        self.places = rng.integers(0, SHAPE, (5 * slabs, 3))
        self.asked: list[int] = []
        self._held = held

    def merge(self, one: int, other: int, new: int) -> set[int]:
        """Root ids that the edit touched."""
        ids = {int(self.root[one]), int(self.root[other])}
        self.root[np.isin(self.root, np.array(sorted(ids), np.uint64))] = new
        return {*ids, new}

    def nodes(self, root_ids: Sequence[int]) -> pa.Table:
        self.asked += root_ids
        z, y, x = self.places.T
        roots = self.root[self.slab[x]]
        mine = np.isin(roots, np.array(root_ids, np.uint64))
        columns = [roots, np.arange(len(roots), dtype=np.uint64), *(8.0 * a + 4 for a in (x, y, z))]
        return pa.table([pa.array(column[mine]) for column in columns], schema=SCHEMA)

    def volumes(self) -> tuple[Volume, Volume]:
        ids = np.broadcast_to(self.root[self.slab], SHAPE).copy()
        return Volume("em", self.em), Volume("ids", self._held(ids, chunk=(32, 32, 32)))

    def by_hand(self, engine: Engine, root_ids: Iterable[int]) -> dict[tuple[int, int], np.ndarray]:
        pad = TINY.crop // 2
        grey, labels = np.pad(self.em.data, pad), np.pad(self.volumes()[1].read((0, 0, 0), SHAPE), pad)
        found = {}
        for row in self.nodes(sorted(root_ids)).to_pylist():
            box = tuple(slice(v := int(row[f"{a}_nm"] // 8), v + TINY.crop) for a in "zyx")
            crop = np.where(labels[box] == row["root_id"], grey[box], 0).astype(np.uint8)
            found[row["root_id"], row["node_id"]] = engine.embed(crop[None])[0]
        return found


class Store:
    """Rows as whoever keeps them has them."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], np.ndarray] = {}
        self.failed: list[tuple[int, str]] = []
        self.whole: set[int] = set()
        self.sizes: list[int] = []

    def keep(self, made: Renewed) -> None:
        for root_id in (*made.begun, *made.gone):
            self.rows = {key: row for key, row in self.rows.items() if key[0] != root_id}
            self.whole.discard(root_id)
        for row in made.rows.to_pylist():
            self.rows[row["root_id"], row["node_id"]] = np.array(row["vector"], np.float32)
        self.failed += [(row["node_id"], row["reason"]) for row in made.failures.to_pylist()]
        self.whole |= set(made.whole)
        self.sizes.append(made.rows.num_rows + made.failures.num_rows)

    def check(self, wanted: dict[tuple[int, int], np.ndarray]) -> None:
        assert sorted(self.rows) == sorted(wanted)
        for key, row in wanted.items():
            np.testing.assert_allclose(self.rows[key], row, rtol=0, atol=2e-5)


@pytest.mark.parametrize("seed", range(2))
def test_after_any_edits_rows_are_those_of_now(held: Any, engine: Engine, seed: int) -> None:
    """Merges and touches while batches of 7 nodes are half done; only what was touched is looked at."""
    rng = np.random.default_rng(seed)
    brain, store, touched = Brain(held), Store(), set[int]()
    live = LiveEmbedding(brain, engine, store.keep, MicroBatches(most=7))
    for new in range(1, 7):
        present = np.unique(brain.root[:6])
        one, other = rng.choice(6, 2, replace=False).tolist()
        edit = brain.merge(one, other, new) if rng.random() < 0.6 else {int(rng.choice(present))}
        touched |= edit
        live.touch(edit)
        for _ in range(int(rng.integers(0, 3))):
            live.step()
    while live.step():
        pass
    assert set(brain.asked) == touched, "and nobody else"
    now = touched & set(brain.root.tolist())
    store.check(brain.by_hand(engine, now))
    assert store.whole == now
    assert max(store.sizes) <= 7
    assert live.counts.waiting == 0


class Faulty:
    """An engine whose device fails as it is told to."""

    def __init__(self, engine: Engine, fails: Callable[[np.ndarray], bool]) -> None:
        self._engine, self._fails = engine, fails
        self.name, self.architecture, self.options = engine.name, engine.architecture, engine.options
        self.batch, self.notes, self.resident = 64, list[str](), None

    def embed(self, crops: np.ndarray) -> np.ndarray:
        if self._fails(crops):
            raise RuntimeError("CUDA error: unspecified launch failure\nsecond line")
        return self._engine.embed(crops)

    def predicted_bytes(self, batch: int) -> int:
        return self._engine.predicted_bytes(batch)


def test_faults_of_the_device_halve_the_batch_down_to_a_node(held: Any, engine: Engine) -> None:
    brain, store = Brain(held), Store()
    everyone = {int(root) for root in brain.root}
    wanted = brain.by_hand(engine, everyone)
    (bad,) = [key for key in wanted if key[1] == 11]
    z, y, x = brain.places[11]
    volumes = brain.volumes()
    mark = int(volumes[0].read((z, y, x), (z + 1, y + 1, x + 1))[0, 0, 0])

    def fails(crops: np.ndarray) -> bool:
        middle = TINY.crop // 2
        own = np.pad(brain.em.data, middle)[z : z + TINY.crop, y : y + TINY.crop, x : x + TINY.crop]
        here = [np.array_equal(crop[crop > 0], own[crop > 0]) and crop[(middle,) * 3] == mark for crop in crops]
        return len(crops) > 5 or any(here)

    live = LiveEmbedding(brain, cast("Engine", Faulty(engine, fails)), store.keep, MicroBatches(most=20))
    live.touch(everyone)
    while live.step():
        pass
    del wanted[bad]
    store.check(wanted)
    assert store.failed == [(11, DEVICE)]
    assert store.whole == everyone
    assert live.counts.retries > 2


def test_a_broken_device_ends_the_work_and_says_so(held: Any, engine: Engine) -> None:
    brain, store = Brain(held), Store()
    live = LiveEmbedding(brain, cast("Engine", Faulty(engine, lambda crops: True)), store.keep)
    with pytest.raises(AnalysisError, match=r"failed on 3 nodes one after another.*launch failure\)"), live:
        live.touch(brain.root.tolist())
    with pytest.raises(AnalysisError, match="one after another"):
        live.touch([FIRST])
    assert not store.rows


def test_whoever_feeds_is_held_back_and_nothing_is_dropped(held: Any, engine: Engine) -> None:
    """Two neurons may wait: here, and beside a thread."""
    brain, store, most = Brain(held), Store(), [0]
    everyone = brain.root.tolist()

    def keep(made: Renewed) -> None:
        most[0] = max(most[0], live.counts.waiting)
        store.keep(made)

    live = LiveEmbedding(brain, engine, keep, MicroBatches(most=3, waiting=2))
    live.touch(everyone)
    assert (most[0], live.counts.waiting) == (2, 2)
    assert live.counts.batches > 0
    with live:
        live.touch(everyone)
    store.check(brain.by_hand(engine, everyone))
    assert most[0] <= 2
    assert store.whole == set(everyone)


def test_settings() -> None:
    for wrong in ({"most": 0}, {"waiting": 0}, {"window_s": -1.0}, {"window_s": float("nan")}):
        with pytest.raises(SchemaError, match="micro-batches"):
            MicroBatches(**cast("Any", wrong))

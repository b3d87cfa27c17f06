"""Shared by tests of encoders: expected outputs of Google's code, and small networks that are not trivial."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from gpu_embed.encoder.architectures import TINY
from gpu_embed.encoder.variables import Array, seeded_weights
from ingest.nodes import SCHEMA
from ingest.schema.errors import ReadError
from ingest.schema.space import Resolution

PARITY = Path(__file__).parent.parent / "data" / "segclr_parity.npz"


@pytest.fixture(autouse=True)
def one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Small networks lose more to waiting for threads than they gain; only slow tests use them all."""
    threads = torch.get_num_threads()
    if request.node.get_closest_marker("slow") is None:
        torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def parity() -> dict[str, np.ndarray]:
    """Outputs of Google's networks and moments of norms; how they were made: tests/data/make_segclr_parity.py."""
    with np.load(PARITY, allow_pickle=False) as stored:
        return dict(stored)


@pytest.fixture(scope="session")
def tiny_weights() -> dict[str, Array]:
    return seeded_weights(TINY, 3)


class Held:
    """Voxels in memory; remembers how often each was read; chosen voxels cannot be read."""

    def __init__(
        self, data: np.ndarray, nm: tuple[float, float, float] = (8, 8, 8), origin=(0, 0, 0), chunk=(64, 64, 64)
    ) -> None:
        self.data, self.shape, self.dtype = data, data.shape, data.dtype
        self.resolution, self.origin, self.chunk = Resolution(*nm), origin, chunk
        self.grid, self.absent, self.fill_value, self.axes = origin or (0, 0, 0), (), 0, "zyx"
        self.times = np.zeros(data.shape, dtype=np.int64)
        self.bad: list[tuple[int, int, int]] = []
        self.delay = 0.0
        self.lock = threading.Lock()

    def read(self, start, stop) -> np.ndarray:
        time.sleep(self.delay)
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        with self.lock:
            self.times[box] += 1
        if any(all(a <= i < b for i, a, b in zip(at, start, stop, strict=True)) for at in self.bad):
            raise ReadError("chunk is corrupt")
        return self.data[box].copy()


@pytest.fixture(scope="session")
def held() -> type[Held]:
    """The class of sources in memory."""
    return Held


@pytest.fixture(scope="session")
def node_table() -> Callable[[list[tuple[int, int, float, float, float]]], pa.Table]:
    """Rows (root_id, node_id, x, y, z) to a table of nodes."""

    def table(rows: list[tuple[int, int, float, float, float]]) -> pa.Table:
        columns = zip(*rows, strict=True) if rows else [[]] * 5
        typed = zip(columns, SCHEMA.types, strict=True)
        return pa.table([pa.array(values, kind) for values, kind in typed], schema=SCHEMA)

    return table

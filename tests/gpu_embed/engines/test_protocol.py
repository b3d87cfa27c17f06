"""Out of memory for real: an address-space limit in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from gpu_embed.encoder.architectures import TINY
from gpu_embed.encoder.folded import fold
from gpu_embed.encoder.variables import Array
from gpu_embed.engines.protocol import BatchedEngine, Crops, EngineOptions, Vectors
from ingest.schema.errors import AnalysisError

SCRIPT = """
import resource, sys
from pathlib import Path
import numpy as np
from gpu_embed.encoder.architectures import TINY
from gpu_embed.engines.protocol import EngineOptions
from gpu_embed.engines.choose import open_engine
from gpu_embed.encoder.phantoms import phantom_crops
from gpu_embed.encoder.variables import seeded_weights
crops = np.tile(phantom_crops(33, 8, 1), (64, 1, 1, 1))
engine = open_engine(TINY, seeded_weights(TINY, 3), "torch", EngineOptions(device="cpu", threads=1, batch=512))
first = engine.embed(crops[:8])
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + engine.predicted_bytes(512) // 2
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
found = engine.embed(crops)
np.testing.assert_allclose(found[:8], first, atol=1e-5)
np.testing.assert_allclose(found[-8:], first, atol=1e-5)
print(engine.batch, "|".join(engine.notes))
"""


@pytest.mark.slow
def test_the_batch_shrinks_when_memory_runs_out_and_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    batch, _, notes = done.stdout.strip().partition(" ")
    assert int(batch) < 512
    assert notes.startswith("512 crops at a time did not fit in memory; going on with 256")


class Greedy(BatchedEngine):
    """Fails above ``room`` crops, as an engine of another library would."""

    name = "greedy"
    room = 3

    def run(self, crops: Crops) -> Vectors:
        if len(crops) > self.room:
            raise RuntimeError("Exception from src/core.cpp: std::bad_alloc")
        return np.repeat(crops[:, 0, 0, :1], self.architecture.outputs, axis=1).astype(np.float32)


def test_every_crop_once_in_order_while_shrinking(tiny_weights: dict[str, Array]) -> None:
    engine = Greedy(fold(TINY, tiny_weights), EngineOptions(batch=16), 1)
    crops = np.arange(37, dtype=np.uint8)[:, None, None, None] * np.ones((1, 33, 33, 33), dtype=np.uint8)
    np.testing.assert_array_equal(engine.embed(crops)[:, 0], np.arange(37))
    assert engine.batch == 2
    assert len(engine.notes) == 3


def test_not_even_one(tiny_weights: dict[str, Array]) -> None:
    engine = Greedy(fold(TINY, tiny_weights), EngineOptions(batch=2), 1)
    engine.room = 0
    with pytest.raises(AnalysisError, match=r"one crop of 33\^3 voxels does not fit"):
        engine.embed(np.zeros((2, 33, 33, 33), dtype=np.uint8))


def test_other_errors_are_not_swallowed(tiny_weights: dict[str, Array]) -> None:
    class Broken(Greedy):
        def run(self, crops: Crops) -> Vectors:
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        Broken(fold(TINY, tiny_weights), EngineOptions(), 1).embed(np.zeros((2, 33, 33, 33), dtype=np.uint8))

"""A volume of grey values on disk, and a plan to segment it with a made network."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest

from gpu_embed.encoder.variables import Array
from gpu_embed.ffn.architecture import FfnArchitecture
from gpu_embed.ffn.checkpoint import FfnCard, FfnCheckpoint
from gpu_embed.ffn.engines.protocol import FfnEngineOptions
from gpu_embed.ffn.settings import FfnSettings
from gpu_embed.ffn.subvolumes.segment import SegmentPlan
from ingest.volumes.volume import open_volume

SETTINGS = FfnSettings(least_voxels=20, move=0.7, segment=0.55, seed=0.9, pad=0.2)
OFFSET = (100, 20, 3)
"""XYZ of the first voxel."""


@pytest.fixture
def grey_file(tmp_path: Path, balls: np.ndarray) -> Path:
    path = tmp_path / "grey.h5"
    with h5py.File(path, "w") as file:
        file["raw"] = np.clip(np.round(balls * 33 + 128), 0, 255).astype(np.uint8)
        file["floats"] = np.round(balls * 33 + 128)
        file["small"] = balls
        file["counts"] = np.zeros((40, 48, 52), dtype=np.uint16)
        file["mask"] = (np.arange(40) < 12).astype(np.uint8)[:, None, None] * np.ones((40, 48, 52), dtype=np.uint8)
    return path


@pytest.fixture
def plan(tmp_path: Path, grey_file: Path, little: FfnArchitecture, growing: dict[str, Array]) -> SegmentPlan:
    card = FfnCard("made-up", little, SETTINGS, (8.0, 8.0, 8.0))
    return SegmentPlan(
        partial(open_volume, f"{grey_file}:raw", resolution=(8, 8, 8), offset=OFFSET),
        FfnCheckpoint(card, growing),
        tmp_path / "parts",
        size=(40, 30, 32),
        engine="torch",
        options=FfnEngineOptions(device="cpu"),
    )

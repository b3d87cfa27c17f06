from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from gpu_embed.encoder.variables import Array
from gpu_embed.ffn.architecture import FfnArchitecture, variables
from gpu_embed.ffn.checkpoint import FfnCard, FfnCheckpoint, save_ffn
from gpu_embed.ffn.settings import FfnSettings
from graphlab.cli import app
from ingest.volumes.volume import open_volume

LITTLE = FfnArchitecture(depth=1, features=2, fov=(9, 9, 9), deltas=(2, 2, 2))
SETTINGS = FfnSettings(least_voxels=20, move=0.7, segment=0.55, seed=0.9, pad=0.2)


def brightness() -> dict[str, Array]:
    """Weights with which the logit of a bright voxel rises, and of a dark one falls."""
    weights = {v.ours: np.zeros(v.shape, dtype=np.float32) for v in variables(1, 2, False)}
    for sign, channel in ((1, 0), (-1, 1)):
        weights["conv0_a.weight"][channel, 0, 1, 1, 1] = sign
        weights["conv0_b.weight"][channel, channel, 1, 1, 1] = 1
        weights["conv_lom.weight"][0, channel] = 4 * sign
    return weights


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    """Two bright bars along x, which go through both sub-volumes."""
    save_ffn(
        tmp_path / "ffn.safetensors", FfnCheckpoint(FfnCard("bars", LITTLE, SETTINGS, (8.0, 8.0, 8.0)), brightness())
    )
    grey = np.full((20, 32, 60), 90, dtype=np.uint8)
    grey[7:13, 4:11] = grey[7:13, 21:28] = 190
    with h5py.File(tmp_path / "em.h5", "w") as file:
        file["raw"] = grey
    return [
        "segment", f"{tmp_path}/em.h5:raw", str(tmp_path / "parts"), "--checkpoint", str(tmp_path / "ffn.safetensors"),
        "--resolution", "8,8,8", "--offset", "10,0,0", "--subvolume", "36,64,64", "--device", "cpu", "--no-progress",
    ]  # fmt: skip


def test_bars_become_one_segmentation(given: list[str], tmp_path: Path) -> None:
    output = f"precomputed://{tmp_path / 'all'}"
    seeds = ["--seeds", "grid-3d"]
    ran = CliRunner().invoke(app, [*given, *seeds, "--output", output, "--json"])
    assert ran.exit_code == 0, ran.output
    told: dict[str, Any] = json.loads(ran.stdout)
    assert (told["objects"], told["objects_of_all"], told["finished_before"]) == (4, 2, 0)
    volume = open_volume(output)
    labels = volume.read(volume.start, volume.stop)
    assert (volume.start, volume.resolution.xyz) == ((0, 0, 10), (8, 8, 8))
    grey = open_volume(given[1], resolution=(8, 8, 8), offset=(10, 0, 0)).read(volume.start, volume.stop)
    assert not (labels[grey <= 128] > 0).any()
    assert (labels[grey > 128] > 0).mean() > 0.95  # moves of 2 do not reach the last voxel
    assert len(np.unique(labels)) == 3
    again = CliRunner().invoke(app, [*given, *seeds])
    assert again.exit_code == 0
    assert "2 sub-volumes, 2 finished before: 4 objects" in again.stdout
    refused = CliRunner().invoke(app, [*given, *seeds, "--output", output])
    assert refused.exit_code == 1
    assert "exists; remove it" in str(refused.exception)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--seed", "10,0,0"], "seed (0, 0, 0) (ZYX): the field of view"),
        (["--move", "1.5"], "move is 1.5; wanted a probability"),
        (["--settings", "fib25"], "settings 'fib25' are of one of depth 12"),
        (["--seeds", "peak"], "unknown policy of seeds 'peak'; did you mean 'peaks'"),
        (["--subvolume", "9,9"], "--subvolume: found '9,9'; wanted three whole numbers"),
        (["--output", "n5://x"], "wanted precomputed://PLACE or zarr://PLACE"),
        (["--engine", "jax"], "unknown FFN engine 'jax'"),
    ],
)
def test_words_that_mean_nothing(given: list[str], more: list[str], said: str) -> None:
    ran = CliRunner().invoke(app, [*given, *more])
    assert ran.exit_code == 1
    assert said in str(ran.exception)

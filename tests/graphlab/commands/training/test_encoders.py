"""graphlab train encoder: skeletons in, an encoder out; stopped and gone on with; what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
h5py = pytest.importorskip("h5py")

from gpu_embed.checkpoints.safetensors import load_checkpoint  # noqa: E402
from gpu_embed.training.pairs.table import Pairs, read_pairs, write_pairs  # noqa: E402

SMALL = ["--architecture", "tiny", "--width", "2", "--outputs", "8", "--batch", "2", "--draw", "8", "--device", "cpu"]


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    """Two segments of 40 x 40 x 80 voxels, a skeleton along each."""
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["em"] = np.random.default_rng(0).integers(1, 255, (40, 40, 80), np.uint8)
        ids = np.full((40, 40, 80), 11, np.uint64)
        ids[:, 20:] = 12
        file["ids"] = ids
    (tmp_path / "swc").mkdir()
    for root_id, y in ((11, 100.0), (12, 300.0)):
        lines = [f"{i + 1} 0 {50 + 100 * i} {y} 200 50 {i if i else -1}" for i in range(8)]
        (tmp_path / "swc" / f"{root_id}.swc").write_text("\n".join(lines) + "\n")
    geometry = ["--resolution", "10,10,10", "--offset", "0,0,0", "--segmentation-offset", "0,0,0"]
    return ["--em", f"{tmp_path}/v.h5:em", "--segmentation", f"{tmp_path}/v.h5:ids", *geometry]


@pytest.mark.slow
def test_skeletons_in_an_encoder_out(graphlab: Callable[..., Any], places: list[str], tmp_path: Path) -> None:
    command = ["train", "encoder", tmp_path / "out", *places, *SMALL, "--skeletons", tmp_path / "swc", "--unit", "1"]
    command += ["--steps", "3", "--distances", "0,200,600", "--journal-every", "1"]
    done = graphlab(*command, "--stop-after", "2")
    assert done.returncode == 0, done.stderr
    assert "2 steps on 8 pairs" in done.stdout
    assert "not done: the same call goes on" in done.stdout
    done = graphlab(*command, "--json")
    assert done.returncode == 0, done.stderr
    about = json.loads(done.stdout)
    assert (about["steps"], about["last"]["step"]) == (1, 3)
    assert load_checkpoint(about["encoder"]).card.resolution == (10, 10, 10)
    pairs = read_pairs(tmp_path / "out" / "pairs.parquet")
    assert np.histogram(pairs.path_nm, [0, 200, 600])[0].tolist() == [4, 4]
    done = graphlab(*command, "--rate", "0.5")
    assert done.returncode == 1
    assert "was written with other settings: optimizer" in done.stderr


@pytest.mark.slow
def test_bad_input_is_one_error(graphlab: Callable[..., Any], places: list[str], tmp_path: Path) -> None:
    command = ["train", "encoder", tmp_path / "out", *places, *SMALL]
    swc = ["--skeletons", tmp_path / "swc", "--unit"]
    two = Pairs(
        np.array([[11, 12]] * 4, np.uint64), np.full((4, 2, 3), 200.0), np.full(4, np.nan), np.full((4, 2), np.nan)
    )
    write_pairs(tmp_path / "two.parquet", two)
    for options, words in (
        ([], "either --skeletons, to draw pairs, or --pairs"),
        ([*swc, "1000"], "skeleton 11: all 8 nodes lie outside"),
        ([*swc, "1", "--distances", "0,many"], "wanted bounds of path distance"),
        (["--pairs", tmp_path / "two.parquet"], "4 pairs are of two neurons"),
        ([*swc, "1", "--optimizer", "lers"], "did you mean 'lars'"),
    ):
        done = graphlab(*command, *options)
        assert done.returncode == 1, options
        assert words in " ".join(done.stderr.split()), done.stderr
    assert not (tmp_path / "out").exists()


def test_a_forecast_trains_nothing(graphlab: Callable[..., Any], places: list[str], tmp_path: Path) -> None:
    done = graphlab("train", "encoder", tmp_path / "out", *places, *SMALL, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["steps"] == 500_000
    assert told["here_hours"] > told["h200_hours"] > 0
    assert not (tmp_path / "out").exists()

"""graphlab train ffn: a checkpoint with its card, on where it was stopped; faults before the work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gpu_embed.ffn.checkpoint import load_ffn

NETWORK = (
    "--depth",
    "1",
    "--features",
    "2",
    "--fov",
    "7,5,5",
    "--deltas",
    "2,1,1",
    "--permute",
    "zy",
    "--radius",
    "1,1,1",
)
SHORT = (*NETWORK, "--least-voxels", "50", "--steps", "2", "--examples", "2")
PLACE = ("--resolution", "8,8,9", "--offset", "0,0,0")


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bars, one brighter."""
    path = tmp_path_factory.mktemp("cube") / "cube.h5"
    labels = np.zeros((12, 12, 14), dtype=np.uint64)
    labels[:, :5], labels[:, 7:] = 2**63, 2**63 + 1
    with h5py.File(path, "w") as file:
        file["em"], file["labels"] = np.where(labels > 0, 180, 60).astype(np.uint8), labels
        file["short"], file["nan"] = labels[:, :, 1:], np.full(labels.shape, np.nan, np.float32)
    return path


def test_a_network_is_trained_and_goes_on(
    cube: Path, tmp_path: Path, document: Callable[..., Any], graphlab: Callable[..., Any]
) -> None:
    asked = ("--em", f"{cube}:em", "--labels", f"{cube}:labels", *PLACE, *SHORT)
    first = document("train", "ffn", tmp_path / "one.safetensors", *asked, "--stop-after", "1")
    assert (first["steps"], first["card"]["resolution"]) == (1, [8.0, 8.0, 9.0])
    done = graphlab("train", "ffn", tmp_path / "one.safetensors", *asked)
    assert done.returncode == 0, done.stderr
    assert "trained for 2 steps (1 now" in done.stdout
    assert "drawn from evenly" in done.stdout
    kept = load_ffn(tmp_path / "one.safetensors")
    assert (kept.card.architecture.fov, kept.card.architecture.deltas) == ((5, 5, 7), (1, 1, 2))
    whole = graphlab("train", "ffn", tmp_path / "two.safetensors", *asked)
    assert whole.returncode == 0, whole.stderr
    other = load_ffn(tmp_path / "two.safetensors")
    assert all(other.weights[name].tobytes() == value.tobytes() for name, value in kept.weights.items())
    checkpoints = [tmp_path / f"{name}.training" / "checkpoint.safetensors" for name in ("one", "two")]
    assert checkpoints[0].read_bytes() == checkpoints[1].read_bytes()


def test_faults_are_one_line(cube: Path, tmp_path: Path, refusal: Callable[..., str]) -> None:
    def said(*options: str, labels: str = "labels", em: str = "em", target: str = "x.safetensors") -> str:
        places = ("--em", f"{cube}:{em}", "--labels", f"{cube}:{labels}", *PLACE)
        return refusal("train", "ffn", tmp_path / target, *places, *SHORT, *options)

    assert "wanted a name that ends in .safetensors" in said(target="x.ckpt")
    assert "say which voxels both have with --box" in said(labels="short")
    assert "not finite at voxel [0, 0, 0]" in said(em="nan")
    assert "holds float32; wanted whole numbers" in said(labels="nan")
    assert "smaller than (15, 7, 11)" in said("--fov", "7,5,13")
    assert "2 --em and 1 --labels" in said("--em", f"{cube}:em")
    assert "unknown policy of moves 'face'; did you mean 'faces'?" in said("--policy", "face")
    assert "--mirror: found 'xx'" in said("--mirror", "xx")
    assert not list(tmp_path.iterdir())

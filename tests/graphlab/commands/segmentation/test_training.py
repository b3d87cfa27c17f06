"""graphlab train ffn: a checkpoint with its card, on where it was stopped; faults before the work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from gpu_embed.ffn.checkpoint import load_ffn
from graphlab.cli import app

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


def test_from_em_and_labels_to_a_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine bars of floats learnt by heart, followed in two sub-volumes, made skeletons and neurons of a graph."""
    labels = np.zeros((24, 24, 24), dtype=np.uint64)
    edges = [(0, 6), (8, 15), (17, 24)]
    for number, ((a, b), (c, d)) in enumerate(((one, two) for one in edges for two in edges), start=1):
        labels[a:b, c:d] = number + 2**40
    noise = np.random.default_rng(0).normal(0, 12, labels.shape)
    with h5py.File(tmp_path / "cube.h5", "w") as file:
        file["em"] = (np.clip(np.where(labels > 0, 170, 70) + noise, 0, 255) / 255).astype(np.float32)
        file["labels"] = labels
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # networks this small only wait for a second one

    def run(line: str) -> dict[str, Any]:
        ran = CliRunner().invoke(app, line.split())
        assert ran.exit_code == 0, (line, ran.output, ran.exception)
        return json.loads(ran.stdout) if "--json" in line else {}

    place = "--resolution 32,32,32 --offset 0,0,0"
    try:
        learnt = run(
            f"train ffn bars.safetensors --em cube.h5:em --labels cube.h5:labels {place} --depth 3 --features 8 --fov "
            "7,7,7 --deltas 2,2,2 --batch 8 --radius 3,3,3 --least-voxels 100 --steps 18 --rate 0.003 --seed 5 "
            "--precision fp32 --device cpu --json"
        )
        followed = run(
            f"segment cube.h5:em parts --checkpoint bars.safetensors {place} --subvolume 24,24,16 --overlap 8,8,8 "
            "--seeds dense --move 0.6 --least-voxels 50 --engine torch --device cpu --output precomputed://seg --json"
        )
    finally:
        torch.set_num_threads(threads)
    first = json.loads((tmp_path / "bars.training" / "journal.jsonl").read_text().splitlines()[0])
    # Soft targets leave a loss of .199 at best; an empty object would be wrong at half of the voxels.
    assert first["wrong voxels"] > 0.1
    assert learnt["last"]["wrong voxels"] < 0.05
    assert 0.199 < learnt["last"]["loss"] < 0.3
    assert learnt["card"]["notes"] == ["trained for 18 steps"]
    assert 0 < learnt["card"]["settings"]["mean"] < 1
    scored = run("evaluate-segmentation precomputed://seg --truth cube.h5:labels --truth-offset 0,0,0 --json")
    both = {score["mask"]: score for score in scored["scores"]}["both"]
    assert scored["coverage"] > 0.5
    assert both["voi_merge"] < 0.1
    skeletons = run("skeletonise precomputed://seg skeletons --least-voxels 50 --const 50 --json")
    run("make-synapses precomputed://seg made.parquet --density 20 --reach 150")
    run("init brain --resolution 32,32,32 --materialization seg-1 --dataset made")
    run("ingest brain made.parquet --as synapses")
    run("ingest brain skeletons --as skeletons --unknown add")
    counts = run("info brain --json")["counts"]
    assert 9 <= skeletons["skeletons"] <= followed["objects_of_all"]
    assert counts["neurons"] >= skeletons["skeletons"]
    assert counts["synapses"] > 0


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

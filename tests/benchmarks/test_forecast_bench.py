"""``embed --dry-run`` against what parts then take, at three sizes; the first part is killed at work and run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("torch")
h5py = pytest.importorskip("h5py")

SIZES = ((96, 320), (128, 960), (192, 2_880))
"""Voxels along each side of a cube, and nodes in it."""
VOXEL_NM = 8.0


def asked(folder: Path) -> dict[str, Any]:
    """A job over the volume in a folder, which is made where it is missing."""
    from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard
    from gpu_embed.encoder.architectures import TINY
    from gpu_embed.encoder.variables import seeded_weights

    side, nodes = json.loads((folder / "size.json").read_text())
    rng = np.random.default_rng(nodes)
    if not (folder / "v.h5").exists():
        with h5py.File(folder / "v.h5", "w") as file:
            shape, chunks = (side,) * 3, (32,) * 3
            file.create_dataset("em", data=rng.integers(1, 256, shape, dtype=np.uint8), chunks=chunks)
            file.create_dataset("seg", data=np.full(shape, 7, dtype=np.uint64), chunks=chunks)
    ids = np.arange(nodes, dtype=np.uint64)
    places = np.random.default_rng(1).random((3, nodes)) * side * VOXEL_NM
    points = dict(zip(("x_nm", "y_nm", "z_nm"), places, strict=True))
    checkpoint = Checkpoint(ModelCard("tiny", TINY, (VOXEL_NM,) * 3), seeded_weights(TINY, 0))
    return {
        "em": f"{folder}/v.h5:em", "segmentation": f"{folder}/v.h5:seg", "checkpoint": checkpoint,
        "nodes": pa.table({"root_id": np.full_like(ids, 7), "node_id": ids, **points}), "axes": "zyx",
        "resolution": "8,8,8", "offset": (0, 0, 0), "segmentation_offset": (0, 0, 0), "segmentation_version": "1",
        "engine": "torch", "device": "cpu", "batch": 8, "model": "tiny", "shared": str(folder / "parts"),
    }  # fmt: skip


def run_part(folder: Path, part: str) -> None:
    """In a process of its own: says when it begins, and what it took."""
    from gpu_embed import embed
    from graphlab import Graph

    job = asked(folder)
    embed.PART_ROWS = len(job["nodes"]) // 8  # runs that are so short would keep all in one write
    with Graph.open(folder / "g", read_only=True) as graph:
        print("begins", flush=True)
        done = graph.embeddings.embed(**job, part=part)
    print(json.dumps({name: getattr(done, name) for name in ("computed", "finished_before", "reads", "bytes_read",
                                                             "seconds")}))  # fmt: skip


def started(folder: Path, part: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, str(folder), part]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


def finished(folder: Path, part: str) -> dict[str, Any]:
    said, _ = started(folder, part).communicate()
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def lost(folder: Path, part: int) -> float:
    """Seconds of a part that is killed once it has kept something."""
    process = started(folder, f"{part}/2")
    begun = time.monotonic()
    while not list((folder / "parts" / f"part-{part:05d}").glob("part-*.arrow")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return time.monotonic() - begun


def test_forecast_beside_what_it_took(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from graphlab import Graph

    rows = []
    for side, nodes in SIZES:
        folder = tmp_path / str(nodes)
        folder.mkdir()
        (folder / "size.json").write_text(json.dumps([side, nodes]))
        job = asked(folder)
        Graph.create(folder / "g").close()
        with Graph.open(folder / "g", read_only=True) as graph:
            first, second = (graph.embeddings.forecast(**job, part=part) for part in ("1/2", "2/2"))
        whole = finished(folder, "2/2")
        away = lost(folder, 1)
        again = finished(folder, "1/2")
        assert (whole["reads"], whole["bytes_read"]) == (second.reads, second.bytes_read)
        assert again["finished_before"] > 0
        assert again["computed"] + again["finished_before"] == first.nodes
        with Graph.open(folder / "g") as graph:
            assert graph.embeddings.embed(**job, part="gather").computed == nodes
        taken = away + again["seconds"]
        rows.append(
            f"{side}^3 voxels, {nodes:,} nodes: reads {second.reads:,} / {whole['reads']:,}, MB "
            f"{second.bytes_read / 1e6:.1f} / {whole['bytes_read'] / 1e6:.1f}, seconds {second.seconds:.1f} / "
            f"{whole['seconds']:.1f} (x{whole['seconds'] / second.seconds:.2f}); the part that was killed: "
            f"{again['finished_before']:,} of {first.nodes:,} kept, {first.seconds:.1f} / {away:.1f} + "
            f"{again['seconds']:.1f} (x{taken / first.seconds:.2f})"
        )
    with capsys.disabled():
        print("\nforecast / measured, one of two parts", *rows, f"load {os.getloadavg()[0]:.1f}", sep="\n")


if __name__ == "__main__":
    run_part(Path(sys.argv[1]), sys.argv[2])

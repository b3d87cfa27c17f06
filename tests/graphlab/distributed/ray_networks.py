"""Networks on a cluster: nodes embedded, for ``ray_cluster``; processes that train together, for a benchmark."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard
from gpu_embed.encoder.architectures import TINY
from gpu_embed.encoder.variables import seeded_weights
from gpu_embed.ffn.architecture import FfnArchitecture, variables
from gpu_embed.ffn.checkpoint import FfnCard, FfnCheckpoint
from gpu_embed.ffn.engines.protocol import FfnEngineOptions
from gpu_embed.ffn.settings import FfnSettings
from gpu_embed.ffn.subvolumes.segment import SegmentPlan, segment
from gpu_embed.training import trainer
from gpu_embed.training.optimizers import OptimizerSettings
from gpu_embed.training.trainer import Loss, TrainingSettings, train
from gpu_embed.training.workers import ALONE, Workers, started_workers
from graphlab import Graph
from graphlab.distributed.ray_connect import ClusterError, connect
from graphlab.distributed.ray_tasks import RayTasks
from graphlab.distributed.ray_training import together
from ingest.running.task_runners import InTurn, TaskRunner
from ingest.schema.errors import AnalysisError
from ingest.volumes.volume import open_volume

SIDE, NODES, ROWS = 40, 80, 6
CPU = torch.device("cpu")


def embedded(folder: Path, address: str) -> dict[str, Any]:
    """Vectors by two tasks of the cluster, and by the same two parts in this process."""
    rng = np.random.default_rng(3)
    with h5py.File(folder / "v.h5", "w") as file:
        file["em"] = rng.integers(1, 256, (SIDE,) * 3, dtype=np.uint8)
        file["seg"] = np.full((SIDE,) * 3, 7, dtype=np.uint64)
    ids = np.arange(NODES, dtype=np.uint64)
    points = dict(zip(("x_nm", "y_nm", "z_nm"), rng.random((3, NODES)) * SIDE * 8, strict=True))
    asked: dict[str, Any] = {
        "em": f"{folder}/v.h5:em", "segmentation": f"{folder}/v.h5:seg", "engine": "torch", "device": "cpu",
        "nodes": pa.table({"root_id": np.full_like(ids, 7), "node_id": ids, **points}), "resolution": "8,8,8",
        "checkpoint": Checkpoint(ModelCard("tiny", TINY, (8.0, 8.0, 8.0)), seeded_weights(TINY, 0)), "axes": "zyx",
        "segmentation_version": "1", "offset": (0, 0, 0), "segmentation_offset": (0, 0, 0),
    }  # fmt: skip
    ways: dict[str, TaskRunner] = {"ray": RayTasks(1, address).for_networks(), "here": InTurn()}
    with Graph.create(folder / "g") as graph:
        for name, workers in ways.items():
            graph.embeddings.embed(**asked, model=name, workers=workers)
        rows = {name: graph.embeddings.open(name).to_arrow() for name in ways}
    vectors = [np.array(table["vector"].to_pylist(), dtype=np.float32) for table in rows.values()]
    return {
        "rows": len(rows["ray"]),
        "alike": rows["ray"].drop_columns(["vector"]).equals(rows["here"].drop_columns(["vector"])),
        "apart": float(np.abs(vectors[0] - vectors[1]).max()),
        "size": float(np.abs(vectors[1]).max()),
    }


def segmented(folder: Path, address: str) -> list[dict[str, str]]:
    """Hashes of sub-volumes that a flood-filling network segments, by tasks of the cluster and here."""
    network = FfnArchitecture(depth=1, features=2, fov=(9, 9, 9), deltas=(2, 2, 2))
    # The logit of a bright voxel rises.
    weights = {one.ours: np.zeros(one.shape, dtype=np.float32) for one in variables(1, 2, False)}
    weights["conv0_a.weight"][0, 0, 1, 1, 1] = weights["conv0_b.weight"][0, 0, 1, 1, 1] = 1
    weights["conv_lom.weight"][0, 0] = 4
    settings = FfnSettings(least_voxels=1, move=0.5, segment=0.5, seed=0.9, pad=0.2, seeds="grid-3d")
    checkpoint = FfnCheckpoint(FfnCard("any", network, settings, (8.0, 8.0, 8.0)), weights)
    em = partial(open_volume, f"{folder}/v.h5:em", resolution="8,8,8", offset=(0, 0, 0), axes="zyx")
    options = FfnEngineOptions(device="cpu")
    plan = SegmentPlan(em, checkpoint, folder / "cluster", size=(40, 40, 24), engine="torch", options=options)
    told: list[tuple[int, int]] = []
    segment(plan, workers=RayTasks(1, address).for_networks(), progress=lambda *two: told.append(two))
    assert told[-1][0] == told[-1][1] > 0
    segment(replace(plan, folder=folder / "alone"))
    places = [sorted((folder / name).rglob("seg-*.npz")) for name in ("cluster", "alone")]
    return [{path.name: _arrays(path) for path in paths} for paths in places]


def _arrays(path: Path) -> str:
    """How many objects there are, and the hash of their labels."""
    with np.load(path, allow_pickle=False) as found:
        labels = found["segmentation"]
    return f"{labels.max()} {hashlib.sha256(labels.tobytes()).hexdigest()}"


class Halves:
    """The rows of one process out of those that all see."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers

    def from_step(self, step: int) -> Iterator[Tensor]:
        while True:
            rows = np.random.default_rng(step).normal(size=(ROWS, 5)).astype(np.float32)
            yield torch.from_numpy(rows[self.workers.rank :: self.workers.world])
            step += 1


def squares(network: nn.Module, batch: Tensor, generator: torch.Generator) -> Iterator[Loss]:
    del generator
    yield Loss(network(batch).square().mean(), {})


def trained(folder: Path, workers: Workers, stop_after: int | None = None) -> None:
    torch.manual_seed(workers.rank)
    network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    settings = TrainingSettings(4, OptimizerSettings("sgd", 0.5), precision="fp32")
    train(
        network, squares, Halves(workers), settings, folder=folder, device=CPU, workers=workers, stop_after=stop_after
    )


def process(folder: Path) -> str:
    """One of two: the second is lost after two steps, the first time."""
    with started_workers(CPU) as workers:
        if not (folder / "lost").exists():
            trained(folder / "two", workers, stop_after=2)
            if workers.rank == 1:
                (folder / "lost").touch()
                raise OSError("the machine is away")
        trained(folder / "two", workers)
        return f"{workers.rank} of {workers.world}"


def refuse() -> str:
    raise AnalysisError("no such pairs")


def trained_together(folder: Path) -> dict[str, Any]:
    connect(None, 2)
    said = together(partial(process, folder), 2, shared=folder)
    trained(folder / "one", ALONE)
    one, two = (load_file(folder / name / trainer.CHECKPOINT) for name in ("one", "two"))
    try:
        together(refuse, 3, shared=folder)
    except ClusterError as error:
        too_many = str(error)
    try:
        together(refuse, 1, shared=folder, retries=0)
    except AnalysisError as error:
        refused = str(error)
    return {
        "said": said, "lost": (folder / "lost").exists(), "same names": sorted(one) == sorted(two),
        "apart": max(float((two[name].double() - tensor.double()).abs().max()) for name, tensor in one.items()),
        "too many": too_many, "refused": refused, "left": len(list(folder.glob("ray-training-*"))),
    }  # fmt: skip


if __name__ == "__main__":
    import ray_networks  # workers import functions by the name of their module, which __main__ is not

    print(json.dumps(ray_networks.trained_together(Path(sys.argv[1]))))

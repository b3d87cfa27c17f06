"""Training: the updates of a plain loop, a small cube learnt by heart, the same bytes where it was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gpu_embed.ffn.architecture import FfnArchitecture
from gpu_embed.ffn.network import FfnNetwork
from gpu_embed.ffn.settings import FfnSettings
from gpu_embed.ffn.training.coordinates import Coordinates
from gpu_embed.ffn.training.examples import ExampleBatches, TrainingCube, Turning
from gpu_embed.ffn.training.fill import fill_classes
from gpu_embed.ffn.training.moves import fixed_offsets
from gpu_embed.ffn.training.objective import initialise
from gpu_embed.ffn.training.train import FfnTraining, TrainedFfn, grey_values, train_ffn
from gpu_embed.training.optimizers import OptimizerSettings
from gpu_embed.training.trainer import TrainingSettings
from ingest.schema.errors import AnalysisError, SchemaError

TINY = FfnArchitecture(depth=3, features=8, fov=(7, 7, 7), deltas=(2, 2, 2))
RADIUS = (3, 3, 3)


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Networks this small only wait for a second one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(
    cube: TrainingCube, steps: int, training: FfnTraining, rate: float = 0.003, move: float = 0.9, **more: Any
) -> TrainedFfn:
    mean, std = grey_values([cube])
    settings = TrainingSettings(steps, OptimizerSettings("adam", rate), "cosine", precision="fp32", seed=5)
    return train_ffn([cube], TINY, FfnSettings(mean=mean, std=std, move=move), training, settings, **more)


def test_updates_are_those_of_a_plain_loop(bars: TrainingCube) -> None:
    """One example and one field of view at a time, written out; at this threshold most moves are made."""
    steps, seed = 3, 5
    training = FfnTraining(batch=1, examples=1, radius=RADIUS, least_voxels=100, gradient=0.01)
    mean, std = grey_values([bars])
    settings = FfnSettings(mean=mean, std=std, move=0.04)
    optimizer = OptimizerSettings("sgd", 0.5, momentum=0.0)
    done = train_ffn([bars], TINY, settings, training,
                     TrainingSettings(steps, optimizer, "constant", precision="fp32", seed=seed))  # fmt: skip

    generator = torch.Generator().manual_seed(seed)
    network = FfnNetwork(TINY)
    initialise(network, generator)
    offsets = fixed_offsets(TINY.deltas)
    offsets = [(0, 0, 0), *(offsets[k] for k in torch.randperm(len(offsets), generator=generator).tolist())]
    coordinates = Coordinates([fill_classes(bars.labels, RADIUS, least_voxels=100)], (5, 5, 5), seed)
    examples = ExampleBatches([bars], coordinates, (11, 11, 11), settings, 1, Turning(), seed)
    updates = 0
    for step in range(steps):
        image, target = map(torch.from_numpy, examples.example(step))
        canvas = torch.full((11, 11, 11), float(np.log(np.float32(0.05) / (1 - np.float32(0.05)))))
        canvas[5, 5, 5] = -canvas[0, 0, 0]
        for offset in offsets:
            if canvas[tuple(5 + a for a in offset)] < np.log(0.04 / 0.96):
                continue
            box = tuple(slice(2 + a, 9 + a) for a in offset)
            logits = canvas[box] + network(torch.stack([image[box], canvas[box]])[None])[0, 0]
            loss = F.binary_cross_entropy_with_logits(logits, target[box])
            network.zero_grad()
            loss.backward()
            with torch.no_grad():
                for weight in network.parameters():
                    assert weight.grad is not None
                    weight -= 0.5 * weight.grad.clamp(-0.01, 0.01)
            canvas[box] = logits.detach()
            updates += 1
    assert updates > steps, "some moves beside the first"
    for name, value in network.state_dict().items():
        np.testing.assert_allclose(done.checkpoint.weights[name], value.numpy(), rtol=0, atol=2e-5)


@pytest.mark.parametrize("policy", ["fixed", "faces"])
def test_a_stopped_training_goes_on_to_the_same_bytes(bars: TrainingCube, tmp_path: Path, policy: str) -> None:
    training = FfnTraining(batch=3, examples=4, policy=policy, radius=RADIUS, least_voxels=100)
    often: dict[str, Any] = {"journal_every": 2, "move": 0.04}
    whole = trained(bars, 3, training, folder=tmp_path / "whole", **often)
    part = trained(bars, 3, training, folder=tmp_path / "part", stop_after=1, **often)
    assert part.checkpoint.card.notes == ("trained for 1 steps",)
    again = trained(bars, 3, training, folder=tmp_path / "part", **often)
    assert again.trained.steps == 2
    over = trained(bars, 3, training, folder=tmp_path / "part", stop_after=2, **often)
    assert (over.trained.steps, over.checkpoint.card.notes) == (0, ("trained for 3 steps",))
    for name in ("checkpoint.safetensors", "journal.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "part" / name).read_bytes()
    assert all(again.checkpoint.weights[k].tobytes() == v.tobytes() for k, v in whole.checkpoint.weights.items())
    with pytest.raises(AnalysisError, match="ffn training"):
        trained(bars, 3, FfnTraining(batch=2, examples=4, policy=policy, radius=RADIUS, least_voxels=100),
                folder=tmp_path / "part", **often)  # fmt: skip


def test_what_cannot_be_trained_is_refused(bars: TrainingCube) -> None:
    small = TrainingCube("small", bars.em[:, :10], bars.labels[:, :10])
    with pytest.raises(SchemaError, match=r"small is \(24, 10, 24\) voxels \(ZYX\), smaller than \(11, 11, 11\)"):
        trained(small, 1, FfnTraining(radius=RADIUS))
    with pytest.raises(SchemaError, match="no object of 10,000 voxels or more"):
        trained(bars, 1, FfnTraining(radius=RADIUS))
    floats = TrainingCube("floats", bars.em.astype(np.float32) / 255, bars.labels)
    with pytest.raises(
        SchemaError, match="floats holds float32 of at most 0.85.*; the settings want grey values of mean 128"
    ):
        train_ffn([bars, floats], TINY, FfnSettings(), FfnTraining(radius=RADIUS), TrainingSettings(1))
    with pytest.raises(SchemaError, match="bars holds uint8 of at most 2.*; the settings want grey values of mean 0.5"):
        settings = FfnSettings(mean=0.5, std=0.2)
        train_ffn([bars], TINY, settings, FfnTraining(radius=RADIUS), TrainingSettings(1))
    with pytest.raises(SchemaError, match="the EM is 0 everywhere"):
        grey_values([TrainingCube("dark", bars.em * 0, bars.labels)])
    with pytest.raises(SchemaError, match="nothing to train from"):
        train_ffn([], TINY, FfnSettings(), FfnTraining(), TrainingSettings(1))
    with pytest.raises(AnalysisError, match="wanted 1 or more"):
        FfnTraining(batch=0)

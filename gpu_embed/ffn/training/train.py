"""A flood-filling network from EM and labels: what to look at, what to train, and the checkpoint that comes out.

Tests: tests/gpu_embed/ffn/training/test_train.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.checkpoint import FfnCard, FfnCheckpoint
from gpu_embed.ffn.network import FfnNetwork
from gpu_embed.ffn.settings import FfnSettings
from gpu_embed.ffn.training.coordinates import Coordinates
from gpu_embed.ffn.training.examples import ExampleBatches, TrainingCube, Turning
from gpu_embed.ffn.training.fill import LEAST_VOXELS, RADIUS, THRESHOLDS, fill_classes
from gpu_embed.ffn.training.moves import FacesWalk, FixedWalk, Walk, canvas_size, fixed_offsets
from gpu_embed.ffn.training.objective import FloodFilling, initialise, limit_gradients
from gpu_embed.training.devices import chosen_device
from gpu_embed.training.trainer import Trained, TrainingSettings, train
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, SchemaError


@dataclass(frozen=True, slots=True)
class FfnTraining:
    """How a network is trained beside what ``TrainingSettings`` says; defaults as published.

    Args:
        batch: fields of view of one update of the weights.
        examples: coordinates of one step; each is looked at until its moves are done.
        policy, moves: see ``gpu_embed.ffn.training.moves``; ``moves`` is of ``faces``.
        radius, thresholds, least_voxels: see ``fill_classes``.
        gradient: largest number of a gradient, see ``limit_gradients``.

    Raises:
        AnalysisError: numbers below 1.
    """

    batch: int = 4
    examples: int = 16
    policy: str = "fixed"
    moves: int = 1
    radius: Zyx = RADIUS
    thresholds: tuple[float, ...] = THRESHOLDS
    least_voxels: int = LEAST_VOXELS
    turning: Turning = field(default_factory=Turning)
    gradient: float = 0.7

    def __post_init__(self) -> None:
        if min(self.batch, self.examples, self.moves) < 1 or not self.gradient > 0:
            raise AnalysisError(
                f"batch {self.batch}, examples {self.examples}, moves {self.moves}, gradient {self.gradient}; wanted 1 "
                "or more, and a gradient above 0"
            )


@dataclass(frozen=True, eq=False)
class TrainedFfn:
    """The checkpoint, how the training went, and how many voxels of each class of fill there were to draw from."""

    checkpoint: FfnCheckpoint
    trained: Trained
    counts: dict[int, int]


def grey_values(cubes: Sequence[TrainingCube]) -> tuple[float, float]:
    """Mean and standard deviation of the EM of all cubes.

    Raises:
        SchemaError: EM without contrast.
    """
    size = sum(cube.em.size for cube in cubes)
    mean = sum(float(cube.em.sum(dtype=np.float64)) for cube in cubes) / size
    spread = sum(float(((cube.em - mean) ** 2).sum(dtype=np.float64)) for cube in cubes) / size
    if not spread > 0:
        raise SchemaError(f"the EM is {mean:g} everywhere; wanted an image")
    return mean, spread**0.5


def train_ffn(
    cubes: Sequence[TrainingCube],
    architecture: FfnArchitecture,
    settings: FfnSettings,
    training: FfnTraining,
    steps: TrainingSettings,
    *,
    name: str = "ffn",
    resolution: tuple[float, float, float] | None = None,
    folder: Path | None = None,
    device: str = "auto",
    stop_after: int | None = None,
    checkpoint_every: int = 1000,
    journal_every: int = 10,
    progress: Progress | None = None,
) -> TrainedFfn:
    """Train a network of this architecture; with ``folder``, it goes on from the checkpoint that lies there.

    Args:
        settings: grey values, pad, seed and the threshold of moves that training uses; they go on the card.
        resolution: nm XYZ of the cubes' voxels, for the card.

    Raises:
        SchemaError: cubes too small for the field of view and its moves, that hold no labels or no image, or grey
            values of another scale than the settings.
        AnalysisError: a checkpoint of another training, a loss that is not finite.
    """
    if not cubes:
        raise SchemaError("nothing to train from: wanted one cube of EM and labels or more")
    size = canvas_size(architecture, training.policy, training.moves)
    for cube in cubes:
        if any(n < wanted for n, wanted in zip(cube.em.shape, size, strict=True)):
            raise SchemaError(
                f"{cube.name} is {cube.em.shape} voxels (ZYX), smaller than {size}: the field of view "
                f"{architecture.fov} and its moves. Take a larger cube or a smaller field of view"
            )
        settings.check_scale(cube.name, cube.em)
    margin: Zyx = (size[0] // 2, size[1] // 2, size[2] // 2)
    classes = [fill_classes(c.labels, training.radius, training.thresholds, training.least_voxels) for c in cubes]
    coordinates = Coordinates(classes, margin, steps.seed)
    if not any(coordinates.counts.keys() - {0}):
        raise SchemaError(
            f"no object of {training.least_voxels:,} voxels or more (least_voxels) lies where the field of view and "
            "its moves fit; lower it, or label more"
        )
    batches = ExampleBatches(cubes, coordinates, size, settings, training.examples, training.turning, steps.seed)
    generator = torch.Generator().manual_seed(steps.seed)
    network = FfnNetwork(architecture)
    initialise(network, generator)
    limit_gradients(network, training.gradient)
    identity = {
        "architecture": architecture.to_json(),
        "ffn settings": settings.to_json(),
        "ffn training": _plain(asdict(training)),
        "cubes": [cube.sha256() for cube in cubes],
    }
    trained = train(
        network,
        FloodFilling(architecture, settings, _walks(architecture, settings, training, size, generator), training.batch),
        batches,
        steps,
        folder=folder,
        identity=identity,
        device=chosen_device(device),
        stop_after=stop_after,
        checkpoint_every=checkpoint_every,
        journal_every=journal_every,
        progress=progress,
    )
    weights = {key: value.detach().cpu().numpy().copy() for key, value in trained.network.state_dict().items()}
    card = FfnCard(name, architecture, settings, resolution, source=", ".join(cube.name for cube in cubes))
    note = f"trained for {trained.step:,} steps"
    card = replace(card, notes=(note,))
    return TrainedFfn(FfnCheckpoint(card, weights), trained, coordinates.counts)


def _walks(
    architecture: FfnArchitecture, settings: FfnSettings, training: FfnTraining, size: Zyx, generator: torch.Generator
) -> Callable[[torch.Generator], Walk]:
    least = float(settings.logit("move"))
    if training.policy == "faces":
        z, y, x = (n // 2 - m for n, m in zip(size, architecture.margin, strict=True))
        return lambda _: FacesWalk(architecture, (z, y, x), least)
    offsets = fixed_offsets(architecture.deltas)
    # Shuffled once, for all examples, as google/ffn does.
    order = torch.randperm(len(offsets), generator=generator).tolist()
    shuffled = [offsets[k] for k in order]
    return lambda _: FixedWalk(shuffled, least)


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON has them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value

"""A made network, and Google's where the shared data are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gpu_embed.encoder.variables import Array, seeded_value
from gpu_embed.ffn.architecture import FfnArchitecture, variables
from gpu_embed.ffn.checkpoint import FfnCheckpoint, read_tensorflow_ffn

GOOGLE = Path(__file__).parents[2] / "data" / "ffn"
MADE = FfnArchitecture(depth=3, features=6, fov=(9, 11, 13), deltas=(2, 3, 3))


@pytest.fixture(scope="session")
def made() -> FfnArchitecture:
    return MADE


@pytest.fixture(scope="session")
def weights_of() -> Callable[[FfnArchitecture], dict[str, Array]]:
    """Weights that follow from a rule."""

    def made_weights(a: FfnArchitecture) -> dict[str, Array]:
        named = variables(a.depth, a.features, a.layer_norm)
        return {v.ours: v.from_theirs(seeded_value(v.theirs, v.kind, v.their_shape, 0)) for v in named}

    return made_weights


@pytest.fixture(scope="session")
def little() -> FfnArchitecture:
    """The smallest network that follows something."""
    return FfnArchitecture(depth=1, features=2, fov=MADE.fov, deltas=MADE.deltas)


@pytest.fixture(scope="session")
def growing(little: FfnArchitecture, weights_of: Callable[[FfnArchitecture], dict[str, Array]]) -> dict[str, Array]:
    """Weights of ``little``: what is bright grows and what is dark shrinks, with a little of all around it."""
    weights = {name: value * np.float32(0.05) for name, value in weights_of(little).items()}
    for sign, channel in ((1, 0), (-1, 1)):
        weights["conv0_a.weight"][channel, 0, 1, 1, 1] += sign
        weights["conv0_b.weight"][channel, channel, 1, 1, 1] += 1
        weights["conv_lom.weight"][0, channel] += 4 * sign
    return weights


@pytest.fixture(scope="session")
def fib25(real_data: Path) -> Path:
    return real_data / "ffn_fib25_training_sample2"


@pytest.fixture(scope="session")
def published(fib25: Path) -> FfnCheckpoint:
    return read_tensorflow_ffn(fib25 / "google_ffn", "fib25")


@pytest.fixture(scope="session")
def grey(fib25: Path) -> np.ndarray:
    from ingest.volumes.volume import open_volume

    volume = open_volume(fib25 / "grayscale_maps", resolution=(10, 10, 10), offset=(0, 0, 0))
    return volume.read(volume.start, volume.stop)


@pytest.fixture
def fields_of_view() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    images, seeds = rng.normal(size=(2, 5, *MADE.fov)).astype(np.float32)
    return images, seeds * 3


def made_image(shape: tuple[int, int, int] = (40, 48, 52), balls: int = 22) -> np.ndarray:
    numbers = np.random.PCG64(11).random_raw((balls, 4))
    centres = np.stack([numbers[:, i] % np.uint64(side) for i, side in enumerate(shape)], axis=1).astype(np.int64)
    radii = 3 + (numbers[:, 3] % np.uint64(5)).astype(np.int64)
    at = np.stack(np.indices(shape), axis=-1)
    inside = np.zeros(shape, dtype=bool)
    for centre, radius in zip(centres, radii, strict=True):
        inside |= ((at - centre) ** 2).sum(axis=-1) < radius**2
    noise = np.random.PCG64(7).random_raw(int(np.prod(shape))).reshape(shape) % np.uint64(96)
    return (np.where(inside, 1.0, -1.0) + noise.astype(np.float64) / 64 - 0.75).astype(np.float32)


@pytest.fixture(scope="session")
def balls() -> np.ndarray:
    """The image of ``google_loop.py``."""
    return made_image()


@pytest.fixture(scope="session")
def two_bars() -> np.ndarray:
    """Two bright bars that no noise joins; what is dark between them keeps them apart where voxels may freeze."""
    image = np.full((20, 30, 34), -1.0, dtype=np.float32)
    image[5:14, 4:11, 3:31] = image[5:14, 19:26, 3:31] = 1.0
    return image + np.random.default_rng(3).normal(0, 0.05, image.shape).astype(np.float32)


@pytest.fixture(scope="session")
def google() -> dict[str, np.ndarray]:
    """What Google's loop answered; how: tests/data/ffn/google_loop.py."""
    with np.load(GOOGLE / "google_rule.npz", allow_pickle=False) as stored:
        return dict(stored)


@pytest.fixture(scope="session")
def google_moves() -> dict[str, np.ndarray]:
    """The first moves of Google's loop in the real cube."""
    with np.load(GOOGLE / "google_moves.npz", allow_pickle=False) as stored:
        return dict(stored)

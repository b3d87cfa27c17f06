"""A made cube: bars side by side with dark membranes between them."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_embed.ffn.training.examples import TrainingCube


@pytest.fixture(scope="session")
def bars() -> TrainingCube:
    """24^3 voxels, nine bars along x of 6x6 or 7x7 voxels, 2 voxels of membrane around each."""
    side, wall = 24, 2
    labels = np.zeros((side,) * 3, dtype=np.uint64)
    edges = [(0, 6), (8, 15), (17, 24)]
    for number, ((a, b), (c, d)) in enumerate(((one, two) for one in edges for two in edges), start=1):
        labels[a:b, c:d] = number + 2**40
    assert wall == edges[1][0] - edges[0][1]
    noise = np.random.default_rng(0).normal(0, 12, labels.shape)
    em = np.clip(np.where(labels > 0, 170, 70) + noise, 0, 255).astype(np.uint8)
    return TrainingCube("bars", em, labels)

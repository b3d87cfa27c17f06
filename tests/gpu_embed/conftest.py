"""Shared by tests of encoders: expected outputs of Google's code, and small networks that are not trivial."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_embed.architectures import TINY
from gpu_embed.variables import Array, seeded_weights

PARITY = Path(__file__).parent.parent / "data" / "segclr_parity.npz"


@pytest.fixture(autouse=True)
def one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Small networks lose more to waiting for threads than they gain; only slow tests use them all."""
    threads = torch.get_num_threads()
    if request.node.get_closest_marker("slow") is None:
        torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def parity() -> dict[str, np.ndarray]:
    """Outputs of Google's networks and moments of norms; how they were made: tests/data/make_segclr_parity.py."""
    with np.load(PARITY, allow_pickle=False) as stored:
        return dict(stored)


@pytest.fixture(scope="session")
def tiny_weights() -> dict[str, Array]:
    return seeded_weights(TINY, 3)

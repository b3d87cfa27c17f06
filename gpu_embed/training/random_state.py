"""torch's one random state, lent to one training at a time: threads would draw from each other's.

Tests: tests/gpu_embed/training/test_random_state.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

_LENT = threading.RLock()


@contextmanager
def own_random_state(seed: int | None = None, devices: Sequence[int] = ()) -> Iterator[None]:
    """Random numbers of the block are its own, and those around it go on as if it were not there.

    Args:
        seed: what it begins from; as it is when absent. devices: GPUs whose states are lent, too.
    """
    with _LENT, torch.random.fork_rng(devices=devices):
        if seed is not None:
            torch.manual_seed(seed)
        yield

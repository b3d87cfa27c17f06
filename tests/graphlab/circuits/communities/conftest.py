"""Wirings with planted communities."""

from __future__ import annotations

import numpy as np
import pytest

from queries.snapshot import Snapshot


def planted(seed: int, n: int = 90, parts: int = 3, inside: float = 0.4, outside: float = 0.04) -> Snapshot:
    """Part k has every third neuron; weights of 1 to 8."""
    rng = np.random.default_rng(seed)
    part = np.arange(n) % parts
    there = rng.random((n, n)) < np.where(part[:, None] == part, inside, outside)
    pre, post = np.nonzero(there & ~np.eye(n, dtype=bool))
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post, rng.integers(1, 9, len(pre)))


@pytest.fixture
def three() -> Snapshot:
    return planted(0)

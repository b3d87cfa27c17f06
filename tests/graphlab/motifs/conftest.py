"""Random graphs for the kernels of motifs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from queries.snapshot import Snapshot


@pytest.fixture(scope="session")
def random_graph() -> Callable[[int, float, float, int], Snapshot]:
    """A graph of n neurons, the density of its connections, the share that is made mutual, and a seed."""

    def made(n: int, density: float, mutual: float, seed: int) -> Snapshot:
        rng = np.random.default_rng(seed)
        there = rng.random((n, n)) < density
        there |= there.T & (rng.random((n, n)) < mutual)
        np.fill_diagonal(there, False)
        source, target = np.nonzero(there)
        return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), source, target)

    return made

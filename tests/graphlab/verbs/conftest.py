"""Made graphs for verbs: small ones with all columns, and the planted connectome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph

N = 60


def make_neurons(**columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    base = {
        "root_id": np.arange(N, dtype=np.uint64) + np.uint64(864691135941359000),
        "cell_type": ["L2", "Mi1", "T4a"] * (N // 3),
        "side": ["left", "right"] * (N // 2),
        "x_nm": rng.uniform(0, 1e5, N), "y_nm": rng.uniform(0, 1e5, N), "z_nm": rng.uniform(0, 1e5, N),
    }  # fmt: skip
    return pd.DataFrame({**base, **columns})


def make_connections(seed: int = 0, m: int = 420) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    pairs = np.unique(rng.integers(0, N, (m, 2)), axis=0).astype(np.uint64) + np.uint64(864691135941359000)
    weight = rng.integers(1, 20, len(pairs))
    neuropil = rng.choice(["ME", "LO", "LOP"], len(pairs))
    return pd.DataFrame(
        {"pre_root_id": pairs[:, 0], "post_root_id": pairs[:, 1], "weight": weight, "neuropil": neuropil}
    )


@pytest.fixture
def neurons() -> Callable[..., pd.DataFrame]:
    """Sixty neurons; columns by name replace or join the usual ones."""
    return make_neurons


@pytest.fixture
def connections() -> Callable[..., pd.DataFrame]:
    """Their connections, of a seed, autapses among them."""
    return make_connections


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    with Graph.create(tmp_path / "g", dataset="sixty neurons") as made:
        made.ingest(make_neurons(), as_="neurons")
        made.ingest(make_connections(), as_="connections")
        yield made

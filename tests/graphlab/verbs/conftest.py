"""One random connectome with types, transmitters, neuropils and embeddings, and its frames for the oracles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab.graph import Graph

BASE = 720575940600000000


@dataclass(frozen=True)
class Made:
    """A graph and what went into it."""

    graph: Graph
    neurons: pd.DataFrame
    by_neuropil: pd.DataFrame

    @property
    def connections(self) -> pd.DataFrame:
        """Summed over neuropils."""
        return self.by_neuropil.groupby(["pre_root_id", "post_root_id"], as_index=False)["weight"].sum()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    rng = np.random.default_rng(5)
    ids = BASE + np.arange(40)
    types = rng.choice(["Mi1", "Tm3", "T4a", None], 40)
    neurons = pd.DataFrame(
        {
            "root_id": ids,
            "name": [f"n{i}" for i in range(40)],
            "cell_type": types,
            "super_class": rng.choice(["optic", "central"], 40),
            "side": rng.choice(["left", "right"], 40),
            "nt_type": rng.choice(["ACH", "GABA"], 40),
        }
    )
    rows = pd.DataFrame(
        {
            "pre_root_id": rng.choice(ids, 260),
            "post_root_id": rng.choice(ids, 260),
            "neuropil": rng.choice(["ME", "LO"], 260),
            "weight": rng.integers(1, 9, 260).astype(float),
        }
    )
    rows = rows.groupby(["pre_root_id", "post_root_id", "neuropil"], as_index=False)["weight"].sum()
    with Graph.create(tmp_path_factory.mktemp("verbs") / "g", dataset="random") as graph:
        graph.ingest(neurons, as_="neurons")
        graph.ingest(rows, as_="connections")
        yield Made(graph, neurons, rows)


@pytest.fixture(scope="session")
def base() -> int:
    return BASE


@pytest.fixture(scope="session")
def place() -> Path:
    return Path(__file__).parent

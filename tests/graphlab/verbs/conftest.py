"""Made graphs for verbs: small ones with all columns, the planted connectome, a random one with its frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from graphlab import Graph
from ingest.segclr.shard_writer import write_shards

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


BASE = 720575940600000000


@dataclass(frozen=True)
class Made:
    """A graph and what went into it."""

    graph: Graph
    neurons: pd.DataFrame
    by_neuropil: pd.DataFrame
    vectors: dict[int, np.ndarray]
    """root_id -> float32 [nodes, 6]; neurons 30 to 39 have none."""

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
        shared = np.array([5, 0, 0, 3, 0, 0], dtype=np.float32)
        vectors = {
            int(i): (shared + rng.normal(size=(int(rng.integers(1, 6)), 6))).astype(np.float32) for i in ids[:30]
        }
        shards = tmp_path_factory.mktemp("shards")
        write_shards(shards, embedded(vectors).to_batches(), convention="bytewidth8", num_shards=4)
        options = {"model": "toy", "segmentation_version": "1", "width": 6}
        graph.ingest(shards, as_="embeddings", **options)
        yield Made(graph, neurons, rows, vectors)


def embedded(vectors: dict[int, np.ndarray]) -> pa.Table:
    """Vectors in the words of embeddings; node j of a neuron stands at (j, 0, 0)."""
    owner = np.repeat(np.array(list(vectors), dtype=np.uint64), [len(v) for v in vectors.values()])
    node = np.concatenate([np.arange(len(v)) for v in vectors.values()])
    flat = pa.array(np.concatenate(list(vectors.values())).reshape(-1), pa.float32())
    return pa.table(
        {
            "root_id": pa.array(owner, pa.uint64()),
            "node_id": pa.array(node, pa.uint64()),
            "x_nm": pa.array(node, pa.float32()),
            "y_nm": pa.array(np.zeros(len(node)), pa.float32()),
            "z_nm": pa.array(np.zeros(len(node)), pa.float32()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, 6),
        }
    )


@pytest.fixture(scope="session")
def base() -> int:
    return BASE

"""UMAP of embeddings: the same bytes from the same seed, neighbours that stay neighbours, and what it takes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph

CLUSTERS, EACH, WIDTH = 40, 50, 32


def test_umap(tmp_path: Path, side_by_side: Any) -> None:
    pytest.importorskip("umap")
    manifold = pytest.importorskip("sklearn.manifold")
    n = CLUSTERS * EACH
    rng = np.random.default_rng(0)
    kind = np.repeat(np.arange(CLUSTERS), EACH)
    vectors = rng.normal(size=(n, WIDTH)) + 3 * rng.normal(size=(CLUSTERS, WIDTH))[kind]
    ids = np.arange(1, n + 1, dtype=np.uint64)
    nodes = {"root_id": ids, "node_id": np.zeros(n, np.uint64), **{f"{a}_nm": np.zeros(n, np.float32) for a in "xyz"}}
    flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float32).ravel()), WIDTH)
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pa.table({**nodes, "vector": flat}), as_="embeddings", model="m", segmentation_version="1")
        begun = time.perf_counter()
        made = graph.embeddings.map(method="umap", seed=3)
        first = time.perf_counter() - begun
        begun = time.perf_counter()
        again = graph.rerun(made.run_id)
        second = time.perf_counter() - begun
        assert again.equal
        assert again.how.startswith("equal to the byte")
        places = np.column_stack([made.to_arrow()[axis].to_numpy() for axis in "xy"])
        plain = graph.embeddings.projection("m").points
    kept = {
        name: manifold.trustworthiness(vectors, points, n_neighbors=10)
        for name, points in (("umap", places), ("pca", plain))
    }
    assert kept["umap"] > kept["pca"] + 0.1
    side_by_side.note(
        f"map of {n:,} neurons: {first:.1f} s with compiling, {second:.1f} s again, the same bytes; trustworthiness of "
        f"10 neighbours {kept['umap']:.3f}, of two principal components {kept['pca']:.3f}"
    )

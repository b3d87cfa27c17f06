"""Maps of embeddings: components recorded and computed again, neurons without connections, settings refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.embeddings.map import by_umap, principal_components
from ingest.schema.errors import AnalysisError, UnknownNameError


def made(folder: Path, vectors: Any) -> Graph:
    n, width = vectors.shape
    ids = np.arange(n, dtype=np.uint64) + np.uint64(2**63)
    nodes = {"root_id": ids, "node_id": np.zeros(n, np.uint64), **{f"{a}_nm": np.zeros(n, np.float32) for a in "xyz"}}
    flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float32).ravel()), width)
    graph = Graph.create(folder)
    graph.ingest(pa.table({"root_id": ids, "cell_type": [f"T{k % 3}" for k in range(n)]}), as_="neurons")
    graph.ingest(pa.table({**nodes, "vector": flat}), as_="embeddings", model="m", segmentation_version="1")
    return graph


def test_a_map_is_recorded_and_the_same_again(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 4)) * [4, 2, 1, 1]
    with made(tmp_path / "g", vectors) as graph:
        found = graph.embeddings.map(method="pca")
        assert graph.rerun(found.run_id).equal
        plot = graph.plot.embedding()
        table = found.to_arrow()
        assert table["root_id"].to_pylist() == plot.root_ids
        assert table["x"].to_pylist() == plot.points[:, 0].tolist()
        assert plot.groups[:3] == ["T0", "T1", "T2"]  # though nothing connects them
        with pytest.raises(UnknownNameError, match="umap"):
            graph.embeddings.map(method="tsne")
        with pytest.raises(AnalysisError, match="map-embeddings"):
            graph.plot.embedding(method="umap")
        embeddings = graph.embeddings.open()
        for neighbors, distance, seed, said in ((50, 0.1, 0, "neighbors"), (1, 0.1, 0, "neighbors"),
                                                (5, 1.5, 0, "min_distance"), (5, 0.1, -1, "seed"),
                                                (5, 0.1, 2**31, "seed")):  # fmt: skip
            with pytest.raises(AnalysisError, match=said):
                by_umap(embeddings, neighbors, distance, seed)


@pytest.mark.parametrize("n", [5, 400], ids=["by their vectors", "by their covariance"])
@pytest.mark.parametrize("width", [1, 2, 6])
def test_components_of_few_and_of_many(n: int, width: int) -> None:
    vectors = np.random.default_rng(n).normal(size=(n, width)) * (1 + np.arange(width))
    points, shares = principal_components(vectors)
    centred = vectors - vectors.mean(axis=0)
    _, sizes, loadings = np.linalg.svd(centred, full_matrices=False)
    wanted = (sizes**2 / (sizes**2).sum())[:2]
    np.testing.assert_allclose(shares[: len(wanted)], wanted)
    for k in range(min(width, 2)):
        by = loadings[k] * np.sign(loadings[k][np.abs(loadings[k]).argmax()])
        np.testing.assert_allclose(points[:, k], centred @ by, atol=1e-9)
    if width == 1:
        assert (points[:, 1] == 0).all()
    assert principal_components(np.ones((n, width)))[1].tolist() == [0, 0]

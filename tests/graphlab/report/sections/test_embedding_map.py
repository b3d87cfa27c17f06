"""The embedding map, and a page about a graph one of whose files of vectors is gone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphlab import Graph
from graphlab.embeddings.map import principal_components
from ingest.synthetic import connectome


def test_components_are_those_of_the_covariance() -> None:
    vectors = np.random.default_rng(0).normal(size=(60, 5)) * [5, 3, 1, 1, 1]
    points, shares = principal_components(vectors)
    sizes = np.sort(np.linalg.eigvalsh(np.cov(vectors.T)))[::-1]
    np.testing.assert_allclose(points.var(axis=0, ddof=1), sizes[:2])
    np.testing.assert_allclose(shares, sizes[:2] / sizes.sum())


def test_a_missing_file_is_a_note_and_the_rest_of_the_page_stands(tmp_path: Path) -> None:
    made = connectome.make(tmp_path / "made", neurons=60)
    with Graph.create(tmp_path / "g", resolution=connectome.RESOLUTION.xyz) as graph:
        graph.ingest(made.neurons, as_="neurons")
        graph.ingest(made.synapses, as_="synapses", columns="cave")
        graph.ingest(made.embeddings, as_="embeddings", model="m", segmentation_version="1")
    for file in (tmp_path / "g" / "embeddings" / "m").glob("*.arrow"):
        file.unlink()
    with Graph.open(tmp_path / "g") as graph:
        page = graph.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Model m is left out" in page
    assert "Strongest" in page or "strongest" in page

"""Drosophila larva: a whole brain from a list without a header, and its mushroom body from a bare matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphlab.graph import Graph


def test_larva_counts(tmp_path: Path, real_data: Path) -> None:
    with Graph.create(tmp_path / "g", dataset="larva") as graph:
        source = real_data / "larva_winding2023" / "G_edgelist.txt"
        assert graph.ingest(source, as_="connections", header=False).rows == 118_433 + 577
        snapshot = graph.snapshot()
        assert (snapshot.n, snapshot.m, snapshot.meta["autapses"]) == (3554, 118_433, 577)
        raw = np.loadtxt(source)
        apart = raw[:, 0] != raw[:, 1]
        assert snapshot.weight.sum() == raw[apart, 2].sum()
        assert snapshot.root_ids.tolist() == np.unique(raw[:, :2]).astype(np.uint64).tolist()


def test_larva_annotations(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "larva_winding2023"
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(
            folder / "meta_data.csv", as_="neurons", columns={"root_id": "column0", "cell_type": "simple_group"}
        )
        graph.ingest(folder / "G_edgelist.txt", as_="connections", header=False)
        assert graph.info().counts["connected_neurons"] == 3554
        kinds = graph.query("SELECT cell_type, count(*) AS n FROM neurons GROUP BY 1").to_arrow().to_pylist()
        assert {row["cell_type"]: row["n"] for row in kinds}["KCs"] > 100


def test_larva_mushroom_body_matrix(tmp_path: Path, real_data: Path) -> None:
    for side, n in (("left", 209), ("right", 213)):
        source = real_data / "larva_mb_eichler2017" / f"{side}_adjacency.csv"
        with Graph.create(tmp_path / side) as graph:
            graph.ingest(source, as_="connections")
            matrix = np.loadtxt(source)
            assert matrix.shape == (n, n)
            assert graph.info().counts["connections"] == np.count_nonzero(matrix)
            assert graph.info().counts["total_weight"] == matrix.sum()

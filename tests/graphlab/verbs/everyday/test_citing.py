"""What to write about data and results names what they are of."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from graphlab import Graph, __version__
from ingest.datasets import DATASETS
from ingest.schema.errors import SchemaError, UnknownNameError


def test_data_runs_and_answers(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g", dataset="mine", materialization="7") as graph:
        graph.ingest(pd.DataFrame({"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [4, 5]}), as_="connections")
        text = graph.methods()
        version = graph.info().data_version
        assert text.startswith(f"mine (materialization 7), data version {version}: 3 neurons and 2 chemical")
        assert f"graphlab {__version__}" in text
        assert "Cite:" not in text
        graph.motifs.census(3, min_weight=2)
        run = graph.runs("census")["run_id"][0].as_py()
        assert f'Run {run} (census): kind "chemical", min_weight 2, size 3.' in graph.methods(run).replace("2.0", "2")
        flow = graph.circuits.signal_flow()
        assert f"Run {flow.run_id} (signal_flow)" in graph.methods(flow)
        answer = graph.connections(1)
        assert "The answer of 1 rows was found by duckdb: " in graph.methods(answer)
        part = graph.subset([1, 2])
        assert "a subset of 2 neurons" in part.methods()
        assert "no neuron of this graph" in graph.methods(graph.connections(9))
        with pytest.raises(UnknownNameError, match="unknown run"):
            graph.methods("absent")
        with pytest.raises(SchemaError, match="names no run"):
            graph.methods(7)
        graph.ingest(pd.DataFrame({"pre_root_id": [5], "post_root_id": [6], "weight": [4]}), as_="connections")
        assert f"census, on data version {version}" in graph.methods(run)


def test_public_files_are_cited(tmp_path: Path, real_data: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(real_data / "larva_winding2023" / "G_edgelist.txt", as_="connections", header=False)
        assert f"Cite: {DATASETS['larva_winding2023'].citation}" in graph.methods()

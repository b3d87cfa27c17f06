"""The facade: 64-bit ids through every door, names with suggestions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import IdError, UnknownNameError


def test_ids_of_64_bits_survive_every_door(tmp_path: Path) -> None:
    ids = [864691135941359220, 864691135941359221, 2**63 - 1]
    frame = pd.DataFrame({"pre_root_id": ids, "post_root_id": ids[1:] + ids[:1], "weight": [1.0, 2.0, 3.0]})
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(frame, as_="connections")
        assert graph.to_arrow("neurons")["root_id"].to_pylist() == ids
        assert graph.to_pandas("neurons")["root_id"].tolist() == ids
        assert str(graph.to_pandas("neurons")["root_id"].dtype) == "int64"
        assert graph.to_polars("neurons")["root_id"].to_list() == ids
        assert graph.snapshot().root_ids.tolist() == ids
        assert sorted(graph.to_networkx()) == ids
        found = graph.query("SELECT root_id FROM neurons ORDER BY root_id").to_arrow()
        assert found["root_id"].to_pylist() == ids
        graph.ingest(pa.table({"root_id": pa.array([2**63], pa.uint64())}), as_="neurons")
        with pytest.raises(IdError, match="does not fit pandas"):
            graph.to_pandas("neurons")
        assert graph.to_polars("neurons")["root_id"].max() == 2**63


def test_names_of_tables_and_columns_get_a_suggestion(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        with pytest.raises(UnknownNameError, match="did you mean 'neurons'"):
            graph.to_arrow("neuron")
        with pytest.raises(UnknownNameError, match="did you mean 'cell_type'"):
            graph.neuron_values(graph.snapshot(), "celltype")


def test_repr_says_what_it_holds(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g", dataset="fly", materialization="783") as graph:
        assert repr(graph) == "<Graph fly, materialization 783: 0 neurons, 0 connections, 0 synapses>"

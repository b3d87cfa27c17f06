"""join-embeddings, place-synapses and signs from the shell: one line each, JSON with ids as text, one error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.segclr.csv_zip import embeddings_schema, write_shards
from ingest.segclr.sharding import Convention

A, B = 864691135941359220, 864691135941359221


@pytest.fixture
def made(tmp_path: Path) -> Path:
    columns = [pa.array([A, B], pa.uint64()), pa.array([0, 0], pa.uint64())]
    columns += [pa.array(np.array([0, 500], np.float32)) for _ in range(3)]
    columns.append(pa.FixedSizeListArray.from_arrays(pa.array(np.ones(128, np.float32)), 64))
    batch = pa.RecordBatch.from_arrays(columns, schema=embeddings_schema(64))
    write_shards(tmp_path / "e", [batch], convention=Convention("test", 64, 2))
    synapse = {"pre_root_id": pa.array([A], pa.uint64()), "post_root_id": pa.array([B], pa.uint64())}
    with Graph.create(tmp_path / "g", materialization="943") as graph:
        graph.ingest(pa.table({**synapse, "x_nm": [3.0], "y_nm": [4.0], "z_nm": [0.0]}), as_="synapses")
        neuron = pa.table({"root_id": pa.array([A], pa.uint64()), "nt_type": ["GABA"]})
        graph.ingest(neuron, as_="neurons")
        graph.ingest(tmp_path / "e", as_="embeddings", model="m", segmentation_version="343")
    return tmp_path / "g"


@pytest.mark.slow
def test_from_the_shell(graphlab: Callable[..., Any], made: Path, tmp_path: Path) -> None:
    refused = graphlab("place-synapses", made, "--radius", "100")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert "segmentation 343, the ids to 943" in refused.stderr.replace("\n", " ")
    (tmp_path / "map.csv").write_text(f"root_id,embedded_root_id\n{A},{A}\n{B},{A}\n{B},{B}\n")
    joined = graphlab("join-embeddings", made, "--id-map", tmp_path / "map.csv", "--json")
    assert joined.returncode == 0, joined.stderr
    found = json.loads(joined.stdout)
    assert (found["how"], found["joined"], found["coverage"]) == ("map", 1, 0.5)
    assert found["ambiguous_ids"] == [str(B)]
    placed = graphlab("place-synapses", made, "--radius", "100", "--json")
    assert json.loads(placed.stdout)["pre"] == 1
    assert json.loads(placed.stdout)["post"] == 0
    rows = graphlab("query", made, "SELECT root_id, node_id, distance_nm FROM synapse_embeddings", "--json")
    assert json.loads(rows.stdout) == [{"root_id": str(A), "node_id": "0", "distance_nm": 5.0}]
    again = graphlab("rerun", made, json.loads(placed.stdout)["run_id"])
    assert again.returncode == 0, again.stderr
    signs = graphlab("signs", made, "--map", "fly")
    assert "neurons: 0 excitatory, 1 inhibitory, 1 unknown" in signs.stdout

"""Embeddings in files by a hash of root_id: every row once, each neuron where the public sharding puts it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlab.graph import Graph
from graphlab.store.embeddings import partitioned
from graphlab.store.embeddings.files import EmbeddingSet, write_embeddings
from graphlab.store.embeddings.partitioned import write_partitioned
from ingest.schema.errors import AnalysisError, StoreError
from ingest.schema.words import EMBEDDINGS, ID
from ingest.segclr.sharding import md5_shard


def embeddings(folder: Path, rows: list[tuple[int, int]], width: int = 3) -> EmbeddingSet:
    rng = np.random.default_rng(len(rows))
    arrays: list[pa.Array] = [pa.array([row[at] for row in rows], ID) for at in (0, 1)]
    arrays += [pa.array(rng.random(len(rows)).astype(np.float32)) for _ in range(3)]
    arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(rng.random(len(rows) * width, np.float32)), width))
    written = write_embeddings(folder, [pa.RecordBatch.from_arrays(arrays, names=EMBEDDINGS.names())], width=width)
    return EmbeddingSet.open([written.path], model="m", segmentation_version="1")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 9) | st.integers(2**63, 2**64 - 1), st.integers(0, 3)), min_size=1, unique=True
    ),
    shards=st.integers(1, 7),
    held=st.sampled_from([1, 1 << 18]),
)
def test_every_row_is_in_the_file_of_its_neuron(
    rows: list[tuple[int, int]], shards: int, held: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("p")
    vectors = embeddings(place / "e", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitioned, "HELD_ROWS", held)
        done = write_partitioned(vectors, place / "out", shards)
    assert json.loads((place / "out" / "manifest.json").read_text()) == json.loads(json.dumps(asdict(done)))
    assert (done.rows, done.neurons) == (len(rows), len({root for root, _ in rows}))
    assert sum(int(one["rows"]) for one in done.files) == len(rows)
    for one in done.files:
        assert hashlib.sha256((place / "out" / one["path"]).read_bytes()).hexdigest() == one["sha256"]
    found = duckdb.sql(f"SELECT * FROM read_parquet('{place}/out/*/*.parquet', hive_partitioning = true) ORDER BY 1, 2")
    read = found.to_arrow_table().combine_chunks()
    assert [md5_shard(root, shards) for root in read["root_id"].to_pylist()] == read["shard"].to_pylist()
    for name in ("root_id", "node_id", "x_nm", "vector"):
        assert read[name].to_pylist() == vectors.to_arrow()[name].to_pylist()


def test_by_command_and_back_into_a_graph(tmp_path: Path) -> None:
    vectors = embeddings(tmp_path / "e", [(root, node) for root in range(1, 40) for node in range(3)])
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(vectors.to_arrow(), as_="embeddings", model="m", segmentation_version="1")
    (tmp_path / "out").mkdir()  # an empty folder is taken
    command = [sys.executable, "-m", "graphlab.cli", "export-embeddings", str(tmp_path / "g"), str(tmp_path / "out")]
    done = subprocess.run([*command, "--shards", "5"], capture_output=True, text=True, check=True)
    assert "117 vectors of 39 neurons, 5 files, m" in done.stdout
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "manifest.json",
        *(f"shard={k}" for k in range(5)),
    ]
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode != 0
    assert "is there and not empty; name a new folder" in again.stderr
    first = write_partitioned(vectors, tmp_path / "same", 5)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["files"] == list(first.files)


def test_bad_numbers_and_errors_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = embeddings(tmp_path / "e", [(1, 1), (2, 1)])
    for shards in (0, 513):
        with pytest.raises(AnalysisError, match=r"wanted 1 to 512"):
            write_partitioned(vectors, tmp_path / "out", shards)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="is there and not empty"):
        write_partitioned(vectors, tmp_path / "file", 2)

    def full(path: Path) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(partitioned, "_sha256", full)
    with pytest.raises(OSError, match="No space"):
        write_partitioned(vectors, tmp_path / "out", 2)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["e", "file"]

"""The external sort: any rows, any cut into batches, memory for a few rows only, against sorted()."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlab.store.embeddings import sort as embedding_sort
from graphlab.store.embeddings.sort import sorted_blocks
from ingest.schema.errors import SchemaError
from ingest.schema.words import EMBEDDINGS, ID

Row = tuple[int, int]


def batch_of(rows: list[Row], start: int = 0, width: int = 3) -> pa.RecordBatch:
    """The first number of a vector says which row it is."""
    vectors = np.zeros((len(rows), width), dtype=np.float32)
    vectors[:, 0] = np.arange(start, start + len(rows))
    columns: list[Any] = [pa.array([r[0] for r in rows], ID), pa.array([r[1] for r in rows], ID)]
    columns += [pa.array(np.full(len(rows), axis, dtype=np.float32)) for axis in range(3)]
    columns.append(pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), width))
    return pa.RecordBatch.from_arrays(columns, names=EMBEDDINGS.names())


def cut(rows: list[Row], size: int) -> list[pa.RecordBatch]:
    return [batch_of(rows[at : at + size], at) for at in range(0, len(rows), size)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 6_000),
    neurons=st.integers(1, 400),
    size=st.integers(1, 3_000),
    block=st.sampled_from([1, 7, 500]),
)
def test_runs_and_merge_agree_with_sorting(
    seed: int, count: int, neurons: int, size: int, block: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    keys = rng.choice(neurons * count, count, replace=False)
    top = 2**64 - neurons - 1
    rows = [(top + int(key) % neurons, int(key) // neurons) for key in keys]
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding_sort, "BLOCK_ROWS", block)
        blocks = list(sorted_blocks(cut(rows, size), 3, folder, memory_bytes=1))
    found = np.concatenate(blocks)
    order = sorted(range(count), key=lambda i: rows[i])
    assert found["root_id"].tolist() == [rows[i][0] for i in order]
    assert found["node_id"].tolist() == [rows[i][1] for i in order]
    assert found["vector"][:, 0].tolist() == order, "each vector stayed with its row"
    assert max(map(len, blocks)) <= block
    assert len(list(folder.iterdir())) == (0 if count <= 1024 else -(-count // 1024)), "runs of the least memory"


def test_rows_held_stay_within_the_memory(tmp_path: Path) -> None:
    """200,000 rows of 4-number vectors in 1 MB: what numpy holds at any time is a few of those."""
    import tracemalloc

    rng = np.random.default_rng(0)
    ids = rng.permutation(200_000)
    batches = (batch_of([(int(i), 0) for i in ids[at : at + 2_000]], at, 4) for at in range(0, len(ids), 2_000))
    tracemalloc.start()
    rows = sum(len(block) for block in sorted_blocks(batches, 4, tmp_path, memory_bytes=1 << 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 200_000
    assert peak < 4 << 20
    assert sum(item.stat().st_size for item in tmp_path.iterdir()) > 8 << 20, "the rows went through the disk"


@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_a_node_twice_is_an_error_wherever_it_lies(tmp_path: Path, memory: int) -> None:
    rows = [(1, i) for i in range(3_000)] + [(1, 17)]
    with pytest.raises(SchemaError, match="segment 1 has node 17 twice"):
        list(sorted_blocks(cut(rows, 100), 3, tmp_path, memory))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("x_nm", pa.array([np.nan, 1.0], pa.float32()), "segment 5, node 0 has a vector or a position that is not"),
        ("node_id", pa.array([1, None], ID), "empty node_id"),
        ("root_id", pa.array([1, 2], pa.int64()), "root_id is int64; wanted uint64"),
        ("vector", pa.array([[1.0, 2.0, 3.0], [1.0]], pa.list_(pa.float32())), "node 1 has a vector of 1 numbers"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, column: str, value: pa.Array, message: str) -> None:
    batch = batch_of([(5, 0), (5, 1)])
    at = batch.schema.names.index(column)
    bad = pa.RecordBatch.from_arrays(
        [value if i == at else batch.column(i) for i in range(batch.num_columns)], names=batch.schema.names
    )
    with pytest.raises(SchemaError, match=message):
        list(sorted_blocks([bad], 3, tmp_path, 1 << 20))

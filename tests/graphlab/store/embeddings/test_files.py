"""Sorted, mapped embeddings: any order in, exact vectors out, across files and batch boundaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlab.store.embeddings.files import EmbeddingSet, write_embeddings
from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.words import EMBEDDINGS, ID


def batch_of(rows: list[tuple[int, int]], width: int = 4, seed: int = 0) -> pa.RecordBatch:
    """Rows of (root_id, node_id); the vector says which row it is."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(len(rows), width)).astype(np.float32)
    arrays: list[Any] = [pa.array([r[0] for r in rows], ID), pa.array([r[1] for r in rows], ID)]
    arrays += [pa.array(rng.random(len(rows)).astype(np.float32)) for _ in range(3)]
    arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), width))
    return pa.RecordBatch.from_arrays(arrays, names=EMBEDDINGS.names())


def vectors(batch: pa.RecordBatch) -> np.ndarray:
    return batch.column("vector").flatten().to_numpy().reshape(batch.num_rows, -1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5) | st.just(2**64 - 1), st.integers(0, 4)), min_size=1, max_size=40, unique=True
    ),
    cut=st.integers(1, 7),
    size=st.sampled_from([1, 3, 1000]),
)
def test_look_ups_agree_with_a_dictionary(
    rows: list[tuple[int, int]], cut: int, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("e")
    whole = batch_of(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphlab.store.embeddings.files.BLOCK_ROWS", size)
        patch.setattr("graphlab.store.embeddings.sort.BLOCK_ROWS", size)
        written = write_embeddings(folder, [whole.slice(i, cut) for i in range(0, len(rows), cut)], width=4)
    wanted: dict[int, dict[int, np.ndarray]] = {}
    for (root, node), vector in zip(rows, vectors(whole), strict=True):
        wanted.setdefault(root, {}).setdefault(node, vector)
    found = EmbeddingSet.open([written.path], model="m", segmentation_version="1")
    asked = np.array([*wanted, 77, *wanted], dtype=np.uint64)
    out, offsets = found.lookup(asked)
    nodes, points, same = found.nodes(asked)
    assert np.array_equal(offsets, same)
    assert points.shape == (len(nodes), 3)
    for i, root in enumerate(asked.tolist()):
        here = dict(zip(nodes[offsets[i] : offsets[i + 1]].tolist(), out[offsets[i] : offsets[i + 1]], strict=True))
        assert here.keys() == wanted.get(root, {}).keys()
        assert all(np.array_equal(here[node], wanted[root][node]) for node in here)
    assert written.rows == found.rows == sum(map(len, wanted.values()))
    means = found.mean(asked)
    assert np.isnan(means[len(wanted)]).all()
    np.testing.assert_allclose(means[0], np.mean(list(wanted[int(asked[0])].values()), axis=0), rtol=1e-5, atol=1e-6)
    table = found.to_arrow()
    assert table["root_id"].to_pylist() == sorted(table["root_id"].to_pylist())


def test_the_same_rows_in_another_order_make_the_same_file(tmp_path: Path) -> None:
    batch = batch_of([(1, 0), (2, 0), (2, 1), (9, 5)])
    one = write_embeddings(tmp_path / "a", [batch], width=4)
    pieces = [batch.slice(i, 1) for i in (3, 1, 0, 2)]
    other = write_embeddings(tmp_path / "b", pieces, width=4)
    assert one.sha256 == other.sha256
    assert one.path.read_bytes() == other.path.read_bytes()
    assert sorted(item.name for item in (tmp_path / "a").iterdir()) == sorted(
        [one.path.name, f"{one.path.stem}.ids.arrow"]
    )


def test_several_files_are_one_set_and_nothing_is_copied(tmp_path: Path) -> None:
    files = [write_embeddings(tmp_path, [batch_of([(n, 0), (n, 1)], seed=n)], width=4).path for n in (5, 2, 9)]
    found = EmbeddingSet.open(files, model="m", segmentation_version="1")
    assert found.root_ids.tolist() == [2, 5, 9]
    out, _ = found.lookup(np.array([9, 2], dtype=np.uint64))
    np.testing.assert_array_equal(out, np.concatenate([vectors(batch_of([(n, 0), (n, 1)], seed=n)) for n in (9, 2)]))
    before = pa.total_allocated_bytes()
    assert found.to_arrow().num_rows == 6
    assert pa.total_allocated_bytes() - before < 1000


def test_nothing_to_write_and_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no rows to write"):
        write_embeddings(tmp_path, [], width=4)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ReadError, match="missing, truncated or damaged"):
        EmbeddingSet.open([tmp_path / "absent.arrow"], model="m", segmentation_version="1")

"""Shards written: repeatable bytes, rows of a segment together, nothing half-written."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from ingest.schema.errors import ReadError, SchemaError
from ingest.segclr.shard_writer import write_shards
from ingest.segclr.sharding import convention

Make = Callable[..., pa.RecordBatch]


def test_the_same_embeddings_make_the_same_bytes(tmp_path: Path, embeddings: Make) -> None:
    for name in ("a", "b"):
        write_shards(tmp_path / name, [embeddings({1: 3, 2: 4})], convention="bytewidth64", num_shards=1)
    assert (tmp_path / "a" / "0.zip").read_bytes() == (tmp_path / "b" / "0.zip").read_bytes()


def test_rows_of_a_segment_may_come_in_several_batches(tmp_path: Path, embeddings: Make) -> None:
    batch = embeddings({1: 6, 2: 2})
    pieces = [batch.slice(0, 2), batch.slice(6, 2), batch.slice(2, 4)]
    write_shards(tmp_path / "pieces", pieces, convention=8, num_shards=1)
    write_shards(tmp_path / "whole", [batch], convention=8, num_shards=1)
    assert (tmp_path / "pieces" / "0.zip").read_bytes() == (tmp_path / "whole" / "0.zip").read_bytes()


@pytest.mark.parametrize("name", ["bytewidth64", "bytewidth8"])
def test_shard_numbers_of_the_release(tmp_path: Path, embeddings: Make, name: str) -> None:
    segments = {864691135293126156: 1, 1014493630: 1, 1: 1}
    paths = write_shards(tmp_path, [embeddings(segments)], convention=name)
    wanted = {convention(name).shard(segment): segment for segment in segments}
    assert [int(path.stem) for path in paths] == sorted(wanted)
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == [f"{wanted[int(path.stem)]}.csv"]
            assert not archive.read(archive.namelist()[0]).endswith(b"\n")


def test_nothing_half_written(tmp_path: Path, embeddings: Make) -> None:
    batch = embeddings({1: 2, 2: 2})
    write_shards(tmp_path, [batch], convention=8, num_shards=1)
    before = (tmp_path / "0.zip").read_bytes()
    with pytest.raises(ReadError, match=r"0.zip exists already; write shards into a new folder"):
        write_shards(tmp_path, [batch], convention=8, num_shards=1)
    assert (tmp_path / "0.zip").read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["0.zip"]


def test_rows_that_no_reader_would_take(tmp_path: Path, embeddings: Make) -> None:
    batch = embeddings({1: 2})
    nan = batch.set_column(2, "x_nm", pa.array([1.0, float("nan")], pa.float32()))
    signed = batch.set_column(0, "root_id", pa.array([1, 1], pa.int64()))
    for wrong, message in (
        (nan, "a x_nm that is not finite"),
        (signed, "root_id is int64; wanted uint64"),
        (batch.drop_columns(["node_id"]), "lack the column 'node_id'"),
        (batch.set_column(1, "node_id", pa.array([1, None], pa.uint64())), "an empty node_id"),
    ):
        with pytest.raises(SchemaError, match=message):
            write_shards(tmp_path / "out", [wrong], convention=8, num_shards=1)
        assert list((tmp_path / "out").iterdir()) == []

"""Coordinate pairs: exact through TensorFlow's own Example, and as Google's parser understands them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.schema.errors import ReadError, SchemaError
from ingest.segclr.tfrecord import Pairs, read_examples, write_examples

tf = pytest.importorskip("tensorflow", reason="TFRecord files are read by an extra")
int64 = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture
def pairs() -> Pairs:
    rng = np.random.default_rng(2)
    ids = rng.integers(2**62, 2**63 - 1, (5, 1)).repeat(2, axis=1)
    return Pairs(ids, rng.integers(0, 2**31, (5, 2, 3)), rng.integers(0, 150_000, 5))


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "distance": st.lists(int64, max_size=3),
                "vol_name": st.lists(st.binary(max_size=5), max_size=2),
                "score": st.lists(st.floats(width=32, allow_nan=False), max_size=3),
            },
        ),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
@settings(deadline=None, max_examples=30)
def test_examples_round_trip(tmp_path_factory: Any, rows: list[dict[str, Any]], compressed: bool) -> None:
    kinds = {"distance": pa.int64(), "score": pa.float32(), "vol_name": pa.binary()}
    there = [name for name in kinds if any(name in row for row in rows)]
    table = pa.Table.from_pylist(rows, schema=pa.schema([pa.field(name, pa.list_(kinds[name])) for name in there]))
    path = tmp_path_factory.mktemp("records") / "a.tfrecord"
    write_examples(path, table, compressed=compressed)
    assert read_examples(path).to_pylist() == table.to_pylist()


def test_pairs_are_what_google_parses(pairs: Pairs, tmp_path: Path) -> None:
    path = tmp_path / "pairs.tfrecord"
    write_examples(path, pairs.to_arrow())
    wanted = {f"skeleton_id-{i}": tf.io.FixedLenFeature([1], tf.int64) for i in (0, 1)}
    wanted |= {f"center-{i}": tf.io.FixedLenFeature([1, 3], tf.int64) for i in (0, 1)}
    wanted["distance"] = tf.io.FixedLenFeature([1], tf.int64)
    parsed = [tf.io.parse_single_example(data, wanted) for data in tf.data.TFRecordDataset(str(path))]
    for i in (0, 1):
        assert [int(p[f"skeleton_id-{i}"][0]) for p in parsed] == pairs.skeleton_ids[:, i].tolist()
        assert [p[f"center-{i}"][0].numpy().tolist() for p in parsed] == pairs.centers[:, i].tolist()
    assert [int(p["distance"][0]) for p in parsed] == pairs.distance_nm.tolist()
    back = Pairs.of(read_examples(path))
    assert np.array_equal(back.skeleton_ids, pairs.skeleton_ids)
    assert np.array_equal(back.centers, pairs.centers)
    assert np.array_equal(back.distance_nm, pairs.distance_nm)
    again = tmp_path / "again.tfrecord"
    write_examples(again, read_examples(path).select(pairs.to_arrow().schema.names))
    assert again.read_bytes() == path.read_bytes()


def test_bad_files(pairs: Pairs, tmp_path: Path) -> None:
    path = tmp_path / "pairs.tfrecord"
    with pytest.raises(ReadError, match="does not exist"):
        read_examples(path)
    write_examples(path, pairs.to_arrow())
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ReadError, match="cut short: record 4 is not whole"):
        read_examples(path)
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"\xff\xff\xff")
    with pytest.raises(ReadError, match=r"record 0 is no tf.train.Example"):
        read_examples(path)
    with pytest.raises(SchemaError, match="'a' is string"):
        write_examples(path, pa.table({"a": ["x"]}))
    with pytest.raises(SchemaError, match="no feature 'skeleton_id-0'"):
        Pairs.of(pa.table({"a": [[1]]}))
    table = pairs.to_arrow().drop_columns("distance").append_column("distance", pa.array([[1]] * 4 + [[1, 2]]))
    with pytest.raises(SchemaError, match="has 2 numbers in row 4; wanted 1"):
        Pairs.of(table)
    with pytest.raises(ReadError, match="cannot write"):
        write_examples(tmp_path / "no" / "folder", pairs.to_arrow())


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_cut_anywhere_is_an_error(compressed: bool, tmp_path: Path) -> None:
    """In a length, its checksum, a payload or its checksum; whole records alone are a file."""
    path = tmp_path / "a.tfrecord"
    table = pa.table({"distance": [[1], [2], []], "vol_name": [[b"em"], [b""], [b"x" * 30]]})
    write_examples(path, table, compressed=compressed)
    whole = path.read_bytes()
    ends = {0}
    if not compressed:
        while max(ends) < len(whole):
            at = max(ends)
            ends.add(at + 16 + int.from_bytes(whole[at : at + 8], "little"))
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        if length in ends:
            assert read_examples(path).num_rows == sorted(ends).index(length)
        else:
            with pytest.raises(ReadError, match="cut short|damaged"):
                read_examples(path)


@pytest.mark.parametrize("at", [0, 7, 9, 14, -6, -1])
def test_a_changed_byte_is_an_error(at: int, tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    write_examples(path, pa.table({"distance": [[1, 2, 3]]}))
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(bytes(data))
    with pytest.raises(ReadError, match="damaged|cut short"):
        read_examples(path)


@pytest.mark.parametrize("size", [0x8B1F, 0x88B1F, 0x8B1E, 0x9C78])
@pytest.mark.parametrize("compressed", [False, True])
def test_records_whose_length_looks_like_a_packed_file(size: int, compressed: bool, tmp_path: Path) -> None:
    """0x8b1f: the length begins 1f 8b, as GZIP does; 0x88b1f: with GZIP's method too."""
    path = tmp_path / "a"
    n = size - 30
    while (got := len(example(n))) != size:
        n += size - got
    kind = tf.io.TFRecordOptions(compression_type="GZIP" if compressed else "")
    with tf.io.TFRecordWriter(str(path), kind) as writer:
        writer.write(example(n))
        writer.write(example(3))
    assert [len(row[0]) for row in read_examples(path)["img"].to_pylist()] == [n, 3]


def example(size: int) -> bytes:
    value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"x" * size]))
    made: bytes = tf.train.Example(features=tf.train.Features(feature={"img": value})).SerializeToString()
    return made

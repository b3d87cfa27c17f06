"""Shards in both conventions: written, read back, compared with Google's own reader, and every way to be broken."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ingest.embedding_reader import DATA_URL_FROM_KEY_BYTEWIDTH64, EmbeddingReader, LocalFiles, get_reader
from ingest.errors import GraphlabError, ReadError, SchemaError
from ingest.reader import READERS, ReadRequest
from ingest.schema import ID
from ingest.segclr_csvzip import MICRONS_OFFSET_NM, NAME, write_shards
from ingest.sharding import convention
from ingest.space import Resolution

Make = Callable[..., pa.RecordBatch]


def read(folder: Path, resolution: str | None = None, **options: str) -> pa.Table:
    chosen = Resolution.parse(resolution) if resolution else None
    request = ReadRequest("embeddings", resolution=chosen, options={"coordinates": "nm", **options})
    reading = READERS.get(NAME).read(folder, request)
    return pa.Table.from_batches(list(reading.batches), reading.schema).sort_by(
        [("root_id", "ascending"), ("node_id", "ascending")]
    )


def same(found: pa.Table, batch: pa.RecordBatch) -> None:
    wanted = pa.Table.from_batches([batch]).sort_by([("root_id", "ascending"), ("node_id", "ascending")])
    for name in wanted.schema.names:
        a, b = found[name].combine_chunks(), wanted[name].combine_chunks()
        if name == "vector":
            a, b = a.flatten(), b.flatten()
        np.testing.assert_array_equal(a.to_numpy(), b.to_numpy())


@pytest.mark.parametrize(("name", "width"), [("wide", 64), ("narrow", 128)])
def test_round_trip_and_the_two_single_readers(tmp_path: Path, embeddings: Make, name: str, width: int) -> None:
    from connectomics.segclr import reader as google

    segments = {864691135293126156: 5, 7: 1, 864691135591041291: 40, 2**64 - 1: 3}
    batch = embeddings(segments, width)
    shards = write_shards(tmp_path, [batch], convention=convention(name), num_shards=3)
    assert all(path.stem in ("0", "1", "2") for path in shards)
    same(read(tmp_path), batch)
    sharder = convention(name).sharder(3)
    theirs = google.EmbeddingReader(LocalFiles(), str(tmp_path), sharder)
    with EmbeddingReader(LocalFiles(), str(tmp_path), sharder) as ours:
        rows = batch.to_pylist()
        for segment, count in segments.items():
            found = ours[segment]
            assert found == theirs[segment]
            assert len(found) == count
            wanted = [row for row in rows if row["root_id"] == segment]
            assert [np.float32(x) for x in next(iter(found.values()))] == wanted[0]["vector"]
        absent = next(s for s in range(100, 200) if sharder(s) == sharder(7))
        with pytest.raises(KeyError):
            ours[absent]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(np.float32, (4, 5), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_every_float32_reads_back_exactly(tmp_path_factory: pytest.TempPathFactory, values: np.ndarray) -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "root_id": pa.array([1, 1, 2, 3], ID),
            "node_id": pa.array([0, 1, 0, 9], ID),
            **{f"{axis}_nm": pa.array(values[:, i]) for i, axis in enumerate("xyz")},
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(values[:, :5].reshape(-1)), 5),
        }
    )
    folder = tmp_path_factory.mktemp("floats")
    write_shards(folder, [batch], convention=convention("narrow"), num_shards=2)
    same(read(folder), batch)


def test_the_same_embeddings_make_the_same_bytes(tmp_path: Path, embeddings: Make) -> None:
    for name in ("a", "b"):
        write_shards(tmp_path / name, [embeddings({1: 3, 2: 4})], convention=convention("wide"), num_shards=1)
    assert (tmp_path / "a" / "0.zip").read_bytes() == (tmp_path / "b" / "0.zip").read_bytes()


def test_voxels_and_the_microns_offset(tmp_path: Path) -> None:
    shard(tmp_path / "0.zip", {"5.csv": "0,10,20,30,1,2\n"})
    found = read(tmp_path, "32,32,40", coordinates="voxels", offset="microns")
    point = [found[f"{axis}_nm"][0].as_py() for axis in "xyz"]
    assert point == [10 * 32 + MICRONS_OFFSET_NM[0], 20 * 32 + MICRONS_OFFSET_NM[1], 30 * 40 + MICRONS_OFFSET_NM[2]]
    with pytest.raises(SchemaError, match="--resolution"):
        read(tmp_path, coordinates="voxels")
    with pytest.raises(SchemaError, match="do not say their unit"):
        read(tmp_path, coordinates="")


def test_a_trailing_newline_adds_nothing(tmp_path: Path) -> None:
    shard(tmp_path / "0.zip", {"5.csv": "0,1,2,3,4\n1,1,2,4,5\n", "6.csv": "0,1,2,3,4"})
    assert read(tmp_path).num_rows == 3
    with EmbeddingReader(LocalFiles(), str(tmp_path), lambda segment: 0) as reader:
        assert list(reader[5]) == [(1.0, 2.0, 3.0), (1.0, 2.0, 4.0)]
        assert reader[6] == {(1.0, 2.0, 3.0): [4.0]}


def test_segments_longer_than_a_block(tmp_path: Path, embeddings: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.segclr_csvzip.BLOCK_BYTES", 5000)
    batch = embeddings({1: 100, 2: 3, 3: 70})
    write_shards(tmp_path, [batch], convention=convention("wide"), num_shards=2)
    same(read(tmp_path), batch)


def test_get_reader_knows_the_public_data_sets() -> None:
    from connectomics.segclr import reader as google

    assert DATA_URL_FROM_KEY_BYTEWIDTH64 == google.DATA_URL_FROM_KEY_BYTEWIDTH64
    assert isinstance(get_reader("h01", LocalFiles()), EmbeddingReader)
    with pytest.raises(ValueError, match="Key not found"):
        get_reader("h02", LocalFiles())


def shard(path: Path, members: dict[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, text in members.items():
            archive.writestr(name, text)


GOOD = "0,1,2,3,4,5\n"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"../5.csv": GOOD}, "found the member '../5.csv'"),
        ({"/etc/5.csv": GOOD}, "found the member"),
        ({"5.txt": GOOD}, "wanted <segment id>.csv"),
        ({f"{2**64}.csv": GOOD}, "found the member"),
        ({"5.csv": GOOD + "1,1,2,3,4\n"}, "5.csv, line 2: found 5 columns, the first row has 6"),
        ({"5.csv": GOOD, "6.csv": GOOD + "1,1,2,3,nan,5\n"}, "6.csv, line 2, column 5: found 'nan'"),
        ({"5.csv": "0,1,inf,3,4,5\n"}, "5.csv, line 1, column 3: found 'inf'"),
        ({"5.csv": "0,1,2,3,1e40,5\n"}, "column 5: found '1e40'"),
        ({"5.csv": "-1,1,2,3,4,5\n"}, "found the node id '-1'"),
        ({"5.csv": "0,1,2,3,four,5\n"}, "found 'four'"),
        ({"5.csv": ""}, "hold no rows"),
        ({"5.csv": "0,1,2,3\n"}, "found 4 columns"),
        ({"5.csv": "\xff\xfe\x00"}, "columns"),
    ],
)
def test_bad_members(tmp_path: Path, members: dict[str, str | bytes], message: str) -> None:
    shard(tmp_path / "0.zip", members)
    with pytest.raises(GraphlabError, match=message) as error:
        read(tmp_path)
    assert "0.zip" in str(error.value) or str(tmp_path) in str(error.value)


def test_damaged_and_dangerous_files(tmp_path: Path) -> None:
    shard(tmp_path / "0.zip", {"5.csv": "0,1,2,3," + "0" * 10_000_000 + "\n"})
    with pytest.raises(ReadError, match="ZIP bomb"):
        read(tmp_path)
    shard(tmp_path / "0.zip", {"5.csv": GOOD * 1000}, zipfile.ZIP_STORED)
    data = bytearray((tmp_path / "0.zip").read_bytes())
    data[200] ^= 1
    (tmp_path / "0.zip").write_bytes(data)
    with pytest.raises(ReadError, match="the member is damaged"):
        read(tmp_path)
    (tmp_path / "0.zip").write_bytes(data[:300])
    with pytest.raises(ReadError, match="no whole ZIP file"):
        read(tmp_path)
    with pytest.raises(ReadError, match="does not exist"):
        read(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReadError, match="no ZIP shards"):
        read(tmp_path / "empty")

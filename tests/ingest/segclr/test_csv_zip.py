"""Whole releases in bulk: both conventions round trip, positions placed, Google's reader agrees, damage told."""

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

from ingest.reader import ReadRequest, Sure
from ingest.schema.errors import GraphlabError, IdError, ReadError, SchemaError, UnknownNameError
from ingest.schema.space import Resolution
from ingest.schema.words import ID
from ingest.segclr import csv_zip
from ingest.segclr.csv_zip import NAME, OFFSETS, write_shards
from ingest.segclr.embedding_reader import LocalFiles
from ingest.segclr.readers import EMBEDDING_READERS
from ingest.segclr.sharding import md5_shard

Make = Callable[..., pa.RecordBatch]
GOOD = "0,1,2,3,4,5\n"


def read(folder: Path, resolution: str | None = None, **options: object) -> pa.Table:
    chosen = Resolution.parse(resolution) if resolution else None
    reading = EMBEDDING_READERS.get(NAME).read(folder, ReadRequest("embeddings", resolution=chosen, options=options))
    return pa.Table.from_batches(list(reading.batches), reading.schema)


def by_id(table: pa.Table) -> pa.Table:
    return table.sort_by([("root_id", "ascending"), ("node_id", "ascending")])


def same(found: pa.Table, batch: pa.RecordBatch) -> None:
    """Equal to the last bit; rows of a segment in any order."""
    found, wanted = by_id(found), by_id(pa.Table.from_batches([batch]))
    assert found.num_rows == wanted.num_rows
    for name in wanted.schema.names:
        a, b = (t[name].combine_chunks() for t in (found, wanted))
        if name == "vector":
            a, b = a.flatten(), b.flatten()
        np.testing.assert_array_equal(a.to_numpy(), b.to_numpy())


def shard(path: Path, members: dict[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, text in members.items():
            archive.writestr(name, text)


@pytest.mark.parametrize(("name", "bytewidth", "width"), [("bytewidth64", 64, 64), ("bytewidth8", 8, 128)])
def test_round_trip_in_both_conventions(
    tmp_path: Path, embeddings: Make, name: str, bytewidth: int, width: int
) -> None:
    from connectomics.segclr import reader as google

    segments = {864691135293126156: 5, 7: 1, 864691135591041291: 40, 2**64 - 1: 3}
    batch = embeddings(segments, width)
    shards = write_shards(tmp_path, [batch], convention=name, num_shards=3)
    assert {path.stem for path in shards} == {str(md5_shard(s, 3, bytewidth=bytewidth)) for s in segments}
    same(read(tmp_path), batch)
    theirs = google.EmbeddingReader(LocalFiles(), str(tmp_path), lambda s: md5_shard(s, 3, bytewidth=bytewidth))
    table = by_id(read(tmp_path))
    for segment, count in segments.items():
        rows = table.filter(pa.compute.equal(table["root_id"], pa.scalar(segment, ID))).to_pylist()
        wanted = {tuple(map(np.float32, xyz)): vector for xyz, vector in theirs[segment].items()}
        assert len(rows) == count
        for row in rows:
            vector = wanted[tuple(np.float32(row[f"{axis}_nm"]) for axis in "xyz")]
            assert np.array_equal(np.float32(vector), np.float32(row["vector"]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(np.float32, (4, 5), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_every_float32_reads_back_exactly(tmp_path_factory: pytest.TempPathFactory, values: np.ndarray) -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "root_id": pa.array([1, 1, 2, 3], ID),
            "node_id": pa.array([0, 1, 0, 9], ID),
            **{f"{axis}_nm": pa.array(np.ascontiguousarray(values[:, i])) for i, axis in enumerate("xyz")},
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), 5),
        }
    )
    folder = tmp_path_factory.mktemp("floats")
    write_shards(folder, [batch], convention="bytewidth8", num_shards=2)
    same(read(folder, width=5), batch)


@pytest.mark.parametrize("piece", [3000, 20_000, 1 << 24])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_piece_and_any_number_of_workers_give_the_same_rows(
    tmp_path: Path, embeddings: Make, monkeypatch: pytest.MonkeyPatch, piece: int, workers: int
) -> None:
    batch = embeddings({1: 100, 2: 3, 3: 70, 4: 1})
    write_shards(tmp_path, [batch], convention="bytewidth64", num_shards=2)
    whole = read(tmp_path)
    monkeypatch.setattr(csv_zip, "PIECE", piece)
    assert read(tmp_path, workers=workers).equals(whole)
    same(whole, batch)


def test_shards_come_in_order_and_rows_as_in_the_file(tmp_path: Path) -> None:
    shard(tmp_path / "10.zip", {"5.csv": "1,0,0,0,1\n0,0,0,0,2"})
    shard(tmp_path / "2.zip", {"9.csv": "0,0,0,0,3", "1.csv": "7,0,0,0,4"})
    table = read(tmp_path, width=1)
    assert table["root_id"].to_pylist() == [9, 1, 5, 5]
    assert table["node_id"].to_pylist() == [0, 7, 1, 0]
    assert read(tmp_path / "2.zip", width=1)["root_id"].to_pylist() == [9, 1]


def test_positions_in_voxels_and_the_microns_offset(tmp_path: Path) -> None:
    shard(tmp_path / "0.zip", {"5.csv": "0,10,20,30,1,2\n"})
    found = read(tmp_path, "32,32,40", coordinates="voxels", offset="microns", width=2)
    assert OFFSETS["microns"] == (13824 * 8, 13824 * 8, 14816 * 40)
    point = [found[f"{axis}_nm"][0].as_py() for axis in "xyz"]
    assert point == [10 * 32 + 110592, 20 * 32 + 110592, 30 * 40 + 592640]
    moved = read(tmp_path, offset="1,2,-3", width=2)
    assert [moved[f"{axis}_nm"][0].as_py() for axis in "xyz"] == [11, 22, 27]
    reading = EMBEDDING_READERS.get(NAME).read(
        tmp_path, ReadRequest("embeddings", options={"width": 2, "offset": "microns"})
    )
    assert reading.notes == ["positions read as nm, moved by 110592,110592,592640 nm"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coordinates": "voxels"}, "need the resolution of the embedding volume, like 32,32,40"),
        ({"coordinates": "voxel"}, "did you mean 'voxels'"),
        ({"offset": "micron"}, "wanted microns or X,Y,Z in nm"),
        ({"offset": "1,2"}, "wanted microns or X,Y,Z in nm"),
        ({"width": "many"}, "option width is 'many'; wanted a whole number from 1"),
        ({"workers": 0}, "option workers is 0; wanted a whole number from 1"),
        ({"convention": "8"}, "option of SegCLR shards 'convention'"),
    ],
)
def test_options_that_are_none(tmp_path: Path, options: dict[str, object], message: str) -> None:
    shard(tmp_path / "0.zip", {"5.csv": GOOD})
    with pytest.raises((SchemaError, UnknownNameError), match=message):
        read(tmp_path, **options)


def test_a_trailing_newline_adds_nothing_and_empty_members_are_counted(tmp_path: Path) -> None:
    shard(tmp_path / "0.zip", {"5.csv": GOOD + "1,1,2,4,5,6\n", "6.csv": GOOD[:-1], "7.csv": "", "8.csv": "\n\r\n"})
    reading = EMBEDDING_READERS.get(NAME).read(tmp_path, ReadRequest("embeddings", options={"width": 2}))
    assert sum(batch.num_rows for batch in reading.batches) == 3
    assert "2 of 4 members have no rows" in reading.notes


def test_lines_that_end_in_carriage_returns(tmp_path: Path) -> None:
    shard(tmp_path / "0.zip", {"5.csv": "0,1,2,3,4\r\n1,1,2,4,5\r\n"})
    assert read(tmp_path, width=1)["vector"].to_pylist() == [[4.0], [5.0]]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"../5.csv": GOOD}, r"0.zip: member '\.\./5.csv' is no <root_id>.csv"),
        ({"/etc/5.csv": GOOD}, "member '/etc/5.csv' is no"),
        ({"a/5.csv": GOOD}, "member 'a/5.csv' is no"),
        ({"05.csv": GOOD}, "member '05.csv' is no"),
        ({"5.txt": GOOD}, "member '5.txt' is no"),
        ({f"{2**64}.csv": GOOD}, "is no <root_id>.csv"),
        ({"5.csv": GOOD + "1,1,2,3,4\n"}, "member 5.csv, line 2: 1 floats in this row; wanted .* 2 floats"),
        ({"5.csv": GOOD, "6.csv": GOOD + "1,1,2,3,nan,5\n"}, r"member 6.csv, line 2: column 5 \(e0\) is 'nan'; wanted"),
        ({"5.csv": "0,1,inf,3,4,5\n"}, r"5.csv, line 1: column 3 \(y\) is 'inf'; wanted a finite"),
        ({"5.csv": "0,1,2,3,1e40,5\n"}, r"column 5 \(e0\) is '1e40'; wanted a finite 32-bit float"),
        ({"5.csv": "0,1e300,2,3,4,5\n"}, r"member 5.csv, node 0: a position of \[1e\+300"),
        ({"5.csv": "-1,1,2,3,4,5\n"}, "line 1: node_id is '-1'; wanted an integer"),
        ({"5.csv": f"{2**64},1,2,3,4,5\n"}, "node_id is '18446744073709551616'"),
        ({"5.csv": "0,1,2,3,four,5\n"}, r"column 5 \(e0\) is 'four'; wanted a number"),
        ({"5.csv": "0,1,2,3,,5\n"}, r"column 5 \(e0\) is ''; wanted a number"),
        ({"5.csv": ""}, "the shards hold no rows"),
        ({"5.csv": "0,1,2,3\n"}, "0 floats in this row"),
        ({"5.csv": b"\xff\xfe\x00"}, "0 floats in this row"),
        ({"5.csv": GOOD, "6.csv": "x" * 300}, "member 6.csv, line 1: node_id is 'xxx"),
    ],
)
def test_bad_members(tmp_path: Path, members: dict[str, str | bytes], message: str) -> None:
    shard(tmp_path / "0.zip", members)
    with pytest.raises(GraphlabError, match=message) as error:
        read(tmp_path, width=2)
    assert str(tmp_path) in str(error.value)


def test_the_line_of_a_fault_in_a_member_of_many_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_zip, "PIECE", 100)
    shard(tmp_path / "0.zip", {"5.csv": GOOD * 500 + "1,2,3,4,5,x\n"})
    with pytest.raises(SchemaError, match=r"member 5.csv, line 501: column 6 \(e1\) is 'x'"):
        read(tmp_path, width=2)
    with pytest.raises(IdError, match="line 501: node_id is 'x'"):
        shard(tmp_path / "0.zip", {"5.csv": GOOD * 500 + "x,2,3,4,5,6\n"})
        read(tmp_path, width=2)


def test_the_default_widths(tmp_path: Path) -> None:
    shard(tmp_path / "0.zip", {"5.csv": GOOD})
    with pytest.raises(SchemaError, match="line 1: 2 floats in this row; wanted .* 64 or 128 floats .*width=N"):
        read(tmp_path)


def test_folders_that_hold_something_else(tmp_path: Path) -> None:
    reader = EMBEDDING_READERS.get(NAME)
    with pytest.raises(ReadError, match="does not exist"):
        read(tmp_path / "absent")
    with pytest.raises(ReadError, match="holds no shards; wanted files <number>.zip"):
        read(tmp_path)
    assert reader.accepts(tmp_path) is Sure.LAST
    shard(tmp_path / "0.zip", {"5.csv": GOOD})
    assert reader.accepts(tmp_path) is Sure.NAME
    assert reader.accepts(str(tmp_path / "0.zip")) is Sure.NAME
    assert reader.accepts(tmp_path / "a.zip") is Sure.LAST
    assert reader.accepts(3) is Sure.NO
    with pytest.raises(SchemaError, match="holds SegCLR embeddings, not synapses; ingest it --as embeddings"):
        reader.read(tmp_path, ReadRequest("synapses"))
    shard(tmp_path / "notes.zip", {"5.csv": GOOD})
    with pytest.raises(ReadError, match=r"notes.zip: shards are called <number>.zip"):
        read(tmp_path, width=2)


def test_upper_case_shards_are_read_and_what_lies_beside_is_told(tmp_path: Path) -> None:
    shard(tmp_path / "0.zip", {"1.csv": GOOD})
    shard(tmp_path / "1.ZIP", {"2.csv": GOOD})
    (tmp_path / "more").mkdir()
    (tmp_path / "README.txt").write_text("about")
    reading = EMBEDDING_READERS.get(NAME).read(tmp_path, ReadRequest("embeddings", options={"width": 2}))
    assert pa.Table.from_batches(list(reading.batches), reading.schema)["root_id"].to_pylist() == [1, 2]
    assert "2 other files or folders beside the shards are not read (README.txt, more)" in reading.notes
    shard(tmp_path / "01.zip", {"3.csv": GOOD})
    with pytest.raises(ReadError, match="are one shard twice"):
        read(tmp_path, width=2)

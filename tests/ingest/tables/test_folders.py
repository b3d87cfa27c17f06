"""A folder as one table: every part once, partitions as columns, deleted rows left out, a missing part refused."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyarrow import feather, parquet

from ingest.reader import Reading
from ingest.schema.errors import GraphlabError, ReadError, SchemaError

Read = Callable[..., pa.Table]
ROOT = 720575940596125868


def edges(n: int = 40, first: int = 0) -> pa.Table:
    at = np.arange(first, first + n)
    return pa.table(
        {
            "pre_root_id": pa.array(ROOT + at, pa.int64()),
            "post_root_id": pa.array(ROOT + 1 + at, pa.int64()),
            "weight": pa.array(at % 7 + 1, pa.int64()),
            "neuropil": [["AL", "MB", "L O/x"][i % 3] for i in at],
            "batch": pa.array(at % 4, pa.int32()),
        }
    )


def same(found: pa.Table, wanted: pa.Table) -> bool:
    names = [name for name in wanted.column_names if name in found.column_names]
    frames = [t.select(names).to_pandas().sort_values(names).reset_index(drop=True) for t in (found, wanted)]
    pd.testing.assert_frame_equal(*frames, check_dtype=False)
    return True


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_partitions_become_columns(read: Read, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "edges.parquet"  # Spark calls its folders so
    ds.write_dataset(
        edges(), place, format=kind, partitioning=["neuropil", "batch"], partitioning_flavor="hive",
        basename_template="part-{i}." + kind,
    )  # fmt: skip
    (place / "_SUCCESS").write_text("")
    (place / "neuropil=AL" / ".part-0.crc").write_text("x")
    assert len(list(place.rglob("*." + kind))) == 12
    found = read(place)
    assert same(found, edges())
    assert found.schema.field("batch").type == pa.int64()
    assert found["pre_root_id"].type == pa.uint64()


def test_files_side_by_side(opened: Callable[..., Reading], tmp_path: Path) -> None:
    parquet.write_table(edges(10), tmp_path / "part-0.parquet")
    table = edges(10, 10).set_column(3, "neuropil", edges(10, 10)["neuropil"].dictionary_encode())
    feather.write_feather(
        table.select(["batch", "weight", "neuropil", "post_root_id", "pre_root_id"]), str(tmp_path / "part-1.feather")
    )
    (tmp_path / "README.txt").write_text("edges")
    reading = opened(tmp_path, "connections")
    found = pa.Table.from_batches(list(reading.batches), reading.schema)
    assert same(found, pa.concat_tables([edges(10), edges(10, 10)]))
    assert reading.notes[:2] == ["2 parts", "no parts of the table, not read: README.txt"]


def test_a_part_without_values_takes_the_type_of_the_others(read: Read, tmp_path: Path) -> None:
    for i, values in enumerate(([None, None], [2**53 + 1, 5])):
        part = {"root_id": [2 * i + 1, 2 * i + 2], "supervoxel": pa.array(values) if i else pa.nulls(2)}
        parquet.write_table(pa.table(part), tmp_path / f"{i}.parquet")
    assert read(tmp_path, "neurons")["supervoxel"].to_pylist() == [None, None, 2**53 + 1, 5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.rename_columns([*t.column_names[:3], "roi", "batch"]), "differ in the columns neuropil, roi"),
        (lambda t: t.drop_columns(["batch"]), "differ in the columns batch"),
        (lambda t: t.set_column(4, "batch", pa.array(np.arange(40) / 2)), "'batch' is of several types.*double, int32"),
        (lambda t: t.set_column(4, "batch", pa.array(["a"] * 40)), "'batch' is of several types.*int32, string"),
    ],
)  # fmt: skip
def test_parts_of_several_tables(
    read: Read, tmp_path: Path, change: Callable[[pa.Table], pa.Table], message: str
) -> None:
    parquet.write_table(edges(), tmp_path / "0.parquet")
    parquet.write_table(change(edges()), tmp_path / "1.parquet")
    with pytest.raises(SchemaError, match=message):
        read(tmp_path)


def test_paths_of_several_kinds(read: Read, tmp_path: Path) -> None:
    (tmp_path / "batch=1").mkdir()
    parquet.write_table(edges(), tmp_path / "batch=1" / "0.parquet")
    parquet.write_table(edges(), tmp_path / "1.parquet")
    with pytest.raises(
        SchemaError, match=r"1.parquet: its path names the partitions none, that of .* names batch|batch=1"
    ):
        read(tmp_path)


@pytest.mark.parametrize("first", [0, 1])
def test_a_missing_part_that_names_tell_of(read: Read, tmp_path: Path, first: int) -> None:
    for i in range(first, first + 4):
        parquet.write_table(edges(5, 5 * i), tmp_path / f"edges-{i:05d}-of-00004.parquet")
    assert read(tmp_path).num_rows == 20
    (tmp_path / "edges-00002-of-00004.parquet").unlink()
    with pytest.raises(
        ReadError, match=r"parts of the table are missing: edges-00002-of-00004.parquet; copy the folder"
    ):
        read(tmp_path)


def test_a_missing_part_that_a_summary_tells_of(read: Read, tmp_path: Path) -> None:
    collected: list[Any] = []
    for i in range(3):
        parquet.write_table(edges(5, 5 * i), tmp_path / f"{i}.parquet", metadata_collector=collected)
        collected[-1].set_file_path(f"{i}.parquet")
    parquet.write_metadata(edges().schema, tmp_path / "_metadata", metadata_collector=collected)
    assert read(tmp_path).num_rows == 15
    (tmp_path / "1.parquet").unlink()
    with pytest.raises(ReadError, match=r"parts of the table are missing: 1.parquet"):
        read(tmp_path)


def test_a_damaged_part_is_named(read: Read, tmp_path: Path) -> None:
    parquet.write_table(edges(), tmp_path / "0.parquet")
    (tmp_path / "1.parquet").write_bytes((tmp_path / "0.parquet").read_bytes()[:-20])
    with pytest.raises(ReadError, match=r"1.parquet: this is no whole Parquet file"):
        read(tmp_path)


def test_a_folder_of_other_things(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("root_id\n1\n")
    with pytest.raises(ReadError, match="is a folder without Parquet, Feather, Arrow or Avro files; name the"):
        read(tmp_path)


# Delta Lake


def synapses(n: int = 60) -> pa.Table:
    """As CAVE exports them: points split by axis, a Morton code, bins to partition by."""
    at = np.arange(n)
    columns: dict[str, Any] = {
        "id": pa.array(10**9 + at, pa.int64()),
        "pre_pt_root_id": pa.array(ROOT + at % 5, pa.int64()),
        "post_pt_root_id": pa.array(ROOT + 10 + at % 3, pa.int64()),
        "pre_pt_supervoxel_id": pa.array(73000000000000001 + at, pa.int64()),
        "size": pa.array(at + 1, pa.int32()),
    }
    columns |= {f"ctr_pt_position_{axis}": pa.array(at * 3 + i, pa.int32()) for i, axis in enumerate("xyz")}
    columns |= {f"pre_pt_position_{axis}": pa.array(at * 3 + i, pa.int32()) for i, axis in enumerate("xyz")}
    columns["ctr_pt_position_morton"] = pa.array(at * 7, pa.int64())
    columns["ctr_pt_position_morton_partition"] = pa.array(at % 4, pa.int32())
    return pa.table(columns)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Written in two flushes, put in order, as CAVE does it; then rows are deleted."""
    deltalake = pytest.importorskip("deltalake")
    place, table = tmp_path / "ctr_pt_position_morton", synapses()
    for part in (table.slice(0, 35), table.slice(35)):
        deltalake.write_deltalake(place, part, mode="append", partition_by=["ctr_pt_position_morton_partition"])
    opened = deltalake.DeltaTable(place)
    opened.optimize.z_order([f"ctr_pt_position_{axis}" for axis in "xyz"])
    assert opened.delete("id >= 1000000010 AND id < 1000000017")["num_deleted_rows"] == 7
    return place


def test_a_cave_export_with_deleted_rows(read: Read, opened: Callable[..., Reading], lake: Path) -> None:
    import deltalake

    stale = {path.name for path in lake.rglob("*.parquet")} - {
        Path(p).name for p in deltalake.DeltaTable(lake).file_uris()
    }
    assert len(stale) > 4, "files of earlier versions lie beside those of this one"
    reading = opened(lake, "synapses", columns="cave", resolution="4,4,40")
    found = pa.Table.from_batches(list(reading.batches), reading.schema)
    wanted = synapses().to_pandas().query("id < 1000000010 or id >= 1000000017")
    assert sorted(found["synapse_id"].to_pylist()) == sorted(wanted["id"])
    by_id = found.to_pandas().set_index("synapse_id").loc[wanted["id"]]
    assert (by_id["pre_root_id"].to_numpy() == wanted["pre_pt_root_id"].to_numpy()).all()
    assert (by_id["z_nm"].to_numpy() == wanted["ctr_pt_position_z"].to_numpy() * 40).all()
    assert (by_id["pre_supervoxel_id"].to_numpy() == wanted["pre_pt_supervoxel_id"].to_numpy()).all()
    assert not [name for name in found.column_names if "morton" in name]
    assert "version 3 of a Delta Lake table" in reading.notes
    assert any("not read as such: pre_pt_position_x" in note for note in reading.notes)


def test_superseded_rows_of_an_export_that_kept_them(read: Read, tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    table = synapses(4).append_column("superceded_id", pa.array([None, 10**9 + 3, None, None], pa.int64()))
    table = table.append_column("deleted", pa.array([None, None, 7, None], pa.timestamp("us", "UTC")))
    deltalake.write_deltalake(tmp_path / "t", table)
    found = read(tmp_path / "t", "synapses", columns="cave", resolution="4,4,40")
    assert found["synapse_id"].to_pylist() == [10**9, 10**9 + 3]


def test_a_delta_table_without_one_of_its_files(read: Read, lake: Path) -> None:
    import deltalake

    gone = Path(deltalake.DeltaTable(lake).file_uris()[0])
    kept = gone.read_bytes()
    gone.unlink()
    with pytest.raises(ReadError, match=f"parts of the table are missing: .*{gone.name}; copy the folder whole"):
        read(lake, "synapses", columns="cave", resolution="4,4,40")
    parquet.write_table(parquet.ParquetFile(pa.BufferReader(kept)).read().slice(1), gone)
    with pytest.raises(ReadError, match=rf"{gone.name} has [\d,]+ rows, [\d,]+ by the log"):
        read(lake, "synapses", columns="cave", resolution="4,4,40")


def test_a_delta_log_without_one_of_its_commits(read: Read, lake: Path) -> None:
    (lake / "_delta_log" / "00000000000000000001.json").unlink()
    with pytest.raises(ReadError, match="its Delta log cannot be followed"):
        read(lake, "synapses", columns="cave", resolution="4,4,40")


def test_a_delta_log_of_nonsense(read: Read, lake: Path) -> None:
    for path in (lake / "_delta_log").iterdir():
        path.write_text("{")
    with pytest.raises(GraphlabError, match="its Delta log cannot be followed"):
        read(lake, "synapses", columns="cave", resolution="4,4,40")


def test_a_column_that_came_later_is_empty_before(read: Read, tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake(tmp_path / "t", pa.table({"root_id": [1, 2]}))
    later = pa.table({"root_id": [3], "cell_type": ["Mi1"]})
    deltalake.write_deltalake(tmp_path / "t", later, mode="append", schema_mode="merge")
    found = read(tmp_path / "t", "neurons").sort_by("root_id")
    assert found["cell_type"].to_pylist() == [None, None, "Mi1"]


def test_rows_that_only_the_log_deletes(read: Read, opened: Callable[..., Reading], tmp_path: Path) -> None:
    """A deletion vector: the file keeps rows 1 and 4, a bitmap in the log takes them away."""
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake(tmp_path / "t", pa.table({"root_id": pa.array(range(10), pa.int64())}))
    log = tmp_path / "t" / "_delta_log"
    actions = [json.loads(line) for line in (log / f"{0:020d}.json").read_text().splitlines()]
    add = next(action["add"] for action in actions if "add" in action)
    bitmap = struct.pack("<IQIIIHHIHH", 1681511377, 1, 0, 12346, 1, 0, 1, 16, 1, 4)
    vector = {"storageType": "i", "pathOrInlineDv": z85(bitmap), "sizeInBytes": len(bitmap), "cardinality": 2}
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    lines = [
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}},
        {"remove": {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}},
        {"add": {**add, "deletionVector": vector}},
    ]
    (log / f"{1:020d}.json").write_text("\n".join(map(json.dumps, lines)))
    reading = opened(tmp_path / "t", "neurons")
    found = pa.Table.from_batches(list(reading.batches), reading.schema)
    assert found["root_id"].to_pylist() == [0, 2, 3, 5, 6, 7, 8, 9]
    assert "2 rows left out that its log holds deleted" in reading.notes


def z85(data: bytes) -> str:
    """Bytes as ZeroMQ's base 85, in which logs hold small bitmaps."""
    marks = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    padded = data + b"\0" * (-len(data) % 4)
    numbers = struct.unpack(f">{len(padded) // 4}I", padded)
    return "".join(marks[number // 85**i % 85] for number in numbers for i in (4, 3, 2, 1, 0))


@pytest.mark.parametrize(("first", "count"), [(0, 12), (1, 12), (1, 100)])
def test_numbers_of_parts_need_no_zeros_in_front(read: Read, tmp_path: Path, first: int, count: int) -> None:
    for i in range(first, first + count):
        parquet.write_table(edges(2, 2 * i), tmp_path / f"part-{i}-of-{count}.parquet")
    assert read(tmp_path).num_rows == 2 * count
    (tmp_path / f"part-7-of-{count}.parquet").unlink()
    with pytest.raises(ReadError, match=f"parts of the table are missing: part-7-of-{count}.parquet; copy the folder"):
        read(tmp_path)


def test_a_name_that_speaks_of_too_many_parts(read: Read, tmp_path: Path) -> None:
    parquet.write_table(edges(), tmp_path / "x-1-of-9999999999.parquet")
    with pytest.raises(ReadError, match="parts of the table are missing: x-0-of-9999999999"):
        read(tmp_path)


def test_a_partition_that_is_a_link_is_refused(read: Read, tmp_path: Path) -> None:
    (tmp_path / "t" / "batch=1").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    parquet.write_table(edges().drop_columns(["batch"]), tmp_path / "t" / "batch=1" / "0.parquet")
    parquet.write_table(edges().drop_columns(["batch"]), tmp_path / "elsewhere" / "0.parquet")
    (tmp_path / "t" / "batch=2").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReadError, match="batch=2: is a link to a folder; copy the folder whole"):
        read(tmp_path / "t")


def test_parts_say_their_voxels_as_single_files_do(read: Read, tmp_path: Path) -> None:
    frame = pd.DataFrame({"pt_root_id": [1, 2], "pt_position": [[1, 2, 3], [4, 5, 6]]})
    frame.attrs["dataframe_resolution"] = [4, 4, 40]
    for i in range(2):
        frame.assign(pt_root_id=frame["pt_root_id"] + 2 * i).to_parquet(tmp_path / f"{i}.parquet")
    assert read(tmp_path, "neurons", columns="cave")["z_nm"].to_pylist() == [120, 240, 120, 240]
    frame.attrs["dataframe_resolution"] = [8, 8, 40]
    frame.to_parquet(tmp_path / "1.parquet")
    with pytest.raises(SchemaError, match="differ in what they say of themselves"):
        read(tmp_path, "neurons", columns="cave")


def test_a_delta_log_that_points_outside(read: Read, tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake(tmp_path / "t", pa.table({"root_id": [1, 2]}))
    log = tmp_path / "t" / "_delta_log" / f"{0:020d}.json"
    name = json.loads(next(line for line in log.read_text().splitlines() if '"add"' in line))["add"]["path"]
    (tmp_path / "t" / name).rename(tmp_path / name)
    log.write_text(log.read_text().replace(f'"path":"{name}"', f'"path":"../{name}"'))
    with pytest.raises(ReadError, match=r"lies outside; copy the table whole|cannot be followed"):
        read(tmp_path / "t", "neurons")

"""Parquet, Feather, Arrow: ids exact, attributes of pandas honoured, damage told and never a crash."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from ingest.reader import Reading
from ingest.schema.errors import GraphlabError, IdError, ReadError, SchemaError, UnknownNameError

Read = Callable[..., pa.Table]
WRITERS: dict[str, Callable[[pa.Table, str], None]] = {
    "a.parquet": lambda table, path: parquet.write_table(table, path, row_group_size=100),
    "a.feather": lambda table, path: feather.write_feather(table, path),
    "plain.feather": lambda table, path: feather.write_feather(table, path, compression="uncompressed"),
    "a.arrow": lambda table, path: _stream(table, path),
}


def _stream(table: pa.Table, path: str) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


def edges(n: int = 500) -> pa.Table:
    rng = np.random.default_rng(1)
    pre, post = rng.integers(0, 2**64, (2, n), dtype=np.uint64)
    return pa.table(
        {"pre_root_id": pre, "post_root_id": post, "weight": rng.random(n), "neuropil": ["AL", "MB"] * (n // 2)}
    )


@pytest.mark.parametrize("name", WRITERS)
def test_round_trip(read: Read, tmp_path: Path, name: str) -> None:
    table = edges()
    WRITERS[name](table, str(tmp_path / name))
    assert read(tmp_path / name).equals(table.cast(read(tmp_path / name).schema))
    (tmp_path / name).rename(tmp_path / "no_ending")
    if name != "a.arrow":  # a stream is told by its ending only
        assert read(tmp_path / "no_ending").num_rows == 500


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30))
def test_every_id_survives(tmp_path: Path, read: Read, ids: list[int]) -> None:
    parquet.write_table(pa.table({"root_id": pa.array(ids, pa.uint64())}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", "neurons")["root_id"].to_pylist() == ids
    parquet.write_table(pa.table({"root_id": [str(value) for value in ids]}), tmp_path / "b.parquet")
    assert read(tmp_path / "b.parquet", "neurons")["root_id"].to_pylist() == ids


def test_files_of_duckdb(read: Read, tmp_path: Path) -> None:
    path = str(tmp_path / "a.parquet")
    duckdb.sql("SELECT 720575940596125868 AS pre_root_id, 2::UBIGINT AS post_root_id, sum(3) AS weight").write_parquet(
        path
    )
    assert read(path).to_pylist() == [{"pre_root_id": 720575940596125868, "post_root_id": 2, "weight": 3.0}]


def test_float_ids_are_refused_with_their_row(read: Read, tmp_path: Path) -> None:
    frame = pd.DataFrame({"pre_root_id": [1, 2], "post_root_id": [np.nan, 7.2e17], "weight": 1.0})
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(IdError, match=r"a.parquet, row 2, column 'post_root_id': found the float 7.2e\+17"):
        read(tmp_path / "a.parquet")


def test_attributes_that_pandas_keeps(opened: Callable[..., Reading], tmp_path: Path) -> None:
    frame = pd.DataFrame({"pt_root_id": [5], "pt_position": [[1, 2, 3]]})
    frame.attrs.update(dataframe_resolution=[4, 4, 40], materialization_version=943)
    frame.to_parquet(tmp_path / "a.parquet")
    reading = opened(tmp_path / "a.parquet", "neurons", columns="cave")
    assert reading.meta == {"materialization": 943}
    (row,) = next(reading.batches).to_pylist()
    assert (row["x_nm"], row["y_nm"], row["z_nm"]) == (4.0, 8.0, 120.0)


@pytest.mark.parametrize("stored", [b"{", b"[1]", b"[" * 100_000])
def test_attributes_that_are_none(opened: Callable[..., Reading], tmp_path: Path, stored: bytes) -> None:
    table = pa.table({"root_id": pa.array([1], pa.uint64())}).replace_schema_metadata({b"PANDAS_ATTRS": stored})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert opened(tmp_path / "a.parquet", "neurons").meta == {}


@pytest.mark.parametrize("name", WRITERS)
def test_damage_is_one_error_and_no_crash(read: Read, tmp_path: Path, name: str) -> None:
    """Cut anywhere, or with bytes changed: an error of ours, or the rows unharmed. Offsets of Arrow files ended the
    process once, which fails every test of this file."""
    path = tmp_path / name
    WRITERS[name](edges(200), str(path))
    good, rng = path.read_bytes(), random.Random(7)
    told = []
    for number in range(80):
        data = bytearray(good[: rng.randrange(len(good))] if number % 2 else good)
        for _ in range(0 if number % 2 else rng.choice([1, 8, 60])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            read(path)
        except GraphlabError as error:
            told.append(str(error))
    assert len(told) > 40
    assert all(name in message for message in told)


def test_what_is_said_of_broken_files(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 this is none PAR1")
    with pytest.raises(ReadError, match=r"a.parquet: this is no whole Parquet file \(truncated or damaged\)"):
        read(path)
    parquet.write_table(edges(), path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ReadError, match="no whole Parquet file"):
        read(path)
    path.write_bytes(b"FEA1 and more FEA1")
    with pytest.raises(ReadError, match="old Feather format; save it as Feather 2 or Parquet"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(ReadError, match="a.parquet is empty"):
        read(path)
    feather.write_feather(edges(), str(tmp_path / "a.feather"))
    (tmp_path / "a.feather").write_bytes((tmp_path / "a.feather").read_bytes()[:-30])
    with pytest.raises(ReadError, match="no whole Arrow file"):
        read(tmp_path / "a.feather")


def test_columns_and_options(read: Read, tmp_path: Path) -> None:
    parquet.write_table(edges().rename_columns(["from_id", "to_id", "n", "roi"]), tmp_path / "a.parquet")
    with pytest.raises(SchemaError, match="need the columns pre_root_id, post_root_id, weight; found from_id"):
        read(tmp_path / "a.parquet")
    with pytest.raises(SchemaError, match="has no column 'fromid'; did you mean 'from_id'"):
        read(tmp_path / "a.parquet", columns={"pre_root_id": "fromid"})
    with pytest.raises(UnknownNameError, match="option of Parquet, Arrow and Avro files 'sheet'"):
        read(tmp_path / "a.parquet", options={"sheet": "x"})


def test_sides_of_one_neuron(read: Read, tmp_path: Path) -> None:
    table = {"bodyId": pa.array([BIG, 7, BIG], pa.int64()), "type": ["pre", "post", "Pre"], "x": [1, 2, 3]}
    parquet.write_table(pa.table(table), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet", "synapses", columns="navis")
    assert found["pre_root_id"].to_pylist() == [BIG, 0, BIG]
    assert found["post_root_id"].to_pylist() == [0, 7, 0]
    parquet.write_table(pa.table({**table, "type": ["pre", "both", "pre"]}), tmp_path / "b.parquet")
    with pytest.raises(SchemaError, match="row 2, column 'type': found 'both'; wanted pre or post"):
        read(tmp_path / "b.parquet", "synapses", columns="navis")


BIG = 2**53 + 1

"""The contract of the Reader seam: every registered reader passes it, and so must a newcomer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import io

from ingest import tables
from ingest.reader import FLAGS, READERS, Reading, ReadRequest, source_name
from ingest.schema.errors import GraphlabError, SchemaError, UnknownNameError
from ingest.schema.space import Resolution
from ingest.schema.words import table
from ingest.segclr import csv_zip

EDGES = {"pre_root_id": [1, 2**60 + 1], "post_root_id": [2, 3], "weight": [1.5, 2.0]}


def parquet_file(folder: Path) -> Path:
    parquet.write_table(pa.table(EDGES), folder / "a.parquet")
    return folder / "a.parquet"


def csv_file(folder: Path) -> Path:
    pd.DataFrame(EDGES).to_csv(folder / "a.csv", index=False)
    return folder / "a.csv"


def json_file(folder: Path) -> Path:
    pd.DataFrame(EDGES).to_json(folder / "a.json", orient="records")
    return folder / "a.json"


def mat_file(folder: Path) -> Path:
    io.savemat(folder / "a.mat", {"A": np.array([[0, 2.0, 0], [1, 0, 0], [0, 0, 0]])})
    return folder / "a.mat"


def shard_folder(folder: Path) -> Path:
    batch = pa.RecordBatch.from_pydict(
        {
            "root_id": pa.array([5, 5], pa.uint64()), "node_id": pa.array([0, 1], pa.uint64()),
            **{f"{axis}_nm": pa.array([1.0, 2.0], pa.float32()) for axis in "xyz"},
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(128, np.float32)), 64),
        }
    )  # fmt: skip
    csv_zip.write_shards(folder / "shards", [batch], convention=8, num_shards=1)
    return folder / "shards"


SOURCES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "frame": ("connections", lambda folder: pd.DataFrame(EDGES)),
    "columnar": ("connections", parquet_file),
    "mat": ("connections", mat_file),
    "json": ("connections", json_file),
    "delimited": ("connections", csv_file),
    csv_zip.NAME: ("embeddings", shard_folder),
}
"""One small good source for each reader; the workbook's is a real one, Varshney's."""


@pytest.fixture(params=[*SOURCES, "workbook"])
def contract(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str, Any]:
    """(name of a reader, what its rows are, a source it reads)."""
    name = request.param
    if name == "workbook":
        folder: Path = request.getfixturevalue("real_data")
        return name, "connections", folder / "celegans_varshney2011" / "NeuronConnect.xls"
    as_, make = SOURCES[name]
    return name, as_, make(tmp_path)


def request_for(name: str, as_: str, **more: Any) -> ReadRequest:
    named = {"pre_name": "Neuron 1", "post_name": "Neuron 2", "weight": "Nbr"} if name == "workbook" else None
    return ReadRequest(as_, columns=named, **more)


def test_every_reader_has_a_source_here() -> None:
    assert tables.READERS is READERS
    assert set(READERS.names()) == {*SOURCES, "workbook"}


def test_accepts_its_source_and_no_other_thing(contract: tuple[str, str, Any]) -> None:
    name, _, source = contract
    reader = READERS.get(name)
    assert reader.accepts(source)
    for thing in (None, 3, object(), b"bytes", [1]):
        assert reader.accepts(thing) is False
    assert isinstance(reader.accepts("absent/file.xyz"), bool)


def test_is_the_first_to_be_asked(contract: tuple[str, str, Any]) -> None:
    name, as_, source = contract
    if as_ != "embeddings":
        first = next(found for found, reader in READERS if reader.accepts(source))
        assert first == name


def test_streams_our_words_in_our_types(contract: tuple[str, str, Any]) -> None:
    name, as_, source = contract
    reading = READERS.get(name).read(source, request_for(name, as_))
    assert isinstance(reading, Reading)
    words = table(as_)
    assert set(words.required()) <= set(reading.schema.names)
    for column in words.columns:
        if column.name in reading.schema.names and column.name != "vector":
            assert reading.schema.field(column.name).type == column.type
    rows = 0
    for batch in reading.batches:
        assert batch.schema.equals(reading.schema)
        for required in words.required():
            assert batch.column(required).null_count == 0
        batch.validate(full=True)
        rows += batch.num_rows
    assert rows > 0
    assert reading.rows in (None, rows)
    assert all(isinstance(note, str) for note in reading.notes)
    assert list(reading.batches) == [], "a reading is streamed once"


def test_the_same_source_gives_the_same_rows(contract: tuple[str, str, Any]) -> None:
    name, as_, source = contract
    first, second = (
        pa.Table.from_batches(list(reading.batches), reading.schema)
        for reading in (READERS.get(name).read(source, request_for(name, as_)) for _ in range(2))
    )
    assert first.equals(second)


def test_options_are_known_or_refused(contract: tuple[str, str, Any]) -> None:
    name, as_, source = contract
    with pytest.raises(UnknownNameError, match="'no such option'"):
        READERS.get(name).read(source, request_for(name, as_, options={"no such option": "1"}))


@pytest.mark.parametrize(
    ("word", "value"),
    [("columns", "cave"), ("resolution", Resolution(4, 4, 40)), ("keep", {"a": ("1",)}), ("header", False)],
)
def test_words_that_a_reader_does_not_use_are_refused(contract: tuple[str, str, Any], word: str, value: Any) -> None:
    name, as_, source = contract
    reader = READERS.get(name)
    if word not in reader.uses.words:
        with pytest.raises(SchemaError, match=f"{FLAGS[word]} does nothing for {reader.uses.what}"):
            reader.read(source, ReadRequest(as_, **{word: value}))


def test_files_that_are_absent_or_empty_are_one_error(contract: tuple[str, str, Any], tmp_path: Path) -> None:
    name, as_, source = contract
    if not isinstance(source, Path):
        return
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    suffix = source.suffix or ".zip"
    (wrong / f"0{suffix}").write_bytes(b"")
    for path in (wrong / f"1{suffix}", wrong / f"0{suffix}"):
        with pytest.raises(GraphlabError, match=path.name):
            list(READERS.get(name).read(path, request_for(name, as_)).batches)


def test_rows_of_the_source_after_a_filter() -> None:
    reading = Reading(pa.schema([]), iter(()), kept_rows=[np.array([2, 5]), np.array([], np.int64), np.array([9])])
    assert [reading.source_row(i) for i in range(3)] == [2, 5, 9]
    assert Reading(pa.schema([]), iter(())).source_row(6) == 7


def test_how_a_source_is_called(tmp_path: Path) -> None:
    assert source_name("a/b.csv") == "a/b.csv"
    assert source_name(tmp_path) == str(tmp_path)
    assert source_name(pd.DataFrame()) == "<DataFrame>"

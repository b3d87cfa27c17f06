"""Pages on disk: they go on where they stopped, and what is damaged does not count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.clients.address import parse_address
from ingest.clients.kept_pages import KeptPages, shown
from ingest.clients.windows import Window
from ingest.schema.errors import ReadError, SchemaError

ADDRESS = parse_address("cave://minnie65_public/synapses?version=1300")
ABOUT = {"materialization": "1300", "resolution": [4.0, 4.0, 40.0]}


def kept(*columns: Any) -> KeptPages:
    """A download whose pages have these values of a column ``id`` or, for arrays, ``x``."""
    made = KeptPages(ADDRESS, "synapses", dict(ABOUT), len(columns), begun="2026-01-01")
    for number, column in enumerate(columns):
        made.add(Window(number - 1, number), pa.table({"id": [number], "x": column}))
    return made


def loaded() -> KeptPages:
    again = KeptPages(ADDRESS, "synapses")
    again.load()
    return again


def test_what_was_kept_is_found_again(downloads: Path) -> None:
    first = kept([1], [2])
    again = loaded()
    assert (again.pages, again.about, again.total, again.complete) == (first.pages, ABOUT, 2, False)
    nothing = KeptPages(ADDRESS, "synapses")
    nothing.load(only_complete=True)
    assert (nothing.pages, nothing.complete) == ([], False)
    first.finish()
    nothing.load(only_complete=True)
    assert nothing.complete
    assert loaded().complete
    assert loaded().content == first.content
    assert first.folder.is_relative_to(downloads)


def test_pages_behind_a_damaged_one_are_fetched_again(downloads: Path) -> None:
    first = kept([1], [2], [3])
    first.finish()
    path = first.parquet / first.pages[1].file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    again = loaded()
    assert [page.high for page in again.pages] == [0]
    assert not again.complete
    path.unlink()
    assert [page.high for page in loaded().pages] == [0]


def test_a_page_that_no_record_names_goes_away(downloads: Path) -> None:
    first = kept([1])
    pq.write_table(pa.table({"id": [9], "x": [9]}), first.parquet / "000009-9-9.parquet")
    first.finish()
    assert [path.name for path in first.parquet.iterdir()] == [first.pages[0].file]


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ([[None], ["a"]], pa.string()),
        ([[None], [None]], pa.string()),
        ([[1], [2.5]], pa.float64()),
        ([pa.array([1], pa.int32()), pa.array([2], pa.int64())], pa.int64()),
        ([pa.array([1], pa.int64()), pa.array([2**63 + 1], pa.uint64())], pa.uint64()),
        ([[[1, 2, 3]], [[0.5, 1, 2]], [None]], pa.list_(pa.float64())),
    ],
)
def test_a_column_gets_one_type_in_all_pages(downloads: Path, columns: list[Any], wanted: pa.DataType) -> None:
    made = kept(*columns)
    made.finish()
    tables = [pq.read_table(made.parquet / page.file) for page in made.pages]
    assert all(table.schema.field("x").type.equals(wanted) for table in tables)
    given = [value for column in columns for value in (column.to_pylist() if isinstance(column, pa.Array) else column)]
    assert [table["x"][0].as_py() for table in tables] == given
    assert loaded().complete  # the record knows the pages as they are now
    assert json.loads(tables[0].schema.metadata[b"PANDAS_ATTRS"])["dataframe_resolution"] == [4.0, 4.0, 40.0]


def test_columns_that_no_type_holds_are_refused(downloads: Path) -> None:
    with pytest.raises(SchemaError, match="'x' is of several types in the server's pages: int64, string"):
        kept([1], ["a"]).finish()
    with pytest.raises(SchemaError, match="'x' mixes whole numbers past 2\\^53 with decimals"):
        kept([2**53 + 1], [0.5]).finish()
    odd = kept([1])
    odd.add(Window(5, 6), pa.table({"id": [1], "y": [1]}))
    with pytest.raises(SchemaError, match="differ in their columns: x, y"):
        odd.finish()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}', '{"format": 2, "table": "x", "as": "synapses"}'])
def test_a_record_that_is_none_of_ours(downloads: Path, text: str) -> None:
    made = kept([1])
    (made.folder / "download.json").write_text(text)
    with pytest.raises(ReadError, match="no record of a download"):
        loaded()


def test_one_process_at_a_time(downloads: Path) -> None:
    made = kept([1])
    with made.alone(), pytest.raises(ReadError, match="another process downloads it now"), loaded().alone():
        raise AssertionError("both are alone")
    with loaded().alone():
        pass


def test_names_of_servers_stay_inside_the_folder(downloads: Path) -> None:
    for text in (
        "neuprint://../..",
        "neuprint://host/..%2F..%2Fetc",
        "neuprint://host/.hidden",
        "neuprint://host:1/%2e%2e",
    ):
        folder = KeptPages(parse_address(text), "neurons").folder
        assert folder.resolve().is_relative_to(downloads.resolve())
        assert folder.relative_to(downloads).parts[-1] == "neurons"
        assert ".." not in folder.parts
    assert shown(downloads.parent / "home" / "a") == "~/a"

"""Columnar files: what would take too much memory is refused before it is allocated, honest ones are read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from ingest.columnar.files import open_columns, read_columns
from ingest.schema.errors import ReadError

ROWS = 150_000
LONG = "x" * (1 << 20)
PEAKS = """
import json, sys
from pathlib import Path
from ingest.columnar.files import open_columns, read_columns
from ingest.schema.errors import ReadError

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024

for name in sys.argv[1:]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before, rows = peak(), 0
    try:
        for batch in open_columns(Path(name)).batches:
            rows += batch.num_rows
        said = ""
    except ReadError as error:
        said = str(error)
    print(json.dumps([Path(name).name, said, rows, peak() - before]), flush=True)
"""


def repeated(value: Any, rows: int = ROWS) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))


def of_dictionary(path: Path, column: pa.Array, store_schema: bool) -> None:
    table = pa.table({"pre_root_id": np.arange(len(column)), "note": column})
    pa.parquet.write_table(
        table, path, compression="zstd", dictionary_pagesize_limit=1 << 28, store_schema=store_schema
    )


def lists(path: Path) -> None:
    column = pa.ListArray.from_arrays(pa.array(np.arange(ROWS + 1), pa.int32()), repeated(LONG))
    of_dictionary(path, column, False)


def one_list(path: Path) -> None:
    values = pa.array(np.zeros(40_000_000, np.int64))
    table = pa.table({"note": pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)})
    pa.parquet.write_table(table, path, compression="zstd")


def pages(path: Path) -> None:
    """Row groups of one row each, every one small enough by itself."""
    table = pa.table({"note": ["y" * (100 << 20)]})
    with pa.parquet.ParquetWriter(path, table.schema, compression="zstd", use_dictionary=False) as writer:
        for _ in range(3):
            writer.write_table(table)


def one_page(path: Path) -> None:
    table = pa.table({"note": ["y" * (300 << 20)]})
    pa.parquet.write_table(table, path, compression="zstd", use_dictionary=False)


def ipc(path: Path, table: pa.Table, compression: str | None = None, stream: bool = False) -> None:
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, new(sink, table.schema, options=options) as writer:
        writer.write_table(table)


def views(path: Path) -> None:
    """Texts that all are the same bytes of one buffer."""
    each = np.zeros(ROWS, dtype=[("length", "<i4"), ("begin", "S4"), ("buffer", "<i4"), ("offset", "<i4")])
    each["length"], each["begin"] = len(LONG), LONG[:4].encode()
    buffers = [None, pa.py_buffer(each.tobytes()), pa.py_buffer(LONG.encode())]
    ipc(path, pa.table({"note": pa.Array.from_buffers(pa.string_view(), ROWS, buffers)}), stream=True)


ZEROS = pa.table({"weight": np.zeros(40_000_000)})
BOMBS: dict[str, Callable[[Path], None]] = {
    "dictionary.parquet": lambda path: of_dictionary(path, repeated(LONG), True),
    "no-schema.parquet": lambda path: of_dictionary(path, repeated(LONG), False),
    "lists.parquet": lists,
    "one-list.parquet": one_list,
    "one-page.parquet": one_page,
    "zstd.arrow": lambda path: ipc(path, ZEROS, "zstd"),
    "lz4.feather": lambda path: ipc(path, ZEROS, "lz4"),
    "dictionary.arrow": lambda path: ipc(path, pa.table({"note": repeated(LONG)})),
    "nulls.arrows": lambda path: ipc(path, pa.table({"note": pa.nulls(10**8)}), stream=True),
    "runs.arrows": lambda path: ipc(
        path, pa.table({"a": pa.RunEndEncodedArray.from_arrays(pa.array([10**9], pa.int64()), pa.array([5]))}),
        stream=True,
    ),
    "views.arrows": views,
}  # fmt: skip
SMALLER: dict[str, Callable[[Path], None]] = {
    "delta.parquet": lambda path: pa.parquet.write_table(
        pa.table({"note": [LONG] * 350}), path, use_dictionary=False, column_encoding={"note": "DELTA_BYTE_ARRAY"}
    ),
    "fixed.parquet": lambda path: of_dictionary(path, pa.array([LONG.encode()] * 350, pa.binary(len(LONG))), False),
    "pages.parquet": pages,
}
"""Read all the same, fewer rows at a time."""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks of memory are Linux's")
def test_what_would_take_too_much_memory_takes_none(tmp_path: Path) -> None:
    for name, make in {**BOMBS, **SMALLER}.items():
        make(tmp_path / name)
        assert (tmp_path / name).stat().st_size < 5 << 20, name

    command = [sys.executable, "-c", PEAKS, *(str(tmp_path / name) for name in (*BOMBS, *SMALLER))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert not done.returncode, done.stderr
    told = {name: (said, rows, grown) for name, said, rows, grown in map(json.loads, done.stdout.splitlines())}

    assert {*told} == {*BOMBS, *SMALLER}
    for name in BOMBS:
        said, rows, grown = told[name]
        assert "bytes of memory" in said, (name, said)
        assert "say so in the environment: GRAPHLAB_READ_LIMIT=" in said, name
        assert rows == 0, name
        assert grown < 128 << 20, (name, grown)
    for name in SMALLER:
        said, rows, grown = told[name]
        assert (said, rows) == ("", 3 if name == "pages.parquet" else 350), name
        assert grown < 320 << 20, (name, grown)


def test_a_limit_of_ones_own_is_held_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_dictionary(tmp_path / "a.parquet", repeated("x" * 3000, 131_072), False)
    with pytest.raises(ReadError, match=r"a.parquet would take 39\d,.*; 268,435,456 are given"):
        read_columns(tmp_path / "a.parquet")
    monkeypatch.setenv("GRAPHLAB_READ_LIMIT", "1GB")
    assert read_columns(tmp_path / "a.parquet").num_rows == 131_072
    monkeypatch.setenv("GRAPHLAB_READ_LIMIT", "10MB")
    with pytest.raises(ReadError, match="10,485,760 are given"):
        read_columns(tmp_path / "a.parquet")


@pytest.mark.parametrize("parts", [1, 7, 200])
@pytest.mark.parametrize("ending", ["parquet", "arrow", "lz4.arrow", "arrows"])
def test_an_honest_file_is_read_whole(tmp_path: Path, ending: str, parts: int) -> None:
    rng = np.random.default_rng(parts)
    rows = 30_000
    texts = pa.array(rng.choice(["ME_R", "LO_L", "a text of some length " * 20, None], rows))
    table = pa.table(
        {
            "pre_root_id": rng.integers(0, 2**60, rows).astype(np.uint64), "weight": rng.random(rows), "np": texts,
            "kind": texts.dictionary_encode(), "unique": [f"N{i}" for i in range(rows)],
            "xyz": pa.array(list(rng.random((rows, 3)))), "tags": pa.array([["a", "b"][: i % 3] for i in range(rows)]),
        }
    )  # fmt: skip
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        pa.parquet.write_table(table, path, row_group_size=-(-rows // parts))
    else:
        cut = pa.Table.from_batches(table.to_batches(max_chunksize=-(-rows // parts)))
        ipc(path, cut, "lz4" if "lz4" in ending else None, stream=ending == "arrows")
    assert read_columns(path).equals(table)
    assert open_columns(path).schema.names == table.schema.names


def test_pages_that_lie_about_themselves_are_damage(tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"a": ["b"] * 10}), tmp_path / "a.parquet")
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    for value in (0x00, 0x19, 0xFF):
        data[4] = value
        (tmp_path / "a.parquet").write_bytes(data)
        with pytest.raises(ReadError, match=r"no whole Parquet file .*a page of 'a' has no header"):
            read_columns(tmp_path / "a.parquet")

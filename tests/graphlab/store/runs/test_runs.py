"""Hashes of sources and tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from graphlab.store.runs.runs import hash_source, hash_table, versions


def test_a_table_hashes_by_content_however_it_is_chunked() -> None:
    table = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]})
    pieces = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert hash_table(pieces) == hash_table(table) == hash_table(table.to_pandas()) == hash_source(table)
    assert hash_table(table.slice(1)) != hash_table(table)
    assert hash_table(table.rename_columns(["a", "c"])) != hash_table(table)
    assert hash_table(table.set_column(1, "b", pa.array(["x", "", "z"]))) != hash_table(table)


def test_frames_with_coordinate_lists_hash() -> None:
    frame = pd.DataFrame({"id": [1], "pt_position": [[1, 2, 3]]})
    assert hash_source(frame) == hash_source(frame.copy())


def test_a_folder_hashes_by_names_and_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    both = hash_source(tmp_path)
    (tmp_path / "b").rename(tmp_path / "c")
    assert hash_source(tmp_path) != both
    (tmp_path / "c").rename(tmp_path / "b")
    assert hash_source(str(tmp_path)) == both
    assert hash_source(tmp_path / "a") != hash_source(tmp_path / "b")


@pytest.mark.parametrize("name", ["python", "graphlab-connectome", "duckdb", "numpy"])
def test_versions_name_what_computed(name: str) -> None:
    assert versions()[name][0].isdigit()

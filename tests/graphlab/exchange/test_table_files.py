"""Tables as rows of JSON: no id loses a digit wherever it stands, and what JSON cannot say is null."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pyarrow as pa
import pytest

from graphlab.exchange.table_files import rows_of, write_table

LARGEST = 2**64 - 1


def test_ids_are_text_wherever_they_stand() -> None:
    ids = pa.list_(pa.uint64())
    table = pa.table(
        {
            "root_id": pa.array([LARGEST, None], pa.uint64()),
            "path": pa.array([[1, LARGEST, None], None], ids),
            "pair": pa.array([[1, LARGEST], [2, 3]], pa.list_(pa.uint64(), 2)),
            "about": pa.array([{"ids": [LARGEST], "n": 3}, None], pa.struct([("ids", ids), ("n", pa.int64())])),
        }
    )
    first, second = json.loads(json.dumps(rows_of(table)))
    assert first == {
        "root_id": str(LARGEST),
        "path": ["1", str(LARGEST), None],
        "pair": ["1", str(LARGEST)],
        "about": {"ids": [str(LARGEST)], "n": 3},
    }
    assert second == {"root_id": None, "path": None, "pair": ["2", "3"], "about": None}


def test_what_is_no_number_in_json_is_null() -> None:
    rows = rows_of(pa.table({"z": [1.5, math.nan, math.inf], "edges": [[[0, 1]], [], None]}))
    assert rows == [{"z": 1.5, "edges": [[0, 1]]}, {"z": None, "edges": []}, {"z": None, "edges": None}]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@SUM(A1)", "\tx", "\r=1", '=HYPERLINK("x")'])
def test_text_like_a_formula_is_escaped_where_it_is_asked_for(tmp_path: Path, text: str) -> None:
    kinds = (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()))
    columns = [pa.array([text, "plain", None], pa.string()).cast(kind) for kind in kinds]
    table = pa.Table.from_arrays([*columns, pa.array([-1.5, 2.0, -3.0])], names=[text, "b", "c", "n"])

    def cells(**said: bool) -> list[list[str]]:
        write_table(table, tmp_path / "a.csv", **said)
        with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))

    assert cells(spreadsheet=True) == [
        [f"'{text}", "b", "c", "n"], [f"'{text}"] * 3 + ["-1.5"], ["plain"] * 3 + ["2.0"], ["", "", "", "-3.0"],
    ]  # fmt: skip
    assert cells()[:2] == [[text, "b", "c", "n"], [text] * 3 + ["-1.5"]]
    write_table(table, tmp_path / "a.json", spreadsheet=True)
    assert json.loads((tmp_path / "a.json").read_text())[0]["b"] == text

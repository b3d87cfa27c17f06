"""Tables as rows of JSON: no id loses a digit wherever it stands, and what JSON cannot say is null."""

from __future__ import annotations

import json
import math

import pyarrow as pa

from graphlab.table_files import rows_of

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

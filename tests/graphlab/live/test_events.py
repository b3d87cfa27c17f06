from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from graphlab.live.events import ACTIONS, NEEDS, SCHEMA, from_arrow, from_json, from_records


def event(sequence: int = 1, action: str = "synapse_added", **values: Any) -> dict[str, Any]:
    always = {"version": 1, "producer": "p", "sequence": sequence, "event_id": f"e{sequence}", "action": action}
    return always | values


ADDED: dict[str, Any] = {"synapse_id": 5, "pre_root_id": 1, "post_root_id": 2}


def test_ids_keep_every_digit_as_numbers_and_as_texts() -> None:
    largest = 2**64 - 1
    lines = [
        json.dumps(event(1, synapse_id=largest, pre_root_id=str(largest), post_root_id=2**53 + 1)),
        "",
        json.dumps(event(2, "neuron_split", old_root_ids=[str(largest)], new_root_ids=[7, "8"])).encode(),
    ]
    table, letters = from_json(lines)
    assert not letters
    assert table.schema == SCHEMA
    rows = table.to_pylist()
    assert rows[0]["synapse_id"] == rows[0]["pre_root_id"] == largest
    assert rows[0]["post_root_id"] == 2**53 + 1
    assert rows[1]["old_root_ids"] == [largest]
    assert rows[1]["new_root_ids"] == [7, 8]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "reads version 1"),
        ({"version": None}, "version"),
        ({"sequence": 1.0}, "wanted a whole number"),
        ({"synapse_id": 5.0}, "wanted a whole number"),
        ({"synapse_id": -1}, "wanted a whole number"),
        ({"synapse_id": True}, "wanted a whole number"),
        ({"pre_root_id": None}, "synapse_added without pre_root_id"),
        ({"action": "synapse_aded"}, "did you mean 'synapse_added'"),
        ({"pre_rootid": 4}, "did you mean 'pre_root_id'"),
        ({"weight": 0.5}, "no whole number"),
        ({"x_nm": "here"}, "finite number"),
        ({"kind": "magnetic"}, "unknown kind"),
        ({"time": "2026-05-01T12:00:00"}, "with its zone"),
        ({"event_id": None}, "no event_id"),
        ({"action": "neurons_merged", "old_root_ids": [1], "new_root_ids": [1, 2]}, "another length"),
        ({"action": "neurons_merged", "old_root_ids": [], "new_root_ids": [1]}, "another length"),
        ({"action": "neurons_merged", "old_root_ids": [0, 1], "new_root_ids": [1]}, "background"),
        ({"action": "neuron_split", "old_root_ids": [1], "new_root_ids": [1, 2], "supervoxel_ids": [4]}, "one length"),
        (
            {"action": "neuron_split", "old_root_ids": [1], "new_root_ids": [1, 2], "supervoxel_ids": [4],
             "supervoxel_root_ids": [3]}, "none of new_root_ids",
        ),
        ({"action": "annotation_changed", "root_id": 1, "column": "total_in"}, "sets no column"),
        ({"sequence": 0}, "from 1 on"),
        ({"weight": 10**400}, "finite number"),
        ({"time": "0001-01-01T00:00:00+23:59"}, "years 1 to 9999"),
        ({"event_id": "half a letter \ud800"}, "wanted a text"),
        ({"action": "neuron_split", "old_root_ids": [1], "new_root_ids": [1, 2], "supervoxel_ids": [0],
          "supervoxel_root_ids": [2]}, "supervoxel 0"),
        ({"action": "neuron_split", "old_root_ids": [1], "new_root_ids": [1, 2], "supervoxel_ids": [4, 4],
          "supervoxel_root_ids": [1, 2]}, "to two neurons"),
        ({"action": "neuron_split", "old_root_ids": [1], "new_root_ids": [1, 2], "synapse_ids": [4, 4],
          "synapse_sides": ["pre", "pre"], "synapse_root_ids": [1, 2]}, "to two neurons"),
    ],
)  # fmt: skip
def test_what_is_malformed_says_why_and_keeps_its_number(change: dict[str, Any], reason: str) -> None:
    record = {k: v for k, v in (event(7, **ADDED) | change).items() if v is not None}
    table, letters = from_json([json.dumps(event(6, **ADDED)), json.dumps(record)])
    assert table.num_rows == 1
    assert len(letters) == 1
    assert reason in letters[0].reason
    if "sequence" not in change:
        assert (letters[0].producer, letters[0].sequence) == ("p", 7)
        assert letters[0].event_id == (None if "event_id" in change else "e7")


def test_texts_that_are_no_records(monkeypatch: pytest.MonkeyPatch) -> None:
    table, letters = from_json([b"{", b"[1]", b"\xff", b'{"weight": NaN}', b"[" * 100_000])
    assert table.num_rows == 0
    assert len(letters) == 5
    monkeypatch.setattr("graphlab.live.events.MOST_BYTES", 500)
    table, letters = from_json([json.dumps(event(1, "chunk_ready", chunk="c" * 1_000))])
    assert table.num_rows == 0
    assert "wanted at most 500" in letters[0].reason
    assert "more letters" not in letters[0].event


def test_arrow_tables_may_leave_columns_out_and_not_bring_others() -> None:
    plain = pa.Table.from_pylist([event(k, **ADDED) for k in (1, 2)])
    table, letters = from_arrow(plain)
    assert (table.num_rows, letters) == (2, [])
    _, letters = from_arrow(plain.append_column("colour", pa.array(["a", "b"])))
    assert "unknown column 'colour'" in letters[0].reason
    floats = plain.set_column(plain.schema.get_field_index("synapse_id"), "synapse_id", pa.array([1.0, 2.0]))
    assert "holds floats" in from_arrow(floats)[1][0].reason
    negative = plain.set_column(plain.schema.get_field_index("synapse_id"), "synapse_id", pa.array([1, -2]))
    assert len(from_arrow(negative)[1]) == 1
    twice = pa.Table.from_arrays([*plain.columns, plain.column(0)], names=[*plain.column_names, "version"])
    assert "twice" in from_arrow(twice)[1][0].reason


def test_what_arrow_holds_is_looked_at() -> None:
    """Letters that are none, places without an id: nobody checked a file before."""
    merge = from_records([event(1, "neurons_merged", old_root_ids=[1, 2], new_root_ids=[2])])[0]
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff"))
    lacking = pa.array([[1, None]], pa.list_(pa.uint64()))
    for name, column, told in (("producer", broken, "UTF8"), ("old_root_ids", lacking, "empty place")):
        table, letters = from_arrow(merge.set_column(merge.schema.get_field_index(name), name, column))
        assert table.num_rows == 0
        assert told in letters[0].reason


def test_every_action_names_what_it_needs() -> None:
    assert set(NEEDS) == set(ACTIONS)
    for action, needed in NEEDS.items():
        _, letters = from_records([event(1, action)])
        assert letters[0].reason.startswith(action)
        assert set(needed) <= set(SCHEMA.names)

"""Sides of neurons in one spelling, whatever a source writes."""

from __future__ import annotations

import pyarrow as pa

from ingest.schema.sides import SIDES, our_sides


def test_sides() -> None:
    read_as: dict[str, str] = {}
    words = pa.array(["L", "left", "RHS", None, "M", "midline", "na", "R", "L"])
    assert our_sides(words, read_as).to_pylist() == [
        *("left", "left", "right", None, "center", "center", "na", "right", "left")
    ]  # fmt: skip
    assert read_as == {"L": "left", "RHS": "right", "M": "center", "midline": "center", "R": "right"}
    assert our_sides(pa.array([], pa.string()), read_as).to_pylist() == []
    assert set(SIDES.values()) == {"left", "right", "center"}

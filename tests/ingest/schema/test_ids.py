"""Ids: unsigned 64-bit at rest, refused where a digit could be lost, names hashed the same everywhere."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.schema import ids as module
from ingest.schema.errors import IdError
from ingest.schema.ids import as_root_ids, check_int64, ids_as_text, root_id_of_name, root_ids_of_names


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1)))
def test_round_trips(values: list[int]) -> None:
    ids = as_root_ids(values)
    assert ids.dtype == np.uint64
    assert ids.tolist() == values
    assert as_root_ids(ids) is ids
    assert as_root_ids(ids_as_text(ids)).tolist() == values
    small = [value for value in values if value < 2**63]
    assert as_root_ids(as_root_ids(small).astype(np.int64)).tolist() == small


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [np.float64(1)],
        np.array([1.0]),
        [True],
        [-1],
        np.array([-1]),
        [2**64],
        ["-1"],
        ["1.0"],
        ["٣"],
        [""],
        [None],
    ],
)
def test_what_is_no_id(values: object) -> None:
    with pytest.raises(IdError, match="pre_root_id: found"):
        as_root_ids(values, "pre_root_id")


def test_what_numpy_would_merge_is_kept_apart() -> None:
    a, b = 864691135941359220, 864691135941359221
    assert float(a) == float(b)
    assert as_root_ids([a, b]).tolist() == [a, b]
    assert as_root_ids([Decimal(a)]).tolist() == [a]


def test_ids_past_int64() -> None:
    with pytest.raises(IdError, match="9223372036854775808 does not fit pandas' int64; use to_arrow"):
        check_int64(2**63, "root_id")
    check_int64(2**63 - 1, "root_id")
    check_int64(None, "root_id")


@settings(deadline=None)
@given(st.text())
def test_names_are_hashed_as_the_design_says(name: str) -> None:
    wanted = int.from_bytes(hashlib.blake2b(name.encode()).digest()[:8], "big") & (2**63 - 1)
    assert root_id_of_name(name) == wanted < 2**63


def test_a_collision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert root_ids_of_names(["a", "b", "a"]) == {"a": root_id_of_name("a"), "b": root_id_of_name("b")}
    monkeypatch.setattr(module, "root_id_of_name", lambda name: 7)
    with pytest.raises(IdError, match="the names 'a' and 'b' hash to the same id 7; rename one of them"):
        root_ids_of_names(["a", "b"])

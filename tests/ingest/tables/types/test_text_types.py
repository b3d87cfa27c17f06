"""Types of further columns of a text table: whatever the cells, none changes its value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Read = Callable[..., pa.Table]
File = Callable[[str, str | bytes], Path]
BIG = 2**53 + 1


def column(read: Read, file: File, cells: list[str], separator: str = ",") -> pa.ChunkedArray:
    text = f"root_id{separator}x\n" + "".join(f"{i}{separator}{cell}\n" for i, cell in enumerate(cells, 1))
    return read(file("a.csv", text), "neurons")["x"]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("words", [["F", "F"], ["T"], ["t", "f"], ["Y", "N"], ["yes", "no"], ["no"], ["F", "", "T"]])
def test_letters_and_words_are_text(read: Read, file: File, words: list[str], separator: str) -> None:
    assert column(read, file, words, separator).to_pylist() == [word or None for word in words]


@pytest.mark.parametrize("words", [["true", "False"], ["TRUE", ""], ["false"]])
def test_true_and_false_are_truth_values(read: Read, file: File, words: list[str]) -> None:
    assert column(read, file, words).to_pylist() == [word.lower() == "true" if word else None for word in words]


@pytest.mark.parametrize("hole", ["", "nan", "NaN", " "])
@pytest.mark.parametrize("big", [BIG, -BIG, 2**63 - 1, 2**63 + 1, 2**64 - 1])
def test_whole_numbers_keep_every_digit(read: Read, file: File, hole: str, big: int) -> None:
    found = column(read, file, ["7", hole, str(big)])
    assert pa.types.is_integer(found.type)
    assert [value if value is None else int(value) for value in found.to_pylist()] == [7, None, big]


@pytest.mark.parametrize("other", ["0.5", "1e3", "9007199254740993.0", "x", str(2**64), "-1"])
def test_large_whole_numbers_beside_others_are_text(read: Read, file: File, other: str) -> None:
    cells = [str(2**63 + 1), other]
    assert column(read, file, cells).to_pylist() == cells


@pytest.mark.parametrize("cells", [["007", "1"], ["+5"], ["1_000"], ["0x1f"], ["1,5"], ["1e"], ["--1"], ["٣"]])
def test_what_only_looks_like_numbers_is_text(read: Read, file: File, cells: list[str]) -> None:
    assert column(read, file, cells, ";").to_pylist() == cells


def test_decimals_are_numbers_and_nan_is_null(read: Read, file: File) -> None:
    assert column(read, file, ["1", "2.5", "nan", "1e-3", "", ".5", "-inf"]).to_pylist() == [
        1.0, 2.5, None, 0.001, None, 0.5, float("-inf"),
    ]  # fmt: skip
    nothing = column(read, file, ["", "nan"])
    assert nothing.null_count == 2


def test_columns_set_apart_by_blanks_have_the_same_types(read: Read, file: File) -> None:
    text = f"root_id  sex  n  share\n1   F   {BIG}   0.5\n2   F   nan   1\n"
    assert read(file("a.txt", text), "neurons").to_pylist() == [
        {"root_id": 1, "sex": "F", "n": BIG, "share": 0.5},
        {"root_id": 2, "sex": "F", "n": None, "share": 1.0},
    ]


CELLS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-9, 9).map(str),
    st.floats(allow_nan=False).map(repr),
    st.sampled_from(["", "nan", "true", "False", "F", "no", "007", "1.", ".5", "-0"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CELLS, min_size=1, max_size=4))
def test_no_cell_changes_its_value(read: Read, file: File, cells: list[str]) -> None:
    found = column(read, file, cells)
    for cell, value in zip(cells, found.to_pylist(), strict=True):
        if isinstance(value, str):
            assert value == cell
        elif isinstance(value, bool):
            assert str(value).lower() == cell.lower()
        elif value is None:
            assert cell in ("", "nan")
        elif isinstance(value, int):
            assert value == int(cell)
        else:
            assert value == float(cell)
            whole = cell.lstrip("-").partition(".")[0]
            assert "e" in cell.lower() or "inf" in cell or abs(int(whole or 0)) <= 2**53

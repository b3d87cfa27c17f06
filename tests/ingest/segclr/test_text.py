"""Numbers as text: every digit as Python's float() reads it, then rounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.segclr.text import TextProblem, parse, width_of

decimals = st.builds(
    lambda sign, digits, point, exponent: f"{sign}{digits[:point]}.{digits[point:]}{exponent}",
    st.sampled_from(["", "-", "+"]),
    st.text("0123456789", min_size=1, max_size=25),
    st.integers(0, 25),
    st.one_of(st.just(""), st.integers(-330, 330).map(lambda n: f"e{n}"), st.integers(0, 30).map(lambda n: f"E+{n}")),
)
numbers = st.one_of(
    decimals,
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda value: str(np.float32(value))),
    st.integers(-(2**70), 2**70).map(str),
    # Halfway between two doubles, where a sloppy parser rounds the wrong way.
    st.integers(2**53, 2**54).map(lambda n: f"{2 * n + 1}e-5"),
)


def one(text: bytes, width: int, dtype: type = np.float64) -> object:
    return parse(text, np.array([0]), np.array([len(text)]), width, dtype)


@settings(max_examples=300, deadline=None)
@given(st.lists(numbers, min_size=4, max_size=8))
def test_numbers_are_those_of_python(cells: list[str]) -> None:
    text = ",".join(["3", *cells]).encode()
    rows = one(text, len(cells) - 3)
    wanted = np.array([float(cell) for cell in cells])
    found = np.concatenate([rows.points[0], rows.vectors[0]])  # type: ignore[attr-defined]
    finite = np.isfinite(wanted)
    assert np.array_equal(found[finite].view(np.uint64), wanted[finite].view(np.uint64))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(-(2.0**127), 2.0**127, width=32), min_size=1, max_size=8))
def test_32_bits_are_rounded_from_the_double(values: list[float]) -> None:
    cells = [repr(value) for value in values]
    rows = one(",".join(["0", "1", "2", "3", *cells]).encode(), len(cells), np.float32)
    wanted = np.array([float(cell) for cell in cells]).astype(np.float32)
    assert np.array_equal(rows.vectors[0].view(np.uint32), wanted.view(np.uint32))  # type: ignore[attr-defined]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(-9, 9)), max_size=4), min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_members_one_behind_the_other(members: list[list[tuple[int, int]]], end: str, last: bool) -> None:
    texts = [end.join(f"{node},1,2,3,{e}" for node, e in rows) + (end if last and rows else "") for rows in members]
    lengths = np.array([len(text) for text in texts])
    ends = np.cumsum(lengths)
    rows = parse("".join(texts).encode(), ends - lengths, ends, 1, np.float32)
    assert rows.rows_of.tolist() == [len(member) for member in members]
    assert rows.nodes.tolist() == [node for member in members for node, _ in member]
    assert rows.vectors[:, 0].tolist() == [e for member in members for _, e in member]


def test_more_undecided_cells_than_first_fit() -> None:
    """Numbers of more than 19 digits are left to Python; thousands of them need more room."""
    cell = "0.1000000000000000055511151231257827"
    text = "\n".join(f"{i},1,2,3,{cell}" for i in range(3000)).encode()
    rows = one(text, 1)
    assert rows.vectors.shape == (3000, 1)  # type: ignore[attr-defined]
    assert set(rows.vectors[:, 0].tolist()) == {float(cell)}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "message", "line", "about_id"),
    [
        (b"0,1,2,3,4\nx,1,2,3,4", "node_id is 'x'", 2, True),
        (b"0.5,1,2,3,4", "node_id is '0.5'", 1, True),
        (b"18446744073709551616,1,2,3,4", "node_id is '18446744073709551616'", 1, True),
        (b"0,1,2,3", "0 floats in this row; wanted node_id, x, y, z and 1 floats", 1, False),
        (b"\n\n0,1,2,3,4,5", "2 floats in this row", 3, False),
        (b"0,1,2,3,1.2.3", r"column 5 \(e0\) is '1.2.3'; wanted a number", 1, False),
        (b"0,1,2,3,1e", r"column 5 \(e0\) is '1e'", 1, False),
        (b"0,1,2,,4", r"column 4 \(z\) is ''", 1, False),
        (b"0,1,2,3,nan", r"column 5 \(e0\) is 'nan'; wanted a finite", 1, False),
        (b"0,-inf,2,3,4", r"column 2 \(x\) is '-inf'; wanted a finite", 1, False),
        (b"0,1,2,3,1e39", r"column 5 \(e0\) is '1e39'; wanted a finite 32-bit float", 1, False),
        (b"0,1,2,3,3.5e38000000000000000000000001", r"column 5 \(e0\).*wanted a finite", 1, False),
        (b"0,1,2,3,\xff", r"column 5 \(e0\)", 1, False),
        (b"0,1,2,3," + b"9" * 100, "is '9{40}...'", 1, False),
    ],
)
def test_problems_name_line_and_cell(text: bytes, message: str, line: int, about_id: bool) -> None:
    with pytest.raises(TextProblem, match=message) as problem:
        one(text, 1, np.float32)
    assert (problem.value.member, problem.value.line, problem.value.about_id) == (0, line, about_id)


def test_width_of() -> None:
    assert width_of(b"\n\r\n0,1,2,3,4,5\n") == 2
    assert width_of(b"\n") is None
    assert width_of(b"") is None
    assert width_of(b"no numbers") == -3

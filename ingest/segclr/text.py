"""SegCLR's CSV text to arrays: the kernel's result, completed by Python where the kernel does not decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.ids import RootIds


@dataclass(frozen=True, eq=False)
class EmbeddingRows:
    """Rows of several members, one behind the other."""

    nodes: RootIds
    """[n] node_id."""
    points: npt.NDArray[np.float64]
    """[n, 3] XYZ as in the file."""
    vectors: npt.NDArray[Any]
    """[n, w] float32 or float64."""
    rows_of: npt.NDArray[np.int64]
    """[m] rows of each member."""


class TextProblem(Exception):
    """Where a text is no SegCLR CSV; the callers know file and member and say so in one of our errors."""

    def __init__(self, message: str, member: int, line: int, about_id: bool = False) -> None:
        super().__init__(message)
        self.message, self.member, self.line, self.about_id = message, member, line, about_id


def width_of(text: bytes) -> int | None:
    """How many floats the first row holds; None for a text without rows. May be negative for other files."""
    for line in text.split(b"\n", 3)[:3]:
        if line.strip():
            return line.count(b",") - 3
    return None


def parse(
    text: bytes,
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    width: int,
    dtype: type[np.float32] | type[np.float64],
) -> EmbeddingRows:
    """Rows ``node_id,x,y,z,e0,..``, every number as ``float(text)`` gives it and then rounded to ``dtype``.

    Args:
        text: members one behind the other.
        starts, ends: [m] where each lies.
        width: floats a row must have.

    Raises:
        TextProblem: another width, node ids that are no integers, malformed numbers; with float32 also
            numbers that are not finite.
    """
    from ingest.segclr import text_kernel as kernel

    data = np.frombuffer(text, dtype=np.uint8)
    capacity = int((ends - starts).sum()) // (2 * (width + 4)) + starts.size
    nodes = np.empty(capacity, dtype=np.uint64)
    points = np.empty((capacity, 3))
    vectors = np.empty((capacity, width), dtype=dtype)
    rows_of = np.zeros(starts.size, dtype=np.int64)
    problem = np.zeros(6, dtype=np.int64)
    room = 1024
    while True:
        undecided = np.empty((room, 4), dtype=np.int64)
        n = kernel.parse_members(data, starts, ends, nodes, points, vectors, rows_of, undecided, problem)
        if problem[0] != kernel.FULL:
            break
        room *= 32
    if problem[0]:
        raise _problem(text, problem, width)
    for row, column, start, end in undecided[: problem[5]].tolist():
        value = float(text[start:end])
        if column < 3:
            points[row, column] = value
        else:
            with np.errstate(over="ignore"):
                vectors[row, column - 3] = value
        if dtype is np.float32 and not np.isfinite(points[row, column] if column < 3 else vectors[row, column - 3]):
            member = int(np.searchsorted(ends, start, side="right"))
            line = text.count(b"\n", int(starts[member]), start) + 1
            raise TextProblem(_not_finite(text[start:end], column + 1), member, line)
    return EmbeddingRows(nodes[:n], points[:n], vectors[:n], rows_of)


def _problem(text: bytes, problem: npt.NDArray[np.int64], width: int) -> TextProblem:
    from ingest.segclr import text_kernel as kernel

    kind, member, line, column, start, end = problem.tolist()
    cell = text[start:end]
    if kind == kernel.NODE_ID:
        message = f"node_id is {_shown(cell)}; wanted an integer from 0 to 2^64-1"
    elif kind == kernel.NUMBER and cell.strip().lower().lstrip(b"+-") not in (b"nan", b"inf", b"infinity"):
        message = f"{_column(column)} is {_shown(cell)}; wanted a number"
    elif kind in (kernel.NUMBER, kernel.NOT_FINITE):
        message = _not_finite(cell, column)
    else:
        floats = cell.count(b",") - 3
        message = (
            f"{max(floats, 0)} floats in this row; wanted node_id, x, y, z and {width} floats, as in the first row"
        )
    return TextProblem(message, member, line, about_id=kind == kernel.NODE_ID)


def _not_finite(cell: bytes, column: int) -> str:
    return f"{_column(column)} is {_shown(cell)}; wanted a finite 32-bit float"


def _column(column: int) -> str:
    return f"column {column + 1} ({('x', 'y', 'z')[column - 1] if column < 4 else f'e{column - 4}'})"


def _shown(cell: bytes) -> str:
    shown = cell[:40].decode("utf-8", "replace")
    return repr(shown if len(cell) <= 40 else shown + "...")

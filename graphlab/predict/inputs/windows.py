"""Windows of embeddings: many vectors of each cell, or each embedded node by itself.

Tests: tests/graphlab/predict/inputs/test_windows.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.predict.inputs.examples import Floats, Ints
from ingest.schema.errors import SchemaError

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Windows:
    """The vectors of n things, those of one thing together and in the order of the things."""

    vectors: Vectors
    """[windows, width]"""
    first: Ints
    """[n + 1] thing i has the rows from ``first[i]`` to ``first[i + 1]``."""

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.first[0] != 0 or self.first[-1] != len(self.vectors):
            raise SchemaError(f"windows of shape {self.vectors.shape} do not fit offsets to {int(self.first[-1])}")
        empty = np.flatnonzero(np.diff(self.first) < 1)
        if len(empty):
            raise SchemaError(f"{len(empty):,} cells have no window, number {int(empty[0])} first; leave them out")
        bad = np.asarray(~np.isfinite(self.vectors).all(axis=1))
        if bad.any():
            raise SchemaError(
                f"{int(bad.sum()):,} of {len(bad):,} windows have numbers that are not finite, row {int(bad.argmax())} "
                "first; embed these nodes again, or leave them out"
            )

    @classmethod
    def single(cls, vectors: Vectors) -> Windows:
        """One window a thing."""
        return cls(vectors, np.arange(len(vectors) + 1, dtype=np.int64))

    @property
    def n(self) -> int:
        return len(self.first) - 1

    @property
    def width(self) -> int:
        return int(self.vectors.shape[1])

    @property
    def owner(self) -> Ints:
        """[windows] thing that each window is of."""
        return np.repeat(np.arange(self.n), np.diff(self.first))

    def rows(self, things: Ints) -> tuple[Ints, Ints]:
        """(rows of the windows of ``things``, and for each which place among ``things`` it belongs to)."""
        count = self.first[things + 1] - self.first[things]
        place = np.repeat(np.arange(len(things)), count)
        before = np.cumsum(count) - count
        return self.first[things][place] + np.arange(len(place)) - before[place], place

    def mean(self) -> Floats:
        """Mean vector [n, width] of each thing, summed in double."""
        sums = np.add.reduceat(self.vectors, self.first[:-1], axis=0, dtype=np.float64)
        return np.asarray(sums / np.diff(self.first)[:, None])


def vote(values: Floats, place: Ints, things: int) -> Floats:
    """Mean [things, ...] over the windows of each thing of what was said of them."""
    start = np.searchsorted(place, np.arange(things))
    count = np.diff(np.append(start, len(place)))
    sums = np.add.reduceat(np.asarray(values, dtype=np.float64), start, axis=0)
    return np.asarray(sums / count.reshape(-1, *[1] * (sums.ndim - 1)))

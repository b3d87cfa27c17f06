"""How many voxels carry each pair of labels in two segmentations: counted block by block, in bounded memory.

A table holds what every score of overlap needs, so volumes of any size are read once.

Tests: tests/gpu_embed/segmentation/test_contingency.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import MissingExtraError, SchemaError

Labels = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
WAITING_PAIRS = 1 << 21
"""Pairs that wait to be summed; the table itself has one row a pair, whatever the volume's size."""
DENSE = 1 << 24
"""Pairs of a block up to which all possible ones are counted side by side."""


@dataclass(frozen=True, eq=False)
class Contingency:
    """Voxels of each pair of labels, each pair once, in the order of (truth, segmentation).

    Args:
        truth, segmentation: uint64 [n]. voxels: int64 [n], 1 or more.
    """

    truth: Labels
    segmentation: Labels
    voxels: Counts

    def __len__(self) -> int:
        return len(self.voxels)

    def where(self, kept: npt.NDArray[np.bool_]) -> Contingency:
        """The rows that are kept."""
        return Contingency(self.truth[kept], self.segmentation[kept], self.voxels[kept])


class PairCounter:
    """Adds up blocks of two segmentations to one table; the sum depends on neither their order nor their shapes."""

    def __init__(self, waiting_pairs: int = WAITING_PAIRS) -> None:
        self._most = waiting_pairs
        self._parts: list[Contingency] = []
        self._waiting = 0

    def add(
        self, truth: npt.NDArray[Any], segmentation: npt.NDArray[Any], counted: npt.NDArray[Any] | None = None
    ) -> None:
        """Count a block.

        Args:
            truth, segmentation: whole numbers of one shape, labels of 0 to 2^64-1.
            counted: of the same shape; voxels that are 0 there are left out. All when None.

        Raises:
            SchemaError: different shapes, no whole numbers, negative labels.
        """
        require_labels("truth", truth)
        require_labels("segmentation", segmentation)
        require_one_shape(truth=truth, segmentation=segmentation, mask=counted)
        if counted is not None:
            there = require_mask(counted)
            truth, segmentation = truth[there], segmentation[there]
        if truth.size:
            self._parts.append(_counted(truth.ravel(), segmentation.ravel()))
            self._waiting += len(self._parts[-1])
        if self._waiting > self._most:
            self._sum()

    def table(self) -> Contingency:
        self._sum()
        empty = np.empty(0, dtype=np.uint64)
        return self._parts[0] if self._parts else Contingency(empty, empty, np.empty(0, dtype=np.int64))

    def _sum(self) -> None:
        if len(self._parts) > 1:
            joined = (np.concatenate([getattr(part, name) for part in self._parts]) for name in _FIELDS)
            self._parts = [summed(*joined)]
        self._waiting = 0


_FIELDS = ("truth", "segmentation", "voxels")


def contingency(
    truth: npt.NDArray[Any], segmentation: npt.NDArray[Any], counted: npt.NDArray[Any] | None = None
) -> Contingency:
    """The table of two arrays; see ``PairCounter.add``."""
    counter = PairCounter()
    counter.add(truth, segmentation, counted)
    return counter.table()


def summed(truth: Labels, segmentation: Labels, voxels: Counts) -> Contingency:
    """Rows of one pair added up."""
    if not len(voxels):
        return Contingency(truth, segmentation, voxels)
    order = np.lexsort((segmentation, truth))
    truth, segmentation, voxels = truth[order], segmentation[order], voxels[order]
    new = np.append(True, (truth[1:] != truth[:-1]) | (segmentation[1:] != segmentation[:-1]))
    return Contingency(truth[new], segmentation[new], np.add.reduceat(voxels, np.flatnonzero(new)))


def require_labels(what: str, array: npt.NDArray[Any]) -> None:
    """Refuse what holds no labels.

    Raises:
        SchemaError: floats (NaN among them), booleans, negative numbers.
    """
    if array.dtype.kind not in "iu":
        raise SchemaError(f"{what} holds {array.dtype}; wanted whole numbers, the labels of segments")
    if array.dtype.kind == "i" and array.size and int(array.min()) < 0:
        raise SchemaError(f"{what} holds the label {int(array.min())}; labels are 0 (nothing) or more")


def require_mask(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """A mask as booleans: 0 is left out.

    Raises:
        SchemaError: it holds floats, of which NaN is neither in nor out.
    """
    if array.dtype.kind not in "iub":
        raise SchemaError(f"mask holds {array.dtype}; wanted whole numbers, 0 where voxels are left out")
    there: npt.NDArray[np.bool_] = array != 0
    return there


def require_one_shape(**arrays: npt.NDArray[Any] | None) -> None:
    """Refuse arrays that do not lie on each other.

    Raises:
        SchemaError: the shapes.
    """
    shapes = {name: array.shape for name, array in arrays.items() if array is not None}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise SchemaError(f"shapes differ: {told}; wanted the same voxels in each. Cut them to one box first")


def renumbered(labels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Labels]:
    """Labels as 0 .. k-1 in ascending order, and what they were: [...] and sorted uint64 [k]."""
    try:
        import fastremap
    except ImportError:
        raise MissingExtraError("fastremap", "volumes") from None
    # By appearance first, in one pass; only the few labels themselves are sorted.
    dense, was = fastremap.renumber(labels, preserve_zero=False)
    names = np.fromiter(was.keys(), dtype=np.uint64, count=len(was))
    numbers = np.fromiter(was.values(), dtype=np.int64, count=len(was))
    order = np.argsort(names)
    rank = np.empty(len(was) + 1, dtype=np.int64)
    rank[numbers[order]] = np.arange(len(was))
    return rank[dense], names[order]


def _counted(truth: npt.NDArray[Any], segmentation: npt.NDArray[Any]) -> Contingency:
    rows, row_names = renumbered(truth)
    columns, column_names = renumbered(segmentation)
    pair = rows * len(column_names) + columns
    possible = len(row_names) * len(column_names)
    if possible <= max(DENSE, pair.size):
        everyone = np.bincount(pair, minlength=possible)
        found = np.flatnonzero(everyone)
        voxels = everyone[found]
    else:
        found, voxels = np.unique(pair, return_counts=True)
    row, column = np.divmod(found, len(column_names))
    return Contingency(row_names[row], column_names[column], voxels.astype(np.int64))

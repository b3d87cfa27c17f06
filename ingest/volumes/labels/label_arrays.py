"""What counts as labels, and their bits as one flat array for the kernels.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import IdError, SchemaError

Labels = npt.NDArray[Any]
Flat = npt.NDArray[Any]
"""[n] of uint32 or uint64: the bits of labels of any integer type."""


def checked_labels(labels: npt.ArrayLike, dimensions: tuple[int, ...] = (), what: str = "labels") -> Labels:
    """An array of whole numbers (or booleans).

    Raises:
        IdError: floats or objects, which hold no exact 64-bit ids. SchemaError: another number of dimensions.
    """
    array = np.asarray(labels)
    if array.dtype.kind not in "uib":
        raise IdError(
            f"{what} are {array.dtype}; wanted whole numbers (uint8 to uint64, int8 to int64), exact as ids are"
        )
    if dimensions and array.ndim not in dimensions:
        wanted = " or ".join(str(n) for n in dimensions)
        raise SchemaError(f"{what} have {array.ndim} dimensions {array.shape}; wanted {wanted}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def in_memory_order(labels: Labels) -> Labels:
    """C-contiguous, the same voxels; the axes of a Fortran array are turned round instead of copied."""
    if labels.flags.f_contiguous and not labels.flags.c_contiguous:
        return labels.T
    return np.ascontiguousarray(labels)


def bits(labels: Labels) -> Labels:
    """Contiguous labels as uint32 or uint64 of the same shape; narrow ones are widened, wide ones viewed."""
    if labels.dtype.itemsize < 4:
        unsigned = labels.view(np.dtype(f"u{labels.dtype.itemsize}"))
        return unsigned.astype(np.uint32)
    return labels.view(np.dtype(f"u{labels.dtype.itemsize}"))


def from_bits(values: npt.NDArray[np.uint64], dtype: np.dtype[Any]) -> Labels:
    """Back from the kernels' 64 bits to the type the labels had."""
    narrow = values.astype(np.dtype(f"u{dtype.itemsize}"))
    return narrow.view(dtype)

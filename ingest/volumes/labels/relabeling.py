"""Labels renamed, made dense, compared: ``relabel``, ``make_contiguous``, ``are_equivalent``.

The same calls and numbers as ``connectomics.segmentation.labels``; where they differ stands in ``docs/google.md``.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import GraphlabError, SchemaError
from ingest.volumes.labels.label_arrays import Labels, bits, checked_labels, from_bits, in_memory_order
from ingest.volumes.labels.label_tables import distinct, filled, look_up, one_to_one


class UnknownLabelError(GraphlabError, KeyError):
    """A label for which no new id was given."""

    __str__ = Exception.__str__


def relabel(labels: npt.ArrayLike, orig_ids: Iterable[int], new_ids: Iterable[int]) -> Labels:
    """``labels`` with each of ``orig_ids`` replaced by the new id at its place; of two for one label the later counts.

    Returns:
        an array of the same shape and of the type of ``new_ids``.

    Raises:
        UnknownLabelError: a label has no new id. SchemaError: as many ids are not on both sides. IdError: no whole
            numbers.
    """
    array = checked_labels(labels)
    old, new = _ids(orig_ids, "orig_ids"), _ids(new_ids, "new_ids")
    if old.size != new.size:
        raise SchemaError(f"{old.size} orig_ids and {new.size} new_ids; wanted as many")
    fits = _that_fit(old, array.dtype)
    return _renamed(array, old[fits].astype(array.dtype), new[fits])


def make_contiguous(labels: npt.ArrayLike) -> tuple[Labels, list[tuple[Any, Any]]]:
    """Labels 0 to n - 1 in the order of the ids, 0 being among them always.

    Returns:
        int64 labels of the same shape, and n pairs (old id, new id).
    """
    array = checked_labels(labels)
    flat = bits(in_memory_order(array)).reshape(-1)
    slots, found, _ = distinct(flat)
    ids = from_bits(found, array.dtype)
    every = np.unique(np.append(ids, np.zeros(1, array.dtype)))
    out = _empty_like(array, np.dtype(np.int64))
    rank = np.searchsorted(every, ids).astype(np.uint64)
    look_up(flat, slots, found, rank, bits(in_memory_order(out)).reshape(-1))
    # As theirs, old ids are unsigned 64-bit numbers, unless some are below 0.
    wide = every.astype(np.int64 if array.dtype.kind == "i" else np.uint64)
    return out, list(zip(wide, np.arange(every.size), strict=True))


def are_equivalent(label_a: npt.ArrayLike, label_b: npt.ArrayLike) -> bool:
    """Whether two volumes hold the same segments under other ids (0 is an id as any other)."""
    a, b = checked_labels(label_a), checked_labels(label_b)
    if a.shape != b.shape:
        return False
    if not (a.flags.f_contiguous and b.flags.f_contiguous):
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    flats = [bits(in_memory_order(array)).reshape(-1) for array in (a, b)]
    wide = [flat.astype(max(flats[0].dtype, flats[1].dtype), copy=False) for flat in flats]
    (a_slots, a_ids, _), (b_slots, b_ids, _) = distinct(wide[0]), distinct(wide[1])
    if a_ids.size != b_ids.size:
        return False
    return bool(one_to_one(wide[0], a_slots, a_ids, wide[1], b_slots, b_ids))


def sizes(labels: npt.ArrayLike) -> tuple[Labels, npt.NDArray[np.int64]]:
    """The ids there are, sorted, and how many voxels each has: ``np.unique(labels, return_counts=True)``."""
    array = checked_labels(labels)
    _, found, counts = distinct(bits(in_memory_order(array)).reshape(-1))
    ids = from_bits(found, array.dtype)
    order = np.argsort(ids, kind="stable")
    return ids[order], counts[order]


def _renamed(array: Labels, old: Labels, new: Labels) -> Labels:
    ids = bits(np.ascontiguousarray(old)).astype(np.uint64)
    flat = bits(in_memory_order(array)).reshape(-1)
    wide = new.dtype.itemsize >= 4
    out = _empty_like(array, new.dtype if wide else np.dtype(np.uint32))
    into = bits(in_memory_order(out)).reshape(-1)
    missing = look_up(flat, filled(ids, ids.size, _capacity(ids.size)), ids, bits(np.ascontiguousarray(new)), into)
    if missing >= 0:
        label = from_bits(flat[missing : missing + 1].astype(np.uint64), array.dtype)[0]
        raise UnknownLabelError(
            f"label {label} of the volume is not among the orig_ids; give it a new id, its own to keep it"
        )
    return out if wide else out.astype(np.dtype(f"u{new.dtype.itemsize}")).view(new.dtype)


def _empty_like(array: Labels, dtype: np.dtype[Any]) -> Labels:
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    return np.empty(array.shape, dtype, order="F" if fortran else "C")


def _capacity(n: int) -> int:
    return 1 << max(4, int(2 * n).bit_length())


def _ids(values: Iterable[int], what: str) -> Labels:
    if isinstance(values, np.ndarray):
        return checked_labels(values, what=what).reshape(-1) if values.size else values.reshape(-1).astype(np.int64)
    listed = list(values)
    if all(isinstance(value, int | np.integer) for value in listed):
        low, high = min(listed, default=0), max(listed, default=0)
        if low < 0 and high >= 2**63:
            raise SchemaError(f"{what}: {low} and {high} in one list, which no integer type holds; wanted ids from 0")
        # Without a type, numpy makes floats of some lists of large ids.
        return np.array(listed, np.uint64 if high >= 2**63 else np.int64)
    return checked_labels(listed, what=what).reshape(-1)


def _that_fit(ids: Labels, dtype: np.dtype[Any]) -> npt.NDArray[np.bool_]:
    """Which ids a volume of this type can hold at all."""
    if dtype.kind == "b":
        low, high = 0, 1
    else:
        limits = np.iinfo(dtype)
        low, high = int(limits.min), int(limits.max)
    own = np.iinfo(ids.dtype) if ids.dtype.kind != "b" else None
    keep = np.ones(ids.size, dtype=np.bool_)
    if own is not None and own.min < low:
        keep &= ids >= low
    if own is not None and own.max > high:
        keep &= ids <= high
    return keep

"""Connected components of labels, and which labels touch the border of a volume.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import AnalysisError, SchemaError
from ingest.volumes.labels.component_kernel import grow_trees, number, paint
from ingest.volumes.labels.label_arrays import Labels, bits, checked_labels
from ingest.volumes.labels.relabeling import sizes
from ingest.volumes.labels.run_kernel import runs_of


def split_disconnected_components(labels: npt.ArrayLike, connectivity: int | None = 1) -> Labels:
    """Components of voxels of one label, numbered from 1 as their first voxels come; 0 stays 0.

    Args:
        labels: [z, y, x] or [y, x], whole numbers.
        connectivity: 1, 2, 3: voxels that share a face, an edge, a corner (6, 18, 26 neighbours); None: all of them.

    Returns:
        labels of the same shape and type.

    Raises:
        AnalysisError: more components than the type of ``labels`` counts.
    """
    array = checked_labels(labels, (2, 3))
    numbers, count = _components(array, connectivity, background=True, dtype=array.dtype)
    most = 1 if array.dtype.kind == "b" else int(np.iinfo(array.dtype).max)
    if numbers is None:
        raise AnalysisError(
            f"{count:,} components do not fit {array.dtype}, which counts to {most}; give labels of a wider type"
        )
    return numbers


def all_components(labels: npt.ArrayLike) -> tuple[Labels, int]:
    """int64 components by faces of every label, 0 included, numbered from 1, and how many there are."""
    numbers, count = _components(checked_labels(labels, (3,)), 1, background=False, dtype=np.dtype(np.int64))
    assert numbers is not None
    return numbers, count


def get_border_ids(vol3d: npt.ArrayLike, inplane: bool = False) -> set[int]:
    """Labels [z, y, x] that touch a face of the volume; with ``inplane`` the first and last plane are no faces."""
    volume = checked_labels(vol3d, (3,), "vol3d")
    if not volume.size:
        return set()
    # One union after the other, as theirs: the order of the set is what searches over it begin in.
    found = _ids(volume[:, 0, :]) | _ids(volume[:, -1, :]) | _ids(volume[:, :, 0]) | _ids(volume[:, :, -1])
    if not inplane:
        found |= _ids(volume[0]) | _ids(volume[-1])
    return found


def _ids(face: Labels) -> set[int]:
    return set(sizes(face)[0].tolist())


def _components(
    array: Labels, connectivity: int | None, *, background: bool, dtype: np.dtype[Any]
) -> tuple[Labels | None, int]:
    most = array.ndim
    wanted = most if connectivity is None else connectivity
    if wanted not in range(1, most + 1):
        raise SchemaError(f"connectivity {connectivity!r}; wanted 1 to {most} for {most} dimensions")
    volume = bits(np.ascontiguousarray(array)).reshape((1,) * (3 - most) + array.shape)
    stop, label, first = runs_of(volume)
    numbers = np.empty(stop.size, np.int32 if stop.size < 2**31 else np.int64)
    grow_trees(numbers, stop, label, first, volume.shape[1], 3 if most == 2 and wanted == 2 else wanted)
    count = number(numbers, label, background)
    if count > (1 if dtype.kind == "b" else np.iinfo(dtype).max):
        return None, count
    out = np.empty(volume.shape, dtype if dtype.itemsize >= 4 else np.uint32)
    paint(numbers, stop, first, bits(out))
    return out.astype(dtype, copy=False).reshape(array.shape), count

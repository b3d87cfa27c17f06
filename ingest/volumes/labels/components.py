"""Connected components of labels, and which labels touch the border of a volume.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, SchemaError
from ingest.volumes.labels.component_kernel import first_voxels, grow_trees, join, number, paint
from ingest.volumes.labels.label_arrays import Labels, bits, checked_labels
from ingest.volumes.labels.relabeling import sizes
from ingest.volumes.labels.run_kernel import Firsts, Stops, runs_of
from ingest.volumes.labels.slabs import THREADS, runner_for, slabs_of


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
    numbers, count = components_of(array, connectivity, background=True, dtype=array.dtype)
    require_room(count, array.dtype)
    assert numbers is not None
    return numbers


def all_components(labels: npt.ArrayLike) -> tuple[Labels, int]:
    """int64 components by faces of every label, 0 included, numbered from 1, and how many there are."""
    numbers, count = components_of(checked_labels(labels, (3,)), 1, background=False, dtype=np.dtype(np.int64))
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


def numbered(labels: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """int64 components by faces [z, y, x], 0 as background, and the flat index of the first voxel of each."""
    numbers, count = components_of(checked_labels(labels, (3,)), 1, background=True, dtype=np.dtype(np.int64))
    assert numbers is not None
    return numbers, first_voxels(numbers.reshape(-1), count)


def require_room(count: int, dtype: np.dtype[Any]) -> None:
    """AnalysisError for more components than a type of labels counts."""
    if count > (most := _most(dtype)):
        raise AnalysisError(
            f"{count:,} components do not fit {dtype}, which counts to {most}; give labels of a wider type"
        )


def _most(dtype: np.dtype[Any]) -> int:
    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def components_of(
    array: Labels, connectivity: int | None, *, background: bool, dtype: np.dtype[Any], workers: Workers = THREADS
) -> tuple[Labels | None, int]:
    """Components as ``dtype``, and how many; None where it does not count so far.

    Args:
        background: whether 0 stays 0, or is a label as any other.
        workers: slabs are searched beside each other; the result is the same for any number.
    """
    most = array.ndim
    wanted = most if connectivity is None else connectivity
    if wanted not in range(1, most + 1):
        raise SchemaError(f"connectivity {connectivity!r}; wanted 1 to {most} for {most} dimensions")
    wanted = 3 if most == 2 and wanted == 2 else wanted
    volume = bits(np.ascontiguousarray(array)).reshape((1,) * (3 - most) + array.shape)
    runner = runner_for(volume.size, workers)
    slabs = slabs_of(volume.shape[0], runner.workers)
    parts = list(runner.map_tasks(lambda slab: _Part.of(volume[slab], wanted), slabs))
    offsets = np.cumsum([0, *(part.parent.size for part in parts)])
    numbers = np.empty(offsets[-1], np.int32 if offsets[-1] < 2**31 else np.int64)
    for part, offset in zip(parts, offsets.tolist(), strict=False):
        np.add(part.parent, offset, out=numbers[offset : offset + part.parent.size], casting="unsafe")
        part.parent = numbers[offset : offset + part.parent.size]
    for k, (above, below) in enumerate(pairwise(parts)):
        join(numbers, *_across(above, below, int(offsets[k]), int(offsets[k + 1]), volume.shape[1], wanted))
    count = 0
    for part, offset in zip(parts, offsets.tolist(), strict=False):
        count = number(numbers, offset, part.label, background, count)
    if count > _most(dtype):
        return None, count
    out = np.empty(volume.shape, dtype if dtype.itemsize >= 4 else np.uint32)
    into = bits(out)
    painted = runner.map_tasks(
        lambda k: paint(parts[k].parent, parts[k].stop, parts[k].first, into[slabs[k]]), range(len(parts))
    )
    for _ in painted:
        pass
    return out.astype(dtype, copy=False).reshape(array.shape), count


@dataclass
class _Part:
    """The runs of a slab, and for each one of the same component that does not come later."""

    stop: Stops
    label: Labels
    first: Firsts
    parent: npt.NDArray[Any]

    @classmethod
    def of(cls, volume: Labels, connectivity: int) -> _Part:
        stop, label, first = runs_of(volume)
        parent = np.empty(stop.size, np.int32 if stop.size < 2**31 else np.int64)
        grow_trees(parent, stop, label, first, volume.shape[1], connectivity)
        return cls(stop, label, first, parent)


def _across(
    above: _Part, below: _Part, above_at: int, below_at: int, ny: int, connectivity: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Runs of the last plane of a slab and of the first one of the next that hang together, two by two."""
    begin, end = int(above.first[-1 - ny]), int(below.first[ny])
    last = above.parent.size - begin
    stop = np.concatenate([above.stop[begin:], below.stop[:end]])
    label = np.concatenate([above.label[begin:], below.label[:end]])
    first = np.concatenate([above.first[-1 - ny :] - begin, below.first[1 : ny + 1] + last])
    parent = np.empty(stop.size, np.int64)
    grow_trees(parent, stop, label, first, ny, connectivity)
    run = np.concatenate([np.arange(begin, above.parent.size) + above_at, np.arange(end) + below_at])
    return run, run[parent]

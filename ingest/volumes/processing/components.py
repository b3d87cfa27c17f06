"""``SplitDisconnectedComponents``: components of a whole volume, box by box.

A first look over the boxes finds the components of each and joins them where boxes meet; only the faces that wait for a
neighbour and a number for each component of each box are kept.

Tests: tests/ingest/volumes/processing/test_components.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.running.task_runners import Workers, runner_of
from ingest.schema.errors import SchemaError
from ingest.volumes.boxes.bounding_box import BoundingBoxBase
from ingest.volumes.boxes.box_generator import BoxGenerator, MultiBoxGenerator
from ingest.volumes.equivalences.union_find import UnionFind
from ingest.volumes.labels.components import numbered, require_room, split_disconnected_components
from ingest.volumes.labels.label_arrays import Labels
from ingest.volumes.processing.objects import one_channel
from ingest.volumes.processing.processor import Read, SubvolumeProcessor
from ingest.volumes.processing.subvolume import Subvolume

Ints = npt.NDArray[np.int64]


class _Face(NamedTuple):
    """A side of a box: labels, and the components in the box."""

    labels: Labels
    numbers: Ints


class _Box(NamedTuple):
    """What a box has to say.

    Attributes:
        first: [n] of each component, where its first voxel is in the outer box, counted as in memory.
        lower, upper: faces by axis, XYZ.
    """

    first: Ints
    lower: tuple[_Face, ...]
    upper: tuple[_Face, ...]


class SplitDisconnectedComponents(SubvolumeProcessor):
    """Components by faces, numbered from 1 as their first voxels come in the whole volume; 0 stays 0.

    The same bytes as ``split_disconnected_components`` of the whole. A sub-volume that is given by itself is the whole.
    """

    _tables: dict[tuple[int, ...], Labels] | None = None
    """By where a box begins: 0, and the number of each of its components."""

    def survey(self, boxes: MultiBoxGenerator, read: Read, workers: Workers, dtype: np.dtype[Any]) -> None:
        """Find and join the components of all boxes.

        Raises:
            SchemaError: boxes overlap, or lie in several outer ones. AnalysisError: more components than ``dtype``
                counts.
        """
        if len(boxes.outer_boxes) != 1 or np.any(boxes.box_overlap):
            raise SchemaError(
                f"components of {len(boxes.outer_boxes)} bounding boxes with overlap {boxes.box_overlap.tolist()}; "
                "wanted one bounding box and overlap 0: boxes are joined where they meet"
            )
        grid = boxes.generators[0]
        looks = runner_of(workers).map_tasks(partial(_look, grid, read), range(grid.num_boxes))
        first, sets = _joined(grid, looks)
        numbers = _numbers(np.concatenate(first), sets)
        require_room(int(numbers.max(initial=0)), dtype)
        parts = np.split(numbers.astype(dtype), np.cumsum([part.size for part in first])[:-1])
        zero = np.zeros(1, dtype)
        self._tables = {_start(box): np.append(zero, part) for box, part in zip(grid.boxes, parts, strict=True)}

    def process(self, subvol: Subvolume) -> Subvolume:
        seg = one_channel(subvol)
        if self._tables is None:
            return Subvolume(split_disconnected_components(seg)[np.newaxis], subvol.bbox)
        return Subvolume(self._tables[_start(subvol.bbox)][numbered(seg)[0]][np.newaxis], subvol.bbox)


def _start(box: BoundingBoxBase) -> tuple[int, ...]:
    return tuple(int(side) for side in box.start)


def _look(grid: BoxGenerator, read: Read, index: int) -> _Box:
    box = grid.generate(index)[1]
    labels = read(box)
    numbers, places = numbered(labels)
    at = [part + begin for part, begin in zip(np.unravel_index(places, labels.shape), _from(grid, box), strict=True)]
    first = np.ravel_multi_index(at, tuple(grid.outer_box.size[::-1].tolist())).astype(np.int64)
    lower, upper = (
        tuple(_Face(_plane(labels, axis, side), _plane(numbers, axis, side)) for axis in (2, 1, 0)) for side in (0, -1)
    )
    return _Box(first, lower, upper)


def _plane(volume: Labels, axis: int, at: int) -> Labels:
    """A copy: a view would keep the box."""
    plane: Labels = np.moveaxis(volume, axis, 0)[at].copy()
    return plane


def _from(grid: BoxGenerator, box: BoundingBoxBase) -> list[int]:
    """Where a box begins in the outer box, ZYX."""
    begin: list[int] = (box.start - grid.outer_box.start)[::-1].tolist()
    return begin


def _joined(grid: BoxGenerator, looks: Iterable[_Box]) -> tuple[list[Ints], UnionFind]:
    """First voxels of the components of each box, and which components are one: by their number in the chain of all."""
    strides = np.cumprod([1, *grid.boxes_per_dim[:-1]]).tolist()
    waiting: dict[tuple[int, int], tuple[int, _Face]] = {}
    first: list[Ints] = []
    sets, begun = UnionFind(), 0
    for index, look in enumerate(looks):
        for axis, stride in enumerate(strides):
            face = look.lower[axis]
            if (axis, index) in waiting:
                other_begun, other = waiting.pop((axis, index))
                same = (face.labels == other.labels) & (face.labels != 0)
                pairs = np.stack([other.numbers[same] + (other_begun - 1), face.numbers[same] + (begun - 1)], axis=1)
                sets.union_pairs(np.unique(pairs, axis=0))
            if not grid.tag_border_locations(index)[1][axis]:
                waiting[axis, index + stride] = begun, look.upper[axis]
        first.append(look.first)
        begun += look.first.size
    return first, sets


def _numbers(first: Ints, sets: UnionFind) -> Ints:
    """Of each component of a box the number of the whole one: they count as their first voxels come."""
    whole, inverse = np.unique(sets.find_ids(np.arange(first.size, dtype=np.uint64)), return_inverse=True)
    least = np.full(whole.size, np.iinfo(np.int64).max)
    np.minimum.at(least, inverse, first)
    rank = np.empty(whole.size, np.int64)
    rank[np.argsort(least)] = np.arange(1, whole.size + 1)
    numbers: Ints = rank[inverse]
    return numbers

"""``BoxGenerator``, ``MultiBoxGenerator``: the overlapping boxes that one or several larger ones are cut into.

The calls, results and JSON of ``connectomics.common.box_generator``; where they differ stands in ``docs/google.md``.

Tests: tests/ingest/volumes/boxes/test_boxes.py.
"""

from __future__ import annotations

import itertools
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import SchemaError
from ingest.volumes.boxes.bounding_box import BoundingBox, BoundingBoxBase, Vector, from_dict
from ingest.volumes.boxes.documents import only_keys

Indexed = tuple[tuple[int, ...], BoundingBoxBase]
"""Which box along each axis, and the box."""
Flags = tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]


class BoxGeneratorBase:
    """What both generators share: boxes by a running number, the first axis changing fastest."""

    @property
    def num_boxes(self) -> int:
        raise NotImplementedError

    def generate(self, index: int) -> Indexed:
        raise NotImplementedError

    def index_to_cropped_box(self, index: int) -> BoundingBoxBase:
        raise NotImplementedError

    def tag_border_locations(self, index: int) -> Flags:
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def boxes(self) -> Iterator[BoundingBoxBase]:
        """All boxes in order."""
        return (self.generate(i)[1] for i in range(self.num_boxes))

    def to_json(self, indent: int | None = None) -> str:
        return json.dumps(self.to_dict(), indent=indent)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoxGeneratorBase) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.to_json())


class BoxGenerator(BoxGeneratorBase):
    """Boxes of ``box_size`` that overlap by ``box_overlap`` and cover ``outer_box``; the last ones may be smaller.

    Args:
        box_size: a number for each axis, None for all of the outer box.
        box_overlap: a number for each axis (missing ones are 0), or 0.
        back_shift_small_boxes: move last boxes back instead of making them smaller.

    Raises:
        SchemaError: other numbers of axes, an overlap that leaves no step, a single overlap other than 0.
    """

    def __init__(
        self,
        outer_box: BoundingBoxBase,
        box_size: Sequence[int | None],
        box_overlap: Any = 0,
        back_shift_small_boxes: bool = False,
    ) -> None:
        sides = [outer_box.size[i] if x is None and i < outer_box.rank else x for i, x in enumerate(box_size)]
        size, overlap = np.array(sides), np.asarray(box_overlap)
        if overlap.ndim == 0:
            if overlap != 0:
                raise SchemaError(f"box_overlap {overlap}; wanted a number for each axis, XYZ")
            overlap = np.zeros(outer_box.rank, dtype=size.dtype)
        overlap = np.append(overlap, np.zeros(max(0, outer_box.rank - overlap.size), overlap.dtype))
        if size.shape != (outer_box.rank,) or overlap.shape != size.shape:
            raise SchemaError(
                f"box_size {size.tolist()}, box_overlap {overlap.tolist()}; wanted {outer_box.rank} numbers in each"
            )
        if np.any(size <= overlap):
            raise SchemaError(f"box_size {size.tolist()} must be greater than box_overlap {overlap.tolist()}")
        self.outer_box = outer_box
        self.box_size, self.box_overlap, self.box_stride = size, overlap, size - overlap
        self.back_shift_small_boxes = back_shift_small_boxes
        self.squeeze = np.asarray([i for i, x in enumerate(box_size) if x == 1])
        # An outer box no larger than the overlap is one box all the same.
        inner = outer_box.size - np.minimum(overlap, outer_box.size - 1)
        count = -(-inner // self.box_stride)
        self.output = BoundingBox(start=[0] * count.size, size=count)

    def __str__(self) -> str:
        said = (f"{key}={value}" for key, value in [("num_boxes", self.num_boxes), *vars(self).items()])
        return f"{type(self).__name__}({', '.join(said)})"

    @property
    def num_boxes(self) -> int:
        return int(np.prod(self.output.size))

    @property
    def start(self) -> Vector:
        """Where the first box begins."""
        return self._box(0)[1].start

    @property
    def boxes_per_dim(self) -> Vector:
        return self.output.size

    def generate(self, index: int) -> Indexed:
        """The box of a running number, and which it is along each axis."""
        if not 0 <= index < self.num_boxes:
            raise SchemaError(f"box {index} of {self.num_boxes}; wanted 0 to {self.num_boxes - 1}")
        return self._box(index)

    def _box(self, index: int) -> Indexed:
        coordinates = np.unravel_index(index, tuple(self.output.size), order="F")
        start = self.outer_box.start + np.asarray(coordinates) * self.box_stride
        end = np.minimum(start + self.box_size, self.outer_box.end)
        if self.back_shift_small_boxes:
            start = np.maximum(self.outer_box.start, end - self.box_size)
        first, last = self.tag_border_locations(index)
        box = type(self.outer_box)(start=start, end=end, is_border_start=first.tolist(), is_border_end=last.tolist())
        return tuple(int(i) for i in coordinates), box

    def index_to_cropped_box(self, index: int) -> BoundingBoxBase:
        """The part of a box that is its own: half of each overlap goes to either neighbour, borders keep theirs."""
        box = self.generate(index)[1]
        front = self.box_overlap // 2
        back = self.box_overlap - front
        return box.adjusted_by(start=front * ~box.is_border_start, end=-back * ~box.is_border_end)

    def box_coordinate_to_index(self, point: Sequence[int]) -> int:
        """The running number of a box by its place along each axis."""
        at = np.array(point)
        if at.shape != self.output.size.shape or np.any(at < 0) or np.any(at >= self.output.size):
            raise SchemaError(f"box {at.tolist()}; wanted each from 0 and below {self.output.size.tolist()}")
        return int(np.ravel_multi_index(tuple(at), tuple(self.output.size), order="F"))

    def offset_to_index(self, index: int, offset: Sequence[int]) -> int | None:
        """The running number of the box so many boxes away on each axis; None beyond the last."""
        if len(offset) != self.outer_box.rank:
            raise SchemaError(f"offset {list(offset)}; wanted {self.outer_box.rank} numbers")
        at = np.array(offset) + self.generate(index)[0]
        if np.any(at < 0) or np.any(at >= self.output.size):
            return None
        return self.box_coordinate_to_index(at.tolist())

    def spatial_point_to_box_coordinates(self, point: Sequence[float]) -> list[tuple[int, ...]]:
        """The places of all boxes that hold a point."""
        inside = BoundingBoxBase(start=point, size=np.zeros(len(point)))
        return [place for place, box in self._near(inside) if np.all((box.start <= point) & (box.end > point))]

    def overlapping_subboxes(self, box: BoundingBoxBase) -> Iterator[BoundingBoxBase]:
        """All boxes that have something in common with a box, in order."""
        return (found for _, found in self._near(box) if box.intersection(found) is not None)

    def _near(self, box: BoundingBoxBase) -> Iterator[Indexed]:
        """Boxes that may touch another, in order."""
        low = np.floor((box.start - self.outer_box.start - self.box_size) / self.box_stride).astype(int)
        high = np.ceil((box.end - self.outer_box.start + self.box_overlap) / self.box_stride).astype(int) + 1
        sides = [range(max(0, a), min(n, b)) for a, b, n in zip(low, high, self.output.size, strict=True)]
        if self.back_shift_small_boxes:  # a last box may begin a whole stride earlier
            sides = [range(min(side.start, max(0, n - 1)), max(side.stop, n)) if n else side
                     for side, n in zip(sides, self.output.size, strict=True)]  # fmt: skip
        for place in itertools.product(*reversed(sides)):
            yield self._box(self.box_coordinate_to_index(place[::-1]))

    def batch(
        self, batch_size: int, begin_index: int = 0, end_index: int | None = None
    ) -> Iterator[Iterable[BoundingBoxBase]]:
        """Boxes from one running number to another, so many at a time."""
        end = self.num_boxes if end_index is None else end_index
        for begin in range(begin_index, end, batch_size):
            yield (self.generate(i)[1] for i in range(begin, min(begin + batch_size, end)))

    def tag_border_locations(self, index: int) -> Flags:
        """Whether a box is the first, and the last, along each axis."""
        coordinates = np.array(np.unravel_index(index, tuple(self.output.size), order="F"))
        return coordinates == 0, coordinates == self.output.size - 1

    def to_dict(self) -> dict[str, Any]:
        return {"outer_box": self.outer_box.to_dict(), **_sizes(self)}

    @classmethod
    def from_dict(cls, document: Any, where: str = "box generator") -> BoxGenerator:
        checked = only_keys(document, where, ("outer_box", "box_size"), ("box_overlap", "back_shift_small_boxes"))
        return cls(from_dict(checked["outer_box"], f"{where}: outer_box"), *_said(checked))

    @classmethod
    def from_json(cls, text: str) -> BoxGenerator:
        return cls.from_dict(json.loads(text))


class MultiBoxGenerator(BoxGeneratorBase):
    """The boxes of several outer boxes under one running number."""

    def __init__(
        self,
        outer_boxes: Sequence[BoundingBoxBase],
        box_size: Sequence[int | None],
        box_overlap: Any = 0,
        back_shift_small_boxes: bool = False,
    ) -> None:
        if not outer_boxes:
            raise SchemaError("no outer boxes; give one at least")
        self.outer_boxes = list(outer_boxes)
        self.generators = [BoxGenerator(box, box_size, box_overlap, back_shift_small_boxes) for box in self.outer_boxes]
        first = self.generators[0]
        self.box_size, self.box_overlap = first.box_size, first.box_overlap
        self.back_shift_small_boxes = back_shift_small_boxes
        self.prefix_sums = np.cumsum([0, *(generator.num_boxes for generator in self.generators)])

    @property
    def num_boxes(self) -> int:
        return int(self.prefix_sums[-1])

    def index_to_generator_index(self, multi_box_index: int) -> tuple[int, int]:
        """Which outer box a running number falls into, and its number there."""
        if not 0 <= multi_box_index < self.num_boxes:
            raise SchemaError(f"box {multi_box_index} of {self.num_boxes}; wanted 0 to {self.num_boxes - 1}")
        at = bisect_right(self.prefix_sums[1:].tolist(), multi_box_index)
        return at, int(multi_box_index - self.prefix_sums[at])

    def generate(self, index: int) -> Indexed:
        generator, own = self.index_to_generator_index(index)
        return self.generators[generator].generate(own)

    def index_to_cropped_box(self, index: int) -> BoundingBoxBase:
        generator, own = self.index_to_generator_index(index)
        return self.generators[generator].index_to_cropped_box(own)

    def tag_border_locations(self, index: int) -> Flags:
        generator, own = self.index_to_generator_index(index)
        return self.generators[generator].tag_border_locations(own)

    def to_dict(self) -> dict[str, Any]:
        return {"outer_boxes": [box.to_dict() for box in self.outer_boxes], **_sizes(self)}

    @classmethod
    def from_dict(cls, document: Any, where: str = "box generator") -> MultiBoxGenerator:
        checked = only_keys(document, where, ("outer_boxes", "box_size"), ("box_overlap", "back_shift_small_boxes"))
        boxes = [from_dict(item, f"{where}: box {i}") for i, item in enumerate(checked["outer_boxes"])]
        return cls(boxes, *_said(checked))

    @classmethod
    def from_json(cls, text: str) -> MultiBoxGenerator:
        return cls.from_dict(json.loads(text))


def from_json(as_json: str) -> BoxGenerator | MultiBoxGenerator:
    """Either generator from its JSON.

    Raises:
        SchemaError: neither.
    """
    document = json.loads(as_json)
    if isinstance(document, dict) and "outer_box" in document:
        return BoxGenerator.from_dict(document)
    if isinstance(document, dict) and "outer_boxes" in document:
        return MultiBoxGenerator.from_dict(document)
    raise SchemaError("no box generator: wanted outer_box or outer_boxes")


def _sizes(generator: BoxGenerator | MultiBoxGenerator) -> dict[str, Any]:
    return {
        "box_size": generator.box_size.tolist(),
        "box_overlap": generator.box_overlap.tolist(),
        "back_shift_small_boxes": generator.back_shift_small_boxes,
    }


def _said(document: Any) -> tuple[Any, Any, bool]:
    return document["box_size"], document.get("box_overlap", 0), bool(document.get("back_shift_small_boxes", False))

"""Boxes and what they are cut into, call for call against Google's classes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ingest.schema.errors import SchemaError
from ingest.volumes.boxes import bounding_box as ours
from ingest.volumes.boxes import box_generator
from ingest.volumes.boxes.bounding_box import BoundingBox, BoundingBoxBase, FloatBoundingBox
from ingest.volumes.boxes.box_generator import BoxGenerator, MultiBoxGenerator

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::marshmallow.warnings.RemovedInMarshmallow4Warning"
)
triples = st.tuples(*[st.integers(-50, 50)] * 3)
sizes = st.tuples(*[st.integers(0, 40)] * 3)
flags = st.tuples(*[st.booleans()] * 3)
floats = st.tuples(*[st.floats(-50, 50)] * 3)
boxes = st.builds(BoundingBox, triples, sizes, flags, flags)


@pytest.fixture(scope="module")
def google() -> Any:
    pytest.importorskip("connectomics")
    from connectomics.common import bounding_box
    from connectomics.common import box_generator as generators

    class Google:
        boxes = bounding_box
        generators_ = generators

    return Google


def same(box: BoundingBoxBase | None, theirs: Any) -> None:
    assert (box is None) == (theirs is None)
    if box is not None:
        assert type(box).__name__ == type(theirs).__name__
        assert repr(box) == repr(theirs)
        assert box.start.dtype == theirs.start.dtype
        assert json.loads(box.to_json()) == json.loads(theirs.to_json())


def their(google: Any, box: BoundingBoxBase) -> Any:
    kind = getattr(google.boxes, type(box).__name__)
    return kind(box.start, box.size, box.is_border_start, box.is_border_end)


@given(boxes, boxes, triples, st.one_of(st.floats(0.1, 4), floats), st.sampled_from([None, 0, 1]))
def test_boxes(google: Any, box: BoundingBox, other: BoundingBox, by: Any, factor: Any, dim: int | None) -> None:
    a, b = their(google, box), their(google, other)
    same(box, a)
    same(box.intersection(other), a.intersection(b))
    same(box.hull(other), a.hull(b))
    same(box.encompass(other, box), a.encompass(b, a))
    same(box.translate(by), a.translate(by))
    same(box.translate(3), a.translate(3))
    same(box.scale(factor), a.scale(factor))
    for start in (None, 2, by):
        for end in (None, -3, by):
            same(box.adjusted_by(start, end), a.adjusted_by(start, end))
    for words in (
        {},
        {"start": by},
        {"end": by},
        {"start": by, "size": by},
        {"end": by, "size": by},
        {"start": by, "end": by},
    ):
        same(box.relative(**words), a.relative(**words))
    for order in "cf":
        assert box.to_slice_tuple(dim, 3, order) == a.to_slice_tuple(dim, 3, order)
    assert (box.to_slice3d(), box.to_slice4d()) == (a.to_slice3d(), a.to_slice4d())
    assert (box == other, hash(box)) == (a == b, hash(a))
    assert box.end.tolist() == a.end.tolist()
    assert [repr(x) for x in ours.intersections([box, other], box)] == [
        repr(x) for x in google.boxes.intersections([a, b], a)
    ]
    same(ours.containing(box, other), google.boxes.containing(a, b))
    same(ours.from_slices(box.to_slice3d()), google.boxes.from_slices(a.to_slice3d()))
    assert ours.from_json(a.to_json()) == box
    # Google's own reader loses its flags; ours keeps them.
    assert ours.from_json(a.to_json()).to_dict() == box.to_dict()


@given(floats, floats, floats)
def test_boxes_of_floats(google: Any, start: Any, size: Any, by: Any) -> None:
    box, theirs = FloatBoundingBox(start, size), google.boxes.FloatBoundingBox(start, size)
    same(box, theirs)
    same(box.translate(by), theirs.translate(by))
    same(box.scale(by), theirs.scale(by))
    same(FloatBoundingBox(start, end=size), google.boxes.FloatBoundingBox(start, end=size))
    same(ours.from_json(theirs.to_json()), google.boxes.from_json(theirs.to_json()))


@pytest.mark.parametrize(
    ("given_words", "message"),
    [
        ({"start": [0, 0]}, "exactly two"),
        ({"start": [0], "size": [1], "end": [1]}, "exactly two"),
        ({"start": 0, "end": 4}, "one number for each axis"),
        ({"start": [0, 0], "size": [1]}, "as many numbers"),
        ({"start": [0.5], "size": [1]}, "wanted whole numbers"),
        ({"start": [0], "size": [1], "is_border_end": [True, False]}, "wanted 1 words"),
    ],
)
def test_bad_boxes(given_words: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        BoundingBox(**given_words)


def test_bad_calls() -> None:
    box = BoundingBox([0, 0], [2, 2])
    for wrong in (
        lambda: box.scale([1, 2, 3]), lambda: box.intersection(BoundingBox([0], [1])), lambda: box.translate([0.5, 0]),
        lambda: box.relative(size=[1, 1]), lambda: box.encompass(), lambda: ours.containing(),
        lambda: ours.from_slices([slice(None, 3)]), lambda: BoundingBox.from_json('{"start": [0], "sise": [1]}'),
        lambda: BoundingBox.from_json('{"start": [0], "size": [1], "is_border_start": ["no"]}'),
    ):  # fmt: skip
        with pytest.raises(SchemaError):
            wrong()
    assert box != "box"


@st.composite
def cuts(draw: st.DrawFn) -> tuple[BoundingBox, list[int], list[int], bool]:
    overlap = draw(st.lists(st.integers(0, 5), min_size=3, max_size=3))
    size = [draw(st.integers(side + 1, side + 12)) for side in overlap]
    return draw(boxes), size, overlap, draw(st.booleans())


@given(cuts(), triples, st.data())
def test_generator(google: Any, cut: Any, offset: Any, data: Any) -> None:
    outer, size, overlap, shift = cut
    found = BoxGenerator(outer, size, overlap, shift)
    theirs = google.generators_.BoxGenerator(their(google, outer), size, overlap, shift)
    assume(found.num_boxes < 300)
    assert (found.num_boxes, found.boxes_per_dim.tolist()) == (theirs.num_boxes, theirs.boxes_per_dim.tolist())
    assert json.loads(found.to_json()) == json.loads(theirs.to_json())
    assert box_generator.from_json(theirs.to_json()) == found
    for index in data.draw(st.lists(st.integers(0, found.num_boxes - 1), min_size=1, max_size=5)):
        place, box = found.generate(index)
        their_place, their_box = theirs.generate(index)
        assert place == tuple(their_place)
        same(box, their_box)
        same(found.index_to_cropped_box(index), theirs.index_to_cropped_box(index))
        assert found.box_coordinate_to_index(place) == index
        step = [value % 3 - 1 for value in offset]
        assert found.offset_to_index(index, step) == theirs.offset_to_index(index, step)
        for a, b in zip(found.tag_border_locations(index), theirs.tag_border_locations(index), strict=True):
            assert a.tolist() == b.tolist()
    with pytest.raises(SchemaError, match="wanted 0 to"):
        found.generate(found.num_boxes)
    assert [[repr(b) for b in part] for part in found.batch(3, 1)] == [
        [repr(b) for b in part] for part in theirs.batch(3, 1)
    ]


@given(cuts(), boxes, triples)
def test_boxes_that_touch(cut: Any, box: BoundingBox, point: Any) -> None:
    """Against every box of the generator: Google's own look-ups go by another origin than their boxes."""
    found = BoxGenerator(*cut)
    assume(found.num_boxes < 300)
    every = [found.generate(i) for i in range(found.num_boxes)]
    assert [repr(b) for b in found.overlapping_subboxes(box)] == [
        repr(b) for _, b in every if b.intersection(box) is not None
    ]
    assert found.spatial_point_to_box_coordinates(point) == [
        place for place, b in every if np.all(b.start <= point) and np.all(b.end > point)
    ]


@given(st.lists(boxes, min_size=1, max_size=4), cuts(), st.data())
def test_several(google: Any, outer: list[BoundingBox], cut: Any, data: Any) -> None:
    _, size, overlap, shift = cut
    found = MultiBoxGenerator(outer, size, overlap, shift)
    theirs = google.generators_.MultiBoxGenerator([their(google, box) for box in outer], size, overlap, shift)
    assert found.num_boxes == theirs.num_boxes
    assert json.loads(found.to_json()) == json.loads(theirs.to_json())
    assert box_generator.from_json(theirs.to_json()) == found
    index = data.draw(st.integers(0, found.num_boxes - 1))
    assert found.index_to_generator_index(index) == theirs.index_to_generator_index(index)
    same(found.generate(index)[1], theirs.generate(index)[1])
    same(found.index_to_cropped_box(index), theirs.index_to_cropped_box(index))


@given(cuts())
def test_cropped_boxes_are_the_outer_box(cut: Any) -> None:
    """Each voxel once, whatever the overlap."""
    outer, size, overlap, _ = cut
    found = BoxGenerator(outer, size, overlap)
    assume(found.num_boxes < 200 and np.all(outer.size > np.array(overlap)))
    times = np.zeros(outer.size[::-1], int)
    for index in range(found.num_boxes):
        times[found.index_to_cropped_box(index).translate(-outer.start).to_slice3d()] += 1
    assert np.all(times == 1)


def test_bad_generators() -> None:
    outer = BoundingBox([0, 0, 0], [8, 8, 8])
    assert BoxGenerator(outer, [None, 4, 4]).box_size.tolist() == [8, 4, 4]
    for size, overlap in (([4, 4], [0, 0, 0]), ([4, 4, 4], [4, 0, 0]), ([4, 4, 4], 2)):
        with pytest.raises(SchemaError):
            BoxGenerator(outer, size, overlap)
    with pytest.raises(SchemaError, match="wanted outer_box or outer_boxes"):
        box_generator.from_json("{}")

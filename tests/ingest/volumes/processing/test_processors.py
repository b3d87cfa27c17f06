"""Sub-volumes and what is done to them, call for call against Google's classes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.volumes.boxes.bounding_box import BoundingBox
from ingest.volumes.processing import contrast, filters, objects
from ingest.volumes.processing.processor import SubvolumeProcessor
from ingest.volumes.processing.run import get_processor
from ingest.volumes.processing.subvolume import Subvolume

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::marshmallow.warnings.RemovedInMarshmallow4Warning"
)
sides = st.tuples(*[st.integers(2, 12)] * 3)


@pytest.fixture(scope="module")
def google() -> Any:
    pytest.importorskip("connectomics")
    pytest.importorskip("gin")
    import skimage.filters.rank  # noqa: F401 - their LCN does not import what it calls
    from connectomics.common import bounding_box
    from connectomics.volume import subvolume
    from connectomics.volume.processor import contrast, filters, segmentation

    class Google:
        Box, Subvolume = bounding_box.BoundingBox, subvolume.Subvolume
        CLAHE, LCN = contrast.CLAHE, contrast.LCN
        HighPass, ApplyFilter = filters.HighPass, filters.ApplyFilter
        FillHoles, MergeInternalObjects = segmentation.FillHoles, segmentation.MergeInternalObjects

    return Google


@st.composite
def places(draw: st.DrawFn, least: int = 2, low: int = -20) -> BoundingBox:
    flags = st.tuples(*[st.booleans()] * 3)
    size = draw(st.tuples(*[st.integers(least, 12)] * 3))
    return BoundingBox(draw(st.tuples(*[st.integers(low, low + 25)] * 3)), size, draw(flags), draw(flags))


def labels(seed: int, shape: Any) -> npt.NDArray[np.uint64]:
    """Blobs within blobs, with background and specks: what holes and inner objects are made of."""
    rng = np.random.default_rng(seed)
    seg = np.zeros(shape, np.uint64)
    ids = np.array([0, 0, 5, 2**40, 7], np.uint64)
    for _ in range(rng.integers(1, 9)):
        low = [rng.integers(-2, side) for side in shape]
        seg[tuple(slice(max(0, a), a + rng.integers(1, 9)) for a in low)] = rng.choice(ids)
    specks = rng.random(shape) < 0.03
    seg[specks] = rng.choice(ids, specks.sum())
    return seg


def both(google: Any, ours: SubvolumeProcessor, theirs: Any, data: Any, box: BoundingBox, overlap: Any = None) -> None:
    for processor in (ours, theirs):
        processor.set_effective_subvol_and_overlap(box.size, processor.overlap() if overlap is None else overlap)
    their_box = google.Box(box.start, box.size, is_border_start=box.is_border_start, is_border_end=box.is_border_end)
    before = data.copy()
    expected = theirs.process(google.Subvolume(data.copy(), their_box))
    found = ours.process(Subvolume(data, box))
    np.testing.assert_array_equal(data, before)
    assert (found.bbox.start.tolist(), found.bbox.size.tolist()) == (
        expected.bbox.start.tolist(),
        expected.bbox.size.tolist(),
    )
    assert found.bbox == ours.expected_output_box(box)
    np.testing.assert_array_equal(found.data, expected.data)
    assert found.data.dtype == expected.data.dtype
    assert ours.output_type(np.dtype(np.uint8).type) == theirs.output_type(np.dtype(np.uint8).type)
    assert [list(side) for side in ours.context()] == [list(side) for side in theirs.context()]
    assert list(ours.overlap()) == list(theirs.overlap())
    assert (ours.name_parts, ours.namespace) == (theirs.name_parts, theirs.namespace)


@settings(max_examples=60)
@given(places(), st.integers(0, 2**32), st.booleans(), st.sampled_from([None, (0, 0, 0), (1, 0, 1)]))
def test_merge_internal_objects(google: Any, box: BoundingBox, seed: int, ignore_bg: bool, overlap: Any) -> None:
    data = labels(seed, tuple(box.size[::-1]))[None]
    both(google, objects.MergeInternalObjects(ignore_bg), google.MergeInternalObjects(ignore_bg), data, box, overlap)


@settings(max_examples=60)
@given(places(), st.integers(0, 2**32), st.sampled_from([0, 3, 1000]), st.booleans())
def test_fill_holes(google: Any, box: BoundingBox, seed: int, least: int, inplane: bool) -> None:
    data = labels(seed, tuple(box.size[::-1]))[None]
    both(google, objects.FillHoles(least, inplane), google.FillHoles(least, inplane), data, box)


def test_what_is_inside_what() -> None:
    """A ring of holes and nested objects, by hand; ids at the end of their range, which theirs add 1 to."""
    seg = np.zeros((7, 9, 9), np.uint64)
    seg[1:6, 1:8, 1:8] = 2**64 - 1
    seg[2:5, 2:7, 2:7] = 9
    seg[3, 4, 4] = 0
    box = BoundingBox([0, 0, 0], seg.shape[::-1])
    holes = objects.FillHoles(0)
    assert np.unique(holes.process(Subvolume(seg[None], box)).data[0, 2:5, 2:7, 2:7]).tolist() == [9]
    merged = objects.MergeInternalObjects().process(Subvolume(seg[None], box)).data[0]
    assert np.unique(merged[1:6, 1:8, 1:8]).tolist() == [2**64 - 1]
    assert np.unique(merged).tolist() == [0, 2**64 - 1]


@settings(max_examples=25)
@given(
    places(4), st.integers(0, 2**32), st.sampled_from(["median", "max", "min", "uniform"]),
    st.sampled_from([(3, "2d", None), (2, "3d", "float32"), ((3, 2), "2d", None), ((1, 2, 3), "3d", "uint16")]),
)  # fmt: skip
def test_filters(google: Any, box: BoundingBox, seed: int, kind: str, given_words: Any) -> None:
    size, mode, dtype = given_words
    data = np.random.default_rng(seed).integers(0, 256, (1, *box.size[::-1])).astype(np.uint8)
    words = (size, kind, mode, dtype)
    both(google, filters.ApplyFilter(*words), google.ApplyFilter(*words), data, box)


@settings(max_examples=15)
@given(st.integers(7, 30), st.integers(7, 30), st.integers(0, 2**32))
def test_high_pass(google: Any, x: int, y: int, seed: int) -> None:
    data = np.random.default_rng(seed).integers(0, 256, (1, 1, y, x)).astype(np.uint8)
    both(google, filters.HighPass(), google.HighPass(), data, BoundingBox([5, 6, 7], [x, y, 1]))
    twice = np.concatenate([data, data[:, :, ::-1]], axis=1)
    found = filters.HighPass().process(Subvolume(twice, BoundingBox([0, 0, 0], [x, y, 2])))
    alone = filters.HighPass().process(Subvolume(twice[:, 1:], BoundingBox([0, 0, 1], [x, y, 1])))
    np.testing.assert_array_equal(found.data[:, 1:], alone.data)


@settings(max_examples=15)
@given(places(6), st.integers(0, 2**32), st.sampled_from(["yx", "zy", "zx", "xy"]), st.booleans(), st.booleans())
def test_contrast(google: Any, box: BoundingBox, seed: int, plane: str, invert: bool, clip: bool) -> None:
    data = np.random.default_rng(seed).integers(0, 256, (2, *box.size[::-1])).astype(np.uint8)
    data[0, 0] = 7
    words = {
        "plane": plane,
        "kernel_size": 3,
        "invert": invert,
        "clip_min": 20 if clip else None,
        "clip_max": 200 if clip else None,
    }
    both(google, contrast.CLAHE(**words), google.CLAHE(**words), data, box)
    both(google, contrast.LCN(plane, 2), google.LCN(plane, 2), data, box)


def test_masks_stay_and_are_drawn_for(google: Any) -> None:
    mask = np.random.default_rng(0).random((2, 8, 8)) < 0.3
    box = BoundingBox([0, 0, 0], [8, 8, 2])

    class Ours(contrast.CLAHE):
        def _build_mask(self, mask_configs: Any, box: Any) -> Any:
            return mask

    class Theirs(google.CLAHE):  # type: ignore[misc]
        def _build_mask(self, mask_configs: Any, box: Any) -> Any:
            return mask

    data = np.random.default_rng(1).integers(0, 256, (1, 2, 8, 8)).astype(np.uint8)
    ours, theirs = Ours(mask_configs={"any": 1}), Theirs(mask_configs={"any": 1})
    theirs.set_effective_subvol_and_overlap(box.size, [0, 0, 0])
    expected = theirs.process(google.Subvolume(data.copy(), google.Box(box.start, box.size)))
    np.testing.assert_array_equal(ours.process(Subvolume(data, box)).data, expected.data)
    with pytest.raises(SchemaError, match="_build_mask"):
        contrast.CLAHE(mask_configs="{}").process(Subvolume(data, box))


def test_refused() -> None:
    box = BoundingBox([0, 0, 0], [4, 4, 4])
    two = Subvolume(np.zeros((2, 4, 4, 4), np.uint16), box)
    for wrong, kind in (
        (lambda: filters.ApplyFilter(3, "mean", "2d"), UnknownNameError),
        (lambda: filters.ApplyFilter(3, "max", "4d"), UnknownNameError),
        (lambda: filters.ApplyFilter((3, 3), "max", "3d"), SchemaError),
        (lambda: contrast.CLAHE("yy"), SchemaError),
        (lambda: filters.HighPass().process(two), SchemaError),
        (lambda: filters.ApplyFilter(3, "max", "3d").process(two), SchemaError),
        (lambda: objects.FillHoles().process(two), SchemaError),
        (lambda: Subvolume(np.zeros((1, 4, 4, 5)), box), SchemaError),
        (lambda: Subvolume(np.zeros((1, 4, 4, 4))), SchemaError),
        (lambda: two[::2,], SchemaError),
        (lambda: two.merge_with(np.zeros((1, 4, 4, 4))), SchemaError),
    ):
        with pytest.raises(kind):
            wrong()  # type: ignore[no-untyped-call]


# Places below 0 mean a count from the end to Google's.
@settings(max_examples=40)
@given(places(low=0), places(low=0), st.integers(0, 2**32), st.booleans())
def test_subvolumes(google: Any, box: BoundingBox, other: BoundingBox, seed: int, clip: bool) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 3, (2, *at.size[::-1])) for at in (box, other))
    ours, theirs = Subvolume(a.copy(), box), google.Subvolume(a.copy(), google.Box(box.start, box.size))
    other_ours, other_theirs = Subvolume(b, other), google.Subvolume(b, google.Box(other.start, other.size))

    def same(x: Subvolume, y: Any) -> None:
        assert (x.bbox.start.tolist(), x.bbox.size.tolist()) == (y.bbox.start.tolist(), y.bbox.size.tolist())
        np.testing.assert_array_equal(x.data, y.data)

    same(ours[1:, :2, 1, -2:], theirs[1:, :2, 1, -2:])
    common = box.intersection(other)
    if common is not None:
        same(ours.clip_abs(common), theirs.clip_abs(google.Box(common.start, common.size)))
        relative = common.translate(-box.start)
        same(ours.clip(relative), theirs.clip(google.Box(relative.start, relative.size)))
    assert ours.valid
    assert ours == Subvolume(ours)
    assert (ours == other_ours) == bool(box == other and np.array_equal(a, b))
    same(
        copy.deepcopy(ours).new_bounding_box(BoundingBox(other.start, box.size)),
        theirs.new_bounding_box(google.Box(other.start, box.size)),
    )
    theirs.new_bounding_box(google.Box(box.start, box.size))
    size, origin = rng.integers(1, 6, 3), rng.integers(-5, 5, 3)
    pieces = ours.split(size, origin, clip)
    covered = np.zeros(a.shape[1:], int)
    for piece in pieces:  # Google's reads outside of its voxels where a grid begins before them; so by hand
        inside = piece.bbox.intersection(box)
        assert inside is not None
        at = inside.translate(-box.start).to_slice3d()
        covered[at] += 1
        part = piece.clip_abs(inside)
        np.testing.assert_array_equal(part.data, a[(slice(None), *at)])
        assert piece.data.sum() == part.data.sum()
        assert np.all((piece.bbox.start - origin) % size == 0) or clip
        assert clip or piece.bbox.size.tolist() == size.tolist()
    assert np.all(covered == 1)
    merged = ours.merge_with(other_ours)
    if common is not None and common == box != other:  # Google takes all of the larger one
        there = b[(slice(None), *common.translate(-other.start).to_slice3d())]
        np.testing.assert_array_equal(merged.data, np.where(a == 0, there, a))
    else:
        same(merged, theirs.merge_with(other_theirs))


@pytest.mark.parametrize("name", ["CLAHE", "LCN", "ApplyFilter"])
def test_what_is_no_image_is_refused(name: str) -> None:
    args = {"LCN": {"disk_radius": 2}, "ApplyFilter": {"filter_size": 3, "filter_type": "median", "mode": "2d"}}
    work = get_processor({"name": name, "args": args.get(name)})
    image = np.random.default_rng(0).random((1, 2, 12, 12)).astype(np.float32)
    box = BoundingBox([0, 0, 0], [12, 12, 2])
    if name != "LCN":  # its library warns of floats, which it makes bytes of
        assert np.isfinite(work.process(Subvolume(image, box)).data).all()
    holed = image.copy()
    holed[0, 1, 3, 4] = np.nan
    with pytest.raises(SchemaError, match="1 voxels of the image are NaN or infinite"):
        work.process(Subvolume(holed, box))
    if name != "ApplyFilter":
        with pytest.raises(SchemaError, match="floats of up to 9.*; wanted -1 to 1"):
            work.process(Subvolume(image * 10, box))

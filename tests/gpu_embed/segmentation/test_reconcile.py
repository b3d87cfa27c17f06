"""Sub-volumes made one: as if the whole volume had been labelled at once, whatever the cuts and the names."""

from __future__ import annotations

import itertools
from typing import Any

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from gpu_embed.segmentation.contingency import contingency
from gpu_embed.segmentation.grid import HeldPiece, PieceGrid
from gpu_embed.segmentation.reconcile import Reconciled, reconcile
from ingest.schema.errors import AnalysisError, SchemaError

SHAPE = (18, 20, 22)
START = (-5, 3, 100)


def objects(seed: int, kinds: int = 3) -> np.ndarray:
    """Blobs of a few kinds that touch each other, and nothing between some of them."""
    rng = np.random.default_rng(seed)
    fields = np.stack([gaussian_filter(rng.standard_normal(SHAPE), 1.3) for _ in range(kinds)])
    kind: np.ndarray = np.where(fields.max(axis=0) > 0.02, fields.argmax(axis=0) + 1, 0)
    return kind


@st.composite
def cuts(draw: st.DrawFn) -> list[list[tuple[int, int]]]:
    """Intervals along each axis that overlap by one voxel or more."""
    axes = []
    for length in SHAPE:
        inner = draw(st.sampled_from([[], [7], [length - 8], [6, 13]]))
        edges = [0, *inner, length]
        reach = [(draw(st.integers(1, 3)), draw(st.integers(0, 3))) for _ in edges]
        axes.append(
            [
                (max(0, a - (reach[k][0] if k else 0)), min(length, b + (reach[k + 1][1] if b < length else 0)))
                for k, (a, b) in enumerate(itertools.pairwise(edges))
            ]
        )
    return axes


def cut(kind: np.ndarray, axes: list[list[tuple[int, int]]], seed: int, connectivity: int) -> list[HeldPiece]:
    """Pieces, each labelled for itself, under names of its own that may be another's."""
    rng = np.random.default_rng(seed)
    pieces = []
    for number, place in enumerate(itertools.product(*axes)):
        part = cc3d.connected_components(kind[tuple(slice(*side) for side in place)], connectivity=connectivity)
        names = np.uint64(2**64 - 1) - rng.permutation(int(part.max()) + 1).astype(np.uint64)
        names[0] = 0
        start = [a + s for (a, _), s in zip(place, START, strict=True)]
        pieces.append(HeldPiece(f"piece {number}", start, names[part]))
    return pieces


def whole(pieces: list[HeldPiece], **options: Any) -> tuple[np.ndarray, Reconciled]:
    grid = PieceGrid(pieces)
    labels = np.zeros(np.subtract(grid.stop, grid.start), dtype=np.uint64)
    times = np.zeros(labels.shape, dtype=int)

    def write(start: Any, box: np.ndarray) -> None:
        at = tuple(slice(a - s, a - s + n) for a, s, n in zip(start, grid.start, box.shape, strict=True))
        labels[at] = box
        times[at] += 1

    done = reconcile(pieces, write, **options)
    assert (times == 1).all(), "every voxel is written once"
    return labels, done


@settings(max_examples=30)
@given(st.integers(0, 2**31), cuts(), st.sampled_from([6, 18, 26]))
def test_it_is_the_labelling_of_the_whole(seed: int, axes: list[list[tuple[int, int]]], connectivity: int) -> None:
    kind = objects(seed)
    pieces = cut(kind, axes, seed, connectivity)
    found, done = whole(pieces, connectivity=connectivity)
    wanted = cc3d.connected_components(kind, connectivity=connectivity)
    table = contingency(wanted, found)
    assert len(table) == len(np.unique(table.truth)) == len(np.unique(table.segmentation)), "one for one"
    assert np.array_equal(found == 0, wanted == 0)
    assert np.unique(found[found > 0]).tolist() == list(range(1, done.objects + 1))
    assert (done.start, done.objects, done.pieces) == (START, int(wanted.max()), len(pieces))
    assert done.disagreeing_voxels == 0
    order = np.random.default_rng(seed).permutation(len(pieces))
    again, same = whole([pieces[k] for k in order], connectivity=connectivity)
    assert again.tobytes() == found.tobytes()
    assert same == done


def test_arms_that_meet_elsewhere_are_one_object() -> None:
    """A fork whose stem lies in one sub-volume only: its neighbour has two labels for it."""
    kind = np.zeros((3, 9, 24), dtype=np.int64)
    kind[1, 1, 4:], kind[1, 7, 4:], kind[1, 1:8, 4] = 1, 1, 1
    left, right = kind[:, :, :14], cc3d.connected_components(kind[:, :, 10:], connectivity=26)
    assert right.max() == 2
    found, done = whole([HeldPiece("left", (0, 0, 0), left), HeldPiece("right", (0, 0, 10), right)])
    assert np.array_equal(found, kind)
    assert (done.objects, done.matches, done.joined_within) == (1, 2, 1)


def pair(one: tuple[int, int], two: tuple[int, int], **options: Any) -> tuple[list[int], Reconciled]:
    """Two pieces of 12 voxels in a row that share 8; each labels 7 in a part of them."""
    labels = np.zeros((2, 1, 1, 12), dtype=np.uint16)
    labels[0, ..., one[0] : one[1]] = 7
    labels[1, ..., two[0] : two[1]] = 7
    found, done = whole([HeldPiece("a", (0, 0, 0), labels[0]), HeldPiece("b", (0, 0, 4), labels[1])], **options)
    return found.ravel().tolist(), done


def test_what_agrees_too_little_stays_apart() -> None:
    """Labels of two sub-volumes are never one by their number; the overlap is cut in the middle, at voxel 8."""
    apart, done = pair((0, 7), (2, 12))
    # In the overlap, from 4 to 12: 4..7 and 6..12, of 8 voxels together one is shared.
    assert apart == [1] * 7 + [0] + [2] * 8
    assert (done.matches, done.shared_voxels, done.disagreeing_voxels) == (0, 1, 1)
    one, done = pair((0, 7), (2, 12), agreement=0.1)
    assert one == [1] * 7 + [0] + [1] * 8
    assert (done.objects, done.disagreeing_voxels) == (1, 0)
    assert pair((0, 12), (0, 12))[1].objects == 1
    assert pair((0, 12), (0, 12), least_voxels=9)[1].objects == 2
    nothing, done = pair((0, 0), (0, 0))
    assert (nothing, done.objects) == ([0] * 16, 0)


def test_what_only_lies_in_the_neighbours_part_leaves_no_gap() -> None:
    found, done = pair((10, 12), (4, 6))
    assert found == [0] * 8 + [1] * 2 + [0] * 6
    assert done.objects == 1


def piece(start: tuple[int, int, int], shape: tuple[int, int, int] = (4, 4, 4), kind: Any = np.uint32) -> HeldPiece:
    return HeldPiece(f"at {start}", start, np.ones(shape, dtype=kind))


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ([], "no sub-volumes"),
        ([piece((0, 0, 0)), piece((0, 0, 0))], r"at \(0, 0, 0\) and at \(0, 0, 0\) are one sub-volume, 0,0,0:4,4,4"),
        ([piece((0, 0, 0)), piece((0, 0, 4))], "end at 4 along x and the next begin at 4: they share no voxels"),
        ([piece((0, 0, 0)), piece((0, 0, 0), (4, 6, 4))], "along y: one lies in the other"),
        ([piece((0, 0, 0)), piece((3, 3, 0))], "no sub-volume at 0,3,0:4,7,4"),
        ([piece((0, 0, 0)), piece((3, 0, 0), kind=np.float32)], "holds float32; wanted whole numbers"),
    ],
)
def test_pieces_that_are_no_grid_of_labels(pieces: list[HeldPiece], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        reconcile(pieces, lambda start, labels: None)


def test_options_that_are_none() -> None:
    for options in ({"agreement": 1.0}, {"connectivity": 8}, {"least_voxels": 0}):
        with pytest.raises(AnalysisError, match="wanted 0 to less than 1"):
            reconcile([piece((0, 0, 0))], lambda start, labels: None, **options)
    with pytest.raises(SchemaError, match=r"labels of shape \(0, 4, 4\)"):
        piece((0, 0, 0), (0, 4, 4))

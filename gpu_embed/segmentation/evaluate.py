"""A segmentation beside the truth: both volumes read once, box by box, every score from the tables that are left.

Tests: tests/gpu_embed/segmentation/test_evaluate.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gpu_embed.segmentation.boxes import Box, boxes, xyz
from gpu_embed.segmentation.contingency import Contingency, PairCounter, require_labels, require_mask, summed
from gpu_embed.segmentation.overlap_scores import MASKS, OverlapScores, Share, coverage, overlap_scores, without, worst
from gpu_embed.segmentation.run_length import RunLength, run_length
from ingest.running.progress import Progress
from ingest.schema.errors import SchemaError, VersionError
from ingest.skeletons.skeleton import Skeleton
from ingest.volumes.volume import Volume, steps_between

MEMORY_BYTES = 1 << 30
BYTES_A_VOXEL = 48
"""Held for a voxel of a box while it is counted: both volumes, the mask, and their numbers in between."""


@dataclass(frozen=True)
class Evaluation:
    """What was compared, over which voxels, and the scores."""

    segmentation: str
    truth: str | None
    box: str
    """First voxel and end, XYZ."""
    voxels: int
    """Of the box that the mask keeps, ``ignored`` ones among them."""
    mask: str
    """Words for the mask that was read, or that there was none."""
    ignored: tuple[int, ...]
    """True labels whose voxels are left out."""
    coverage: float | None
    scores: tuple[OverlapScores, ...]
    """One for each of ``MASKS``; empty without a truth."""
    run_length: RunLength | None
    worst_splits: tuple[Share, ...]
    worst_mergers: tuple[Share, ...]
    notes: tuple[str, ...]


def evaluate_volumes(
    segmentation: Volume,
    truth: Volume | None = None,
    *,
    skeletons: Sequence[Skeleton] | None = None,
    mask: Volume | None = None,
    box: Box | None = None,
    ignored: Sequence[int] = (),
    truth_map: Mapping[int, int] | None = None,
    merge_tolerance: int = 0,
    worst_count: int = 5,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> Evaluation:
    """Score a segmentation by a true one, by true skeletons, or both.

    Args:
        mask: volume whose voxels are left out where it is 0, for every score.
        box: first voxel and end, ZYX; needed where the volumes are not of one extent.
        ignored: true labels whose voxels are left out of the scores of overlap.
        truth_map: true label -> label it counts as, such as bodies of supervoxels; every true label must be in it.
        merge_tolerance: see ``run_length``.
        memory_bytes: for boxes at work.

    Raises:
        SchemaError: nothing to compare with, different extents without a box, no labels.
        VersionError: different voxel sizes.
    """
    if truth is None and skeletons is None:
        raise SchemaError("nothing to compare with: wanted a true segmentation (--truth), true skeletons, or both")
    others = [volume for volume in (truth, mask) if volume is not None]
    start, stop = _box(segmentation, others, box)
    for volume in (segmentation, truth):
        if volume is not None:
            require_labels(volume.name, np.empty(0, volume.dtype))
    if mask is not None:
        require_mask(np.empty(0, mask.dtype))
    nodes = _Nodes(segmentation, skeletons or ())
    counter = PairCounter()
    kept = done = 0
    total = int(np.prod(np.subtract(stop, start)))
    for low, high in boxes(start, stop, segmentation.chunk, segmentation.grid, memory_bytes // BYTES_A_VOXEL):
        labels = segmentation.read(low, high)
        require_labels(segmentation.name, labels)
        counted = None if mask is None else require_mask(mask.read(low, high))
        nodes.look(low, high, labels, counted)
        if truth is not None:
            true = truth.read(low, high)
            require_labels(truth.name, true)
            counter.add(true, labels, counted)
        kept += labels.size if counted is None else int(counted.sum())
        done += labels.size
        if progress is not None:
            progress(done, total)
    found = counter.table() if truth is None else _mapped(counter.table(), truth.name, truth_map)
    table = without(found, ignored)
    notes = [note for volume in (segmentation, *others) if (note := volume.note())]
    if ignored:
        notes.append(f"{int(found.voxels.sum() - table.voxels.sum()):,} voxels of ignored true labels are in no score")
    runs = (
        run_length(skeletons, nodes.labels, merge_tolerance=merge_tolerance, inside=nodes.inside) if skeletons else None
    )
    if runs is not None and runs.outside_nm:
        notes.append(f"{runs.outside_nm:,.0f} nm of cable leave the box or the mask and are in no run length")
    splits, mergers = worst(table, "truth", worst_count)[0], worst(table, "both", worst_count)[1]
    return Evaluation(
        segmentation.name,
        None if truth is None else truth.name,
        xyz((start, stop)),
        kept,
        "none" if mask is None else f"voxels that are not 0 in {mask.name}",
        tuple(ignored),
        coverage(table),
        () if truth is None else tuple(overlap_scores(table, name) for name in MASKS),
        runs,
        tuple(splits),
        tuple(mergers),
        tuple(notes),
    )


class _Nodes:
    """Segments at the nodes of skeletons, filled in box by box."""

    def __init__(self, volume: Volume, skeletons: Sequence[Skeleton]) -> None:
        points = np.concatenate([np.empty((0, 3)), *(one.points_nm for one in skeletons)])
        self._voxels = volume.voxels_of(points)
        self.labels = np.zeros(len(points), dtype=np.uint64)
        self.inside = np.zeros(len(points), dtype=bool)

    def look(
        self,
        low: Sequence[int],
        high: Sequence[int],
        labels: npt.NDArray[np.generic],
        counted: npt.NDArray[np.bool_] | None,
    ) -> None:
        here = np.flatnonzero(np.all((self._voxels >= low) & (self._voxels < high), axis=1))
        at = tuple((self._voxels[here] - low).T)
        self.labels[here] = labels[at]
        self.inside[here] = True if counted is None else counted[at]


def _box(segmentation: Volume, others: Sequence[Volume], box: Box | None) -> Box:
    for other in others:
        if steps_between(segmentation, other) != (1.0, 1.0, 1.0):
            raise VersionError(
                f"{segmentation.name} has voxels of {segmentation.resolution} nm, {other.name} of {other.resolution}: "
                "wanted one size. Choose the same scale of both"
            )
    extents = {volume.name: (volume.start, volume.stop) for volume in (segmentation, *others)}
    if box is None:
        if len(set(extents.values())) > 1:
            told = ", ".join(f"{name} {xyz(extent)}" for name, extent in extents.items())
            raise SchemaError(f"extents differ (XYZ): {told}. Say which voxels to compare with --box, X,Y,Z:X,Y,Z")
        return segmentation.start, segmentation.stop
    if any(a >= b for a, b in zip(*box, strict=True)):
        raise SchemaError(f"box {xyz(box)} (XYZ) is empty; wanted an end beyond its first voxel on each axis")
    for name, (start, stop) in extents.items():
        if any(a < low or b > high for a, b, low, high in zip(*box, start, stop, strict=True)):
            raise SchemaError(f"box {xyz(box)} (XYZ) is not within {name}, {xyz((start, stop))}")
    return box


def _mapped(table: Contingency, name: str, truth_map: Mapping[int, int] | None) -> Contingency:
    """True labels by what they count as; the sums of a table are those of its relabelled voxels."""
    if truth_map is None:
        return table
    names, at = np.unique(table.truth, return_inverse=True)
    missing = [label for label in names.tolist() if label not in truth_map]
    if missing:
        raise SchemaError(
            f"{name} holds {len(missing):,} labels that the map does not name, {missing[0]} for example; "
            "every label must stand in it"
        )
    becomes = np.array([truth_map[label] for label in names.tolist()], dtype=np.uint64)
    return summed(becomes[at], table.segmentation, table.voxels)

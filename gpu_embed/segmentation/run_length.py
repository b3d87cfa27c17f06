"""Expected run length (ERL) of skeletons in a segmentation, and its part of the largest possible (NERL).

An edge is right when both its nodes lie in one segment, not 0, that covers no other skeleton; a segment that covers
two loses every edge it holds. With l the right cable of a skeleton in one segment, ERL = sum of l^2 / all cable: the
length that a random point of cable can be followed from; NERL divides by ERL of the perfect segmentation. A segment
covers a skeleton when it holds more than ``merge_tolerance`` nodes of it. (Januszewski et al. 2018; funlib.evaluate.)

Tests: tests/gpu_embed/segmentation/test_run_length.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gpu_embed.segmentation.contingency import require_labels
from ingest.schema.errors import SchemaError
from ingest.skeletons.skeleton import Skeleton


@dataclass(frozen=True, slots=True)
class RunLength:
    """ERL in nm, and where the cable went; None where there is no cable."""

    merge_tolerance: int
    """Nodes of a second skeleton up to which a segment is no merger."""
    skeletons: int
    cable_nm: float
    erl_nm: float | None
    largest_erl_nm: float | None
    nerl: float | None
    right_nm: float
    split_nm: float
    """Of edges between two segments."""
    merged_nm: float
    """Of edges inside mergers."""
    omitted_nm: float
    """Of edges with an end where nothing is labelled."""
    mergers: tuple[int, ...]
    """Labels of the segments that cover two skeletons or more, ascending."""
    outside_nm: float = 0.0
    """Cable that is not counted, neither here nor in ``cable_nm``: it leaves the volume or the mask."""


def run_length(
    skeletons: Sequence[Skeleton],
    labels: npt.NDArray[np.generic],
    *,
    merge_tolerance: int = 0,
    inside: npt.NDArray[np.bool_] | None = None,
) -> RunLength:
    """ERL of skeletons.

    Args:
        labels: [n], the segment at each node, all skeletons after one another; 0 is none.
        merge_tolerance: see above; 0 forgives nothing.
        inside: bool [n]; edges with an end outside are left out of every number but ``outside_nm``.

    Raises:
        SchemaError: labels of another number than nodes, or no labels; a negative tolerance; a neuron twice.
    """
    if merge_tolerance < 0:
        raise SchemaError(f"merge tolerance of {merge_tolerance} nodes; wanted 0 or more")
    ids = [skeleton.root_id for skeleton in skeletons]
    if len(set(ids)) < len(ids):
        raise SchemaError("a skeleton is there twice: it would count as merged with itself")
    sizes = [len(skeleton) for skeleton in skeletons]
    require_labels("the segmentation at the nodes", labels)
    if labels.shape != (sum(sizes),):
        raise SchemaError(f"{labels.size:,} labels for {sum(sizes):,} nodes; wanted one a node")
    segment = labels.astype(np.uint64)
    there = np.ones(len(segment), dtype=bool) if inside is None else inside
    skeleton = np.repeat(np.arange(len(sizes)), sizes)
    first = np.repeat(np.cumsum([0, *sizes])[:-1], sizes)
    parents = np.concatenate([np.empty(0, dtype=np.int64), *(one.parents for one in skeletons)])
    edge = np.flatnonzero(parents >= 0)
    other = parents[edge] + first[edge]
    length = np.concatenate([np.empty(0), *(one.edge_nm for one in skeletons)])[edge]
    counted = there[edge] & there[other]
    outside = float(length[~counted].sum())
    edge, other, length = edge[counted], other[counted], length[counted]

    mergers = _mergers(skeleton[there], segment[there], merge_tolerance)
    a, b = segment[edge], segment[other]
    omitted = (a == 0) | (b == 0)
    split = ~omitted & (a != b)
    merged = ~omitted & ~split & np.isin(a, mergers)
    right = ~(omitted | split | merged)

    _, of_skeleton = np.unique(skeleton[edge], return_inverse=True)
    whole = np.bincount(of_skeleton, weights=length)
    runs = _run_sums(skeleton[edge][right], a[right], length[right])
    cable = float(whole.sum())
    largest, found = float((whole**2).sum()), float((runs**2).sum())
    return RunLength(
        merge_tolerance,
        len(whole),
        cable,
        found / cable if cable else None,
        largest / cable if cable else None,
        found / largest if largest else None,
        right_nm=float(length[right].sum()),
        split_nm=float(length[split].sum()),
        merged_nm=float(length[merged].sum()),
        omitted_nm=float(length[omitted].sum()),
        mergers=tuple(mergers.tolist()),
        outside_nm=outside,
    )


def _mergers(
    skeleton: npt.NDArray[np.int64], segment: npt.NDArray[np.uint64], tolerance: int
) -> npt.NDArray[np.uint64]:
    """Segments that hold more than ``tolerance`` nodes of two skeletons or more."""
    labelled = segment > 0
    pairs, nodes = _unique_pairs(skeleton[labelled], segment[labelled])
    segments, covers = np.unique(segment[labelled][pairs[nodes > tolerance]], return_counts=True)
    return segments[covers > 1]


def _unique_pairs(
    skeleton: npt.NDArray[np.int64], segment: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Index of one node of each pair, and how many nodes it has."""
    names, number = np.unique(segment, return_inverse=True)
    _, at, count = np.unique(skeleton * max(len(names), 1) + number, return_index=True, return_counts=True)
    return at, count


def _run_sums(
    skeleton: npt.NDArray[np.int64], segment: npt.NDArray[np.uint64], length: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    names, number = np.unique(segment, return_inverse=True)
    _, run = np.unique(skeleton * max(len(names), 1) + number, return_inverse=True)
    sums: npt.NDArray[np.float64] = np.bincount(run, weights=length).astype(np.float64)
    return sums

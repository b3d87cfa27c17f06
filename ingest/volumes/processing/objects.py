"""Segments made whole: ``FillHoles`` and ``MergeInternalObjects``, on the compiled components and neighbours.

Tests: tests/ingest/volumes/processing/test_processors.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import SchemaError
from ingest.volumes.labels.adjacency import adjacency
from ingest.volumes.labels.components import all_components, get_border_ids, split_disconnected_components
from ingest.volumes.labels.internal_objects import biconnected_dfs, merge_internal_objects
from ingest.volumes.labels.label_arrays import Labels
from ingest.volumes.processing.processor import SubvolumeProcessor
from ingest.volumes.processing.subvolume import Subvolume

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Pieces:
    """Components of a segmentation [z, y, x], and the label that each had."""

    numbers: Ints
    label: Labels

    @classmethod
    def of(cls, seg: Labels, background: bool) -> _Pieces:
        if background:
            numbers, count = all_components(seg)
        else:
            numbers = split_disconnected_components(seg.astype(np.uint64)).astype(np.int64)
            count = int(numbers.max(initial=0))
        label = np.zeros(count + 1, seg.dtype)
        label[numbers] = seg  # all voxels of a piece have one
        return cls(numbers, label)


class MergeInternalObjects(SubvolumeProcessor):
    """Objects that touch one labelled object only, with all that is inside them, become part of it.

    What touches a side of the sub-volume stays, and so does what is reached from there otherwise.

    Args:
        ignore_bg: as if the background were not there, so that a segment at the border of tissue with one neighbour
            counts as inside.
    """

    crop_at_borders = False

    def __init__(self, ignore_bg: bool = False) -> None:
        self.ignore_bg = ignore_bg

    def process(self, subvol: Subvolume) -> Subvolume:
        seg = one_channel(subvol)
        pieces = _Pieces.of(seg, background=not self.ignore_bg)
        border = get_border_ids(pieces.numbers)
        graph = adjacency(pieces.numbers).graph()
        if self.ignore_bg and 0 in graph:
            graph.remove_node(0)
            border.discard(0)
        merged = seg
        if graph:
            components, cuts = biconnected_dfs(graph, border)
            labelled = frozenset(node for node in cuts if pieces.label[node] != 0)
            inside = {i for i, found in enumerate(components) if not (found - labelled) & border}
            into = merge_internal_objects(list(components), cuts, inside)
            if into:
                label = pieces.label.copy()
                for index, target in into.items():
                    for node in components[index]:
                        label[node] = pieces.label[target]
                merged = label[pieces.numbers]
        return self.crop_box_and_data(subvol.bbox, merged[np.newaxis])


class FillHoles(SubvolumeProcessor):
    """Background that touches one segment only and no side of the sub-volume becomes that segment.

    Run it with a context of about twice the largest hole.

    Args:
        min_neighbor_size: voxels in the sub-volume below which a segment beside a hole is not counted.
        inplane: plane by plane, YX.
    """

    crop_at_borders = False

    def __init__(self, min_neighbor_size: int = 1000, inplane: bool = False) -> None:
        self._min_neighbor_size, self._inplane = min_neighbor_size, inplane

    def process(self, subvol: Subvolume) -> Subvolume:
        seg = one_channel(subvol)
        if self._inplane:
            filled = np.concatenate([seg[:0], *(self._filled(seg[z : z + 1]) for z in range(len(seg)))])
        else:
            filled = self._filled(seg)
        return self.crop_box_and_data(subvol.bbox, filled[np.newaxis])

    def _filled(self, seg: Labels) -> Labels:
        pieces = _Pieces.of(seg, background=True)
        hole = pieces.label == 0
        hole[[0, *get_border_ids(pieces.numbers, inplane=self._inplane)]] = False
        if not np.any(hole):
            return seg
        sizes = np.bincount(pieces.numbers.reshape(-1), minlength=hole.size)
        pairs = adjacency(pieces.numbers).pairs
        pairs = np.concatenate([pairs, pairs[:, ::-1]])
        counted = hole[pairs[:, 0]] & (sizes[pairs[:, 1]] >= self._min_neighbor_size) & (pieces.label[pairs[:, 1]] != 0)
        holes, around = pairs[counted, 0], pieces.label[pairs[counted, 1]]
        order = np.lexsort((around, holes))
        holes, around = holes[order], around[order]
        first = np.append(True, holes[1:] != holes[:-1])[: holes.size]
        other = np.zeros(hole.size, np.bool_)
        other[holes[1:][(holes[1:] == holes[:-1]) & (around[1:] != around[:-1])]] = True
        label = pieces.label.copy()
        one = first & ~other[holes]
        label[holes[one]] = around[one]
        filled: Labels = label[pieces.numbers]
        return filled


def one_channel(subvol: Subvolume) -> Labels:
    """The labels [z, y, x] of a sub-volume; SchemaError for several channels."""
    if subvol.shape[0] != 1:
        raise SchemaError(f"a segmentation of {subvol.shape[0]} channels; wanted one")
    seg: Labels = subvol.data[0]
    return seg

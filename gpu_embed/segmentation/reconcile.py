"""Sub-volumes that were labelled one by one, made one segmentation: labels never collide, objects go on across cuts.

Where two neighbours overlap, each one's labels are taken apart into connected components there; two components are one
object when their intersection is more than ``agreement`` of their union. Whatever is one object in this way, over any
number of sub-volumes, gets one label. Components, not labels, are compared: two arms of a neuron are two labels in a
sub-volume that does not hold where they meet.

Tests: tests/gpu_embed/segmentation/test_reconcile.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.segmentation.boxes import Zyx
from gpu_embed.segmentation.contingency import Labels, contingency, renumbered, require_labels
from gpu_embed.segmentation.grid import Piece, PieceGrid
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, MissingExtraError

Numbers = npt.NDArray[np.int64]
Write = Callable[[Zyx, Labels], None]
CONNECTIVITIES = (6, 18, 26)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One segmentation of the box from ``start`` to ``stop``, ZYX, and how well its sub-volumes agreed."""

    start: Zyx
    stop: Zyx
    objects: int
    """Labels that were written: 1 to so many."""
    pieces: int
    matches: int
    """Pairs of components that were taken as one object."""
    shared_voxels: int
    """Voxels of overlaps that both sides label; those in several overlaps count in each."""
    disagreeing_voxels: int
    """Of them, voxels that the two sides gave to different objects in the end."""
    joined_within: int
    """Objects that bring together several labels of one sub-volume, which only its neighbours saw as one."""


@dataclass(frozen=True, eq=False)
class _Known:
    """Labels of a piece, sorted, without 0; they are the numbers from ``first`` on."""

    labels: Labels
    first: int

    def numbers(self, labels: npt.NDArray[Any]) -> Numbers:
        """Numbers of labels other than 0."""
        found: Numbers = self.first + np.searchsorted(self.labels, labels.astype(np.uint64))
        return found


@dataclass(frozen=True, eq=False)
class _Meeting:
    """What two pieces say of a box that they share: numbers of labels, voxels of both, and which are one object."""

    one: Numbers
    two: Numbers
    voxels: Numbers
    agreed_one: Numbers
    agreed_two: Numbers


def reconcile(
    pieces: Sequence[Piece],
    write: Write,
    *,
    agreement: float = 0.5,
    least_voxels: int = 1,
    connectivity: int = 26,
    progress: Progress | None = None,
) -> Reconciled:
    """Write one segmentation of sub-volumes that overlap, piece after piece.

    Every voxel takes the label of the piece that it lies deepest in. The same pieces give the same bytes, in whatever
    order they are named. Held in memory: one piece, two overlaps, and a few numbers for each label.

    Args:
        pieces: a grid, each piece sharing voxels with the next along each axis; label 0 is nothing.
        write: called with the first voxel (ZYX) and the labels of each box, uint64; the boxes are the whole, once.
        agreement: from .5 up no component can match two of its neighbour; below, an object may join several.
        least_voxels: of an intersection; smaller ones match nothing.
        connectivity: 6, 18 or 26 neighbours of a voxel.

    Raises:
        SchemaError: pieces that are no grid or hold no labels. AnalysisError: options that are none.
    """
    if not 0 <= agreement < 1 or connectivity not in CONNECTIVITIES or least_voxels < 1:
        raise AnalysisError(
            f"agreement {agreement}, connectivity {connectivity}, least_voxels {least_voxels}; wanted 0 to less than "
            "1, one of 6, 18 and 26, and 1 or more"
        )
    grid = PieceGrid(pieces)
    cores, neighbours = grid.cores(), list(grid.neighbours())
    steps, done = 2 * len(grid.pieces) + len(neighbours), 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, steps)

    known: list[_Known] = []
    written = []
    first = 0
    for piece, core in zip(grid.pieces, cores, strict=True):
        labels = _labels(piece, piece.start, piece.stop)
        known.append(_Known(_present(labels), first))
        inner = labels[tuple(slice(a - s, b - s) for a, b, s in zip(*core, piece.start, strict=True))]
        written.append(known[-1].numbers(_present(inner)))
        first += len(known[-1].labels)
        step()
    meetings = []
    for i, j, (low, high) in neighbours:
        one, two = (_labels(grid.pieces[k], low, high) for k in (i, j))
        meetings.append(_meet(one, two, known[i], known[j], agreement, least_voxels, connectivity))
        step()
    objects = _joined(first, meetings)
    final = _numbered(objects, np.concatenate([np.empty(0, dtype=np.int64), *written]))
    for piece, core, own in zip(grid.pieces, cores, known, strict=True):
        dense, names = renumbered(_labels(piece, *core))
        there = names != 0
        becomes = np.zeros(len(names), dtype=np.uint64)
        becomes[there] = final[own.numbers(names[there])]
        write(core[0], becomes[dense])
        step()
    return Reconciled(
        grid.start,
        grid.stop,
        int(final.max(initial=0)),
        len(grid.pieces),
        sum(len(meeting.agreed_one) for meeting in meetings),
        sum(int(meeting.voxels.sum()) for meeting in meetings),
        sum(int(m.voxels[objects[m.one] != objects[m.two]].sum()) for m in meetings),
        _within(objects, known),
    )


def _labels(piece: Piece, start: Sequence[int], stop: Sequence[int]) -> npt.NDArray[np.uint64]:
    labels = piece.read(start, stop)
    require_labels(piece.name, labels)
    return np.ascontiguousarray(labels, dtype=np.uint64)


def _present(labels: Labels) -> Labels:
    try:
        import fastremap
    except ImportError:
        raise MissingExtraError("fastremap", "volumes") from None
    everyone: Labels = fastremap.unique(labels)
    found: Labels = everyone[everyone != 0]
    return found


def _meet(
    one: Labels, two: Labels, known_one: _Known, known_two: _Known, agreement: float, least: int, connectivity: int
) -> _Meeting:
    parts, of_part = zip(*(_components(labels, connectivity) for labels in (one, two)), strict=True)
    table = contingency(*parts)
    a, b = table.truth.astype(np.int64), table.segmentation.astype(np.int64)
    size_a, size_b = np.bincount(a, weights=table.voxels), np.bincount(b, weights=table.voxels)
    both = (a > 0) & (b > 0)
    a, b, voxels = a[both], b[both], table.voxels[both]
    named_a, named_b = known_one.numbers(of_part[0][a]), known_two.numbers(of_part[1][b])
    agreed = (voxels > agreement * (size_a[a] + size_b[b] - voxels)) & (voxels >= least)
    return _Meeting(named_a, named_b, voxels, named_a[agreed], named_b[agreed])


def _components(labels: Labels, connectivity: int) -> tuple[npt.NDArray[Any], Labels]:
    """Connected components, and the label of each; 0 is nothing in both."""
    try:
        import cc3d
    except ImportError:
        raise MissingExtraError("connected-components-3d", "volumes") from None
    connect: Any = cc3d.connected_components
    parts, count = connect(labels, connectivity=connectivity, return_N=True)
    of_part = np.zeros(count + 1, dtype=np.uint64)
    of_part[parts] = labels
    return parts, of_part


def _joined(count: int, meetings: Sequence[_Meeting]) -> Numbers:
    """The object of every label, as the lowest number of its labels."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one = np.concatenate([np.empty(0, dtype=np.int64), *(m.agreed_one for m in meetings)])
    two = np.concatenate([np.empty(0, dtype=np.int64), *(m.agreed_two for m in meetings)])
    if not count:
        return one
    links = coo_array((np.ones(len(one), dtype=bool), (one, two)), shape=(count, count))
    groups = connected_components(links, directed=False)[1]
    lowest = np.full(count, count, dtype=np.int64)
    np.minimum.at(lowest, groups, np.arange(count))
    found: Numbers = lowest[groups]
    return found


def _numbered(objects: Numbers, written: Numbers) -> Labels:
    """The final label of every label: 1, 2, .. in the order of the lowest numbers, of objects that are written."""
    final = np.zeros(len(objects), dtype=np.uint64)
    kept = np.unique(objects[written])
    final[kept] = np.arange(1, len(kept) + 1, dtype=np.uint64)
    return final[objects]


def _within(objects: Numbers, known: Sequence[_Known]) -> int:
    several = [np.empty(0, dtype=np.int64)]
    for own in known:
        names, times = np.unique(objects[own.first : own.first + len(own.labels)], return_counts=True)
        several.append(names[times > 1])
    return len(np.unique(np.concatenate(several)))

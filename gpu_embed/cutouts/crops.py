"""Crops around nodes: EM where the node's own segment is, 0 elsewhere, cut from blocks that are read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gpu_embed.cutouts.blocks import Block, BlockGrid, Group, plan_reads
from gpu_embed.engines.memory import label_bytes
from gpu_embed.engines.protocol import Crops
from ingest.running.task_runners import Threads
from ingest.schema.errors import GraphlabError, SchemaError
from ingest.volumes.volume import Volume, steps_between

MEMORY_BYTES = 4 << 30
OUTSIDE, ABSENT, UNREADABLE, NOT_FINITE = "outside the volume", "segment absent", "unreadable chunk", "not finite"
RowNumbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Failure:
    """One node that got no embedding, and why."""

    row: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A block that was read: voxels ZYX, and the boxes in it that could not be, with the error."""

    voxels: Any
    bad: tuple[tuple[Sequence[int], Sequence[int], GraphlabError], ...] = ()

    def require(self, start: Any, stop: Any) -> None:
        """The error if a voxel from ``start`` to ``stop`` is bad."""
        for low, high, error in self.bad:
            if all(a < d and c < b for a, b, c, d in zip(start, stop, low, high, strict=True)):
                raise error


class Cutouts:
    """All crops of a table of nodes.

    Args:
        em: uint8. segmentation: ids, of the same voxel size or another scale of the same space.
        nodes: root_id, node_id, x_nm, y_nm, z_nm.
        side: voxels a side of a crop, odd; voxels outside of either volume are 0.
        group: nodes cut together. readers: blocks read at the same time. memory_bytes: of blocks held.
        on_device: blocks are to be held by a ``DeviceCutter``, EM in a byte a voxel and ids as ranks.
        anywhere: a node need not lie in its own segment, as after a random shift.

    Raises:
        SchemaError: another dtype, an even side. VersionError: voxel sizes that are no two scales of one space.
    """

    def __init__(
        self,
        em: Volume,
        segmentation: Volume,
        nodes: pa.Table,
        side: int,
        *,
        group: int = 8,
        readers: int = 4,
        memory_bytes: int = MEMORY_BYTES,
        on_device: bool = False,
        anywhere: bool = False,
    ) -> None:
        if em.dtype != np.uint8:
            raise SchemaError(f"{em.name} holds {em.dtype}; wanted EM as uint8, 0 (dark) to 255")
        if segmentation.dtype.kind not in "iu":
            raise SchemaError(f"{segmentation.name} holds {segmentation.dtype}; wanted whole numbers, ids of segments")
        if side % 2 == 0 or side < 1:
            raise SchemaError(f"crops of {side} voxels have no middle voxel; wanted an odd number")
        self.em, self.segmentation, self.side, self.readers = em, segmentation, side, readers
        self._anywhere = anywhere
        self._steps = steps_between(em, segmentation)
        self.root_ids: npt.NDArray[np.uint64] = nodes.column("root_id").to_numpy()
        points = np.stack([nodes.column(f"{axis}_nm").to_numpy() for axis in "xyz"], axis=1)
        self._centres, self._at = em.voxels_of(points), segmentation.voxels_of(points)
        inside = em.holds(self._centres) & segmentation.holds(self._at)
        self.failures = [self._outside(row, points[row]) for row in np.flatnonzero(~inside).tolist()]
        rows = np.flatnonzero(inside)
        start = self._centres - side // 2
        stop = start + side
        # Node voxels are added: where the segmentation is finer, the node's own need not be among those sampled.
        low = np.minimum(self._sampled(start), self._at)
        high = np.maximum(self._sampled(stop - 1), self._at) + 1
        kept = (1, label_bytes(len(np.unique(self.root_ids)))) if on_device else (None, None)
        self.grids = (BlockGrid(em, kept=kept[0]), BlockGrid(segmentation, kept=kept[1]))
        self._of_block: dict[tuple[int, ...], list[int]] | None = None
        boxes = ((start[rows], stop[rows]), (low[rows], high[rows]))
        plan = plan_reads(self.grids, boxes, self._centres[rows], group=group, memory_bytes=memory_bytes)
        groups = tuple(Group(rows[g.nodes], g.fetch, g.release) for g in plan.groups)
        self.plan = replace(plan, groups=groups)
        self.count = rows.size
        within = (start[rows] >= em.start).all(axis=1) & (stop[rows] <= em.stop).all(axis=1)
        self.padded = int((~within).sum())
        """Crops that reach out of the EM volume, where they are 0."""

    def fetch(self) -> Iterator[tuple[Group, dict[Block, Piece]]]:
        """Each group with the blocks that are read for it."""
        blocks = (block for group in self.plan.groups for block in group.fetch)
        # One run for all groups; no more blocks wait than are read at a time.
        pieces = Threads(self.readers).map_tasks(self.read_block, blocks, ahead=self.readers)
        with closing(pieces):
            for group in self.plan.groups:
                yield group, {block: next(pieces) for block in group.fetch}

    def read(self) -> Iterator[tuple[Group, Mapping[Block, Piece]]]:
        """Each group with the blocks it needs."""
        pieces: dict[Block, Piece] = {}
        for group, new in self.fetch():
            pieces.update(new)
            yield group, dict(pieces)
            for block in group.release:
                del pieces[block]

    def cut(
        self, groups: Iterator[tuple[Group, Mapping[Block, Piece]]], workers: int = 2, *, split: bool = False
    ) -> Iterator[tuple[RowNumbers, Crops, list[Failure]]]:
        """Crops of each group: rows int64 [k], uint8 [k, side, side, side] ZYX, and the nodes that failed.

        Args:
            split: not masked but [k, 2, side, side, side]: the EM, and 1 where the node's segment is.
        """
        runner = Threads(workers)
        for group, blocks in groups:
            crops = np.zeros((group.nodes.size, *((2,) if split else ()), *(self.side,) * 3), dtype=np.uint8)
            jobs = zip(group.nodes.tolist(), crops, strict=True)

            def one(job: tuple[int, Crops], blocks: Mapping[Block, Piece] = blocks) -> Failure | None:
                return self._one(*job, blocks)

            failures = list(runner.map_tasks(one, jobs))
            good = np.array([failure is None for failure in failures], dtype=bool)
            if not good.all():
                crops = crops[good]
            yield group.nodes[good], crops, [failure for failure in failures if failure is not None]

    def read_block(self, block: Block) -> Piece:
        """The voxels of a block, and which of its chunks cannot be read."""
        grid = self.grids[block[0]]
        start, stop = grid.box(block[1:])
        try:
            return Piece(grid.volume.read(start, stop))
        except GraphlabError as error:
            chunks = grid.chunks(start, stop)
            if len(chunks) == 1:
                return Piece(None, ((start, stop, error),))
        voxels = np.zeros([b - a for a, b in zip(start, stop, strict=True)], dtype=grid.volume.dtype)
        bad = []
        for low, high in chunks:
            try:
                voxels[tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))] = grid.volume.read(
                    low, high
                )
            except GraphlabError as error:
                bad.append((low, high, error))
        return Piece(voxels, tuple(bad))

    def fault(self, row: int, pieces: Mapping[Block, Piece], here: Callable[[int], int]) -> Failure | None:
        """Why a node has no crop, or None.

        Args:
            pieces: of the node's blocks, those that are bad at least.
            here: the segment's id at a node that can be read.
        """
        at = self._at[row]
        try:
            self._readable(1, at, at + 1, pieces)
            segment_id, root_id = here(row), int(self.root_ids[row])
            if segment_id != root_id and not self._anywhere:
                return Failure(row, ABSENT, f"the segmentation has {segment_id} there, not {root_id}")
            for which in (1, 0):
                low, last = self.ends(which, row)
                self._readable(which, low, last + 1, pieces)
        except GraphlabError as error:
            return Failure(row, UNREADABLE, str(error))
        return None

    def ends(self, which: int, rows: Any) -> tuple[RowNumbers, RowNumbers]:
        """First and last voxel [.., 3] ZYX of volume ``which`` that crops sample."""
        start = self._centres[rows] - self.side // 2
        last = start + self.side - 1
        return (self._sampled(start), self._sampled(last)) if which else (start, last)

    def samples(self, which: int, rows: RowNumbers) -> RowNumbers:
        """The voxels of volume ``which`` under those of each crop, int64 [3, B, side], by axis ZYX."""
        voxels = (self._centres[rows] - self.side // 2).T[..., None] + np.arange(self.side)
        return np.stack([self._sampled(axis, i) for i, axis in enumerate(voxels)]) if which else voxels

    def ids_in(self, block: Block, piece: Piece) -> dict[int, int]:
        """The segment's id at every node (by row) in a block of the segmentation, where it can be read."""
        if self._of_block is None:
            rows = np.concatenate([np.empty(0, np.int64), *(group.nodes for group in self.plan.groups)])
            self._of_block = defaultdict(list)
            for row, at in zip(rows.tolist(), self.grids[1].index_of(self._at[rows]).tolist(), strict=True):
                self._of_block[tuple(at)].append(row)
        rows_in = self._of_block.get(block[1:], [])
        if not rows_in or piece.voxels is None:
            return {}
        start, _ = self.grids[1].box(block[1:])
        ids = piece.voxels[tuple((self._at[rows_in] - start).T)]
        return dict(zip(rows_in, ids.tolist(), strict=True))

    def _readable(self, which: int, start: RowNumbers, stop: RowNumbers, pieces: Mapping[Block, Piece]) -> None:
        if not any(piece.bad for piece in pieces.values()):
            return
        for at in self.grids[which].touched(start.tolist(), stop.tolist()):
            piece = pieces.get((which, *at))
            if piece is not None:
                piece.require(start, stop)

    def _one(self, row: int, crop: npt.NDArray[np.uint8], blocks: Mapping[Block, Piece]) -> Failure | None:
        failure = self.fault(row, blocks, lambda row: self._id_at(row, blocks))
        if failure is not None:
            return failure
        split = crop.ndim == 4
        grey, inside = crop if split else (crop, np.zeros(crop.shape, dtype=bool))
        for which, target in ((1, inside), (0, grey)):
            grid, index = self.grids[which], list(self.samples(which, np.array([row]))[:, 0])
            for at in grid.touched([i[0] for i in index], [i[-1] + 1 for i in index]):
                put, take = _overlap(index, *grid.box(at))
                voxels = blocks[which, *at].voxels[take]
                target[put] = (voxels == int(self.root_ids[row])) if which else voxels
        if not split:
            crop *= inside
        return None

    def _id_at(self, row: int, blocks: Mapping[Block, Piece]) -> int:
        at = self.grids[1].index_of(self._at[row]).tolist()
        start, _ = self.grids[1].box(at)
        return int(blocks[1, *at].voxels[tuple(self._at[row] - start)])

    def _sampled(self, voxels: Any, axis: int | None = None) -> Any:
        """The segmentation's voxel at the middle of an EM voxel: index [.., 3], or along one axis."""
        if axis is None:
            return np.stack([self._sampled(voxels[..., i], i) for i in range(3)], axis=-1)
        step = self._steps[axis]
        return ((2 * voxels + 1) * round(step)) // 2 if step >= 1 else voxels // round(1 / step)

    def _outside(self, row: int, point: npt.NDArray[np.float64]) -> Failure:
        which = self.em if not self.em.holds(self._centres[row : row + 1])[0] else self.segmentation
        voxel = which.voxels_of(point)[0].tolist()
        return Failure(
            row, OUTSIDE, f"voxel {voxel} (ZYX) of {which.name}, which has {list(which.start)} to {list(which.stop)}"
        )


def _overlap(index: list[Any], start: tuple[int, ...], stop: tuple[int, ...]) -> tuple[Any, Any]:
    """Where a block falls in the crop, and what of the block: slices where samples are consecutive."""
    put, take = [], []
    for samples, low, high in zip(index, start, stop, strict=True):
        a, b = np.searchsorted(samples, [low, high]).tolist()
        put.append(slice(a, b))
        take.append(samples[a:b] - low)
    if all(t.size and t[-1] - t[0] == t.size - 1 for t in take):
        return tuple(put), tuple(slice(int(t[0]), int(t[-1]) + 1) for t in take)
    return tuple(put), np.ix_(*take)

"""Crops around nodes: EM where the node's own segment is, 0 elsewhere, cut from blocks that are read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gpu_embed.blocks import Block, BlockGrid, Group, ReadPlan, plan_reads
from gpu_embed.engine import Crops
from ingest.errors import GraphlabError, SchemaError
from ingest.volumes import Volume, steps_between

MEMORY_BYTES = 4 << 30
OUTSIDE, ABSENT, UNREADABLE, NOT_FINITE = "outside the volume", "segment absent", "unreadable chunk", "not finite"
Rows = npt.NDArray[np.int64]


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

    def between(self, start: Any, stop: Any) -> Any:
        """The voxels, for whoever needs those from ``start`` to ``stop``; the error if one of them is bad."""
        for low, high, error in self.bad:
            if all(a < d and c < b for a, b, c, d in zip(start, stop, low, high, strict=True)):
                raise error
        return self.voxels


class Cutouts:
    """All crops of a table of nodes.

    Args:
        em: uint8. segmentation: ids, of the same voxel size or another scale of the same space.
        nodes: root_id, node_id, x_nm, y_nm, z_nm.
        side: voxels a side of a crop, odd; voxels outside of either volume are 0.
        group: nodes cut together. readers: blocks read at the same time. memory_bytes: of blocks held.

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
    ) -> None:
        if em.dtype != np.uint8:
            raise SchemaError(f"{em.name} holds {em.dtype}; wanted EM as uint8, 0 (dark) to 255")
        if segmentation.dtype.kind not in "iu":
            raise SchemaError(f"{segmentation.name} holds {segmentation.dtype}; wanted whole numbers, ids of segments")
        if side % 2 == 0 or side < 1:
            raise SchemaError(f"crops of {side} voxels have no middle voxel; wanted an odd number")
        self.em, self.segmentation, self.side, self.readers = em, segmentation, side, readers
        self._steps = steps_between(em, segmentation)
        self.root_ids = nodes.column("root_id").to_numpy().tolist()
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
        self._grids = (BlockGrid(em), BlockGrid(segmentation))
        boxes = ((start[rows], stop[rows]), (low[rows], high[rows]))
        plan = plan_reads(self._grids, boxes, self._centres[rows], group=group, memory_bytes=memory_bytes)
        groups = tuple(Group(rows[g.nodes], g.fetch, g.release) for g in plan.groups)
        self.plan = ReadPlan(groups, plan.reads, plan.read_again, plan.bytes_read, plan.most_held, plan.naive_reads)
        self.count = rows.size
        within = (start[rows] >= em.start).all(axis=1) & (stop[rows] <= em.stop).all(axis=1)
        self.padded = int((~within).sum())
        """Crops that reach out of the EM volume, where they are 0."""

    def read(self) -> Iterator[tuple[Group, Mapping[Block, Piece]]]:
        """Each group with the blocks it needs."""
        held: dict[Block, Piece] = {}
        with ThreadPoolExecutor(self.readers, thread_name_prefix="read") as pool:
            for group in self.plan.groups:
                held.update(zip(group.fetch, pool.map(self.read_block, group.fetch), strict=True))
                yield group, dict(held)
                for block in group.release:
                    del held[block]

    def cut(
        self, groups: Iterator[tuple[Group, Mapping[Block, Piece]]], workers: int = 2
    ) -> Iterator[tuple[Rows, Crops, list[Failure]]]:
        """Crops of each group: rows int64 [k], uint8 [k, side, side, side] ZYX, and the nodes that failed."""
        with ThreadPoolExecutor(workers, thread_name_prefix="cut") as pool:
            for group, blocks in groups:
                crops = np.zeros((group.nodes.size, *(self.side,) * 3), dtype=np.uint8)
                jobs = zip(group.nodes.tolist(), crops, strict=True)
                found = list(pool.map(lambda job, blocks=blocks: self._one(job[0], job[1], blocks), jobs))
                good = np.array([failure is None for failure in found], dtype=bool)
                if not good.all():
                    crops = crops[good]
                yield group.nodes[good], crops, [failure for failure in found if failure is not None]

    def read_block(self, block: Block) -> Piece:
        """The voxels of a block, and which of its chunks cannot be read."""
        grid = self._grids[block[0]]
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

    def _one(self, row: int, crop: npt.NDArray[np.uint8], blocks: Mapping[Block, Piece]) -> Failure | None:
        root_id = int(self.root_ids[row])
        start = self._centres[row] - self.side // 2
        samples = [self._sampled(np.arange(a, a + self.side), axis) for axis, a in enumerate(start.tolist())]
        inside = np.zeros(crop.shape, dtype=bool)
        try:
            here = self._id_at(row, blocks)
            if here != root_id:
                return Failure(row, ABSENT, f"the segmentation has {here} there, not {root_id}")
            for grid, which, target, index in (
                (self._grids[1], 1, inside, samples),
                (self._grids[0], 0, crop, [np.arange(a, a + self.side) for a in start.tolist()]),
            ):
                for at in grid.touched([i[0] for i in index], [i[-1] + 1 for i in index]):
                    block = blocks[which, *at].between([i[0] for i in index], [i[-1] + 1 for i in index])
                    put, take = _overlap(index, *grid.box(at))
                    target[put] = (block[take] == root_id) if which else block[take]
        except GraphlabError as error:
            return Failure(row, UNREADABLE, str(error))
        crop *= inside
        return None

    def _id_at(self, row: int, blocks: Mapping[Block, Piece]) -> int:
        grid = self._grids[1]
        z, y, x = grid.index_of(self._at[row]).tolist()
        start, _ = grid.box((z, y, x))
        at = self._at[row]
        return int(blocks[1, z, y, x].between(at, at + 1)[tuple(at - start)])

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

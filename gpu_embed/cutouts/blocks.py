"""Which blocks of two volumes a list of nodes needs, in which order, so that each is read once.

Tests: tests/gpu_embed/cutouts/test_crops.py.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.volumes.volume import Volume

Zyx = tuple[int, int, int]
Voxels = npt.NDArray[np.int64]
Block = tuple[int, int, int, int]
"""Which volume (0 EM, 1 segmentation), then z, y, x on its grid."""
LEAST = 64
"""Chunks smaller than this are read several at a time: a call costs more than their voxels."""


class BlockGrid:
    """A volume in blocks of whole chunks; blocks at the rim are cut off there.

    Args:
        kept: bytes a voxel while a block is held in a slot of a device, where every block takes a whole one; None
            for blocks held as they were read.
    """

    def __init__(self, volume: Volume, least: int = LEAST, kept: int | None = None) -> None:
        self.volume = volume
        self.size: Zyx = _zyx(c * max(1, least // c) for c in volume.chunk)
        self.slot_bytes = None if kept is None else kept * int(np.prod(self.size))

    def box(self, at: Sequence[int]) -> tuple[Zyx, Zyx]:
        """First voxel and the one after the last, ZYX."""
        v = self.volume
        low = [g + i * s for g, i, s in zip(v.grid, at, self.size, strict=True)]
        start = _zyx(max(a, b) for a, b in zip(low, v.start, strict=True))
        return start, _zyx(min(a + s, b) for a, s, b in zip(low, self.size, v.stop, strict=True))

    def chunks(self, start: Zyx, stop: Zyx) -> list[tuple[Zyx, Zyx]]:
        """The stored chunks of a block's box, as boxes."""
        axes = []
        for a, b, g, c in zip(start, stop, self.volume.grid, self.volume.chunk, strict=True):
            edges = [a, *range(a + c - (a - g) % c, b, c), b]
            axes.append(list(itertools.pairwise(edges)))
        return [(_zyx(i[0] for i in box), _zyx(i[1] for i in box)) for box in itertools.product(*axes)]

    def bytes_of(self, at: Sequence[int]) -> int:
        start, stop = self.box(at)
        return int(np.prod(np.subtract(stop, start))) * self.volume.dtype.itemsize

    def held_bytes(self, at: Sequence[int]) -> int:
        return self.bytes_of(at) if self.slot_bytes is None else self.slot_bytes

    def index_of(self, voxels: npt.ArrayLike) -> Voxels:
        """The block that holds each voxel [..., 3]."""
        index: Voxels = (np.asarray(voxels, dtype=np.int64) - self.volume.grid) // self.size
        return index

    def touched(self, start: Sequence[int], stop: Sequence[int]) -> list[Zyx]:
        """Blocks with a voxel in the box; parts of the box outside of the volume touch none."""
        v = self.volume
        low = [max(a, b) for a, b in zip(start, v.start, strict=True)]
        high = [min(a, b) for a, b in zip(stop, v.stop, strict=True)]
        if any(a >= b for a, b in zip(low, high, strict=True)):
            return []
        first, last = self.index_of(low).tolist(), self.index_of([b - 1 for b in high]).tolist()
        z, y, x = (range(a, b + 1) for a, b in zip(first, last, strict=True))
        return list(itertools.product(z, y, x))


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that are cut together: rows of the node table, and blocks to read before and to let go after."""

    nodes: npt.NDArray[np.int64]
    fetch: tuple[Block, ...]
    release: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """Groups in order, and what they cost."""

    groups: tuple[Group, ...]
    reads: int
    read_again: int
    """Reads beyond one a block, where the blocks in use do not fit in the memory allowed."""
    bytes_read: int
    most_held: int
    """Bytes of blocks that live at the same time."""
    most_blocks: tuple[int, int]
    """How many of each volume live at the same time."""
    naive_reads: int
    """Blocks that one read per node would fetch."""

    def most_ahead(self, grids: tuple[BlockGrid, BlockGrid], groups: int, *, new: bool) -> int:
        """Bytes as read of the blocks that so many consecutive groups hold, at most.

        Args:
            new: count only the blocks that are read for those groups, not those that earlier ones left.
        """
        resident: set[Block] = set()
        most, left = 0, []
        for group in self.groups:
            size = {block: grids[block[0]].bytes_of(block[1:]) for block in (*resident, *group.fetch)}
            fresh = sum(size[block] for block in group.fetch)
            left.append((sum(size[block] for block in resident), fresh))
            del left[:-groups]
            most = max(most, (0 if new else left[0][0]) + sum(bytes_ for _, bytes_ in left))
            resident.update(group.fetch)
            resident.difference_update(group.release)
        return most


def plan_reads(
    grids: tuple[BlockGrid, BlockGrid],
    boxes: tuple[tuple[Voxels, Voxels], tuple[Voxels, Voxels]],
    centres: Voxels,
    *,
    group: int,
    memory_bytes: int,
) -> ReadPlan:
    """Order nodes along a space-filling curve over EM blocks and keep each block until its last node.

    Where the blocks in use would exceed ``memory_bytes``, those whose next use is farthest are let go and read again
    (Belady's rule, the fewest reads there can be for this order).

    Args:
        grids: of the EM and of the segmentation.
        boxes: start and stop [n, 3] ZYX of every node's crop in each volume.
        centres: [n, 3] ZYX, EM voxels.
        group: nodes cut together.
    """
    order = np.argsort(_morton(grids[0].index_of(centres)), kind="stable")
    needs, naive = [], 0
    for rows in _groups(order, group):
        each = _needs(grids, boxes, rows)
        naive += sum(map(len, each))
        needs.append((rows, set().union(*each)))
    uses: dict[Block, list[int]] = defaultdict(list)
    for at, (_, blocks) in enumerate(needs):
        for block in blocks:
            uses[block].append(at)
    size = {block: grids[block[0]].held_bytes(block[1:]) for block in uses}
    resident: set[Block] = set()
    groups, reads, total, now, most, many = [], 0, 0, 0, 0, [0, 0]
    for at, (rows, blocks) in enumerate(needs):
        fetch = sorted(blocks - resident)
        reads += len(fetch)
        total += sum(grids[block[0]].bytes_of(block[1:]) for block in fetch)
        resident |= blocks
        now += sum(size[block] for block in fetch)
        most = max(most, now)
        segments = sum(block[0] for block in resident)
        many = [max(many[0], len(resident) - segments), max(many[1], segments)]
        for block in blocks:
            uses[block].pop(0)
        release = [block for block in blocks if not uses[block]]
        left = now - sum(size[block] for block in release)
        if left > memory_bytes:
            for block in heapq.nlargest(len(resident), resident - set(release), key=lambda b: (uses[b][0], b)):
                if left <= memory_bytes or uses[block][0] == at + 1:
                    break
                release.append(block)
                left -= size[block]
        resident -= set(release)
        now = left
        groups.append(Group(rows, tuple(fetch), tuple(sorted(release))))
    return ReadPlan(tuple(groups), reads, reads - len(uses), total, most, (many[0], many[1]), naive)


def _groups(order: npt.NDArray[np.int64], group: int) -> list[npt.NDArray[np.int64]]:
    return [order[i : i + group] for i in range(0, order.size, group)]


def _needs(grids: Any, boxes: Any, rows: npt.NDArray[np.int64]) -> list[set[Block]]:
    """The blocks of each node of a group."""
    needed = []
    for row in rows.tolist():
        blocks: set[Block] = set()
        for which in (0, 1):
            start, stop = boxes[which]
            touched = grids[which].touched(start[row].tolist(), stop[row].tolist())
            blocks.update((which, z, y, x) for z, y, x in touched)
        needed.append(blocks)
    return needed


def _morton(index: Voxels) -> npt.NDArray[np.uint64]:
    """Position of each block [n, 3] on a Z-order curve: near in the curve is near in space."""
    code = np.zeros(len(index), dtype=np.uint64)
    shifted = (index - index.min(axis=0, initial=0)).astype(np.uint64)
    for bit in range(21):
        for axis in range(3):
            code |= ((shifted[:, axis] >> np.uint64(bit)) & np.uint64(1)) << np.uint64(3 * bit + 2 - axis)
    return code


def _zyx(values: Any) -> Zyx:
    z, y, x = (int(value) for value in values)
    return z, y, x

"""The crops of ``Cutouts``, cut on a device from blocks kept there: the same bytes, the same failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gpu_embed.cutouts.blocks import Block, BlockGrid, Group
from gpu_embed.cutouts.crops import Cutouts, Failure, Piece, RowNumbers
from gpu_embed.cutouts.device_blocks import BlockPool, Ranks, masked_crops
from gpu_embed.engines.memory import gather_count

Index = npt.NDArray[np.int64]


class DeviceCutter:
    """Crops of a plan, block by block onto the device as they are read.

    Args:
        cutouts: planned with ``kept_bytes`` of ``kept_on_device``, so that its memory is that of the device.
        device: ``cpu`` goes the same way, for tests.
        compiled: fuse the gather with torch.compile; crops are then gathered in batches of one size.
    """

    def __init__(self, cutouts: Cutouts, device: torch.device, *, compiled: bool = False) -> None:
        self._cutouts, self._device = cutouts, device
        self.count = gather_count(cutouts.side)
        self._ranks = Ranks(cutouts.root_ids, cutouts.segmentation.dtype, device)
        self._rank = self._ranks.of(cutouts.root_ids)
        self._here: dict[int, int] = {}
        self._sides = [_Side(cutouts, which) for which in (0, 1)]
        self._pools: list[BlockPool] = []
        self._compiled = compiled
        self._gather: Any = torch.compile(masked_crops, dynamic=False) if compiled else masked_crops

    def cut(
        self, groups: Iterator[tuple[Group, dict[Block, Piece]]]
    ) -> Iterator[tuple[RowNumbers, Tensor, list[Failure]]]:
        """Crops of each group of ``Cutouts.fetch``, on the device: as ``Cutouts.cut``."""
        cutouts = self._cutouts
        kinds = (torch.uint8, self._ranks.dtype)
        slots = cutouts.plan.most_blocks
        self._pools = [
            BlockPool(count, grid.size, kind, self._device)
            for count, grid, kind in zip(slots, cutouts.grids, kinds, strict=True)
        ]
        bad: dict[Block, Piece] = {}
        try:
            for group, new in groups:
                for block in list(new):
                    # Taken out, so that nobody holds it on the host any longer than it takes to go over.
                    piece = new.pop(block)
                    self._keep(block, piece)
                    if piece.bad:
                        bad[block] = Piece(None, piece.bad)
                failures = [self._cutouts.fault(row, bad, self._here.__getitem__) for row in group.nodes.tolist()]
                good = np.array([failure is None for failure in failures], dtype=bool)
                yield group.nodes[good], self._crops(group.nodes[good]), [f for f in failures if f is not None]
                for block in group.release:
                    self._pools[block[0]].release(self._sides[block[0]].code(block[1:]))
                    bad.pop(block, None)
        finally:
            self._pools = []

    def _keep(self, block: Block, piece: Piece) -> None:
        which, *at = block
        side, grid = self._sides[which], self._cutouts.grids[which]
        start, _ = grid.box(at)
        offset = [(a - g) % s for a, g, s in zip(start, grid.volume.grid, grid.size, strict=True)]
        voxels = piece.voxels
        values = None
        if which:
            self._here.update(self._cutouts.ids_in(block, piece))
            values = None if voxels is None else self._ranks.of_voxels(voxels)
        elif voxels is not None:
            values = torch.from_numpy(np.ascontiguousarray(voxels))
        self._pools[which].put(side.code(at), values, offset)

    def _crops(self, rows: RowNumbers) -> Tensor:
        side = self._cutouts.side
        crops = torch.empty((rows.size, side, side, side), dtype=torch.uint8, device=self._device)
        grey, labels = (pool.voxels.reshape(-1) for pool in self._pools)
        with torch.inference_mode():
            for first in range(0, rows.size, self.count):
                some = rows[first : first + self.count]
                # One shape, one compilation: the last few are filled up with the first and cut.
                asked = np.resize(some, self.count) if self._compiled else some
                places = [self._places(which, asked) for which in (0, 1)]
                ranks = torch.from_numpy(self._rank[asked]).to(self._device)
                crops[first : first + some.size] = self._gather(grey, labels, *places, ranks)[: some.size]
        return crops

    def _places(self, which: int, rows: RowNumbers) -> list[Tensor]:
        blocks, block, voxel = self._sides[which].places(rows, self._pools[which].strides)
        first = self._pools[which].first_voxels(blocks).reshape(-1)
        # From memory that is not pinned a copy has left the host when it returns: nothing is overwritten too early.
        return [torch.from_numpy(values).to(self._device) for values in (first, block, voxel)]


class _Side:
    """Where the voxels of crops lie in one of the two volumes: block by block, axis by axis."""

    def __init__(self, cutouts: Cutouts, which: int) -> None:
        self._cutouts, self._which = cutouts, which
        self._grid: BlockGrid = cutouts.grids[which]
        volume = self._grid.volume
        self._low = self._grid.index_of(volume.start)
        self._many = self._grid.index_of(np.array(volume.stop) - 1) - self._low + 1
        rows = np.concatenate([np.empty(0, np.int64), *(group.nodes for group in cutouts.plan.groups)])
        first, last = (self._grid.index_of(ends) for ends in cutouts.ends(which, rows))
        self._spanned = (last - first + 1).max(axis=0, initial=1)
        """Blocks that a crop reaches over, ZYX, at most."""

    def code(self, at: Any) -> int:
        z, y, x = (int(i - low) for i, low in zip(at, self._low, strict=True))
        return (z * int(self._many[1]) + y) * int(self._many[2]) + x

    def places(self, rows: RowNumbers, strides: Index) -> tuple[Index, Index, Index]:
        """Codes of the blocks of each crop [B, z, y, x], then ``block`` and ``voxel`` of ``masked_crops``."""
        samples = self._cutouts.samples(self._which, rows)  # [3, B, S]
        volume, size = self._grid.volume, np.array(self._grid.size)
        axes = (3, 1, 1)
        at = (samples - np.reshape(volume.grid, axes)) // size.reshape(axes)
        voxel = samples - np.reshape(volume.grid, axes) - at * size.reshape(axes)
        first = at[:, :, :1]
        numbers = [first[i, :, 0, None] + np.arange(self._spanned[i]) - self._low[i] for i in range(3)]
        inside = [(n >= 0) & (n < many) for n, many in zip(numbers, self._many, strict=True)]
        z, y, x = numbers[0][:, :, None, None], numbers[1][:, None, :, None], numbers[2][:, None, None, :]
        codes = (z * self._many[1] + y) * self._many[2] + x
        there = inside[0][:, :, None, None] & inside[1][:, None, :, None] & inside[2][:, None, None, :]
        table = np.array([self._spanned[1] * self._spanned[2], self._spanned[2], 1], dtype=np.int64)
        block = (at - first) * table.reshape(axes)
        block[0] += (np.arange(rows.size) * int(np.prod(self._spanned)))[:, None]
        return np.where(there, codes, -1), block, voxel * strides.reshape(axes)

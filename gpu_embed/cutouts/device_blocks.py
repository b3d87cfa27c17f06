"""Blocks of voxels kept on a device, and crops gathered from them there: nothing but block numbers goes over per crop.

EM stays uint8. Segment ids become their rank among the ids of the nodes, 0 for anybody else's, in the narrowest
integer that holds the ranks: an id of 64 bits is compared once a voxel when its block arrives, exactly, as its bits.

Tests: tests/gpu_embed/cutouts/test_device_crops.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gpu_embed.engines.memory import RANKED, label_bytes
from ingest.schema.ids import rows_of

RANKS = {1: torch.uint8, 2: torch.int16, 4: torch.int32}
Zyx = tuple[int, int, int]


class Ranks:
    """Ids of segments as small numbers: 1 for the first root id in the order of their bits, 0 for all others.

    Args:
        root_ids: uint64, any order, repeats allowed.
        dtype: of the segmentation; ids that its integers cannot hold get rank 0, they are nowhere in it.
    """

    def __init__(self, root_ids: npt.NDArray[np.uint64], dtype: np.dtype[Any], device: torch.device) -> None:
        unique = np.unique(root_ids)
        unique = unique[unique <= np.uint64(np.iinfo(dtype).max)]
        self._sorted = np.sort(unique.view(np.int64))
        self.dtype = RANKS[label_bytes(len(np.unique(root_ids)))]
        self._on_device = torch.from_numpy(self._sorted).to(device)
        self._device, self._bits, self._signed = device, 8 * dtype.itemsize, dtype.kind == "i"

    def of(self, root_ids: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        return rows_of(self._sorted, root_ids.view(np.int64)) + 1

    def of_voxels(self, voxels: npt.NDArray[Any]) -> Tensor:
        """Ids of a block [z, y, x] on the host to ranks on the device."""
        ranks = torch.zeros(voxels.shape, dtype=self.dtype, device=self._device)
        if not len(self._sorted):
            return ranks
        planes = max(1, RANKED // max(1, int(np.prod(voxels.shape[1:]))))
        for z in range(0, len(voxels), planes):
            # PyTorch has few operations on unsigned integers: the same bits go over, and become 64 bits there.
            native = np.ascontiguousarray(voxels[z : z + planes], dtype=voxels.dtype.newbyteorder("="))
            bits = torch.from_numpy(native.view(f"i{native.dtype.itemsize}")).to(self._device).to(torch.int64)
            if not self._signed and self._bits < 64:
                bits = bits & ((1 << self._bits) - 1)
            at = torch.searchsorted(self._on_device, bits).clamp_(max=len(self._sorted) - 1)
            ranks[z : z + planes] = torch.where(self._on_device[at] == bits, at + 1, 0)
        return ranks


class BlockPool:
    """Blocks of one size in numbered slots of one tensor; slot 0 stays 0 and stands for whatever is outside.

    Args:
        slots: blocks held at the same time at most. size: voxels ZYX of a whole block.
    """

    def __init__(self, slots: int, size: Zyx, dtype: torch.dtype, device: torch.device) -> None:
        self.size = size
        self.voxels = torch.zeros((slots + 1, *size), dtype=dtype, device=device)
        self._free = list(range(slots, 0, -1))
        self._at: dict[int, int] = {}

    @property
    def strides(self) -> npt.NDArray[np.int64]:
        """Of a voxel within a block, ZYX."""
        return np.array([self.size[1] * self.size[2], self.size[2], 1], dtype=np.int64)

    def put(self, block: int, voxels: Tensor | None, offset: Sequence[int]) -> None:
        """Keep a block; one that is cut off at the rim of the volume lies at ``offset``, the rest is 0."""
        slot = self._free.pop()
        self._at[block] = slot
        target = self.voxels[slot]
        if voxels is None or tuple(voxels.shape) != self.size:
            target.zero_()
        if voxels is not None:
            target[tuple(slice(o, o + n) for o, n in zip(offset, voxels.shape, strict=True))] = voxels

    def release(self, block: int) -> None:
        self._free.append(self._at.pop(block))

    def first_voxels(self, blocks: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Where each block begins in the flat pool; blocks that are not held begin slot 0."""
        slots = [self._at.get(block, 0) for block in blocks.reshape(-1).tolist()]
        return np.array(slots, dtype=np.int64).reshape(blocks.shape) * int(np.prod(self.size))


def masked_crops(
    grey: Tensor, labels: Tensor, em: Sequence[Tensor], segments: Sequence[Tensor], ranks: Tensor
) -> Tensor:
    """Masked crops from two pools: uint8 [B, S, S, S], the EM where the segment is the node's own, 0 elsewhere.

    Args:
        grey, labels: the flat pools.
        em, segments: ``first`` (flat: where blocks begin in the pool), ``block`` [3, B, S] and ``voxel`` [3, B, S]:
            the sum of the three axes' ``block`` is an index of ``first``, that of their ``voxel`` the place in it.
        ranks: [B] of each crop's own segment.
    """
    inside = labels[_places(*segments)] == ranks.view(-1, 1, 1, 1)
    return torch.where(inside, grey[_places(*em)], torch.zeros((), dtype=grey.dtype, device=grey.device))


def _places(first: Tensor, block: Tensor, voxel: Tensor) -> Tensor:
    indices: Tensor = first[_sum(block)].add_(_sum(voxel))
    return indices


def _sum(axes: Tensor) -> Tensor:
    z, y, x = axes
    total: Tensor = (z[:, :, None] + y[:, None, :])[..., None] + x[:, None, None, :]
    return total

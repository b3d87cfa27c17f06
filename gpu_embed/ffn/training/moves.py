"""Where the field of view goes around a coordinate while training, decision for decision as google/ffn does.

``fixed``: the centre, then the 26 corners, edges and faces of the box of one move, in an order that is shuffled once;
each where the object's logit there has reached the threshold by then. ``faces``: as inference moves, from the best
voxel of each face on, but only onto the object, and not out of what was cut.

Tests: tests/gpu_embed/ffn/training/test_moves.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.loop.movement import Trail, best_of_faces, faces_of
from ingest.schema.errors import UnknownNameError

POLICIES = ("fixed", "faces")
ON_OBJECT = 0.9
"""Targets are softened to .05 and .95; a voxel of the object is at the threshold of moves or more."""


class Walk(Protocol):
    """The moves around one coordinate."""

    def next(self, canvas: Tensor, target: Tensor) -> Zyx | None:
        """The next offset of the field of view's centre, None at the end; both [Z, Y, X], the last update included."""


class FixedWalk:
    """The centre and fixed offsets."""

    def __init__(self, offsets: Sequence[Zyx], least: float) -> None:
        self._offsets: list[Zyx] = [(0, 0, 0), *offsets]
        self._least = least

    def next(self, canvas: Tensor, target: Tensor) -> Zyx | None:
        if not self._offsets:
            return None
        places = np.array(self._offsets) + np.array(canvas.shape) // 2
        at = [torch.from_numpy(column).to(canvas.device) for column in places.T]
        ready = (canvas[at[0], at[1], at[2]] >= self._least).nonzero()
        if not len(ready):
            self._offsets = []
            return None
        # What falls short when its turn comes is not tried again.
        first = int(ready[0])
        offset = self._offsets[first]
        self._offsets = self._offsets[first + 1 :]
        return offset


class FacesWalk:
    """As at inference: first in, first out, from the best voxel of each face."""

    def __init__(self, architecture: FfnArchitecture, reach: Zyx, least: float) -> None:
        self._architecture, self._reach, self._least = architecture, reach, least
        self._faces = faces_of(architecture)
        self._trail = Trail(architecture.deltas, (0, 0, 0))
        self._last: Zyx | None = None

    def next(self, canvas: Tensor, target: Tensor) -> Zyx | None:
        if self._last is not None:
            seen = cut(canvas, self._last, self._architecture.fov).float().cpu().numpy()
            scores, offsets = best_of_faces(self._faces, np.ascontiguousarray(seen))
            self._trail.add(self._last, scores, offsets, np.float32(self._least))
        self._last = None
        while (offset := self._trail.take()) is not None:
            if any(abs(a) > most for a, most in zip(offset, self._reach, strict=True)):
                continue
            z, y, x = (n // 2 + a for n, a in zip(canvas.shape, offset, strict=True))
            wanted = offset == (0, 0, 0) or float(target[z, y, x]) >= ON_OBJECT
            if float(canvas[z, y, x]) >= self._least and wanted:
                self._trail.looked_at(offset)
                self._last = offset
                return offset
        return None


def cut(block: Tensor, offset: Zyx, size: Zyx) -> Tensor:
    """A view of ``size`` voxels whose centre lies ``offset`` from that of the block; the last three axes are ZYX."""
    for axis, (shift, n) in enumerate(zip(offset, size, strict=True)):
        at = block.dim() - 3 + axis
        block = block.narrow(at, block.shape[at] // 2 - n // 2 + shift, n)
    return block


def fixed_offsets(deltas: Zyx) -> list[Zyx]:
    """The box of one move around the centre, without it, by x, y, z."""
    sides = [(-d, 0, d) if d else (0,) for d in deltas]
    return [(z, y, x) for x, y, z in itertools.product(*sides[::-1]) if (z, y, x) != (0, 0, 0)]


def canvas_size(architecture: FfnArchitecture, policy: str, moves: int) -> Zyx:
    """What is cut around a coordinate: the field of view with room for so many moves, one more for ``faces``.

    Raises:
        UnknownNameError: no such policy.
    """
    if policy not in POLICIES:
        raise UnknownNameError("policy of moves", policy, POLICIES)
    steps = 1 if policy == "fixed" else moves + 1
    z, y, x = (n + 2 * steps * d for n, d in zip(architecture.fov, architecture.deltas, strict=True))
    return z, y, x

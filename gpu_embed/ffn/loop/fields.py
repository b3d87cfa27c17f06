"""Images and logits of sub-volumes in memory, and one step of the network in several of them at once.

A step gathers fields of view, computes them together, and puts the new logits back.

Tests: tests/gpu_embed/ffn/loop/test_canvas.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.engines.protocol import FfnEngine
from gpu_embed.ffn.loop.movement import Offsets, best_of_faces, faces_of
from gpu_embed.ffn.settings import FfnSettings, Floats
from ingest.schema.errors import AnalysisError

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Step:
    """One field of view to compute, and voxels whose logits are wanted afterwards.

    Args:
        slot: of the sub-volume.
    """

    slot: int
    centre: Zyx
    watched: tuple[Zyx, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a step found: the best voxel of each face (``best_of_faces``), and the logits of the watched voxels."""

    scores: Floats
    offsets: Offsets
    watched: Floats


class Fields(Protocol):
    """Slots for sub-volumes. Places are voxels of the sub-volume, ZYX; a logit that was never computed is NaN."""

    def open(self, image: Floats) -> int:
        """A slot with a normalised image [Z, Y, X]."""

    def close(self, slot: int) -> None:
        """Forget a sub-volume; its slot is free for another."""

    def begin(self, slot: int, place: Zyx) -> None:
        """Forget the object; the next one starts at ``place``."""

    def step(self, steps: Sequence[Step]) -> list[Answer]:
        """One step each in different sub-volumes; what each finds does not depend on the others.

        Raises:
            AnalysisError: logits that are not finite.
        """

    def values(self, slot: int, places: Sequence[Zyx]) -> Floats:
        """Logits of voxels."""

    def above(self, slot: int, start: Zyx, stop: Zyx, least: np.float32) -> Bools:
        """Where in a box the logit is ``least`` or more."""

    def logits(self, slot: int, start: Zyx, stop: Zyx) -> Floats:
        """The logits of a box."""


class HostFields:
    """Fields in the memory of the host, for engines that take arrays."""

    def __init__(self, architecture: FfnArchitecture, settings: FfnSettings, engine: FfnEngine) -> None:
        self._a, self._engine = architecture, engine
        self._faces = faces_of(architecture)
        self._seed, self._pad, self._move = (settings.logit(name) for name in ("seed", "pad", "move"))
        self._freeze = settings.freeze
        self._images: dict[int, Floats] = {}
        self._logits: dict[int, Floats] = {}
        self._touched: dict[int, tuple[slice, ...] | None] = {}

    def open(self, image: Floats) -> int:
        slot = next(i for i in range(len(self._images) + 1) if i not in self._images)
        self._images[slot] = image
        self._logits[slot] = np.full(image.shape, np.nan, dtype=np.float32)
        self._touched[slot] = None
        return slot

    def close(self, slot: int) -> None:
        del self._images[slot], self._logits[slot], self._touched[slot]

    def begin(self, slot: int, place: Zyx) -> None:
        touched = self._touched[slot]
        if touched is not None:
            self._logits[slot][touched] = np.nan
        self._logits[slot][place] = self._seed
        self._touched[slot] = tuple(slice(p, p + 1) for p in place)

    def step(self, steps: Sequence[Step]) -> list[Answer]:
        boxes = [self._box(step.centre) for step in steps]
        images = np.stack([self._images[step.slot][box] for step, box in zip(steps, boxes, strict=True)])
        before = np.stack([self._logits[step.slot][box] for step, box in zip(steps, boxes, strict=True)])
        after = self._engine.logits(images, np.where(np.isnan(before), self._pad, before))
        if not np.isfinite(after).all():
            raise AnalysisError("the network's logits are NaN or infinite; its weights or the image are damaged")
        answers = []
        for step, box, old, new in zip(steps, boxes, before, after, strict=True):
            settled = frozen(old, new, self._move, self._freeze)
            field = self._logits[step.slot]
            field[box] = settled
            self._touch(step.slot, box)
            scores, offsets = best_of_faces(self._faces, settled)
            answers.append(Answer(scores, offsets, self.values(step.slot, step.watched)))
        return answers

    def values(self, slot: int, places: Sequence[Zyx]) -> Floats:
        field = self._logits[slot]
        return np.array([field[place] for place in places], dtype=np.float32)

    def above(self, slot: int, start: Zyx, stop: Zyx, least: np.float32) -> Bools:
        with np.errstate(invalid="ignore"):
            found: Bools = self.logits(slot, start, stop) >= least
        return found

    def logits(self, slot: int, start: Zyx, stop: Zyx) -> Floats:
        return self._logits[slot][tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]

    def _box(self, centre: Zyx) -> tuple[slice, ...]:
        corner = [c - m for c, m in zip(centre, self._a.margin, strict=True)]
        return tuple(slice(c, c + side) for c, side in zip(corner, self._a.fov, strict=True))

    def _touch(self, slot: int, box: tuple[slice, ...]) -> None:
        before = self._touched[slot] or box
        self._touched[slot] = tuple(
            slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(before, box, strict=True)
        )


def frozen(old: Floats, new: Floats, move: np.float32, freeze: float) -> Floats:
    """New logits, but voxels that were below 0 do not rise again: see ``FfnSettings.freeze``."""
    if freeze < 0 or np.count_nonzero(new >= move) / new.size <= freeze:
        return new
    with np.errstate(invalid="ignore"):
        held = (old < 0) & (new > old)
    return np.where(held, old, new)

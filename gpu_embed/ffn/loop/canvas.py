"""One sub-volume, object after object: from a first voxel, the field of view follows the object until nothing is left.

The loop is that of Google's ``Canvas`` decision for decision. It asks for one step at a time and is handed the answer,
so that whoever runs it can compute the steps of many sub-volumes together.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.loop.fields import Answer, Fields, Step
from gpu_embed.ffn.loop.movement import Restrictor, Trail
from gpu_embed.ffn.settings import FfnSettings, Floats
from ingest.schema.errors import AnalysisError, SchemaError

WATCHED = 32
"""So many places of the queue are looked up with each step."""
TRIED = -1
"""In a segmentation under way: an object started here and was not kept."""
BINS = 255
Labels = npt.NDArray[np.int32]
Run = Generator[Step, Answer, None]


@dataclass(frozen=True, slots=True)
class FoundObject:
    """One object of a sub-volume.

    Args:
        start: its first voxel, ZYX in the sub-volume.
        steps: fields of view that were computed for it.
        overlaps: (label, voxels) of earlier objects that it would have covered; they keep these voxels.
    """

    label: int
    start: Zyx
    steps: int
    voxels: int
    overlaps: tuple[tuple[int, int], ...] = ()


@dataclass
class Progress:
    """How far a sub-volume is: all that is needed to go on between two objects."""

    seeds: list[Zyx]
    next_seed: int = 0
    steps: int = 0


class Canvas:
    """The segmentation of one sub-volume.

    Args:
        image: normalised [Z, Y, X].
        probabilities: whether the probability of each voxel of an object is kept (1 to 255; 0 outside of objects).
        moved: called with every centre, in order.

    Raises:
        SchemaError: an image smaller than the field of view, NaN in it, masks of another shape.
    """

    def __init__(
        self,
        fields: Fields,
        image: Floats,
        architecture: FfnArchitecture,
        settings: FfnSettings,
        restrictor: Restrictor | None = None,
        *,
        probabilities: bool = False,
        moved: Callable[[Zyx], None] | None = None,
    ) -> None:
        check_image(image, architecture)
        self.image, self._a, self._settings = image, architecture, settings
        z, y, x = image.shape
        self.shape: Zyx = (z, y, x)
        self.restrictor = restrictor or Restrictor()
        self.restrictor.fits(self.shape)
        self.segmentation: Labels = np.zeros(self.shape, dtype=np.int32)
        self.probability: npt.NDArray[np.uint8] | None = np.zeros(self.shape, np.uint8) if probabilities else None
        self.objects: list[FoundObject] = []
        self.progress = Progress([])
        self._fields, self._moved = fields, moved
        self._slot = fields.open(image)
        self._move, self._segment = settings.logit("move"), settings.logit("segment")
        self._reach: tuple[Zyx, Zyx] = ((0, 0, 0), (0, 0, 0))

    def close(self) -> None:
        """Give the memory of image and logits back; the segmentation stays."""
        self._fields.close(self._slot)

    def labels(self) -> Labels:
        """The segmentation without marks of failed attempts."""
        return np.where(self.segmentation > 0, self.segmentation, 0)

    def run(self, seeds: Sequence[Zyx], between: Callable[[], None] | None = None) -> Run:
        """Segment: try every first voxel in turn.

        Args:
            between: called before each attempt and at the end, when ``progress``, ``segmentation`` and ``objects``
                together say all there is.
        """
        self.progress.seeds = list(seeds)
        while self.progress.next_seed < len(self.progress.seeds):
            if between:
                between()
            place = self.progress.seeds[self.progress.next_seed]
            self.progress.next_seed += 1
            if not (self._inside(place) and self.segmentation[place] <= 0 and self.restrictor.starts(place)):
                continue
            if (self._around(place) > 0).any():
                self.segmentation[place] = TRIED
                continue
            steps = yield from self.follow(place)
            self.progress.steps += steps
            if steps:
                self._keep(place, steps)
        if between:
            between()

    def follow(self, start: Zyx) -> Generator[Step, Answer, int]:
        """Follow one object from its first voxel to its end; returns the number of steps."""
        self._fields.begin(self._slot, start)
        self._reach = (start, start)
        trail = Trail(self._a.deltas, start)
        known: dict[Zyx, np.float32] = {}
        first = self._settings.logit("seed")
        steps = 0
        while (centre := self._next(trail, known)) is not None and first >= self._move:
            if not self.restrictor.enters(centre):
                continue
            watched = (start, *trail.waiting(WATCHED))
            answer = yield Step(self._slot, centre, watched)
            steps += 1
            if self._moved:
                self._moved(centre)
            low, high = self._reach
            self._reach = _each(min, low, centre), _each(max, high, centre)
            known = dict(zip(watched, answer.watched, strict=True))
            first = known[start]
            trail.looked_at(centre)
            trail.add(centre, answer.scores, answer.offsets, self._move)
            for score, offset in zip(answer.scores, answer.offsets, strict=True):
                z, y, x = (int(c + o) for c, o in zip(centre, offset, strict=True))
                known[z, y, x] = score
        return steps

    def _next(self, trail: Trail, known: dict[Zyx, np.float32]) -> Zyx | None:
        while (place := trail.take()) is not None:
            if not self._inside(place) or self.segmentation[place] > 0:
                continue
            value = known.get(place)
            if value is None:
                value = self._fields.values(self._slot, [place])[0]
            if value >= self._move:
                return place
        return None

    def _keep(self, start: Zyx, steps: int) -> None:
        """Make an object of what was followed, if it is strong and large enough."""
        if not self._fields.values(self._slot, [start])[0] >= self._move:
            self._tried(start)
            return
        low = _each(max, _each(int.__sub__, self._reach[0], self._a.margin), (0, 0, 0))
        high = _each(min, _each(int.__add__, self._reach[1], _each(int.__add__, self._a.margin, (1, 1, 1))), self.shape)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        mask = self._fields.above(self._slot, low, high, self._segment)
        there = self.segmentation[box]
        labels, counts = np.unique(there[mask], return_counts=True)
        overlaps = tuple((int(i), int(n)) for i, n in zip(labels, counts, strict=True) if i > 0)
        mask &= there <= 0
        voxels = int(np.count_nonzero(mask))
        if voxels < self._settings.least_voxels:
            self._tried(start)
            return
        label = len(self.objects) + 1
        there[mask] = label
        if self.probability is not None:
            self.probability[box][mask] = quantised(self._fields.logits(self._slot, low, high)[mask])
        self.objects.append(FoundObject(label, start, steps, voxels, overlaps))

    def _tried(self, place: Zyx) -> None:
        if self.segmentation[place] == 0:
            self.segmentation[place] = TRIED

    def _inside(self, place: Zyx) -> bool:
        """Whether the field of view around a place lies in the sub-volume."""
        return all(m <= p < n - m for p, m, n in zip(place, self._a.margin, self.shape, strict=True))

    def _around(self, place: Zyx) -> Labels:
        distances = self._settings.boundary
        return self.segmentation[tuple(slice(max(p - d, 0), p + d + 1) for p, d in zip(place, distances, strict=True))]


def check_image(image: npt.NDArray[Any], architecture: FfnArchitecture) -> None:
    """SchemaError for an image [Z, Y, X] that the network cannot see."""
    if image.ndim != 3:
        raise SchemaError(f"the image is {list(image.shape)}; wanted [Z, Y, X]")
    check_shape(image.shape, architecture)
    bad = int(np.count_nonzero(~np.isfinite(image)))
    if bad:
        raise SchemaError(f"{bad:,} voxels of the image are NaN or infinite; fill them, or mask them out and fill them")


def check_shape(shape: Sequence[int], architecture: FfnArchitecture) -> None:
    """SchemaError for a volume smaller than the field of view."""
    if any(n < side for n, side in zip(shape, architecture.fov, strict=True)):
        raise SchemaError(
            f"the volume is {list(shape)} voxels, smaller than the field of view of {list(architecture.fov)} "
            "(ZYX); take a larger box, or a network of a smaller field of view"
        )


def check_seeds(seeds: Sequence[Zyx], architecture: FfnArchitecture, shape: Zyx) -> None:
    """AnalysisError where a place that somebody named lies too near the border, or outside."""
    for place in seeds:
        if not all(m <= p < n - m for p, m, n in zip(place, architecture.margin, shape, strict=True)):
            raise AnalysisError(
                f"seed {place} (ZYX): the field of view of {architecture.fov} around it is not within the volume of "
                f"{shape}; wanted {architecture.margin} voxels or more from every border"
            )


def quantised(logits: Floats) -> npt.NDArray[np.uint8]:
    """Probabilities in 255 steps from 1 on, as Google's files have them; 0 is for voxels of no object."""
    return np.digitize(expit(logits), np.linspace(0.0, 1.0, BINS)).astype(np.uint8)


def _each(operation: Callable[[int, int], int], first: Zyx, second: Zyx) -> Zyx:
    z, y, x = (operation(a, b) for a, b in zip(first, second, strict=True))
    return z, y, x

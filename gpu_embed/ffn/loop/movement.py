"""Where the field of view goes next: the best voxel of each face around its centre; and where it may not go."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.settings import Floats
from ingest.schema.errors import SchemaError

Mask = npt.NDArray[np.bool_]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Faces:
    """Voxels of the faces of the box of +-deltas around the centre of a field of view.

    Args:
        flat: per face its voxels as indices into the flattened field of view, in the order of the axes.
        offsets: per face the place of each of these voxels, relative to the centre [voxels, 3] ZYX.
    """

    flat: tuple[Offsets, ...]
    offsets: tuple[Offsets, ...]


def faces_of(architecture: FfnArchitecture) -> Faces:
    """Two faces for each axis that the network moves along: at -delta, then at +delta."""
    centre, deltas = np.array(architecture.margin), np.array(architecture.deltas)
    flat, offsets = [], []
    for axis in np.flatnonzero(deltas):
        for step in (-deltas[axis], deltas[axis]):
            ranges = [np.arange(-d, d + 1) for d in deltas]
            ranges[axis] = np.array([step])
            places = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
            flat.append(np.ravel_multi_index(tuple((places + centre).T), architecture.fov))
            offsets.append(places)
    return Faces(tuple(np.asarray(f, dtype=np.int64) for f in flat), tuple(offsets))


def best_of_faces(faces: Faces, logits: Floats) -> tuple[Floats, Offsets]:
    """The highest logit of each face and its place; the first in the order of the axes where several are as high.

    Args:
        logits: of one field of view [Z, Y, X].

    Returns:
        Scores [faces], offsets from the centre [faces, 3] ZYX.
    """
    values = logits.reshape(-1)
    best = [int(values[flat].argmax()) for flat in faces.flat]
    scores = np.array([values[flat[i]] for flat, i in zip(faces.flat, best, strict=True)], dtype=np.float32)
    return scores, np.array([offsets[i] for offsets, i in zip(faces.offsets, best, strict=True)])


class Trail:
    """The queue of one object: places to look at, first in first out, and cells of the grid that were looked at.

    Cells are as large as the moves, and the first voxel lies in the middle of one.
    """

    def __init__(self, deltas: Zyx, start: Zyx) -> None:
        self._half = tuple(d // 2 for d in deltas)
        self._deltas = tuple(max(d, 1) for d in deltas)
        self._start = start
        self._queue: deque[Zyx] = deque([start])
        self._seen: set[Zyx] = set()

    def waiting(self, most: int) -> list[Zyx]:
        """The next places in the queue."""
        return [place for place, _ in zip(self._queue, range(most), strict=False)]

    def take(self) -> Zyx | None:
        """The next place in a cell that was not looked at; None where there is none."""
        while self._queue:
            place = self._queue.popleft()
            if self._cell(place) not in self._seen:
                return place
        return None

    def looked_at(self, place: Zyx) -> None:
        self._seen.add(self._cell(place))

    def add(self, centre: Zyx, scores: Floats, offsets: Offsets, least: np.float32) -> None:
        """Queue what the faces around ``centre`` offer at ``least`` or more, the highest first."""
        good = {
            (float(score), tuple(int(n) for n in offset))
            for score, offset in zip(scores, offsets, strict=True)
            if score >= least
        }
        for _, (z, y, x) in sorted(good, reverse=True):
            self._queue.append((centre[0] + z, centre[1] + y, centre[2] + x))

    def _cell(self, place: Zyx) -> Zyx:
        z, y, x = ((p - s + h) // d for p, s, h, d in zip(place, self._start, self._half, self._deltas, strict=True))
        return z, y, x


class Restrictor:
    """Voxels that the centre of the field of view may not enter, and voxels where no object may start.

    Args:
        mask: [Z, Y, X], True where it may not go.
        seed_mask: [Z, Y, X], True where nothing starts.
        shifts: [2, Z, Y / scale, X / scale], how far each slice is displaced from the one before; it may not go where
            anywhere in ``window`` a component is ``most_shift`` or more.
        window: first and last voxel around the centre, ZYX each, that is looked at for shifts.
        scale: voxels of the image per pixel of ``shifts`` along Y and X.
    """

    def __init__(
        self,
        mask: npt.ArrayLike | None = None,
        seed_mask: npt.ArrayLike | None = None,
        shifts: npt.ArrayLike | None = None,
        *,
        window: tuple[Sequence[int], Sequence[int]] | None = None,
        most_shift: float = 4,
        scale: int = 1,
    ) -> None:
        self.mask = None if mask is None else np.asarray(mask) > 0
        self.seed_mask = None if seed_mask is None else np.asarray(seed_mask) > 0
        self._shifted: Mask | None = None
        self._window, self._scale = window, scale
        if shifts is not None:
            if window is None or scale < 1:
                raise SchemaError("shifts need the window in which they are looked at, and a scale of 1 or more")
            self._shifted = np.abs(np.asarray(shifts)).max(axis=0) >= most_shift

    def fits(self, shape: Zyx) -> None:
        """SchemaError for masks of another shape than the image."""
        for name, mask in (("mask", self.mask), ("seed_mask", self.seed_mask)):
            if mask is not None and mask.shape != shape:
                raise SchemaError(f"{name} is {list(mask.shape)}, the image {list(shape)} (ZYX); wanted the same")

    def enters(self, place: Zyx) -> bool:
        """Whether the field of view may be centred there."""
        if self.mask is not None and self.mask[place]:
            return False
        if self._shifted is None or self._window is None:
            return True
        first, last = self._window
        low = [max(p + a, 0) for p, a in zip(place, first, strict=True)]
        high = [p + b for p, b in zip(place, last, strict=True)]
        scales = (1, self._scale, self._scale)
        box = tuple(slice(a // s, b // s + 1) for a, b, s in zip(low, high, scales, strict=True))
        return not self._shifted[box].any()

    def starts(self, place: Zyx) -> bool:
        """Whether an object may start there."""
        return self.enters(place) and not (self.seed_mask is not None and self.seed_mask[place])

    def excluded(self, shape: Zyx) -> Mask:
        """Where nothing can start, [Z, Y, X]."""
        excluded = np.zeros(shape, dtype=bool)
        for mask in (self.mask, self.seed_mask):
            if mask is not None:
                excluded |= mask
        return excluded


def as_places(coordinates: Iterable[Any]) -> list[Zyx]:
    """Rows of three numbers as places."""
    return [(int(z), int(y), int(x)) for z, y, x in coordinates]

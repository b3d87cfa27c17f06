"""Examples: crops of EM and of one object around a coordinate, turned and mirrored; batches of them by step.

Tests: tests/gpu_embed/ffn/training/test_examples.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gpu_embed.ffn.architecture import Zyx
from gpu_embed.ffn.settings import FfnSettings, Floats, check_grey_type
from gpu_embed.ffn.training.coordinates import Coordinate, Coordinates
from gpu_embed.segmentation.contingency import require_labels
from ingest.schema.errors import SchemaError

SOFT = 0.05
"""A target is so much off 0 and 1."""
Examples = tuple[Tensor, Tensor]
"""Images, normalised, and targets, soft: float32 [examples, Z, Y, X]."""


@dataclass(frozen=True, eq=False)
class TrainingCube:
    """EM and the true labels of the same voxels, ZYX.

    Raises:
        SchemaError: different shapes, EM of another type than ``segment`` takes or not finite, labels that are none.
    """

    name: str
    em: npt.NDArray[Any]
    labels: npt.NDArray[Any]

    def __post_init__(self) -> None:
        if self.em.ndim != 3 or self.em.shape != self.labels.shape:
            raise SchemaError(
                f"{self.name}: EM of {self.em.shape} voxels and labels of {self.labels.shape} (ZYX); wanted the same "
                "voxels of both"
            )
        check_grey_type(self.name, self.em.dtype)
        if self.em.dtype.kind == "f" and not np.isfinite(self.em).all():
            place = np.argwhere(~np.isfinite(self.em))[0].tolist()
            raise SchemaError(f"{self.name}: the EM is not finite at voxel {place} (ZYX); mend it or cut it off")
        require_labels(f"{self.name}: the volume of labels", self.labels)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for array in (self.em, self.labels):
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Turning:
    """How examples are turned: axes that may change places and axes that may be mirrored, 0 for z.

    Raises:
        SchemaError: axes that are none.
    """

    permuted: tuple[int, ...] = (1, 2)
    mirrored: tuple[int, ...] = (0, 1, 2)

    def __post_init__(self) -> None:
        for axes in (self.permuted, self.mirrored):
            if len(set(axes)) != len(axes) or not set(axes) <= {0, 1, 2}:
                raise SchemaError(f"axes {axes} to turn; wanted some of 0, 1, 2 (z, y, x), each once")

    def check(self, size: Zyx) -> None:
        """SchemaError where axes of different lengths would change places."""
        if len({size[axis] for axis in self.permuted}) > 1:
            raise SchemaError(
                f"examples are {size} voxels (ZYX), so axes {self.permuted} cannot change places; permute axes along "
                "which field of view and moves are the same"
            )

    def drawn(self, generator: np.random.Generator) -> tuple[list[int], list[int]]:
        """An order of the axes, and the axes to mirror after that."""
        order = [0, 1, 2]
        for axis, chosen in zip(self.permuted, generator.permutation(list(self.permuted)).tolist(), strict=True):
            order[axis] = int(chosen)
        return order, [axis for axis in self.mirrored if generator.random() < 0.5]


class ExampleBatches:
    """The batches of ``gpu_embed.training``: that of a step holds the next ``count`` coordinates of the list."""

    def __init__(
        self,
        cubes: Sequence[TrainingCube],
        coordinates: Coordinates,
        size: Zyx,
        settings: FfnSettings,
        count: int,
        turning: Turning,
        seed: int,
    ) -> None:
        turning.check(size)
        self._cubes, self._coordinates, self._size, self._count = cubes, coordinates, size, count
        self._settings, self._turning, self._seed = settings, turning, seed

    def from_step(self, step: int, /) -> Iterator[Examples]:
        while True:
            made = [self.example(number) for number in range(step * self._count, (step + 1) * self._count)]
            yield tuple(torch.from_numpy(np.stack(arrays)) for arrays in zip(*made, strict=True))  # type: ignore[misc]
            step += 1

    def example(self, number: int) -> tuple[Floats, Floats]:
        """Image and target of the coordinate in this place of the list."""
        image, target = cropped(self._cubes, self._coordinates.at(number), self._size)
        order, mirrored = self._turning.drawn(np.random.default_rng([self._seed, 2, number]))
        image, target = image.transpose(order), target.transpose(order)
        turned = np.ascontiguousarray(np.flip(image, tuple(mirrored)))
        return self._settings.normalised(turned), np.ascontiguousarray(np.flip(target, tuple(mirrored)))


def cropped(cubes: Sequence[TrainingCube], at: Coordinate, size: Zyx) -> tuple[npt.NDArray[Any], Floats]:
    """EM around a coordinate, and the object there as a soft target; all of it ``SOFT`` where nothing is labelled."""
    box = tuple(slice(c - n // 2, c - n // 2 + n) for c, n in zip(at.place, size, strict=True))
    labels = cubes[at.cube].labels[box]
    own = cubes[at.cube].labels[at.place]
    target: Floats = np.where((labels == own) & (labels > 0), 1 - SOFT, SOFT).astype(np.float32)
    return cubes[at.cube].em[box], target

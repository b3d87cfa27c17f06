"""Which voxels training looks at: every class of fill as often, every voxel of a class as likely.

google/ffn ``build_coordinates.py`` writes one long shuffled list, in which the voxels of each class are repeated until
all classes have as many. Here random numbers follow from the place in the list, so that training goes on from any step
and nothing is written: of each run of as many draws as there are classes, one is of each class.

Tests: tests/gpu_embed/ffn/training/test_coordinates.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_embed.ffn.architecture import Zyx
from gpu_embed.ffn.training.fill import OUTSIDE, Classes
from ingest.schema.errors import SchemaError


@dataclass(frozen=True, slots=True)
class Coordinate:
    """A voxel, ZYX, of the cube of this number, and its class of fill."""

    cube: int
    place: Zyx
    fill: int


class Coordinates:
    """An endless list of voxels; the same seed gives the same list.

    Args:
        classes: ``fill_classes`` of each cube.
        margin: ZYX, voxels next to the border of a cube that are left out: half of what training looks at.

    Raises:
        SchemaError: no voxel is left.
    """

    def __init__(self, classes: Sequence[Classes], margin: Zyx, seed: int) -> None:
        self._margin, self._seed = margin, seed
        self._shapes: list[Zyx] = []
        found: dict[int, list[tuple[int, np.ndarray]]] = {}
        for cube, one in enumerate(classes):
            inner = one[tuple(slice(m, max(n - m, m)) for m, n in zip(margin, one.shape, strict=True))]
            z, y, x = inner.shape
            self._shapes.append((z, y, x))
            flat = inner.ravel()
            if not flat.size:
                continue
            order = np.argsort(flat, kind="stable")
            values, starts = np.unique(flat[order], return_index=True)
            for value, start, stop in zip(values.tolist(), starts, [*starts[1:], flat.size], strict=True):
                if value != OUTSIDE:
                    found.setdefault(value, []).append((cube, order[start:stop]))
        if not found:
            told = ", ".join(str(one.shape) for one in classes)
            raise SchemaError(
                f"no voxel to train from: cubes of {told} voxels (ZYX), of which {margin} on every side are left out "
                "for the field of view and its moves, and as many as the neighbourhood's radius. Larger cubes, a "
                "smaller field of view or radius leave some"
            )
        self._places = [found[value] for value in sorted(found)]
        self.counts = {value: sum(len(places) for _, places in found[value]) for value in sorted(found)}
        """Voxels of each class."""

    def at(self, number: int) -> Coordinate:
        """The voxel in this place of the list."""
        classes = list(self.counts)
        turn, of_turn = divmod(number, len(classes))
        which = int(np.random.default_rng([self._seed, 0, turn]).permutation(len(classes))[of_turn])
        chosen = int(np.random.default_rng([self._seed, 1, number]).integers(self.counts[classes[which]]))
        for cube, places in self._places[which]:
            if chosen < len(places):
                z, y, x = np.unravel_index(int(places[chosen]), self._shapes[cube])
                a, b, c = self._margin
                return Coordinate(cube, (int(z) + a, int(y) + b, int(x) + c), classes[which])
            chosen -= len(places)
        raise AssertionError("a draw is below the count of its class")

"""One training and test set: of frames, of examples, of anything numbered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Numbers of one split, ascending; those in neither are not used."""

    train: Ints
    test: Ints
    promises: frozenset[str] = frozenset()
    """What the split says that both do not share (names of ``predict.evaluation.leaks.LEAKS``)."""


def random_folds(count: int, folds: int, rng: np.random.Generator) -> list[Fold]:
    """Numbers dealt at random, each tested once."""
    dealt = rng.permutation(count)
    parts = [np.sort(part) for part in np.array_split(dealt, folds)]
    return [Fold(np.setdiff1d(np.arange(count), part), part) for part in parts]

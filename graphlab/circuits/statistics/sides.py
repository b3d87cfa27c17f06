"""Left and right: which neurons are which.

Sides are what people said of neurons. They are never taken from positions: the image of FAFB is mirrored, so that its
left is the fly's right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphlab.circuits.statistics.statistic import Ints
from ingest.schema.errors import AnalysisError
from ingest.schema.sides import SIDES


def side_words(sides: Sequence[str | None]) -> list[str | None]:
    """left, right or center of each neuron; None for other words and for none."""
    return [None if side is None else SIDES.get(str(side).strip().lower()) for side in sides]


def halves(sides: Sequence[str | None]) -> tuple[Ints, Ints]:
    """Node numbers of the left and of the right neurons; those of the centre or of no side are in neither.

    Raises:
        AnalysisError: a side without neurons.
    """
    words = side_words(sides)
    left, right = (np.flatnonzero([word == side for word in words]) for side in ("left", "right"))
    if not len(left) or not len(right):
        found = sorted({str(side) for side in sides if side not in (None, "")})
        shown = f"values of the column: {', '.join(found[:5])}" if found else "the column has no values"
        raise AnalysisError(
            f"left and right can only be compared where the column 'side' of neurons says left and right, and found "
            f"{len(left)} left and {len(right)} right neurons ({shown}). Ingest neurons with their sides; they are not "
            "taken from positions, since an image may be mirrored, as that of FAFB is"
        )
    return left, right

"""Words by which sources say that nobody proofread the axon or the dendrite of a neuron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

UNSEEN = frozenset(
    ("", "0", "f", "false", "n", "no", "non", "none", "not", "not proofread", "unproofread", "untraced", "incomplete")
)
"""Values of status_axon and status_dendrite, in small letters, that mean nobody proofread that side."""


def seen(statuses: Sequence[Any]) -> npt.NDArray[np.bool_] | None:
    """Which neurons were proofread on one side; None where the graph says nothing of any neuron.

    >>> seen(["extended", "non", None])
    array([ True, False, False])
    """
    if all(status is None for status in statuses):
        return None
    return np.array([status is not None and str(status).strip().lower() not in UNSEEN for status in statuses])

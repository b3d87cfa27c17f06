"""Which neurons are twins of which, and which side each is on.

Tests: tests/graphlab/predict/controls/test_ablation.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graphlab.predict.inputs.examples import Ints
from graphlab.predict.inputs.features import RootIds


def homologue_groups(root_ids: RootIds, partner: Sequence[int | None] | None) -> Ints:
    """Class numbers [n]: a neuron and the partner it names share one, whichever of both names the other."""
    n = len(root_ids)
    group = np.arange(n, dtype=np.int64)
    if partner is None:
        return group
    place = {int(root_id): k for k, root_id in enumerate(root_ids.tolist())}
    for k, other in enumerate(partner):
        at = place.get(int(other)) if other is not None else None
        if at is not None:
            low, high = sorted((int(group[k]), int(group[at])))
            group[group == high] = low
    return group


def named_groups(names: Sequence[str]) -> Ints:
    """Class numbers [n] of neurons whose classes have names."""
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def side_numbers(side: Sequence[str | None]) -> npt.NDArray[np.int8]:
    """0 left, 1 right, -1 neither, from ``left``/``right``/``L``/``R`` in any case."""
    known = {"l": 0, "left": 0, "r": 1, "right": 1}
    return np.array([known.get(str(value).strip().lower(), -1) for value in side], dtype=np.int8)

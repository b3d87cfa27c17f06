"""How often something is recommended where labels are random, and where wiring carries them: 200 made sets each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphlab.predict.evaluation.chance import LEVEL
from graphlab.predict.protocol import run
from graphlab.predict.tasks.cell_type import CellTypeData, cell_type_task

NAMES = ("logistic regression", "label propagation")
SETS, MOST = 200, 4


@pytest.mark.parametrize(
    ("informed", "twins", "sets"), [(0.0, False, SETS), (0.0, True, SETS), (1.0, False, 20)], ids=str
)
def test_recommended(
    informed: float, twins: bool, sets: int, typed_by: Callable[..., CellTypeData], side_by_side: Any
) -> None:
    """Random labels: at most 4 of 200; wiring that carries them: nearly always."""
    hits, p = [], []
    for seed in range(sets):
        task = cell_type_task(
            typed_by(seed, informed=informed, twins=twins), "class", folds=3, seed=seed, bootstraps=50
        )
        found = run(replace(task, predictors=NAMES, candidates=NAMES, reference=NAMES[0])).verdict
        assert found is not None
        hits.append(found.recommended is not None)
        p.append(max(one.p for one in found.chance.values()))
    at = {level: float(np.mean(np.array(p) <= level)) for level in (0.05, LEVEL, 0.002)}
    side_by_side.note(
        f"{sets} sets of 90 neurons, types {'carried by' if informed else 'independent of'} wiring"
        f"{', twins share types' if twins else ''}: recommended in {sum(hits)}; "
        + ", ".join(f"P(p <= {level:g}) {share:.3f}" for level, share in at.items())
    )
    if informed:
        assert sum(hits) >= 0.9 * sets
    else:
        assert sum(hits) <= MOST

"""Questions over all animals and behaviours: what cannot be tested is left out and told, unless it was named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphlab.activity import correlate
from graphlab.activity.session import Session
from ingest.errors import AnalysisError


def with_a_slow_behaviour(session: Session) -> Session:
    slow = np.cos(np.pi * np.arange(session.rows.shape[1]) / session.rows.shape[1])
    return replace(session, behaviors={**session.behaviors, "slow": slow, "still": np.zeros_like(slow)})


@pytest.mark.parametrize("what", ["tuning", "drivers", "decoding"])
def test_a_behaviour_that_is_too_slow_is_left_out_and_told(what: str, make_world: Any) -> None:
    session, _ = make_world(3, neurons=12, drift=0.0)
    session = with_a_slow_behaviour(session)
    steps: list[tuple[int, int]] = []
    given: dict[str, Any] = {"min_confidence": None, "measures": ("linear",), "surrogates": 99}
    options = given if what == "tuning" else {}
    ask = getattr(correlate, what)
    answer = ask([session], None, progress=lambda done, total: steps.append((done, total)), **options)
    assert set(answer.table["behavior"].to_pylist()) == {"speed"}
    left = [note for note in answer.notes if note.startswith("left out: ")]
    assert len(left) == 2
    assert "'slow'" in left[0]
    assert "'still'" in left[1]
    assert steps[-1] == (3, 3)
    with pytest.raises(AnalysisError):
        ask([session], ["slow"], progress=None, **options)
    with pytest.raises(AnalysisError):
        ask([session], ["speed", "slow"], progress=None, **options)

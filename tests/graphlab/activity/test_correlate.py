"""Questions over all animals and behaviours: what cannot be tested has no p or is left out, and either is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from graphlab.activity import correlate
from graphlab.activity.sessions.session import Session
from ingest.schema.errors import AnalysisError


def with_a_slow_behaviour(session: Session) -> Session:
    slow = np.cos(np.pi * np.arange(session.rows.shape[1]) / session.rows.shape[1])
    return replace(session, behaviors={**session.behaviors, "slow": slow, "still": np.zeros_like(slow)})


def test_tuning_to_a_behaviour_that_is_too_slow_has_values_and_no_p(make_world: Any) -> None:
    session, _ = make_world(3, neurons=12, drift=0.0)
    answer = correlate.tuning([with_a_slow_behaviour(session)], None, None, None, measures=("linear",), surrogates=99)
    rows = answer.table.to_pylist()
    assert {row["behavior"] for row in rows} == {"speed", "slow"}, "what never moves is left out"
    slow = [row for row in rows if row["behavior"] == "slow"]
    assert all(np.isfinite(row["value"]) and np.isnan(row["p"]) and np.isnan(row["q"]) for row in slow)
    assert all(row["floor"] is None and row["assumption"] is None for row in slow)
    assert any("slow, linear: values without p" in note and "autocorrelation times" in note for note in answer.notes)
    assert any(note.startswith("left out: ") and "'still'" in note for note in answer.notes)
    fast = [row for row in rows if row["behavior"] == "speed"]
    assert {(row["floor"], row["assumption"]) for row in fast} == {(0.01, "the behaviour is stationary")}
    tests = {(row["question"], row["behavior"]): row for row in answer.tables["behavior_tests"].to_pylist()}
    assert tests["tuning", "slow"]["null_model"] is None
    assert tests["tuning", "speed"]["tests"] == 12


def test_q_is_over_all_that_was_tested(make_world: Any) -> None:
    """With more behaviours, none of them related, the same finding has to be surer."""
    session, chosen = make_world(3, neurons=12, drift=0.0, drivers=1, noise=0.3)
    rng = np.random.default_rng(0)
    noise = {f"noise {k}": rng.normal(size=1500) for k in range(6)}
    alone = correlate.tuning([session], None, None, None)
    among = correlate.tuning([replace(session, behaviors={**session.behaviors, **noise})], None, None, None)

    def q(answer: Any) -> float:
        return next(r["q"] for r in answer.table.to_pylist() if r["behavior"] == "speed" and r["trace"] == chosen[0])

    assert q(alone) == 1 / 376
    assert q(among) > q(alone)
    assert (
        among.tables["behavior_tests"].filter(pc.equal(among.tables["behavior_tests"]["question"], "tuning")).num_rows
        == 7
    )
    assert any("q is over 7 families" in note for note in among.notes)


def test_the_control_stands_beside_every_row(make_world: Any) -> None:
    """Behaviour of other animals, which these neurons never saw, is found about never; their own is."""
    sessions = []
    for seed in range(4):
        session, _ = make_world(seed, neurons=8, drift=0.0, frames=1000, drivers=2)
        sessions.append(replace(session, animal=f"w{seed}"))
    answer = correlate.tuning(sessions, None, None, None, control=True)
    tests = [row for row in answer.tables["behavior_tests"].to_pylist() if row["question"] == "tuning"]
    assert [row["control_pairs"] for row in tests] == [3] * 4
    assert np.mean([row["control_low"] for row in tests]) < 0.1
    assert sum(row["found"] for row in tests) >= 4
    assert all(0.0 <= row["control"] <= 1.0 for row in answer.table.to_pylist())
    assert any("behaviour of other animals" in note for note in answer.notes)
    lonely = correlate.tuning(sessions[:1], None, None, None, control=True)
    assert any("no control" in note for note in lonely.notes)
    assert lonely.table["control"].null_count == 8


@pytest.mark.parametrize("what", ["drivers", "decoding"])
def test_a_behaviour_that_is_too_slow_is_left_out_and_told(what: str, make_world: Any) -> None:
    session, _ = make_world(3, neurons=12, drift=0.0)
    session = with_a_slow_behaviour(session)
    steps: list[tuple[int, int]] = []
    options: dict[str, Any] = {}
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

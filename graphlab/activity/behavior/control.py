"""A negative control on real traces: the same test with the behaviour of other animals, which these neurons never saw.

What it calls beyond the level is the part of the p values that cannot be trusted on these recordings. Pairs of few
animals are no independent tests, so the shares stand beside the results and gate nothing.

Tests: tests/graphlab/activity/behavior/test_tuning.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from graphlab.activity.behavior.families import LEVEL
from graphlab.activity.behavior.measures import TuningOptions
from graphlab.activity.behavior.tuning import SAME_RATE, tune
from graphlab.activity.sessions.session import Floats, Session
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError


@dataclass(frozen=True)
class OtherAnimalControl:
    """Of one animal, behaviour and measure."""

    pairs: int
    """Other animals that were used."""
    low: float
    """Share of traces, over all pairs, with p <= .05."""
    found: float
    """Share of pairs in which any trace was found."""
    by_trace: Floats
    """[traces] share of pairs with p <= .05; NaN where unusable."""


def with_other_behavior(session: Session, other: Session, behavior: str) -> Session:
    """The first frames of ``session`` with what the other animal did then."""
    frames = min(session.frames, other.frames)
    rows = session.rows[0 : session.rows.shape[0]][:, :frames]
    return replace(
        session, animal=f"{session.animal} with {behavior} of {other.animal}", time_s=session.time_s[:frames],
        segment=session.segment[:frames], rows=rows, behaviors={behavior: other.behavior(behavior)[:frames]},
    )  # fmt: skip


def other_animal_control(
    session: Session,
    behavior: str,
    options: TuningOptions,
    others: Sequence[Session],
    progress: Progress | None = None,
) -> dict[str, OtherAnimalControl]:
    """Measure -> control; without an entry where no other animal can be used.

    Args:
        others: those of another frame rate, or without the behaviour, are left out.
    """
    lows: dict[str, list[Floats]] = {}
    whole: dict[str, list[float]] = {}
    usable = [
        other for other in others
        if behavior in other.behaviors and abs(other.step_s / session.step_s - 1.0) < SAME_RATE
    ]  # fmt: skip
    for number, other in enumerate(usable):
        try:
            tunings = tune(with_other_behavior(session, other, behavior), behavior, replace(options, null="shift"))
        except AnalysisError:
            tunings = []
        for one in tunings:
            if one.null is not None:
                lows.setdefault(one.measure, []).append(np.where(np.isnan(one.p), np.nan, one.p <= LEVEL))
                whole.setdefault(one.measure, []).append(one.p_whole)
        if progress:
            progress(number + 1, len(usable))
    return {
        measure: OtherAnimalControl(
            len(low), float(np.nanmean(low)), float(np.mean(np.array(whole[measure]) <= LEVEL)), np.mean(low, axis=0)
        )
        for measure, low in lows.items()
    }

"""What is measured of tuning: how it is asked, and what comes out.

Tests: tests/graphlab/activity/behavior/test_tuning.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from graphlab.activity.behavior import nulls
from graphlab.activity.behavior.families import Family, untested
from graphlab.activity.behavior.nulls import Null
from graphlab.activity.sessions.session import Floats, Traces
from ingest.schema.errors import AnalysisError, UnknownNameError

MEASURES = ("linear", "rectified_positive", "rectified_negative", "lagged", "mutual_information")


@dataclass(frozen=True)
class TuningOptions:
    """How tuning is measured and tested."""

    measures: tuple[str, ...] = ("linear",)
    null: str = "shift"
    surrogates: int = 1000
    """At most so many shifts to either side, or random phases; circular shifts and other animals are all taken."""
    detrend_s: float | None = None
    """Periods longer than this are drift."""
    max_lag_s: float = 3.0
    """``lagged`` takes the largest |r| of lags up to this, in data and surrogates alike."""
    seed: int = 0

    def __post_init__(self) -> None:
        for measure in self.measures:
            if measure not in MEASURES:
                raise UnknownNameError("measure", measure, MEASURES)
        if self.null not in nulls.NULLS:
            raise UnknownNameError("null", self.null, nulls.NULLS)
        if self.surrogates < 19:
            raise AnalysisError(f"surrogates: found {self.surrogates}; wanted at least 19, p could not reach 0.05")

    @property
    def needs_others(self) -> bool:
        """Whether the null takes the behaviour of other animals."""
        return nulls.NULLS[self.null].needs_others


@dataclass
class Tuning:
    """One animal, behaviour and measure; arrays are [traces], NaN for traces that cannot be used."""

    animal: str
    behavior: str
    measure: str
    value: Floats
    lag_s: Floats
    p: Floats
    """NaN where nothing can be tested; ``untested`` says why."""
    p_family: Floats
    """Against the largest of all traces."""
    q: Floats
    """``p_family``, until ``correct`` puts it right for the other behaviours, measures and animals."""
    p_naive: Floats
    q_naive: Floats
    time_frames: float
    frames: int
    null: Null | None
    untested: str = ""
    null_values: Traces | None = field(default=None, repr=False)
    """[traces, candidates of the null], where they were kept for pooling."""

    @property
    def p_whole(self) -> float:
        """p of the largest |r| of all traces: of the family as a whole."""
        return float(np.nanmin(self.p_family)) if np.isfinite(self.p_family).any() else float("nan")

    def family(self) -> Family:
        """Its line in the table of what was tested."""
        tests = int(np.isfinite(self.value).sum())
        if self.null is None:
            return untested(
                "tuning", self.untested, animal=self.animal, behavior=self.behavior, measure=self.measure, tests=tests,
                frames=self.frames,
            )  # fmt: skip
        null = self.null
        return Family(
            self.animal, "tuning", self.behavior, self.measure, null.name, null.assumption, tests, self.frames,
            len(null.middle), null.candidates, null.floor, self.p_whole,
        )  # fmt: skip

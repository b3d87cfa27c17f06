"""What was tested together: families of tests, each with its floor, and discoveries corrected over all of them.

A family is every trace of one animal against one behaviour by one measure. Inside it a trace is compared with the
largest of all traces under the same shift (the maximum of Westfall & Young 1993), so that one neuron alone can be
found: with p of single traces the smallest possible p times their number would have to reach the level. Over families
q is the smallest level at which the trace is called when families are chosen by Benjamini & Hochberg (1995) and each
chosen one is tested at its share of the level (Benjamini & Bogomolov 2014).

Tests: tests/graphlab/activity/behavior/test_tuning.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphlab.activity.sessions.session import Floats
from graphlab.statistics.p_values import benjamini_hochberg

LEVEL = 0.05
"""At which an edge counts as a connection, a neuron as encoding and a family as found."""


@dataclass
class Family:
    """One family; ``p`` is of the whole family (the largest statistic), NaN where nothing could be tested."""

    animal: str | None
    question: str
    behavior: str | None
    measure: str
    null_model: str | None
    assumption: str
    tests: int
    frames: int
    window: int
    """Frames that every candidate of the null has."""
    candidates: int
    floor: float
    p: float
    q: float = float("nan")
    found: int = 0
    """Members with q <= the level."""
    control_pairs: int | None = None
    control_low: float | None = None
    """Share of members with p <= .05 against behaviours of other animals."""
    control_found: float | None = None
    """Share of those pairs of animals with any discovery."""


def untested(question: str, reason: str, **named: object) -> Family:
    """A family without p; the reason stands where an assumption would."""
    nothing = float("nan")
    base: dict[str, object] = {
        "animal": None, "behavior": None, "measure": question, "null_model": None, "tests": 0, "frames": 0,
        "window": 0, "candidates": 0,
    }  # fmt: skip
    return Family(question=question, assumption=reason, floor=nothing, p=nothing, **{**base, **named})  # type: ignore[arg-type]


def over_families(whole: Sequence[float], members: Sequence[Floats]) -> tuple[Floats, list[Floats]]:
    """(q of every family, q of its members).

    Args:
        whole: p of each family. members: family-wise p of its members; NaN where there is none.
    """
    p = np.asarray(whole, dtype=np.float64)
    tested = int(np.isfinite(p).sum())
    family_q = benjamini_hochberg(p)
    levels = np.sort(family_q[np.isfinite(family_q)])
    result = []
    for own in members:
        q = np.full(np.shape(own), np.nan)
        known = np.isfinite(own)
        if known.any() and tested:
            # With k families chosen, which takes the level levels[k - 1], a member is called at tested p / k.
            k = np.arange(1, tested + 1)
            needed = np.maximum(levels, np.asarray(own)[known, None] * tested / k)
            q[known] = np.minimum(1.0, needed.min(axis=1))
        result.append(q)
    return family_q, result

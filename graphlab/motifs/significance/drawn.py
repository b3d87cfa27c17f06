"""Counts against a null as rows of a figure: which classes, in which tone.

Tests: tests/graphlab/report/sections/motifs/test_tested.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from graphlab.charts import analyses
from graphlab.motifs.census.classes import classes
from graphlab.motifs.significance.against_null import FIXED
from graphlab.motifs.significance.motifs import Significance

MOST_ROWS = 30
"""Classes in a figure; of the 199 tetrads those furthest from the null."""
LEVEL = 0.05


def shown_classes(result: Significance) -> list[int]:
    """Classes of the figure in table order: all that were tested, or the furthest from the null if too many."""
    chosen = [k for k in range(len(result.classes)) if result.tested[k] or result.notes[k] == FIXED]
    if result.size == 3:
        chosen = [k for k in chosen if classes(3)[k].connected]
    if len(chosen) <= MOST_ROWS:
        return chosen

    def distance(k: int) -> tuple[bool, bool, float]:
        z = abs(float(result.z[k]))
        return bool(result.q[k] < LEVEL), bool(result.z_trusted[k]), z if math.isfinite(z) else 0.0

    return sorted(sorted(chosen, key=distance, reverse=True)[:MOST_ROWS])


def null_rows(result: Significance, shown: Sequence[int]) -> list[analyses.NullRow]:
    """The chosen classes with the null's counts."""
    about = classes(result.size)
    return [
        analyses.NullRow(
            name=result.classes[k],
            edges=about[k].edges,
            size=result.size,
            count=int(result.observed[k]),
            null=result.counts[:, k].astype(np.float64),
            mean=float(result.mean[k]),
            text=f"{ratio_text(result.ratio[k])}|{z_text(result, k)}",
            tone=tone(result, k),
            note=result.notes[k],
        )
        for k in shown
    ]


def tone(result: Significance, k: int) -> str:
    """more or less than the null at q < .05, plain, or doubt where nothing can be said: fixed, or too few samples."""
    if result.notes[k] == FIXED or not np.isfinite(result.p[k]) or not decisive(result):
        return "doubt"
    if result.q[k] < LEVEL:
        return "more" if result.observed[k] > result.mean[k] else "less"
    return "plain"


def decisive(result: Significance) -> bool:
    """Whether there are samples enough to bring one class alone to q .05."""
    return result.samples >= result.samples_needed


def ratio_text(ratio: float) -> str:
    """A ratio with its times sign."""
    if math.isnan(ratio):
        return "none"
    return "∞" if math.isinf(ratio) else f"{ratio:.3g}×" if ratio < 1000 else f"{ratio:,.0f}×"


def z_text(result: Significance, k: int) -> str:
    """z, in parentheses where it is not to be trusted, a word where it does not exist."""
    z = float(result.z[k])
    if math.isnan(z):
        return "fixed" if result.notes[k] == FIXED else "no z"
    text = f"{z:.1f}".replace("-", "−")
    return text if result.z_trusted[k] else f"({text})"

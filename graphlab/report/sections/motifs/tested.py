"""Counts against null distributions: a figure, a table, and the doubts about both."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from graphlab.charts import analyses
from graphlab.motifs.census.classes import classes
from graphlab.motifs.significance.against_null import FIXED
from graphlab.motifs.significance.motifs import Significance
from graphlab.report.page import Block, Figure, Figures, Notes, Section, Table
from graphlab.report.section import Subject, report_section

MOST_RESULTS = 4
MOST_ROWS = 30
"""Classes in a figure; of the 199 tetrads those furthest from the null."""
LEVEL = 0.05


@report_section("motif-tests", "significance")
def section(subject: Subject) -> Section:
    """Each result that the page is about."""
    results = sorted(subject.results, key=lambda one: one.size)[:MOST_RESULTS]
    blocks: list[Block] = []
    tables = {}
    for found in results:
        name = f"motifs_{found.size}_{found.null}"
        tables[name] = found.to_arrow()
        shown = shown_classes(found)
        blocks.append(Figures([Figure(figure(found, shown), caption(found, shown), name)]))
        blocks.append(Table(COLUMNS, [cells(found, k) for k in shown], numbers=tuple(range(1, 9))))
        blocks.append(Notes([found.sentence, *found.caveats, *mixing_notes(found)]))
    return Section("Motifs against a null model", blocks, tables)


def shown_classes(found: Significance) -> list[int]:
    """Classes of the figure in table order: all that were tested, or the furthest from the null if too many."""
    chosen = [k for k in range(len(found.classes)) if found.tested[k] or found.notes[k] == FIXED]
    if found.size == 3:
        chosen = [k for k in chosen if classes(3)[k].connected]
    if len(chosen) <= MOST_ROWS:
        return chosen

    def distance(k: int) -> tuple[bool, bool, float]:
        z = abs(float(found.z[k]))
        return bool(found.q[k] < LEVEL), bool(found.z_trusted[k]), z if math.isfinite(z) else 0.0

    return sorted(sorted(chosen, key=distance, reverse=True)[:MOST_ROWS])


def figure(found: Significance, shown: Sequence[int]) -> Markup:
    """The chosen classes as violins of the null with the observed count."""
    about = classes(found.size)
    rows = [
        analyses.NullRow(
            name=found.classes[k],
            edges=about[k].edges,
            size=found.size,
            count=int(found.observed[k]),
            null=found.counts[:, k].astype(np.float64),
            mean=float(found.mean[k]),
            text=f"{ratio_text(found.ratio[k])}|{z_text(found, k)}",
            tone=tone(found, k),
            note=found.notes[k],
        )
        for k in shown
    ]
    return analyses.null_distributions(rows, f"Motifs of {found.size} neurons against the null {found.null}")


def tone(found: Significance, k: int) -> str:
    """more or less than the null at q < .05, plain, or doubt where nothing can be said."""
    if found.notes[k] == FIXED or not np.isfinite(found.p[k]):
        return "doubt"
    if found.q[k] < LEVEL:
        return "more" if found.observed[k] > found.mean[k] else "less"
    return "plain"


def caption(found: Significance, shown: Sequence[int]) -> str:
    """What the figure shows, to stand below it."""
    left = len(found.classes) - len(shown)
    chosen = f" The {len(shown)} classes furthest from the null of {len(found.classes)}." if left > 16 else ""
    return (
        f"Induced counts (diamonds) over the mean of {found.samples:,} random graphs of the null '{found.null}' "
        f"(violins; the bar spans 95 %). Coloured: more or fewer than the null at q < .05 over "
        f"{int(found.tested.sum())} classes. z in parentheses: the null is rare or skewed, read the ratio.{chosen}"
    )


COLUMNS = ["motif", "count", "null mean", "null sd", "ratio", "95 % of ratio", "z", "p", "q", ""]


def cells(found: Significance, k: int) -> list[str]:
    """One row of the table."""
    return [
        found.classes[k],
        f"{int(found.observed[k]):,}",
        f"{found.mean[k]:,.4g}" if found.mean[k] < 1e4 else f"{found.mean[k]:,.0f}",
        f"{found.std[k]:,.3g}",
        ratio_text(found.ratio[k]),
        f"{ratio_text(found.ratio_low[k])} to {ratio_text(found.ratio_high[k])}",
        z_text(found, k),
        number(found.p[k]),
        number(found.q[k]),
        found.notes[k],
    ]


def ratio_text(ratio: float) -> str:
    """A ratio with its times sign."""
    if math.isnan(ratio):
        return "none"
    return "∞" if math.isinf(ratio) else f"{ratio:.3g}×" if ratio < 1000 else f"{ratio:,.0f}×"


def z_text(found: Significance, k: int) -> str:
    """z, in parentheses where it is not to be trusted, a word where it does not exist."""
    z = float(found.z[k])
    if math.isnan(z):
        return "fixed" if found.notes[k] == FIXED else "no z"
    text = f"{z:.1f}".replace("-", "−")
    return text if found.z_trusted[k] else f"({text})"


def number(value: float) -> str:
    """A p or q value."""
    return "" if math.isnan(value) else f"{value:.2g}"


def mixing_notes(found: Significance) -> list[str]:
    """How the chain mixed, where one ran."""
    mixing = found.mixing
    if mixing is None or mixing.trouble:
        return []
    return [
        f"The swap chain accepted {mixing.acceptance:.0%} of its steps and moved {mixing.moved:.0%} of the "
        f"connections; the census forgets itself after {mixing.recommended_steps_per_edge:.3g} steps per connection."
    ]

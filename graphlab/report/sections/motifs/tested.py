"""Counts against null distributions: a figure, a table, and the doubts about both.

Tests: tests/graphlab/report/test_page.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from graphlab.charts import analyses
from graphlab.motifs.significance.drawn import decisive, null_rows, ratio_text, shown_classes, z_text
from graphlab.motifs.significance.motifs import Significance
from graphlab.report.page import Block, Figure, Figures, Notes, Section, Table
from graphlab.report.section import Subject, report_section

MOST_RESULTS = 4


@report_section("motif-tests", "significance")
def section(subject: Subject) -> Section:
    """Each result that the page is about."""
    results = sorted(subject.results, key=lambda one: one.size)[:MOST_RESULTS]
    blocks: list[Block] = []
    tables = {}
    for result in results:
        name = f"motifs_{result.size}_{result.null}"
        tables[name] = result.to_arrow()
        shown = shown_classes(result)
        drawn, narrow = figure(result, shown), figure(result, shown, narrow=True)
        blocks.append(Figures([Figure(drawn, caption(result, shown), name, narrow)]))
        blocks.append(Table(COLUMNS, [cells(result, k) for k in shown], numbers=tuple(range(1, 9))))
        blocks.append(Notes([result.sentence, *result.caveats, *mixing_notes(result)]))
    return Section("Motifs against a null model", blocks, tables)


def figure(result: Significance, shown: Sequence[int], narrow: bool = False) -> Markup:
    """The chosen classes as violins of the null with the observed count."""
    rows = null_rows(result, shown)
    label = f"Motifs of {result.size} neurons against the null {result.null}"
    return analyses.null_distributions(rows, label, narrow)


def caption(result: Significance, shown: Sequence[int]) -> str:
    """What the figure shows, to stand below it."""
    left = len(result.classes) - len(shown)
    tested = int(result.tested.sum())
    coloured = (
        f"Coloured: more or fewer than the null at q < .05 over {tested} classes."
        if decisive(result)
        else f"Open and uncoloured: {result.samples:,} samples cannot bring one class among {tested} to q .05; "
        f"{result.samples_needed:,} can."
    )
    chosen = f" The {len(shown)} classes furthest from the null of {len(result.classes)}." if left > 16 else ""
    return (
        f"Induced counts (diamonds) over the mean of {result.samples:,} random graphs of the null '{result.null}' "
        f"(violins; the bar spans 95 %). {coloured} z in parentheses: the null is rare or skewed, read the "
        f"ratio.{chosen}"
    )


COLUMNS = ["motif", "count", "null mean", "null sd", "ratio", "95 % of ratio", "z", "p", "q", ""]


def cells(result: Significance, k: int) -> list[str]:
    """One row of the table."""
    return [
        result.classes[k],
        f"{int(result.observed[k]):,}",
        f"{result.mean[k]:,.4g}" if result.mean[k] < 1e4 else f"{result.mean[k]:,.0f}",
        f"{result.std[k]:,.3g}",
        ratio_text(result.ratio[k]),
        f"{ratio_text(result.ratio_low[k])} to {ratio_text(result.ratio_high[k])}",
        z_text(result, k),
        number(result.p[k]),
        number(result.q[k]),
        result.notes[k],
    ]


def number(value: float) -> str:
    """A p or q value."""
    return "" if math.isnan(value) else f"{value:.2g}"


def mixing_notes(result: Significance) -> list[str]:
    """How the chain mixed, where one ran."""
    mixing = result.mixing
    if mixing is None or mixing.trouble:
        return []
    return [
        f"The swap chain accepted {mixing.acceptance:.0%} of its steps and moved {mixing.moved:.0%} of the "
        f"connections; the census forgets itself after {mixing.recommended_steps_per_edge:.3g} steps per connection."
    ]

"""Counts of motif classes against a null model.

Tests: tests/graphlab/charts/test_plots.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from graphlab.charts.analyses import NullRow, null_distributions
from graphlab.charts.plots.plot import Plot, chart_of, titled, vega

COLOURS = {"more": "#d55e00", "less": "#0072b2", "plain": "#566575", "doubt": "#c3cdd7"}


@dataclass(frozen=True, kw_only=True, eq=False)
class AgainstNullPlot(Plot):
    """A row a class: the null's counts and the observed one, as ratios to the null mean."""

    classes: list[NullRow]

    def rows(self) -> list[dict[str, Any]]:
        """One a class; ratios are null where the null never made the class."""
        made = []
        for one in self.classes:
            ratios = one.null / one.mean if one.mean > 0 else None
            low, high = (None, None) if ratios is None else np.quantile(ratios, [0.025, 0.975]).tolist()
            made.append(
                {"motif": one.name, "count": one.count, "null_mean": one.mean, "low": low, "high": high,
                 "ratio": one.count / one.mean if one.mean > 0 else None, "tone": one.tone, "note": one.note}
            )  # fmt: skip
        return made

    def drawing(self, narrow: bool = False) -> Markup:
        return null_distributions(self.classes, self.title, narrow)

    def altair(self) -> Any:
        alt = vega()
        base = chart_of(self.rows()).encode(y=alt.Y("motif:N", sort=[one.name for one in self.classes], title=None))
        # Symmetric about 0 and defined there: classes the graph has none of stay in the picture.
        x = {"scale": alt.Scale(type="symlog", constant=0.1), "title": "count / mean of the null"}
        spread = base.mark_rule(strokeWidth=6, color="#c3cdd7").encode(x=alt.X("low:Q", **x), x2="high:Q")
        marks = base.mark_point(shape="diamond", filled=True, size=90, opacity=1).encode(
            x=alt.X("ratio:Q", **x),
            color=alt.Color("tone:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())), title=None),
            tooltip=["motif:N", "count:Q", "null_mean:Q", "ratio:Q", "note:N"],
        )  # fmt: skip
        return titled(alt.layer(spread, marks), self)

"""Traces of one animal with its behaviour, as a figure.

Tests: tests/graphlab/charts/test_plots.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from graphlab.activity import figures
from graphlab.charts.plots.plot import Plot, chart_of, titled, vega


@dataclass(frozen=True, kw_only=True, eq=False)
class TracesPlot(Plot):
    """Traces as rows of an image in standard deviations, behaviours as lines under it."""

    values: npt.NDArray[np.float64]
    """[traces, bins]"""
    names: list[str]
    behaviors: dict[str, npt.NDArray[np.float64]]
    """[bins] each"""
    seconds: float

    def _time(self, bin_: int) -> float:
        return float(self.seconds * (bin_ + 0.5) / self.values.shape[1])

    def rows(self) -> list[dict[str, Any]]:
        """One a trace and bin."""
        return [
            {"trace": f"{i + 1} {name}", "time_s": self._time(k), "value": float(value)}
            for i, name in enumerate(self.names)
            for k, value in enumerate(self.values[i])
        ]

    def drawing(self, narrow: bool = False) -> Markup:
        return figures.trace_map(self.values, self.names, self.behaviors, self.seconds, self.title, narrow)

    def altair(self) -> Any:
        alt = vega()
        width = self.seconds / self.values.shape[1]
        cells = [
            {**row, "end_s": row["time_s"] + width / 2, "time_s": row["time_s"] - width / 2} for row in self.rows()
        ]
        image = chart_of(cells).mark_rect().encode(
            x=alt.X("time_s:Q", title="time (s)"), x2="end_s:Q", y=alt.Y("trace:N", title=None, sort=None),
            color=alt.Color("value:Q", title="sd", scale=alt.Scale(scheme="redblue", reverse=True, domain=[-2.5, 2.5],
                                                                   clamp=True)),
        )  # fmt: skip
        lines = [
            chart_of([{"time_s": self._time(k), "value": float(v)} for k, v in enumerate(values)])
            .mark_line(strokeWidth=1)
            .encode(x=alt.X("time_s:Q", title=None), y=alt.Y("value:Q", title=name, scale=alt.Scale(zero=False)))
            .properties(height=44)
            for name, values in self.behaviors.items()
        ]
        return titled(alt.vconcat(image, *lines), self)

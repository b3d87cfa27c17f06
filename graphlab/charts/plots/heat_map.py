"""A matrix as a heat map with a colour bar.

Tests: tests/graphlab/charts/test_plots.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from graphlab.charts import analyses
from graphlab.charts.drawings import NARROW
from graphlab.charts.plots.plot import Plot, chart_of, titled, vega


@dataclass(frozen=True, kw_only=True, eq=False)
class HeatMapPlot(Plot):
    """Cells from rows (presynaptic) to columns (postsynaptic)."""

    names: tuple[list[str], list[str]]
    """Of rows and of columns, each once."""
    values: npt.NDArray[np.float64]
    """[rows, columns], 0 where nothing is."""
    what: str
    """The values stand for it: synapses."""
    axes: tuple[str, str] = ("presynaptic", "postsynaptic")

    def rows(self) -> list[dict[str, Any]]:
        """One a cell that is not 0."""
        across, down = self.names[1], self.names[0]
        return [
            {"row": down[i], "column": across[k], "value": float(self.values[i, k])}
            for i, k in zip(*np.nonzero(self.values), strict=True)
        ]

    def drawing(self, narrow: bool = False) -> Markup:
        down, across = self.names
        texts = [
            [f"{a} to {b}: {self.values[i, k]:,.6g} {self.what}" for k, b in enumerate(across)]
            for i, a in enumerate(down)
        ]
        shown = np.where(self.values != 0, self.values, np.nan)
        shade = analyses.Shade(self.what)
        within = NARROW if narrow else 900.0
        return analyses.heat_map(down, across, shown, texts, self.title, shade, self.axes[1], self.axes[0], within)

    def altair(self) -> Any:
        alt = vega()
        down, across = self.names
        chart = chart_of(self.rows()).mark_rect()
        encoded = chart.encode(
            x=alt.X("column:N", title=self.axes[1], scale=alt.Scale(domain=across)),
            y=alt.Y("row:N", title=self.axes[0], scale=alt.Scale(domain=down)),
            color=alt.Color("value:Q", title=self.what, scale=alt.Scale(scheme="oranges", domainMin=0)),
            tooltip=["row:N", "column:N", "value:Q"],
        )
        return titled(encoded, self)

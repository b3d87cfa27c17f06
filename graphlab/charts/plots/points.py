"""Neurons as points of a plane, coloured by group.

Tests: tests/graphlab/charts/test_plots.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from graphlab.charts.drawings import scatter
from graphlab.charts.plots.plot import Plot, chart_of, titled, vega


@dataclass(frozen=True, kw_only=True, eq=False)
class PointsPlot(Plot):
    """A map of embeddings."""

    root_ids: list[int]
    points: npt.NDArray[np.float64]
    """[n, 2]"""
    groups: list[str]
    axes: tuple[str, str]

    def rows(self) -> list[dict[str, Any]]:
        """One a neuron."""
        return [
            {"root_id": str(root), "group": group, "x": float(x), "y": float(y)}
            for root, group, (x, y) in zip(self.root_ids, self.groups, self.points, strict=True)
        ]

    def drawing(self, narrow: bool = False) -> Markup:
        return scatter(self.points[:, 0], self.points[:, 1], self.groups, *self.axes, self.title, narrow)

    def altair(self) -> Any:
        alt = vega()
        points = chart_of(self.rows()).mark_circle(size=36).encode(
            x=alt.X("x:Q", title=self.axes[0], scale=alt.Scale(zero=False)),
            y=alt.Y("y:Q", title=self.axes[1], scale=alt.Scale(zero=False)),
            color=alt.Color("group:N", title=None), tooltip=["root_id:N", "group:N"],
        )  # fmt: skip
        return titled(points, self)

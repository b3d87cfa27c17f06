"""Spikes of a simulation: a row a neuron, its rate beside it.

Tests: tests/graphlab/charts/test_plots.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from graphlab.charts.drawings import name_width, named, svg
from graphlab.charts.plots.plot import Plot, chart_of, titled, vega

STEP = 15
LONGEST = 40


@dataclass(frozen=True, kw_only=True, eq=False)
class RasterPlot(Plot):
    """Neurons by rate, highest above; a tick a spike, the trials of a neuron above one another."""

    names: list[str]
    rates_hz: list[float]
    neuron: npt.NDArray[np.int64]
    """[spikes] place in names"""
    time_ms: npt.NDArray[np.float64]
    trial: npt.NDArray[np.int64]
    trials: int
    """Shown, from 0."""
    duration_ms: float

    def rows(self) -> list[dict[str, Any]]:
        """One a spike."""
        return [
            {"neuron": self.names[n], "time_ms": float(t), "trial": int(k)}
            for n, t, k in zip(self.neuron, self.time_ms, self.trial, strict=True)
        ]

    def drawing(self, narrow: bool = False) -> Markup:
        left, after = name_width(self.names, LONGEST) + 12, 74.0
        wide = max((420 if narrow else 760) - left - after, 140.0)
        top, each = 22, (STEP - 3) / max(self.trials, 1)
        bottom = top + STEP * len(self.names)
        parts = [f'<text x="{left + wide + 8:.0f}" y="14" class="tick soft">mean rate</text>']
        for k, (name, rate) in enumerate(zip(self.names, self.rates_hz, strict=True)):
            y = top + STEP * k
            parts.append(
                f'<text x="{left - 6:.1f}" y="{y + 11}" text-anchor="end" class="tick">{named(name, LONGEST)}</text>'
            )
            parts.append(f'<text x="{left + wide + 8:.0f}" y="{y + 11}" class="tick">{rate:,.3g} Hz</text>')
            parts.append(f'<path d="M{left:.1f} {y + STEP - 1}h{wide:.1f}" class="grid"/>')
            mine = self.neuron == k
            ticks = "".join(
                f"M{left + wide * t / self.duration_ms:.1f} {y + each * r + 0.5:.2f}v{max(each - 0.5, 0.8):.2f}"
                for t, r in zip(self.time_ms[mine].tolist(), self.trial[mine].tolist(), strict=True)
            )
            if ticks:
                parts.append(f'<path d="{ticks}" class="spikes"/>')
        for share in (0.0, 0.5, 1.0):
            x, anchor = left + wide * share, ("start", "middle", "end")[round(2 * share)]
            parts.append(
                f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="{anchor}">{self.duration_ms * share:,.6g} ms</text>'
            )
        return svg(round(left + wide + after), bottom + 24, self.title, parts)

    def altair(self) -> Any:
        alt = vega()
        ticks = chart_of(self.rows()).mark_tick(thickness=1).encode(
            x=alt.X("time_ms:Q", title="time (ms)", scale=alt.Scale(domain=[0, self.duration_ms])),
            y=alt.Y("neuron:N", title=None, scale=alt.Scale(domain=self.names)),
            color=alt.Color("trial:N"), tooltip=["neuron:N", "time_ms:Q", "trial:N"],
        )  # fmt: skip
        rates = [{"neuron": n, "rate_hz": r} for n, r in zip(self.names, self.rates_hz, strict=True)]
        bars = chart_of(rates).mark_bar().encode(
            x=alt.X("rate_hz:Q", title="mean rate (Hz)"),
            y=alt.Y("neuron:N", title=None, axis=None, scale=alt.Scale(domain=self.names)),
            tooltip=["neuron:N", "rate_hz:Q"],
        ).properties(width=90)  # fmt: skip
        return titled(alt.hconcat(ticks, bars), self)

"""The partners of neurons as bars: whom they hear, and whom they speak to.

Tests: tests/graphlab/charts/test_plots.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from markupsafe import Markup

from graphlab.charts.drawings import PALETTE, name_width, named, svg, text_width
from graphlab.charts.plots.plot import Plot, chart_of, titled, vega

STEP = 20


@dataclass(frozen=True)
class Partner:
    """One bar."""

    direction: str
    """inputs or outputs"""
    name: str
    weight: float
    fraction: float | None
    """Of all input, or output, of the neurons."""

    @property
    def told(self) -> str:
        share = "" if self.fraction is None or self.fraction != self.fraction else f" ({self.fraction:.1%})"
        return f"{self.weight:,.6g}{share}"


@dataclass(frozen=True, kw_only=True, eq=False)
class PartnersPlot(Plot):
    """A bar a partner, heaviest first, inputs above outputs."""

    partners: list[Partner]

    def rows(self) -> list[dict[str, Any]]:
        """One a bar, with its place."""
        return [{"place": place, **vars(one)} for place, one in enumerate(self.partners)]

    def drawing(self, narrow: bool = False) -> Markup:
        left = name_width([one.name for one in self.partners]) + 14
        after = max((text_width(one.told) for one in self.partners), default=0.0) + 10
        wide = max((420 if narrow else 640) - left - after, 100.0)
        parts, y = [], 4.0
        for number, direction in enumerate(("inputs", "outputs")):
            shown = [one for one in self.partners if one.direction == direction]
            most = max((one.weight for one in shown), default=1.0) or 1.0
            parts.append(f'<text x="8" y="{y + 14:.0f}" class="name">{direction}</text>')
            y += 22
            if not shown:
                parts.append(f'<text x="8" y="{y + 13:.0f}" class="soft">none</text>')
                y += STEP
            for one in shown:
                length = wide * one.weight / most
                parts.append(f'<text x="{left - 6:.1f}" y="{y + 14:.0f}" text-anchor="end">{named(one.name)}</text>')
                parts.append(
                    f'<rect x="{left:.1f}" y="{y + 3:.0f}" width="{length:.1f}" height="{STEP - 6}" rx="2" class="bar" '
                    f'style="fill:{PALETTE[number]}"><title>{escape(one.name)}: {escape(one.told)}</title></rect>'
                )
                parts.append(f'<text x="{left + length + 5:.1f}" y="{y + 14:.0f}" class="soft">{one.told}</text>')
                y += STEP
            y += 10
        return svg(round(left + wide + after), round(y), self.title, parts)

    def altair(self) -> Any:
        alt = vega()
        bars = chart_of(self.rows()).mark_bar().encode(
            x=alt.X("weight:Q", title="weight"),
            y=alt.Y("name:N", title=None, sort=alt.EncodingSortField("place", order="ascending")),
            color=alt.Color("direction:N", legend=None),
            tooltip=["name:N", "weight:Q", "fraction:Q"],
            row=alt.Row("direction:N", title=None),
        )  # fmt: skip
        return titled(bars.resolve_scale(x="independent", y="independent"), self)

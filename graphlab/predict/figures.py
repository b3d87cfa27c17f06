"""Figures of predictions as SVG text, in the colours and classes of the other figures.

Tests: tests/graphlab/report/sections/test_predictions.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
from markupsafe import Markup

from graphlab.charts.analyses import series_colour
from graphlab.charts.drawings import PALETTE, name_width, named, svg, text_width
from graphlab.predict.inputs.examples import Floats

SIDE, LEFT, TOP, BOTTOM = 300, 54, 14, 54
LEGEND_ROW = 18
LONGEST_NAME = 34


@dataclass(frozen=True)
class Line:
    """One curve in a square of 0 to 1."""

    name: str
    x: Floats
    y: Floats
    sizes: Floats | None = None
    """Examples behind each point, where points are drawn."""


def unit_square(
    lines: Sequence[Line], xlabel: str, ylabel: str, label: str, diagonal: bool = False, level: float | None = None,
    top: float = 1.0,
) -> Markup:  # fmt: skip
    """Curves over 0 to 1 with a legend below; points where a line has sizes.

    Args:
        diagonal: dashed from corner to corner. level: a dashed height that stands for chance. top: of the y axis.
    """
    width, height = LEFT + SIDE + 16, TOP + SIDE + BOTTOM + LEGEND_ROW * len(lines)

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT + SIDE * min(max(x, 0.0), 1.0), TOP + SIDE * (1 - min(max(y / top, 0.0), 1.0))

    parts = [f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" class="frame"/>']
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = at(tick, tick * top)
        parts.append(f'<path d="M{x:.1f} {TOP}V{TOP + SIDE}M{LEFT} {y:.1f}H{LEFT + SIDE}" class="grid"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP + SIDE + 17}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{tick * top:.3g}</text>')
    if diagonal:
        parts.append(f'<path d="M{LEFT} {TOP + SIDE}L{LEFT + SIDE} {TOP}" class="one"/>')
    if level is not None:
        y = at(0.0, level)[1]
        parts.append(f'<path d="M{LEFT} {y:.1f}H{LEFT + SIDE}" class="one"/>')
    for number, line in enumerate(lines):
        colour = series_colour(number, len(lines))
        known = np.isfinite(line.x) & np.isfinite(line.y)
        points = [at(float(x), float(y)) for x, y in zip(line.x[known], line.y[known], strict=True)]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{joined}" fill="none" style="stroke:{colour}" stroke-width="1.7"/>')
        if line.sizes is not None:
            most = max(float(line.sizes.max(initial=1.0)), 1.0)
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2 + 4 * math.sqrt(size / most):.1f}" style="fill:{colour}" '
                f'fill-opacity=".6"><title>{escape(line.name)}: {int(size):,} examples</title></circle>'
                for (x, y), size in zip(points, line.sizes[known].tolist(), strict=True)
            ]
        y0 = TOP + SIDE + BOTTOM + LEGEND_ROW * number + 4
        parts.append(f'<path d="M{LEFT} {y0 - 4}h20" style="stroke:{colour}" stroke-width="2.4"/>')
        parts.append(f'<text x="{LEFT + 27}" y="{y0}">{named(line.name, LONGEST_NAME + 10)}</text>')
    parts.append(f'<text x="{LEFT + SIDE / 2:.0f}" y="{TOP + SIDE + 34}" text-anchor="middle" class="soft">'
                 f"{escape(xlabel)}</text>")  # fmt: skip
    parts.append(f'<text transform="translate(13 {TOP + SIDE / 2:.0f}) rotate(-90)" text-anchor="middle" '
                 f'class="soft">{escape(ylabel)}</text>')  # fmt: skip
    return svg(width, height, label, parts)


def round_top(value: float) -> float:
    """The end of an axis that shows this value, with quarters that are short to write."""
    return next((top for top in (0.04, 0.1, 0.2, 0.4, 0.6, 0.8) if value <= top), 1.0)


@dataclass(frozen=True)
class Bar:
    """One importance with its interval."""

    name: str
    kind: str
    value: float
    lo: float
    hi: float


def bars(rows: Sequence[Bar], xlabel: str, label: str) -> Markup:
    """A bar a row from 0, its 95 % interval as a line; one colour a kind."""
    kinds = list(dict.fromkeys(row.kind for row in rows))
    left, wide, step = name_width([row.name for row in rows]) + 14, 250, 24
    bottom = TOP + step * len(rows)
    height = bottom + 48 + LEGEND_ROW * len(kinds)
    ends = [0.0] + [end for row in rows for end in (row.value, row.lo, row.hi) if math.isfinite(end)]
    low, high = min(ends), max(max(ends), 0.01)
    span = (high - low) * 1.06

    def x_of(value: float) -> float:
        return left + wide * (value - low) / span

    parts = [f'<path d="M{x_of(0.0):.1f} {TOP - 4}V{bottom + 4}" class="axis"/>']
    for number, row in enumerate(rows):
        y = TOP + step * (number + 0.5)
        colour = PALETTE[kinds.index(row.kind) % len(PALETTE)]
        if math.isfinite(row.value):
            start, stop = sorted((x_of(0.0), x_of(row.value)))
            parts.append(
                f'<rect x="{start:.1f}" y="{y - 7:.1f}" width="{max(stop - start, 0.8):.1f}" height="14" rx="2" '
                f'style="fill:{colour}" fill-opacity=".75"><title>{escape(row.name)}, {escape(row.kind)}: '
                f"{row.value:.3f}</title></rect>"
            )
        if math.isfinite(row.lo) and math.isfinite(row.hi):
            parts.append(f'<path d="M{x_of(row.lo):.1f} {y:.1f}H{x_of(row.hi):.1f}" class="range"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{named(row.name)}</text>')
    for value in [0.0, *(end for end in (low, high) if abs(x_of(end) - x_of(0.0)) > 34)]:
        parts.append(f'<text x="{x_of(value):.1f}" y="{bottom + 19}" text-anchor="middle">{value:.2f}</text>')
    parts.append(f'<text x="{left + wide / 2:.0f}" y="{bottom + 36}" text-anchor="middle" class="soft">'
                 f"{escape(xlabel)}</text>")  # fmt: skip
    for number, kind in enumerate(kinds):
        y0 = bottom + 52 + LEGEND_ROW * number
        colour = PALETTE[number % len(PALETTE)]
        parts.append(f'<rect x="{left}" y="{y0 - 10}" width="14" height="10" rx="2" style="fill:{colour}"/>')
        parts.append(f'<text x="{left + 21}" y="{y0}">{named(kind, 40)}</text>')
    return svg(
        max(left + wide + 30, left + 21 + max((text_width(kind[:40]) for kind in kinds), default=0.0)),
        height,
        label,
        parts,
    )

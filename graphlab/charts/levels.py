"""Groups along one axis as SVG text: the median as a point, the quartiles as the ends of a bar."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from markupsafe import Markup

from graphlab.charts.drawings import PALETTE, short, svg

NAMES, ACROSS, ROW, TOP = 130.0, 300.0, 15.0, 14.0
LONGEST = 20


def levels(rows: Sequence[tuple[str, float, float, float]], xlabel: str, label: str) -> Markup:
    """One row a group, from the top.

    Args:
        rows: name, lower quartile, median, upper quartile.
    """
    low, high = min((row[1] for row in rows), default=0.0), max((row[3] for row in rows), default=1.0)
    low, high = min(low, 0.0), max(high, 0.0)
    scale = ACROSS / (high - low) if high > low else 0.0

    def at(value: float) -> float:
        return NAMES + (value - low) * scale

    bottom = TOP + ROW * len(rows)
    parts = [
        f'<line x1="{at(0):.1f}" y1="{TOP - 6}" x2="{at(0):.1f}" y2="{bottom:.1f}" stroke="currentColor" '
        'stroke-opacity="0.4" stroke-dasharray="3 3"/>',
        f'<text x="{at(0):.1f}" y="{bottom + 14:.1f}" text-anchor="middle">0</text>',
        f'<text x="{NAMES + ACROSS:.1f}" y="{bottom + 28:.1f}" text-anchor="end">{escape(xlabel)}</text>',
    ]
    for number, (name, lower, middle, upper) in enumerate(rows):
        y = TOP + ROW * (number + 0.5)
        parts.append(f'<text x="{NAMES - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(short(name, LONGEST))}</text>')
        parts.append(
            f'<line x1="{at(lower):.1f}" y1="{y:.1f}" x2="{at(upper):.1f}" y2="{y:.1f}" stroke="{PALETTE[0]}" '
            f'stroke-width="3"><title>{escape(name)}: {lower:.3g}, {middle:.3g}, {upper:.3g}</title></line>'
        )
        parts.append(f'<circle cx="{at(middle):.1f}" cy="{y:.1f}" r="3.4" fill="{PALETTE[1]}"/>')
    return svg(NAMES + ACROSS + 20, bottom + 36, label, parts)

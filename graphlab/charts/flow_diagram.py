"""A flow between types as SVG text: types in columns by layer, bands as wide as what flows."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from markupsafe import Markup

from graphlab.charts.drawings import PALETTE, svg

ACROSS, COLUMN, GAP, TALL, BAR, EDGE = 150, 12, 10.0, 360.0, 12.0, 16.0
SHORTEST = 2.0


def flow_diagram(
    names: Sequence[str],
    layer: Sequence[int],
    through: Sequence[float],
    links: Sequence[tuple[int, int, float]],
    label: str,
) -> Markup:
    """Boxes of types, left to right by layer, and bands between them.

    Args:
        through: size of each box. links: from, to (numbers of types), size of the band.
    """
    columns = sorted(set(layer))
    inside = [[k for k in range(len(names)) if layer[k] == column] for column in columns]
    fullest = max((sum(through[k] for k in column) for column in inside), default=0.0)
    most = max((len(column) for column in inside), default=1)
    scale = (TALL - GAP * most) / fullest if fullest > 0 else 0.0
    x, y, high = {}, {}, {}
    lowest = 0.0
    for at, column in enumerate(inside):
        top = EDGE
        for k in column:
            high[k] = max(through[k] * scale, SHORTEST)
            x[k], y[k] = EDGE + at * ACROSS, top
            top += high[k] + GAP
        lowest = max(lowest, top)
    parts = _bands(links, x, y, high, scale, through)
    for k, name in enumerate(names):
        color = PALETTE[columns.index(layer[k]) % (len(PALETTE) - 1)]
        parts.append(
            f'<rect x="{x[k]:.1f}" y="{y[k]:.1f}" width="{BAR}" height="{high[k]:.1f}" fill="{color}">'
            f"<title>{escape(name)}: {through[k]:.4g}</title></rect>"
        )
        parts.append(f'<text x="{x[k] + BAR + 4:.1f}" y="{y[k] + high[k] / 2 + 4:.1f}">{escape(_short(name))}</text>')
    width = 2 * EDGE + max(len(columns), 1) * ACROSS
    return svg(width, lowest + EDGE, label, parts, "flow")


def _bands(
    links: Sequence[tuple[int, int, float]],
    x: dict[int, float],
    y: dict[int, float],
    high: dict[int, float],
    scale: float,
    through: Sequence[float],
) -> list[str]:
    """Bands that leave and enter the boxes one below the other."""
    left, entered = dict(y), dict(y)
    parts = []
    for a, b, size in sorted(links, key=lambda link: (y[link[1]], y[link[0]])):
        wide = max(size * scale, 0.4)
        # A box is at least SHORTEST high, and a band never leaves it.
        from_ = min(left[a] + wide / 2, y[a] + high[a])
        to = min(entered[b] + wide / 2, y[b] + high[b])
        left[a] += wide
        entered[b] += wide
        begin, end = x[a] + BAR, x[b]
        bend = max(abs(end - begin) / 2, ACROSS / 3)
        parts.append(
            f'<path d="M{begin:.1f} {from_:.1f}C{begin + bend:.1f} {from_:.1f} {end - bend:.1f} {to:.1f} {end:.1f} '
            f'{to:.1f}" fill="none" stroke="currentColor" stroke-opacity="0.25" stroke-width="{wide:.2f}"/>'
        )
    return parts


def _short(name: str) -> str:
    return name if len(name) <= COLUMN + 8 else name[: COLUMN + 7] + "…"

"""Figures of analyses as SVG text: counts against null distributions, profiles, heat maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from graphlab.charts.drawings import PALETTE, motif_at, name_width, named, svg, text_width

Floats = npt.NDArray[np.float64]
Edges = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class NullRow:
    """One class in the figure of counts against a null."""

    name: str
    edges: Edges
    size: int
    count: int
    null: Floats
    """Counts of the random graphs."""
    mean: float
    text: str
    """Set at the right: ratio and z."""
    tone: str
    """more, less, plain (not significant) or doubt (z not to be trusted)."""
    note: str = ""


def null_distributions(rows: Sequence[NullRow], label: str, narrow: bool = False) -> Markup:
    """A row a class: the null counts as a violin, the observed count as a diamond, both over the null mean.

    The axis is the ratio to the null mean, logarithmic. A class the graph has none of sits at the left end, one that
    the null never made at the right end.

    Args:
        narrow: laid out for a telephone, drawing and name above one another.
    """
    height_of, left, right, top, width = (58, 64, 140, 30, 420) if narrow else (46, 124, 168, 30, 760)
    lead = 10 if narrow else 22
    span = _ratio_span(rows)
    height = top + height_of * len(rows) + 34
    bottom = top + height_of * len(rows)

    def x_of(ratio: float) -> float:
        part = (math.log2(max(ratio, 1e-300)) - span[0]) / (span[1] - span[0])
        return left + min(max(part, 0.0), 1.0) * (width - left - right)

    parts = []
    for power in range(math.ceil(span[0]), math.floor(span[1]) + 1):
        x = x_of(2.0**power)
        kind = "one" if power == 0 else "grid"
        parts.append(f'<path d="M{x:.1f} {top - 6}V{bottom}" class="{kind}"/>')
        if power % (1 if (span[1] - span[0]) <= (5 if narrow else 9) else 2 if not narrow else 4) == 0:
            parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{_times(power)}</text>')
    parts.append(f'<text x="{(left + width - right) / 2:.0f}" y="{bottom + 31}" text-anchor="middle" class="soft">'
                 "count / mean of the null (log scale)</text>")  # fmt: skip
    parts.append(f'<text x="{width - right + lead}" y="{top - 12}" class="soft">ratio</text>')
    parts.append(f'<text x="{width - 14}" y="{top - 12}" text-anchor="end" class="soft">z</text>')
    for number, row in enumerate(rows):
        y = top + height_of * (number + 0.5)
        up, beside = (26, f'x="10" y="{y + 26:.1f}"') if narrow else (20, f'x="64" y="{y + 4:.1f}"')
        parts.append(f'<g transform="translate(12 {y - up:.1f})">{motif_at(row.edges, row.size, 40.0)}</g>')
        parts.append(f'<text {beside} class="name">{escape(row.name)}</text>')
        parts += _violin(row, y, height_of * 0.40, x_of)
        end = 0.0 if row.count == 0 else (row.count / row.mean if row.mean > 0 else math.inf)
        x = x_of(end) if math.isfinite(end) else width - right
        tip = f"{row.name}: {row.count:,} observed, null mean {row.mean:,.4g}. {row.note}"
        parts.append(
            f'<g class="mark {row.tone}"><title>{escape(tip)}</title><path d="M{x:.1f} {y - 7:.1f}l7 7-7 7-7-7z"/></g>'
        )
        ratio, _, z = row.text.partition("|")
        parts.append(f'<text x="{width - right + lead}" y="{y + 4:.1f}" class="{row.tone}">{escape(ratio)}</text>')
        parts.append(f'<text x="{width - 14}" y="{y + 4:.1f}" text-anchor="end" class="{row.tone}">{escape(z)}</text>')
    return svg(width, height, label, parts)


def profile_lines(names: Sequence[str], columns: Sequence[str], values: Floats, edges: Sequence[Edges] | None,
                  size: int, ylabel: str, label: str, narrow: bool = False) -> Markup:  # fmt: skip
    """One line a graph over the motif classes, whose drawings stand below the axis.

    Args:
        values: [graphs, classes]. edges: of each class; None where there are too many to draw.
        narrow: laid out for a telephone.
    """
    left, top, plot, width, legend = 58, 16, 230, 420 if narrow else 760, 12 + 19 * len(names)
    reach = max(float(np.abs(values).max(initial=0.0)), 0.1) * 1.08
    step = (width - left - 16) / max(len(columns), 1)
    drawn_at = min(40.0, step)
    # Names that would touch stand on two lines.
    stagger = 14 if step < 36 else 0
    foot = 74 + stagger if edges is not None else 40
    height = top + plot + foot + legend
    xs = left + step * (np.arange(len(columns)) + 0.5)

    def y_of(value: float) -> float:
        return top + plot * (reach - value) / (2 * reach)

    parts = []
    for tick in (-0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8):
        if abs(tick) <= reach:
            y = y_of(tick)
            parts.append(f'<path d="M{left} {y:.1f}H{width - 16}" class="{"one" if tick == 0 else "grid"}"/>')
            parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{_minus(f"{tick:g}")}</text>')
    parts.append(f'<text transform="translate(14 {top + plot / 2:.0f}) rotate(-90)" text-anchor="middle" '
                 f'class="soft">{escape(ylabel)}</text>')  # fmt: skip
    for number, name in enumerate(names):
        colour = series_colour(number, len(names))
        points = " ".join(f"{x:.1f},{y_of(float(v)):.1f}" for x, v in zip(xs, values[number], strict=True))
        parts.append(f'<polyline points="{points}" fill="none" style="stroke:{colour}" stroke-width="1.7"/>')
        if step > 6:
            parts += [
                f'<circle cx="{x:.1f}" cy="{y_of(float(v)):.1f}" r="2.8" style="fill:{colour}"/>'
                for x, v in zip(xs, values[number], strict=True)
            ]
        y = top + plot + foot + 19 * number + 8
        parts.append(f'<path d="M{left} {y - 4}h22" style="stroke:{colour}" stroke-width="2.4"/>')
        parts.append(f'<text x="{left + 30}" y="{y}">{named(name, 48 if narrow else 90)}</text>')
    for k, (x, name, drawn) in enumerate(zip(xs, columns, edges or [()] * len(columns), strict=True)):
        if edges is not None:
            picture, y = motif_at(drawn, size, drawn_at), top + plot + 56 + stagger * (k % 2)
            parts.append(f'<g transform="translate({x - drawn_at / 2:.1f} {top + plot + 4})">{picture}</g>')
            parts.append(f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{escape(name)}</text>')
    if edges is None:
        middle = f'<text x="{(left + width) / 2:.0f}" y="{top + plot + 22}" text-anchor="middle" class="soft">'
        parts.append(f"{middle}{len(columns)} classes by mfinder id</text>")
    return svg(width, height, label, parts)


@dataclass(frozen=True)
class Shade:
    """What the shades of a heat map stand for, to be read off its colour bar."""

    name: str
    full: float | None = None
    """Absolute value of full shade; the largest there is when absent."""
    ticks: Mapping[float, str] = field(default_factory=dict)
    """Value -> text; the ends (and 0) when empty."""


def heat_map(rows: Sequence[str], columns: Sequence[str], values: Floats, texts: Sequence[Sequence[str]], label: str,
             shade: Shade, xlabel: str = "", ylabel: str = "", within: float = 900.0) -> Markup:  # fmt: skip
    """Cells shaded by value over a colour bar: one colour above zero, another below, nothing at zero.

    Args:
        values: [rows, columns], NaN for an empty cell. texts: said of each cell when pointed at.
        within: width to keep to, as long as cells stay wide enough to be seen.
    """
    left, head = 34 + name_width(rows), 42 + name_width(columns) * 0.8
    cell = min(max((within - left - 46) / max(len(columns), 1), 11.0), 26.0)
    # The last column's name leans out to the right.
    width = left + cell * len(columns) + max(46.0, name_width(columns[-1:]) * 0.62 + 10)
    bottom = head + cell * len(rows)
    top = shade.full or (float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0) or 1.0
    parts = []
    for k, name in enumerate(columns):
        x = left + cell * (k + 0.5)
        parts.append(f'<text transform="translate({x + 4:.1f} {head - 7:.1f}) rotate(-52)">{named(name)}</text>')
    for i, name in enumerate(rows):
        y = head + cell * i
        parts.append(f'<text x="{left - 7:.1f}" y="{y + cell / 2 + 4:.1f}" text-anchor="end">{named(name)}</text>')
        for k in range(len(columns)):
            value = float(values[i, k])
            if math.isnan(value):
                continue
            gap = 1 if cell > 14 else 0.5
            parts.append(
                f'<rect x="{left + cell * k + gap:.1f}" y="{y + gap:.1f}" width="{cell - 2 * gap:.1f}" '
                f'height="{cell - 2 * gap:.1f}" rx="{2 * gap:g}" class="cell {_tone(value)}" '
                f'fill-opacity="{min(abs(value) / top, 1.0):.3f}"><title>{escape(texts[i][k])}</title></rect>'
            )
    if xlabel:
        parts.append(f'<text x="{left:.0f}" y="13" class="soft">{escape(xlabel)}</text>')
    if ylabel:
        parts.append(f'<text transform="translate(13 {(head + bottom) / 2:.0f}) rotate(-90)" '
                     f'text-anchor="middle" class="soft">{escape(ylabel)}</text>')  # fmt: skip
    low = -top if np.isfinite(values).any() and float(np.nanmin(values)) < 0 else 0.0
    across = max(width, 40 + text_width(shade.name), 220.0)
    parts += _colour_bar(shade, low, top, min(left, across - 196), bottom + 22)
    return svg(round(across), round(bottom + 74), label, parts)


def _tone(value: float) -> str:
    return "warm" if value > 0 else "cool"


def _colour_bar(shade: Shade, low: float, top: float, x: float, y: float, wide: float = 176.0) -> list[str]:
    """Steps of the shades from the lowest to the highest value, with ticks and what they are."""
    steps = 32
    at = low + (np.arange(steps) + 0.5) * (top - low) / steps
    parts = [
        f'<rect x="{x + wide * k / steps:.2f}" y="{y:.1f}" width="{wide / steps:.2f}" height="10" '
        f'class="step {_tone(float(value))}" fill-opacity="{abs(value) / top:.3f}"/>'
        for k, value in enumerate(at)
    ]
    parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="10" class="axis"/>')
    ticks = shade.ticks or {value: f"{value:.3g}" for value in sorted({low, 0.0, top})}
    for value, text in ticks.items():
        place = x + wide * (value - low) / (top - low)
        parts.append(f'<path d="M{place:.1f} {y + 10:.1f}v4" class="axis"/>')
        parts.append(
            f'<text x="{place:.1f}" y="{y + 26:.1f}" text-anchor="middle" class="tick">{escape(_minus(text))}</text>'
        )
    parts.append(f'<text x="{x - 7:.1f}" y="{y + 43:.1f}" class="soft">{escape(shade.name)}</text>')
    return parts


def series_colour(number: int, total: int) -> str:
    """Few series get distinct colours; an ordered many (developmental stages) run through one ramp."""
    if total <= len(PALETTE) - 1:
        return PALETTE[number % len(PALETTE)]
    hue = 250 - 215 * number / max(total - 1, 1)
    return f"hsl({hue:.0f} 62% 52%)"


def _ratio_span(rows: Sequence[NullRow]) -> tuple[float, float]:
    """Ends of the axis in powers of two, wide enough for marks and violins, at most 2^-8 to 2^10."""
    seen = [0.0]
    for row in rows:
        if row.mean > 0:
            ends = [row.count, *np.quantile(row.null, [0.005, 0.995]).tolist()] if len(row.null) else [row.count]
            seen += [math.log2(end / row.mean) for end in ends if end > 0]
    low, high = min(seen), max(seen)
    return max(math.floor(low - 0.3), -8.0), min(math.ceil(high + 0.3), 10.0)


def _violin(row: NullRow, y: float, reach: float, x_of) -> list[str]:  # type: ignore[no-untyped-def]
    """The null's distribution as a mirrored outline of a smoothed histogram on the ratio axis."""
    values = row.null[row.null > 0] / row.mean if row.mean > 0 else np.empty(0)
    if len(values) < 2:
        return []
    logs = np.log2(values)
    spread = float(logs.std())
    if spread < 1e-9:
        return [f'<path d="M{x_of(float(values[0])):.1f} {y - reach:.1f}v{2 * reach:.1f}" class="fixed"/>']
    # Scott's rule; counts that take few values would otherwise show every step.
    width = max(1.06 * spread * len(logs) ** -0.2, 1e-6)
    at = np.linspace(logs.min() - 2.2 * width, logs.max() + 2.2 * width, 61)
    density = np.exp(-0.5 * ((at[:, None] - logs) / width) ** 2).sum(axis=1)
    half = reach * density / density.max()
    xs = [x_of(2.0 ** float(v)) for v in at]
    upper = [f"{x:.1f},{y - h:.1f}" for x, h in zip(xs, half, strict=True)]
    lower = [f"{x:.1f},{y + h:.1f}" for x, h in zip(reversed(xs), reversed(half), strict=True)]
    low, high = (x_of(float(end)) for end in np.quantile(values, [0.025, 0.975]))
    return [
        f'<polygon points="{" ".join(upper + lower)}" class="violin"/>',
        f'<path d="M{low:.1f} {y:.1f}H{high:.1f}" class="range"/>',
    ]


def _times(power: int) -> str:
    return f"{2**power}×" if power >= 0 else f"1/{2**-power}×"


def _minus(text: str) -> str:
    return text.replace("-", "−")

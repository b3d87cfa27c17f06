"""Figures as SVG text: motifs, distributions, maps. Colours follow the page, so light, dark and print all work.

Tests: tests/graphlab/charts/test_analyses.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f")
"""Okabe & Ito (2008), distinct for colour-blind readers; the last one is for everything else."""
WIDTH, HEIGHT = 420, 280
NARROW = 420.0
"""Width of a figure that a telephone shows without shrinking it."""
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 16, 46


def motif(edges: Sequence[tuple[int, int]], size: int, label: str, numbered: bool = False) -> Markup:
    """A circuit motif: neurons on a circle, arrows for connections, double heads for mutual ones.

    Args:
        numbered: each neuron's place, from 0, on its dot.
    """
    across = 92.0
    return svg(across, across, label, [motif_at(edges, size, across, numbered)], "motif")


def motif_at(edges: Sequence[tuple[int, int]], size: int, across: float, numbered: bool = False) -> str:
    """The parts of a motif drawn in a square of that side, to stand inside another figure."""
    scale = across / 92.0
    turn = math.pi / 4 if size == 4 else 0.0
    angles = [-math.pi / 2 - turn + 2 * math.pi * i / size for i in range(size)] if size > 2 else [math.pi, 0.0]
    at = [(46 + 30 * math.cos(a), 46 + 30 * math.sin(a)) for a in angles]
    present = set(edges)
    radius = 9.5 if numbered else 6.0
    gap = radius + 4
    parts = []
    for a, b in sorted(present):
        mutual = (b, a) in present
        if mutual and a > b:
            continue
        (x1, y1), (x2, y2) = at[a], at[b]
        length = math.hypot(x2 - x1, y2 - y1)
        dx, dy = (x2 - x1) / length * gap, (y2 - y1) / length * gap
        line = f'x1="{x1 + dx:.1f}" y1="{y1 + dy:.1f}" x2="{x2 - dx:.1f}" y2="{y2 - dy:.1f}"'
        start = ' marker-start="url(#head)"' if mutual else ""
        parts.append(f'<line {line} class="edge" marker-end="url(#head)"{start}/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="neuron"/>' for x, y in at]
    if numbered:
        parts += [
            f'<text x="{x:.1f}" y="{y + 5:.1f}" text-anchor="middle" class="on">{k}</text>'
            for k, (x, y) in enumerate(at)
        ]
    return f'<g transform="scale({scale:.4f})">{"".join(parts)}</g>'


def arrow_head() -> Markup:
    """The arrow head that every motif of a page refers to; once a page."""
    head = '<marker id="head" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="13" markerHeight="13" '
    head += 'markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" class="head"/></marker>'
    return Markup(f'<svg width="0" height="0" aria-hidden="true"><defs>{head}</defs></svg>')


def distribution(series: dict[str, npt.NDArray[np.float64]], xlabel: str, ylabel: str, label: str) -> Markup:
    """Values above 0 in logarithmic bins, both axes logarithmic, one colour a series.

    Args:
        series: name -> values; bins are eight a decade, counts divided by the bin's width.
    """
    top = max((float(values.max()) for values in series.values() if len(values)), default=1.0)
    low = min((float(values[values > 0].min()) for values in series.values() if (values > 0).any()), default=1.0)
    bins = np.unique(10 ** np.arange(math.floor(math.log10(low) * 8) / 8, math.log10(top) + 0.25, 0.125))
    drawn = {}
    for name, values in series.items():
        counts, edges = np.histogram(values[values > 0], bins=bins)
        density = counts / np.diff(edges)
        keep = counts > 0
        drawn[name] = (np.sqrt(edges[:-1] * edges[1:])[keep], density[keep])
    return curves(drawn, xlabel, ylabel, label, (float(bins[0]), float(bins[-1])))


def curves(
    drawn: Mapping[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]], xlabel: str, ylabel: str, label: str,
    x_range: tuple[float, float] | None = None,
) -> Markup:  # fmt: skip
    """Points above 0 joined by lines, both axes logarithmic, one colour a series.

    Args:
        drawn: name -> x and y of equal length. x_range: ends of the axis, those of the points when None.
    """
    ys = np.concatenate([y for _, y in drawn.values()]) if drawn else np.array([1.0])
    if not len(ys):
        return svg(WIDTH, HEIGHT, label, ['<text x="50%" y="50%" class="note">no values</text>'])
    if x_range is None:
        xs = np.concatenate([x for x, _ in drawn.values()])
        x_range = float(xs.min()), float(xs.max())
    y_range = float(ys.min()), float(ys.max())
    parts = _axes(x_range, y_range, xlabel, ylabel)
    for number, (name, (x, y)) in enumerate(drawn.items()):
        colour = PALETTE[number % len(PALETTE)]
        px, py = _scaled(x, x_range, LEFT, WIDTH - RIGHT), _scaled(y, y_range, HEIGHT - BOTTOM, TOP)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(px, py, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.4" fill="{colour}"/>' for a, b in zip(px, py, strict=True)]
        if len(drawn) > 1:
            x0, y0 = WIDTH - RIGHT - 110, TOP + 14 + 17 * number
            parts.append(f'<circle cx="{x0}" cy="{y0 - 4}" r="4" fill="{colour}"/>')
            parts.append(f'<text x="{x0 + 9}" y="{y0}">{escape(name)}</text>')
    return svg(WIDTH, HEIGHT, label, parts)


def scatter(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], groups: Sequence[str], xlabel: str, ylabel: str, label: str,
    narrow: bool = False,
) -> Markup:  # fmt: skip
    """Points coloured by group; the most frequent groups get colours of their own, the others share grey.

    Args:
        narrow: laid out for a telephone, the legend below.
    """
    width, height, legend = (420, 380, 0) if narrow else (680, 420, 220)
    names, counts = np.unique(np.array(groups, dtype=object).astype(str), return_counts=True)
    order = sorted(zip(names, counts, strict=True), key=lambda item: (-item[1], item[0]))
    shown = [str(name) for name, _ in order[: len(PALETTE) - 1]]
    colour = {name: PALETTE[i] for i, name in enumerate(shown)}
    spans = [(float(v.min()), float(v.max())) if len(v) else (0.0, 1.0) for v in (x, y)]
    right, bottom = width - legend, height - 40
    px = 40 + (x - spans[0][0]) / max(spans[0][1] - spans[0][0], 1e-12) * (right - 60)
    py = bottom - 10 - (y - spans[1][0]) / max(spans[1][1] - spans[1][0], 1e-12) * (bottom - 30)
    parts = [f'<rect x="30" y="10" width="{right - 40}" height="{bottom - 10}" class="frame"/>']
    parts += [
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.6" fill="{colour.get(str(g), PALETTE[-1])}" fill-opacity=".72"/>'
        for a, b, g in zip(px, py, groups, strict=True)
    ]
    entries = [(name, colour[name], int(count)) for name, count in order if str(name) in colour]
    others = int(sum(count for name, count in order if str(name) not in colour))
    if others:
        entries.append((f"{len(order) - len(shown)} other groups", PALETTE[-1], others))
    for number, (name, shade, count) in enumerate(entries):
        x0, y0 = (36, height + 12 + 19 * number) if narrow else (right + 10, 24 + 19 * number)
        parts.append(f'<circle cx="{x0}" cy="{y0 - 4}" r="5" fill="{shade}"/>')
        parts.append(f'<text x="{x0 + 10}" y="{y0}">{named(f"{short(str(name), 20)} ({count:,})", 32)}</text>')
    parts.append(
        f'<text x="{30 + (right - 40) / 2:.0f}" y="{bottom + 22}" text-anchor="middle">{escape(xlabel)}</text>'
    )
    parts.append(
        f'<text transform="translate(18 {10 + (bottom - 10) / 2:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(ylabel)}</text>"
    )
    return svg(width, height + (19 * len(entries) if narrow else 0), label, parts)


def _axes(x_range: tuple[float, float], y_range: tuple[float, float], xlabel: str, ylabel: str) -> list[str]:
    parts = [f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" class="axis"/>']
    for power in _powers(x_range):
        at = _scaled(np.array([10.0**power]), x_range, LEFT, WIDTH - RIGHT)[0]
        parts.append(f'<path d="M{at:.1f} {HEIGHT - BOTTOM}v5" class="axis"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 19}" text-anchor="middle">{_tick(power)}</text>')
    for power in _powers(y_range):
        at = _scaled(np.array([10.0**power]), y_range, HEIGHT - BOTTOM, TOP)[0]
        parts.append(f'<path d="M{LEFT - 5} {at:.1f}h5" class="axis"/>')
        parts.append(f'<text x="{LEFT - 9}" y="{at + 4:.1f}" text-anchor="end">{_tick(power)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(xlabel)}</text>')
    parts.append(
        f'<text transform="translate(13 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(ylabel)}</text>"
    )
    return parts


def _powers(span: tuple[float, float]) -> list[int]:
    low, high = math.ceil(math.log10(span[0]) - 1e-9), math.floor(math.log10(span[1]) + 1e-9)
    step = max(1, (high - low) // 5)
    return list(range(low, high + 1, step))


def _tick(power: int) -> str:
    return str(10**power) if 0 <= power <= 3 else f"10<tspan dy='-5' font-size='9'>{power}</tspan>"


def _scaled(
    values: npt.NDArray[np.float64], span: tuple[float, float], start: float, stop: float
) -> npt.NDArray[np.float64]:
    low, high = math.log10(span[0]), math.log10(span[1])
    return start + (np.log10(values) - low) / max(high - low, 1e-9) * (stop - start)


LONGEST_NAME = 28
"""Characters of a name in a figure; what is longer is cut, and whole when pointed at."""


def text_width(text: str, size: float = 12.0) -> float:
    """Pixels that a text of this size takes, on the wide side: no font is measured."""
    return len(text) * size * 0.6


def name_width(names: Sequence[str], longest: int = LONGEST_NAME) -> float:
    """Pixels that the longest of these names takes as ``named`` writes it."""
    return max((text_width(short(name, longest)) for name in names), default=0.0)


def named(name: str, longest: int = LONGEST_NAME) -> str:
    """Content of a text element: the name escaped, with the whole of it as a title where it is cut."""
    if len(name) <= longest:
        return escape(name)
    return f"{escape(short(name, longest))}<title>{escape(name)}</title>"


def short(text: str, length: int) -> str:
    """The text, cut with an ellipsis to a length."""
    return text if len(text) <= length else text[: length - 1] + "…"


def svg(width: float, height: float, label: str, parts: Sequence[str], kind: str = "plot") -> Markup:
    """An SVG element of these parts, which are trusted: texts in them must be escaped already."""
    body = "".join(parts)
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'class="{kind}" role="img" aria-label={quoteattr(label)}><title>{escape(label)}</title>{body}</svg>'
    )

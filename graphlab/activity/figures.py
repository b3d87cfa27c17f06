"""Figures of activity as SVG text, in the colours and classes of the other figures.

Tests: tests/graphlab/activity/test_section.py.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from graphlab.charts.drawings import NARROW, PALETTE, name_width, named, svg, text_width

Floats = npt.NDArray[np.float64]
LOW, MIDDLE, HIGH = (33, 102, 172), (247, 247, 247), (178, 24, 43)
"""Blue, white, red: distinct for colour-blind readers."""
LONGEST_LABEL = 40
"""Characters of a neuron's name beside its trace."""
LONGEST_SPOKE = 20
LIMIT = 2.5
"""Standard deviations at which the heat map's colour ends."""


def colour(share: float) -> tuple[int, int, int]:
    """From -1 (blue) over 0 (white) to 1 (red)."""
    end = HIGH if share > 0 else LOW
    t = min(1.0, abs(share)) if math.isfinite(share) else 0.0
    red, green, blue = (round(m + (e - m) * t) for m, e in zip(MIDDLE, end, strict=True))
    return red, green, blue


def trace_map(
    rows: npt.NDArray[np.floating], labels: Sequence[str], lines: Mapping[str, Floats], seconds: float, label: str,
    narrow: bool = False,
) -> Markup:  # fmt: skip
    """Traces as an image of one pixel a value, behaviours as lines under it, one time axis.

    Args:
        rows: [traces, bins] in standard deviations. lines: behaviour -> [bins].
        narrow: laid out for a telephone.
    """
    left, row_height, line_height = name_width([*labels, *lines], LONGEST_LABEL) + 10, 13, 44
    wide = max(NARROW - left - 10, 160.0) if narrow else 600.0
    top = 46
    image_height = row_height * len(rows)
    height = top + image_height + (line_height + 8) * len(lines) + 34
    parts = [
        f'<image x="{left}" y="{top}" width="{wide}" height="{image_height}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{_png(rows)}"/>'
    ]
    parts += _key(left, wide, "standard deviations from the trace's mean", LIMIT)
    parts += [
        f'<text x="{left - 6:.0f}" y="{top + row_height * i + 10}" text-anchor="end" class="tick">'
        f"{named(name, LONGEST_LABEL)}</text>"
        for i, name in enumerate(labels)
    ]
    for number, (name, values) in enumerate(lines.items()):
        base = top + image_height + 8 + number * (line_height + 8)
        low, span = float(np.nanmin(values)), float(np.ptp(values)) or 1.0
        x = left + (np.arange(len(values)) + 0.5) * wide / len(values)
        y = base + line_height - (values - low) / span * line_height
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        shade = PALETTE[number % len(PALETTE)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{shade}" stroke-width="1"/>')
        parts.append(
            f'<text x="{left - 6:.0f}" y="{base + line_height / 2 + 3:.0f}" text-anchor="end" class="tick">'
            f"{named(name, LONGEST_LABEL)}</text>"
        )
    parts.append(f'<text x="{left}" y="{height - 8}">0 s</text>')
    parts.append(f'<text x="{left + wide}" y="{height - 8}" text-anchor="end">{seconds:,.0f} s</text>')
    return svg(left + wide + 10, height, label, parts)


def _key(x: float, wide: float, name: str, limit: float) -> list[str]:
    """The colours from blue to red with their ends, above a figure."""
    across, steps = min(wide, 150.0), 30
    parts = []
    for k in range(steps):
        red, green, blue = colour(2 * (k + 0.5) / steps - 1)
        parts.append(
            f'<rect x="{x + across * k / steps:.1f}" y="4" width="{across / steps + 0.2:.1f}" height="9" class="step" '
            f'fill="rgb({red},{green},{blue})"/>'
        )
    for share, text in ((0.0, f"−{limit:.3g}"), (0.5, "0"), (1.0, f"{limit:.3g}")):
        anchor = ("start", "middle", "end")[round(2 * share)]
        parts.append(f'<text x="{x + across * share:.1f}" y="26" text-anchor="{anchor}" class="tick">{text}</text>')
    beside = wide - across > text_width(name, 11) + 12
    at = (x + across + 10, 13) if beside else (x, 37)
    parts.append(f'<text x="{at[0]:.1f}" y="{at[1]}" class="tick soft">{escape(name)}</text>')
    return parts


def intervals(rows: Sequence[Mapping[str, Any]], label: str) -> Markup:
    """Classes on the left, their tuning as a dot with its interval; filled where q <= 0.05."""
    shown = [f"{row['neuron_class']} ({row['traces']})" for row in rows]
    left, wide, step = name_width(shown) + 14, 260, 19
    height = 14 + step * len(rows) + 34
    extent = max([0.1] + [abs(row["value"]) for row in rows]) * 1.25

    def x(value: float) -> float:
        return float(left + wide / 2 + max(-1.0, min(1.0, value / extent)) * wide / 2)

    parts = [f'<path d="M{x(0):.1f} 8V{height - 30}" class="axis"/>']
    for number, row in enumerate(rows):
        y = 20 + step * number
        sure = row["q"] is not None and row["q"] <= 0.05
        lo, hi = row["lo"], row["hi"]
        if lo is not None and math.isfinite(lo):
            parts.append(f'<path d="M{x(lo):.1f} {y - 4}H{x(hi):.1f}" class="axis"/>')
        fill = PALETTE[0] if sure else "none"
        parts.append(f'<circle cx="{x(row["value"]):.1f}" cy="{y - 4}" r="4" fill="{fill}" stroke="{PALETTE[0]}"/>')
        parts.append(f'<text x="{left - 8:.0f}" y="{y}" text-anchor="end">{named(shown[number])}</text>')
    for value in (-extent, 0.0, extent):
        parts.append(f'<text x="{x(value):.1f}" y="{height - 12}" text-anchor="middle">{value:.2f}</text>')
    return svg(left + wide + 20, height, label, parts)


def circuit(
    names: Sequence[str], tuning: Sequence[float], edges: Sequence[tuple[int, int, float]], label: str
) -> Markup:
    """Neurons on a circle by their tuning, blue to red; connections as lines, thicker for more synapses."""
    r, top = 96.0, 40
    width = max(round(2 * (r + 21 + name_width(names, LONGEST_SPOKE) * 11 / 12)), 300)
    order = sorted(range(len(names)), key=lambda i: tuning[i])
    angle = {node: 2 * math.pi * at / len(names) - math.pi / 2 for at, node in enumerate(order)}
    at = {i: (width / 2 + r * math.cos(a), top + width / 2 + r * math.sin(a)) for i, a in angle.items()}
    most = max((w for *_, w in edges), default=1.0) or 1.0
    parts = [
        f'<path d="M{at[a][0]:.1f} {at[a][1]:.1f}L{at[b][0]:.1f} {at[b][1]:.1f}" class="axis" fill="none" '
        f'stroke-opacity=".35" stroke-width="{0.4 + 2.6 * w / most:.2f}"/>'
        for a, b, w in edges
    ]
    limit = max([1e-9] + [abs(value) for value in tuning])
    for node, (x, y) in at.items():
        red, green, blue = colour(tuning[node] / limit)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="rgb({red},{green},{blue})" class="axis"/>')
        out = angle[node]
        tx, ty = x + 13 * math.cos(out), y + 13 * math.sin(out) + 4
        # Turned as the spokes of a wheel, names of neighbours do not touch.
        turn, anchor = (math.degrees(out), "start") if math.cos(out) >= 0 else (math.degrees(out) + 180, "end")
        name = named(names[node], LONGEST_SPOKE)
        parts.append(
            f'<text transform="translate({tx:.1f} {ty - 4:.1f}) rotate({turn:.1f})" dy="4" class="tick" '
            f'text-anchor="{anchor}">{name}</text>'
        )
    parts += _key(10, width - 20, "r", limit)
    return svg(width, width + top, label, parts)


def _png(rows: npt.NDArray[np.floating]) -> str:
    """A small RGB image, one pixel a value, as base64: thousands of rectangles would make a page of megabytes."""
    from PIL import Image

    share = np.clip(np.nan_to_num(rows) / LIMIT, -1.0, 1.0)
    middle = np.array(MIDDLE)
    end = np.where((share > 0)[..., None], np.array(HIGH), np.array(LOW))
    pixels = np.rint(middle + (end - middle) * np.abs(share)[..., None]).astype(np.uint8)
    image = io.BytesIO()
    Image.fromarray(pixels).save(image, "PNG")
    return base64.b64encode(image.getvalue()).decode()

"""Neurons in layers, coloured by type, with the connections between them: a circuit, or paths.

Tests: tests/graphlab/charts/test_plots.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from markupsafe import Markup

from graphlab.charts.drawings import PALETTE, name_width, named, svg
from graphlab.charts.plots.plot import Plot, chart_of, titled, vega

STEP, RADIUS = 42.0, 9.0
LONGEST = 20
UNTYPED = "untyped"


@dataclass(frozen=True)
class Node:
    """One neuron."""

    root_id: int
    name: str
    type: str
    layer: int


@dataclass(frozen=True, kw_only=True, eq=False)
class LayersPlot(Plot):
    """Layers from left to right, connections as curves, thicker for more weight."""

    nodes: Sequence[Node]
    edges: Sequence[tuple[int, int, float]]
    """(place in nodes, place in nodes, weight)."""
    headings: Sequence[str] = ()
    """Of the layers."""

    def rows(self) -> list[dict[str, Any]]:
        """One a connection."""
        return [
            {"pre": self.nodes[a].name, "post": self.nodes[b].name, "pre_root_id": str(self.nodes[a].root_id),
             "post_root_id": str(self.nodes[b].root_id), "weight": weight}
            for a, b, weight in self.edges
        ]  # fmt: skip

    def places(self) -> list[tuple[float, float]]:
        """Middle of every node: layers across, nodes of a layer in their order, centred."""
        layers = sorted({node.layer for node in self.nodes})
        across = max(120.0, name_width([node.name for node in self.nodes], LONGEST) + 64)
        count = {layer: sum(node.layer == layer for node in self.nodes) for layer in layers}
        tallest = max(count.values(), default=1)
        seen = dict.fromkeys(layers, 0)
        at = []
        for node in self.nodes:
            x = 40 + across * layers.index(node.layer)
            lift = 0.5 * (layers.index(node.layer) % 2)  # long connections pass between neurons, not through them
            at.append((x, 52 + STEP * (seen[node.layer] + (tallest - count[node.layer]) / 2 + lift)))
            seen[node.layer] += 1
        return at

    def colours(self) -> dict[str, str]:
        """Of every type: the most frequent have their own, the others share grey."""
        types = [node.type for node in self.nodes if node.type != UNTYPED]
        order = sorted(set(types), key=lambda name: (-types.count(name), name))
        own = dict(zip(order, PALETTE[:-1], strict=False))
        return {node.type: own.get(node.type, PALETTE[-1]) for node in self.nodes}

    def drawing(self, narrow: bool = False) -> Markup:
        at, colours = self.places(), self.colours()
        most = max((weight for *_, weight in self.edges), default=1.0) or 1.0
        right = max((x for x, _ in at), default=0.0) + name_width([n.name for n in self.nodes], LONGEST) + 30
        bottom = max((y for _, y in at), default=0.0) + 30
        parts = [self._edge(at, a, b, weight, most) for a, b, weight in self.edges]
        for node, (x, y) in zip(self.nodes, at, strict=True):
            told = f"{node.name}, {node.type}, {node.root_id}"
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS:g}" class="node" style="fill:{colours[node.type]}">'
                f"<title>{escape(told)}</title></circle>"
            )
            parts.append(f'<text x="{x - RADIUS:.1f}" y="{y - RADIUS - 4:.1f}">{named(node.name, LONGEST)}</text>')
        layers = sorted({node.layer for node in self.nodes})
        for layer, heading in zip(layers, self.headings, strict=False):
            x = next(place[0] for node, place in zip(self.nodes, at, strict=True) if node.layer == layer)
            parts.append(f'<text x="{x - RADIUS:.1f}" y="16" class="name">{named(heading, LONGEST)}</text>')
        legend = [item for item in sorted(colours.items()) if item[1] != PALETTE[-1] or item[0] == UNTYPED]
        others = sorted(name for name, colour in colours.items() if colour == PALETTE[-1] and name != UNTYPED)
        if others:
            legend.append((others[0] if len(others) == 1 else f"others: {', '.join(others)}", PALETTE[-1]))
        for k, (name, colour) in enumerate(legend):
            y = bottom + 18 * k
            parts.append(f'<circle cx="14" cy="{y - 4:.1f}" r="5" style="fill:{colour}"/>')
            parts.append(f'<text x="25" y="{y:.1f}">{named(name, 48)}</text>')
        key = bottom + 18 * len(legend)
        parts.append(f'<text x="8" y="{key:.1f}" class="tick soft">widest line: {most:,.6g}</text>')
        return svg(round(max(right, 300)), round(key + 12), self.title, parts)

    def _edge(self, at: list[tuple[float, float]], a: int, b: int, weight: float, most: float) -> str:
        """A curve from one node to another; one that stays in its layer, or goes back, bends out of the way."""
        (x1, y1), (x2, y2) = at[a], at[b]
        told = f"{self.nodes[a].name} to {self.nodes[b].name}: {weight:,.6g}"
        gap = RADIUS + 3
        if x2 > x1:
            middle = (x1 + x2) / 2
            path = f"M{x1 + gap:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2 - gap:.1f} {y2:.1f}"
        elif x2 == x1:
            bend = x1 + 30 + 0.12 * abs(y2 - y1)
            path = f"M{x1 + gap:.1f} {y1:.1f}C{bend:.1f} {y1:.1f} {bend:.1f} {y2:.1f} {x2 + gap:.1f} {y2:.1f}"
        else:
            low = max(y1, y2) + 0.5 * STEP
            path = (f"M{x1:.1f} {y1 + gap:.1f}C{x1 - 20:.1f} {low:.1f} {x2 + 20:.1f} {low:.1f} "
                    f"{x2:.1f} {y2 + gap:.1f}")  # fmt: skip
        width = 0.8 + 3.2 * weight / most
        return (
            f'<path d="{path}" class="wire" stroke-width="{width:.2f}" marker-end="url(#head)">'
            f"<title>{escape(told)}</title></path>"
        )

    def altair(self) -> Any:
        alt = vega()
        at, colours = self.places(), self.colours()
        dots = [
            {"name": n.name, "type": n.type, "root_id": str(n.root_id), "x": x, "y": -y}
            for n, (x, y) in zip(self.nodes, at, strict=True)
        ]
        lines = [
            {**row, "x": at[a][0], "y": -at[a][1], "x2": at[b][0], "y2": -at[b][1]}
            for row, (a, b, _) in zip(self.rows(), self.edges, strict=True)
        ]
        x, y = alt.X("x:Q", axis=None), alt.Y("y:Q", axis=None)
        scale = alt.Scale(domain=list(colours), range=list(colours.values()))
        wires = chart_of(lines).mark_rule(opacity=0.5).encode(
            x=x, y=y, x2="x2:Q", y2="y2:Q", tooltip=["pre:N", "post:N", "weight:Q"],
            strokeWidth=alt.StrokeWidth("weight:Q", title="weight", scale=alt.Scale(range=[0.8, 4])),
        )  # fmt: skip
        points = chart_of(dots).mark_circle(size=160, opacity=1).encode(
            x=x, y=y, color=alt.Color("type:N", scale=scale), tooltip=["name:N", "type:N", "root_id:N"]
        )  # fmt: skip
        texts = chart_of(dots).mark_text(dy=-14, align="left").encode(x=x, y=y, text="name:N")
        return titled(alt.layer(wires, points, texts), self)

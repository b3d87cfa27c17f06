"""The drawing of a flow: columns by layer, heights by size, texts escaped, bands within their boxes."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from graphlab.charts.flow_diagram import flow_diagram

SVG = "{http://www.w3.org/2000/svg}"


def test_layers_are_columns_and_sizes_are_heights() -> None:
    text = str(
        flow_diagram(["in", "<b>mid", "out"], [0, 1, 2], [4.0, 3.0, 4.0], [(0, 1, 3.0), (1, 2, 3.0), (0, 2, 1.0)], "x")
    )
    figure = ElementTree.fromstring(text)
    boxes = list(figure.iter(f"{SVG}rect"))
    x, high = ([float(box.get(key) or 0) for box in boxes] for key in ("x", "height"))
    assert x == sorted(x)
    assert len(set(x)) == 3
    assert high[1] / high[0] == pytest.approx(0.75, abs=0.01)
    assert [one.text for one in figure.iter(f"{SVG}text")] == ["in", "<b>mid", "out"]
    widths = sorted(float(band.get("stroke-width") or 0) for band in figure.iter(f"{SVG}path"))
    assert widths[2] / widths[0] == pytest.approx(3, rel=0.05)
    assert "<b>" not in text


def test_bands_stay_within_their_boxes() -> None:
    links = [(0, k, 1.0) for k in range(1, 9)]
    text = str(flow_diagram([f"t{k}" for k in range(9)], [0] + [1] * 8, [8.0] + [1.0] * 8, links, "x"))
    box = next(ElementTree.fromstring(text).iter(f"{SVG}rect"))
    top, tall = float(box.get("y") or 0), float(box.get("height") or 0)
    starts = [float(one) for one in re.findall(r'd="M[\d.]+ ([\d.]+)C', text)]
    assert len(starts) == 8
    assert all(top <= y <= top + tall for y in starts)


def test_nothing_to_draw_is_still_a_figure() -> None:
    ElementTree.fromstring(str(flow_diagram([], [], [], [], "nothing")))

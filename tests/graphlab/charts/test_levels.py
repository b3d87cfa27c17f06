"""Levels of groups: medians and quartiles where they belong, zero marked, names escaped."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from graphlab.charts.levels import levels

SVG = "{http://www.w3.org/2000/svg}"


def test_points_stand_where_the_values_are() -> None:
    figure = ElementTree.fromstring(str(levels([("<a>", 0.0, 1.0, 2.0), ("b", -2.0, -1.0, 0.0)], "level", "x & y")))
    points = [float(one.get("cx") or 0) for one in figure.iter(f"{SVG}circle")]
    zero, first, second = ((float(one.get("x1") or 0), float(one.get("x2") or 0)) for one in figure.iter(f"{SVG}line"))
    assert zero[0] == pytest.approx((points[0] + points[1]) / 2, abs=0.2)
    assert first[0] == pytest.approx(zero[0], abs=0.2)
    assert second[1] == pytest.approx(zero[0], abs=0.2)
    assert points[0] == pytest.approx((first[0] + first[1]) / 2, abs=0.2)
    assert "<a>" in [one.text for one in figure.iter(f"{SVG}text")]


def test_nothing_and_one_value_are_figures() -> None:
    for rows in ([], [("a", 0.0, 0.0, 0.0)]):
        ElementTree.fromstring(str(levels(rows, "level", "label")))

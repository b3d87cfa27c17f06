"""Figures: well-formed, escaped, marks where the numbers are."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from graphlab.charts import analyses, drawings
from graphlab.motifs.census.classes import classes

EVIL = '<script>alert("x")</script>&'


def row(name: str, count: int, mean: float, spread: float, tone: str = "more") -> analyses.NullRow:
    null = np.maximum(np.random.default_rng(0).normal(mean, spread, 200), 0)
    return analyses.NullRow(name, classes(3)[8].edges, 3, count, null, mean, "1.6×|15.0", tone)


def marks(svg: str) -> list[float]:
    return [float(x) for x in re.findall(r'class="mark \w+">.*?d="M([\d.]+) ', svg)]


def test_marks_stand_at_their_ratio() -> None:
    svg = analyses.null_distributions([row("a", 100, 100, 5), row("b", 200, 100, 5), row("c", 400, 100, 5)], "figure")
    ElementTree.fromstring(svg)
    one, two, four = marks(svg)
    assert two - one == pytest.approx(four - two, abs=0.2)
    axis = float(re.search(r'd="M([\d.]+) [\d.]+V[\d.]+" class="one"', svg).group(1))
    assert one == pytest.approx(axis)
    assert svg.count('class="violin"') == 3


def test_nothing_and_never_sit_at_the_ends() -> None:
    never = analyses.NullRow("b", (), 3, 7, np.zeros(50), 0.0, "∞|no z", "more")
    svg = analyses.null_distributions([row("a", 0, 100, 5), never, row("c", 100, 100, 0.0)], "figure")
    ElementTree.fromstring(svg)
    assert marks(svg)[:2] == [124.0, 760.0 - 168.0]
    assert 'class="fixed"' in svg


@pytest.mark.parametrize("graphs", [2, 8])
def test_profiles_are_one_line_a_graph(graphs: int) -> None:
    names = [f"{EVIL} {k}" for k in range(graphs)]
    values = np.random.default_rng(1).normal(size=(graphs, 13))
    edges = [one.edges for one in classes(3)[3:]]
    svg = analyses.profile_lines(names, [one.name for one in classes(3)[3:]], values, edges, 3, "z", EVIL)
    root = ElementTree.fromstring(svg)
    assert sum(item.tag.endswith("polyline") for item in root.iter()) == graphs
    assert "<script" not in svg
    assert len({analyses.series_colour(k, graphs) for k in range(graphs)}) == graphs


def test_heat_map_shades_by_value_and_skips_gaps() -> None:
    svg = analyses.heat_map(
        [EVIL, "b"], ["c", "d"], np.array([[2.0, -1.0], [np.nan, 0.0]]), [["w", "x"], ["y", EVIL]], "m",
        analyses.Shade(EVIL),
    )  # fmt: skip
    root = ElementTree.fromstring(svg)
    cells = [item for item in root.iter() if "cell" in (item.get("class") or "")]
    assert [item.get("class") for item in cells] == ["cell warm", "cell cool", "cell cool"]
    assert [float(item.get("fill-opacity")) for item in cells] == [1.0, 0.5, 0.0]
    assert "<script" not in svg


def test_the_colour_bar_has_the_ends_of_the_values() -> None:
    values = np.array([[0.0, 5.0]])
    svg = analyses.heat_map(["a"], ["b", "c"], values, [["", ""]], "m", analyses.Shade("synapses"))
    root = ElementTree.fromstring(svg)
    steps = [float(item.get("fill-opacity")) for item in root.iter() if "step" in (item.get("class") or "")]
    assert steps == sorted(steps), "no value is negative: nothing to white"
    assert steps[0] < 0.05
    assert steps[-1] > 0.95
    texts = [item.text for item in root.iter() if item.tag.endswith("text")]
    assert {"0", "5", "synapses"} <= set(texts)
    both = analyses.heat_map(["a"], ["b", "c"], values - 2, [["", ""]], "m", analyses.Shade("x", 4.0, {-4.0: "1/16"}))
    assert both.count('class="step cool"') == both.count('class="step warm"')
    assert "1/16" in both


@pytest.mark.parametrize("within", [900.0, 420.0])
def test_a_heat_map_keeps_to_its_width(within: float) -> None:
    names = [f"type {k}" for k in range(20)]
    svg = analyses.heat_map(names, names, np.ones((20, 20)), [[""] * 20] * 20, "m", analyses.Shade("x"), within=within)
    assert float(ElementTree.fromstring(svg).get("width", "0")) <= within + 40


def test_long_names_are_cut_and_whole_when_pointed_at() -> None:
    name = "a name of more characters than a figure has room for"
    shown = ElementTree.fromstring(f"<text>{drawings.named(name)}</text>")
    assert shown.text == f"{name[:27]}…"
    assert [one.text for one in shown] == [name]
    assert drawings.named("<b>") == "&lt;b&gt;"


@pytest.mark.parametrize("size", [2, 3, 4])
def test_every_motif_draws_its_connections(size: int) -> None:
    for one in classes(size):
        root = ElementTree.fromstring(drawings.motif(one.edges, size, one.name, numbered=True))
        lines = [item for item in root.iter() if item.get("class") == "edge"]
        heads = sum(1 + (item.get("marker-start") is not None) for item in lines)
        assert heads == len(one.edges)
        assert sum(item.get("class") == "neuron" for item in root.iter()) == size

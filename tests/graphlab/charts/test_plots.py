"""Figures as data: SVG that parses, holds what it was given, escapes names and is the same every time; valid charts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from graphlab.activity.trace_plot import TracesPlot
from graphlab.charts import standing_alone
from graphlab.charts.analyses import NullRow
from graphlab.charts.plots import plot as plots
from graphlab.charts.plots.against_null import AgainstNullPlot
from graphlab.charts.plots.heat_map import HeatMapPlot
from graphlab.charts.plots.layers import LayersPlot, Node
from graphlab.charts.plots.partners import Partner, PartnersPlot
from graphlab.charts.plots.plot import Plot
from graphlab.charts.plots.points import PointsPlot
from graphlab.charts.plots.raster import RasterPlot
from graphlab.motifs.census.classes import classes
from ingest.schema.errors import MissingExtraError, SchemaError

EVIL = '<script>alert("x")</script>&'
ROOT = 720575940624547622


def heat_map() -> HeatMapPlot:
    values = np.array([[3.0, 0.0, 1.0], [0.0, 5.0, 0.0]])
    return HeatMapPlot(title=EVIL, notes=(EVIL,), names=(["a", EVIL], ["x", "y", EVIL]), values=values, what=EVIL)


def layers() -> LayersPlot:
    nodes = [Node(ROOT, "AVAL", "AVA", 0), Node(ROOT + 1, EVIL, EVIL, 0), Node(ROOT + 2, "DA1", "untyped", 1)]
    edges = [(0, 1, 2.0), (0, 2, 7.0), (2, 0, 1.0)]  # inside a layer, onward, back
    return LayersPlot(title="circuit", nodes=nodes, edges=edges, headings=["AVA", EVIL])


def partners() -> PartnersPlot:
    bars = [Partner("inputs", "KC", 30.0, 0.25), Partner("inputs", EVIL, 10.0, None)]
    return PartnersPlot(title="partners", partners=[*bars, Partner("outputs", "MBON", 4.0, 1.0)])


def against_null() -> AgainstNullPlot:
    null = np.random.default_rng(0).normal(100, 5, 200)
    rows = [NullRow(one.name, one.edges, 3, 150, null, 100.0, "1.5×|10", "more") for one in classes(3)[3:6]]
    return AgainstNullPlot(title="motifs", classes=[*rows, NullRow(EVIL, (), 3, 7, np.zeros(5), 0.0, "∞|", "doubt")])


def points() -> PointsPlot:
    at = np.random.default_rng(0).normal(size=(30, 2))
    groups = [EVIL if k % 2 else "KC" for k in range(30)]
    return PointsPlot(title="map", root_ids=[ROOT + k for k in range(30)], points=at, groups=groups, axes=(EVIL, "y"))


def raster() -> RasterPlot:
    return RasterPlot(
        title="spikes", names=["a", EVIL], rates_hz=[20.0, 5.0], neuron=np.array([0, 0, 1]),
        time_ms=np.array([1.0, 50.0, 99.9]), trial=np.array([0, 1, 0]), trials=2, duration_ms=100.0,
    )  # fmt: skip


def traces() -> TracesPlot:
    values = np.random.default_rng(0).normal(size=(4, 20))
    names = ["AVAL", EVIL, "AVAR", "a name that stands whole beside it"]
    return TracesPlot(title="traces", values=values, names=names, behaviors={EVIL: np.arange(20.0)}, seconds=10.0)


MADE = {"heat_map": heat_map, "layers": layers, "partners": partners, "against_null": against_null, "points": points,
        "raster": raster, "traces": traces}  # fmt: skip
MARKS = {
    "heat_map": (3, 'class="cell warm"'),
    "layers": (3, 'class="wire"'),
    "partners": (3, 'class="bar"'),
    "against_null": (4, 'class="mark '),
    "points": (30, 'r="2.6"'),
    "raster": (2, 'class="spikes"'),
    "traces": (1, "<image "),
}


def texts(svg: str) -> list[str]:
    return [(one.text or "") for one in ElementTree.fromstring(svg).iter() if one.tag.endswith("text")]


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("name", list(MADE))
def test_svg_holds_the_data_and_no_markup_of_names(name: str, narrow: bool) -> None:
    figure = MADE[name]()
    svg = figure.svg(narrow)
    number, mark = MARKS[name]
    assert svg.count(mark) == number
    assert "<script" not in svg
    assert svg == MADE[name]().svg(narrow), "the same data give the same bytes"
    assert "<style>" in svg, "it stands alone"
    told = texts(svg)
    assert any("script" in one for one in told)
    assert figure.title in " ".join(told)
    root = ElementTree.fromstring(svg)
    if narrow:
        assert float(root.get("width", "0")) <= (460 if name != "layers" else 520)


@pytest.mark.parametrize("name", list(MADE))
def test_altair_takes_the_same_rows(name: str) -> None:
    pytest.importorskip("altair")
    figure = MADE[name]()
    chart = figure.altair()
    said = chart.to_dict()  # altair checks it against the schema of Vega-Lite
    assert said["title"]["text"] == figure.title
    assert list(said["title"]["subtitle"]) == list(figure.notes)
    text = json.dumps(said)
    rows = figure.rows()
    assert rows
    for key in ("root_id", "pre_root_id"):
        for row in rows:
            if key in row:
                assert isinstance(row[key], str), "JavaScript would round a number"
                assert f'"{row[key]}"' in text
    bundle: Any = figure._repr_mimebundle_()
    shown = bundle[0] if isinstance(bundle, tuple) else bundle
    assert any("vega" in kind or "html" in kind for kind in shown)


def test_layers_stand_in_their_order_and_lines_say_what_they_carry() -> None:
    figure = layers()
    at = figure.places()
    assert at[0][0] == at[1][0] < at[2][0]
    svg = figure.svg()
    assert "AVAL to DA1: 7" in svg
    widths = [float(one.get("stroke-width", "0")) for one in ElementTree.fromstring(svg).iter()
              if one.get("class") == "wire"]  # fmt: skip
    assert widths.index(max(widths)) == 1


def test_more_types_than_colours_share_grey_and_are_named() -> None:
    nodes = [Node(k + 1, f"n{k}", f"type{k}", 0) for k in range(10)]
    svg = LayersPlot(title="t", nodes=nodes, edges=[], headings=[]).svg()
    assert "others: type7, type8, type9" in svg


def test_spikes_stand_at_their_time() -> None:
    svg = raster().drawing()
    (first, second) = [one.get("d", "") for one in ElementTree.fromstring(svg).iter() if one.get("class") == "spikes"]
    xs = [float(part.split()[0]) for part in first.split("M")[1:]]
    late = float(second.split("M")[1].split()[0])
    assert (late - xs[0]) / (xs[1] - xs[0]) == pytest.approx((99.9 - 1) / (50 - 1), rel=0.01)
    assert {"20 Hz", "5 Hz", "100 ms"} <= set(texts(svg))


def test_nothing_to_show_is_still_a_figure() -> None:
    assert "none" in texts(PartnersPlot(title="p", partners=[]).svg())
    lone = LayersPlot(title="one", nodes=[Node(1, "a", "untyped", 0)], edges=[])
    assert "a" in texts(lone.svg())


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = heat_map()
    written = figure.save(tmp_path / "new" / "map.svg")
    assert written.read_text(encoding="utf-8") == figure.svg()
    with pytest.raises(SchemaError, match=r"map\.png: figures are written as \.svg"):
        figure.save(tmp_path / "map.png")
    monkeypatch.setattr(plots, "vega", _absent)
    monkeypatch.setattr("graphlab.charts.plots.heat_map.vega", _absent)
    assert set(figure._repr_mimebundle_()) == {"image/svg+xml", "text/plain"}, "a notebook without Altair sees the SVG"
    with pytest.raises(MissingExtraError):
        figure.save(tmp_path / "map.vl.json")
    assert not (tmp_path / "map.vl.json").exists()


def _absent() -> None:
    raise MissingExtraError("altair", "plots")


def test_a_specification_is_written(tmp_path: Path) -> None:
    pytest.importorskip("altair")
    written = heat_map().save(tmp_path / "map.vl.json")
    assert "vega-lite" in json.loads(written.read_text(encoding="utf-8"))["$schema"]


def test_a_figure_without_notes_has_its_title() -> None:
    class Bare(Plot):
        pass

    svg = standing_alone.framed(heat_map().drawing(), "a title", ())
    assert "a title" in texts(svg)
    with pytest.raises(NotImplementedError):
        Bare(title="x").rows()

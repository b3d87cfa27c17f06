"""Neurons in tables: name, type and id, a link where segments are published, hostile names as text."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from markupsafe import Markup

from graphlab.exchange import neuroglancer
from graphlab.report.neurons import neuron_cell, published

EVIL = '<img src=x onerror="alert(1)">'
ROOT = 720575940624547622


def info(dataset: str, version: str | None) -> Any:
    return SimpleNamespace(dataset=dataset, materialization=version, resolution="4,4,40")


def test_a_published_data_set_has_links() -> None:
    cell = neuron_cell(ROOT, EVIL, "MBON01", published(info("FlyWire", "783")))
    assert isinstance(cell, Markup)
    assert "<img" not in cell
    assert "&lt;img" in cell
    assert cell.striptags().replace(" ", "").endswith(f"·MBON01·{ROOT}")
    address = re.findall('href="([^"]+)"', cell)
    assert len(address) == 1
    assert neuroglancer.segments(address[0].replace("&amp;", "&")) == [ROOT]


def test_others_have_the_words_alone() -> None:
    dataset = published(info("somebody's worm", None))
    assert neuron_cell(7, "AVAL", None, dataset) == "AVAL · 7"
    assert neuron_cell(7, "AVAL", "AVAL", dataset) == "AVAL · 7", "a name that is its type stands once"
    assert neuron_cell(7, None, None, dataset) == "7"
    assert not isinstance(neuron_cell(7, EVIL, None, dataset), Markup), "the page escapes it"

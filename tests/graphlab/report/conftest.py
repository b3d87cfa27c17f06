"""A made connectome with results in it, its pages, and the system's Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from graphlab import Graph
from ingest import synthetic

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EVIL = '<script>fetch("https://example.org/x")</script>'
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with whole.html and motifs.html about a graph whose names are hostile."""
    folder = tmp_path_factory.mktemp("pages")
    made = synthetic.make(folder / "sources", neurons=200, seed=4)
    with Graph.create(folder / "graph", f"connectome {EVIL}", synthetic.RESOLUTION.xyz, "1") as graph:
        text = made.neurons.read_text(encoding="utf-8")
        made.neurons.write_text(text.replace("intrinsic-1", EVIL.replace('"', '""')), encoding="utf-8")
        graph.ingest(made.neurons, as_="neurons")
        graph.ingest(made.synapses, as_="synapses", columns="cave")
        found = graph.significance(3, samples=600, seed=1, min_weight=20)
        other = graph.significance(3, samples=40, seed=1, min_weight=8)
        graph.significance(4, samples=8, seed=1, min_weight=10)
        graph.mine(3, samples=9, seed=1, min_weight=6)
        graph.report(folder / "whole.html")
        graph.report(folder / "motifs.html", motifs=found, compare={f"other {EVIL}": other})
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium; skipped where the system has none, unless GRAPHLAB_NEED_CHROMIUM says it must."""
    if CHROMIUM is None:
        if os.environ.get("GRAPHLAB_NEED_CHROMIUM"):
            pytest.fail("GRAPHLAB_NEED_CHROMIUM is set and no chromium is installed")
        pytest.skip("no chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()

"""Every block of docs/figures.md: Python beside an open graph, commands beside its folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from graphlab import Graph
from graphlab.cli import app
from graphlab.testing.toy import random_graph

PAGE = (Path(__file__).parent.parent / "docs" / "figures.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, flags=re.M | re.S)


def test_every_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("altair")
    monkeypatch.chdir(tmp_path)
    random_graph(tmp_path / "fly", seed=0).close()
    with Graph.open(tmp_path / "fly") as graph:
        for kind, text in BLOCKS:
            if kind == "python":
                exec(compile(text, "docs/figures.md", "exec"), {"graph": graph})
    assert (tmp_path / "adjacency.svg").is_file()
    typed = [line[2:] for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
    assert typed
    for line in typed:
        program, *words = shlex.split(line)
        assert program == "graphlab"
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (line, done.output, done.exception)
        assert ElementTree.parse(tmp_path / words[-1]).getroot().tag.endswith("svg")


def test_the_page_names_every_figure() -> None:
    from graphlab.commands.reports import FIGURES
    from graphlab.verbs.plots.namespace import Plots

    verbs = {name for name in vars(Plots) if not name.startswith("_")}
    assert verbs == set(FIGURES)
    assert all(f"graph.plot.{name}(" in PAGE for name in verbs)

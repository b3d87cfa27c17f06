"""Every block of docs/circuits.md: Python beside two open graphs, commands beside their folders."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphlab import Graph
from graphlab.cli import app
from graphlab.testing.toy import random_graph

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(
    r"^```(\w+)\n(.*?)^```", (ROOT / "docs" / "circuits.md").read_text(encoding="utf-8"), flags=re.M | re.S
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("circuits")
    for seed, name in enumerate(("fly", "other")):
        random_graph(folder / name, seed=seed).close()
    return folder


def test_python_blocks_run(place: Path) -> None:
    blocks = [text for kind, text in BLOCKS if kind == "python"]
    assert blocks
    with Graph.open(place / "fly") as graph, Graph.open(place / "other", read_only=True) as other:
        names = {"graph": graph, "other": other}
        for block in blocks:
            exec(compile(block, "docs/circuits.md", "exec"), names)


def test_commands_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = [line[2:] for kind, text in BLOCKS if kind == "console" for line in text.splitlines() if line[:2] == "$ "]
    assert typed
    monkeypatch.chdir(place)
    for line in typed:
        program, *words = shlex.split(line)
        assert program == "graphlab"
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (line, done.output)

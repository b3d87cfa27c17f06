"""The commands and the Python of docs/scale.md run as they stand, and print what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphlab.cli import app
from graphlab.testing.toy import random_graph
from ingest.schema.errors import GraphlabError

PAGE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")


def test_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    random_graph(tmp_path / "worm", seed=0).close()
    (console,) = re.findall(r"^```console\n(.*?)^```", PAGE, flags=re.M | re.S)
    lines = console.splitlines()
    for command, printed in zip(lines[::2], lines[1::2], strict=True):
        done = CliRunner().invoke(app, shlex.split(command.removeprefix("$ graphlab ")))
        said = done.output
        if isinstance(done.exception, GraphlabError):
            said += str(done.exception)
        else:
            assert done.exit_code == 0, (command, said, done.exception)
        assert printed in said, (command, said)
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.M | re.S)
    with random_graph(tmp_path / "other", seed=1) as graph:
        names = {"graph": graph, "folder": tmp_path / "shared"}
        exec(compile(block, "docs/scale.md", "exec"), names)
    with random_graph(tmp_path / "same", seed=1) as graph:
        wanted = graph.motifs.significance(3, samples=20)
        assert names["found"].counts.tobytes() == wanted.counts.tobytes()  # type: ignore[attr-defined]
    assert capsys.readouterr().out == "1 2 10\n2 2 10\n"


def test_the_forecast_is_what_its_figures_make(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```py\n(.*?)^```", PAGE, flags=re.M | re.S)
    (printed,) = re.findall(r"^```text\n(.*?)^```", PAGE, flags=re.M | re.S)
    exec(compile(block, "docs/scale.md", "exec"), {})
    assert capsys.readouterr().out == printed


def test_the_forecast_takes_figures_that_were_measured() -> None:
    measured = (Path(__file__).parents[1] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for row in (
        "| every block once | 1.68 (1.40 .. 2.02) | 72 | 507 M |",
        "| OpenVINO, bf16, lowest cosine 0.990 | 0.205 (0.202 .. 0.207) | 4.87 |",
        "| `graphlab ingest` | 22.8 | 21.3 .. 24.8 | 3 | 2,196,704 |",
        "| | ours, 2 threads | **0.887** (0.836 .. 0.986), goal 1.4 |",
    ):
        assert row in measured

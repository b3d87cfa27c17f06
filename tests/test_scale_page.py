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

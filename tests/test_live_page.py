"""Every block of docs/live.md: events written, commands typed beside them, Python over the graph they made."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphlab import Graph
from graphlab.cli import app

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs" / "live.md").read_text(encoding="utf-8"), flags=re.M | re.S)


def test_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Graph.create("fly").close()
    Path("events").mkdir()
    of = {kind: [text for found, text in BLOCKS if found == kind] for kind in ("json", "console", "python")}
    assert all(of.values())
    Path("events", "1.jsonl").write_text(of["json"][0])
    for line in (line[2:] for text in of["console"] for line in text.splitlines() if line[:2] == "$ "):
        program, *words = shlex.split(line)
        assert program == "graphlab"
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (line, done.output)
    with Graph.open("fly") as graph:
        names = {"graph": graph}
        for block in of["python"]:
            exec(compile(block, "docs/live.md", "exec"), names)

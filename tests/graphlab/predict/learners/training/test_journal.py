"""A journal is JSON lines, survives a torn line, and takes back what came after a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from graphlab.predict.learners.training.journal import EpochLog


def test_lines_listeners_and_rewinding(tmp_path: Path) -> None:
    seen: list[Mapping[str, Any]] = []
    path = tmp_path / "runs" / "a.jsonl"
    with EpochLog(path, None, seen.append) as journal:
        for run in ("member 0", "member 1"):
            for epoch in (1, 2, 3):
                journal.write({"run": run, "epoch": epoch, "loss": 1.0 / epoch, "score": float("nan")})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == len(seen) == 6
    assert lines[0] == {"run": "member 0", "epoch": 1, "loss": 1.0, "score": None}
    with path.open("a") as file:
        file.write('{"run": "member 1", "ep')
    assert journal.entries() == lines
    journal.rewind("member 1", 1)
    assert [(e["run"], e["epoch"]) for e in journal.entries()] == [
        *(("member 0", k) for k in (1, 2, 3)),
        ("member 1", 1),
    ]
    assert path.read_text().endswith("}\n")


def test_without_a_file_only_listeners_hear() -> None:
    seen: list[Mapping[str, Any]] = []
    journal = EpochLog(None, None, seen.append)
    journal.write({"run": "a", "epoch": 1, "loss": 0.5})
    journal.rewind("a", 0)
    assert journal.entries() == []
    assert len(seen) == 1


@pytest.mark.slow
def test_tensorboard_where_it_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("tensorboard")
    with EpochLog(None, tmp_path) as journal:
        journal.write({"run": "member 0", "epoch": 1, "loss": 0.5})
    assert [file for file in tmp_path.iterdir() if "tfevents" in file.name and file.stat().st_size > 0]

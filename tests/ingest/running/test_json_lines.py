"""Lines of JSON: what is not finite, what a crash cut off, what is taken back."""

from __future__ import annotations

import math
from pathlib import Path

from ingest.running.json_lines import JsonLines


def test_lines_come_back_and_what_a_crash_cut_off_does_not(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "new" / "a.jsonl")
    assert lines.entries() == []
    lines.keep(lambda entry: True)
    for step in range(3):
        lines.append({"step": step, "loss": math.inf if step == 1 else 0.1})
    with lines.path.open("a") as file:
        file.write('{"step": 3, "lo')
    wanted = [{"step": 0, "loss": 0.1}, {"step": 1, "loss": None}, {"step": 2, "loss": 0.1}]
    assert lines.entries() == wanted
    lines.keep(lambda entry: entry["step"] < 2)
    lines.append({"step": 2})
    assert lines.entries() == [*wanted[:2], {"step": 2}]

"""The code of docs/training.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

PAGE = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")


def test_the_trainer_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.M | re.S)
    exec(compile(block, "docs/training.md", "exec"), {"folder": tmp_path})
    loss, per_second, waited = map(float, capsys.readouterr().out.split())
    assert loss < 0.01
    assert per_second > 0
    assert waited >= 0
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.safetensors", "journal.jsonl"}

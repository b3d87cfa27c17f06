"""The Python of docs/ffn.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "ffn.md").read_text(encoding="utf-8")


def test_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.M | re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, "docs/ffn.md", "exec"), {})
    assert "1 0\n" in capsys.readouterr().out

"""The blocks of docs/classifiers.md run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("torch")
PAGE = (Path(__file__).parents[1] / "docs" / "classifiers.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_block_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(python|bash)\n(.*?)^```", PAGE, flags=re.M | re.S)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = ""
    for language, block in blocks:
        command = {"python": [sys.executable, "-c"], "bash": ["bash", "-euo", "pipefail", "-c"]}[language]
        done = subprocess.run(
            [*command, block], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": path},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told += done.stdout
    assert "saved:" in told
    assert "axon" in told


def test_every_predictor_of_the_page_is_one() -> None:
    from graphlab.predict.predictors import predictor_named

    table = PAGE[PAGE.index("| predictor |") : PAGE.index("Every window is")]
    names = re.findall(r"`([^`]+)`", "\n".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    assert "sngp" in names
    for name in names:
        predictor_named(name.replace(" X", " sngp"))

"""The commands of docs/simulation.md run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "simulation.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_command_runs(tmp_path: Path, real_data: Path) -> None:
    (block,) = re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.M | re.S)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path, "DATA": str(real_data)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for words in (
        "count as excitatory",
        "table simulation_rates",
        "table simulation_silencing",
        "table simulation_activity",
    ):
        assert words in " ".join(done.stdout.split())
    assert re.search(r"PNs\W+\d", done.stdout)


def test_every_table_of_the_page_is_one_of_results() -> None:
    from graphlab.store.runs.waiting import RESULT_TABLES

    named = set(re.findall(r"`(simulation_\w+)`", PAGE))
    assert named == {name for name in RESULT_TABLES if name.startswith("simulation_")}

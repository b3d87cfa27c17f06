"""Ray Train: two processes, one lost and both started again, train as one does. Its actors are too slow for tests/."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
NETWORKS = Path(__file__).parents[1] / "graphlab" / "distributed" / "ray_networks.py"


def test_processes_that_train_together_are_one_and_go_on(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, NETWORKS, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["said"], found["lost"], found["same names"], found["left"]) == ("0 of 2", True, True, 0)
    assert found["apart"] <= 1e-6
    assert "3 processes asked; the cluster has 2 CPUs" in found["too many"]
    assert found["refused"] == "no such pairs"

"""CAVE through caveclient, which wants pandas before 3: its cases run in an environment that has both.

``make test`` makes one, ``.venv/cave``; GRAPHLAB_CAVE_PYTHON names another interpreter.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CASES = Path(__file__).with_name("cave_cases.py")


def interpreter() -> Path:
    """One that has caveclient; skipped where there is none, unless GRAPHLAB_NEED_CAVE says there must be."""
    if importlib.util.find_spec("caveclient") is not None:
        return Path(sys.executable)
    found = Path(os.environ.get("GRAPHLAB_CAVE_PYTHON") or Path(sys.prefix) / "cave" / "bin" / "python")
    if not found.exists():
        if os.environ.get("GRAPHLAB_NEED_CAVE"):
            pytest.fail(f"GRAPHLAB_NEED_CAVE is set and there is no {found}")
        pytest.skip("no interpreter with caveclient: make .venv/cave makes one")
    return found


def test_every_case() -> None:
    command = [str(interpreter()), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(CASES)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=500, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{CASES.read_text().count('def test_')} passed" in done.stdout

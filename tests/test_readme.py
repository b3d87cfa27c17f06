"""The README's blocks run as they stand, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.M | re.S)


def run(command: list[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_the_main_job_in_a_shell_and_in_python(tmp_path: Path) -> None:
    """The Python block reads the table that the shell wrote, beside an empty folder."""
    (shell,), (python,) = blocks("bash"), blocks("python")
    assert len(shell.splitlines()) <= 10
    assert len(python.splitlines()) <= 10
    printed = run(["bash", "-euo", "pipefail", "-c", shell], tmp_path)
    assert "AVBL" in printed
    assert '"motif": "030C"' in printed
    assert (tmp_path / "worm.html").stat().st_size > 1_000
    again = tmp_path / "python"
    again.mkdir()
    (tmp_path / "edges.csv").rename(again / "edges.csv")
    printed = run([sys.executable, "-W", "error", "-c", python], again)
    assert "4 rows of connections" in printed
    assert "0 ring" in printed
    assert (again / "worm.html").stat().st_size > 1_000


def test_it_is_short() -> None:
    assert len(README.splitlines()) < 80


def test_the_two_commands_are_in_the_makefile() -> None:
    (block,) = blocks("console")
    makefile = (Path(__file__).parent.parent / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"^\$ make (\w+)", block, flags=re.M)
    assert named == ["demo", "test"]
    assert all(f"\n{name}:" in makefile for name in named)

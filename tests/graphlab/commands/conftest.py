"""The command line as people type it, without a process for each command: tests/graphlab/test_cli.py starts those."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graphlab.cli import main


@dataclass(frozen=True)
class Done:
    """What a shell would see of a command."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str | Path) -> Done:
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["graphlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def graphlab() -> Callable[..., Done]:
    """Run one command; it may end with any exit code."""
    return run


@pytest.fixture(scope="session")
def document() -> Callable[..., Any]:
    """Run one command with ``--json``: the document it prints, which holds no NaN."""

    def printed(*arguments: str | Path) -> Any:
        done = run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))

    return printed


@pytest.fixture(scope="session")
def refusal() -> Callable[..., str]:
    """Run one command that ends with one error of ours: its text."""

    def told(*arguments: str | Path) -> str:
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        return done.stderr

    return told

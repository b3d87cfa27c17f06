"""The shell in a pseudo-terminal: several lines, Ctrl-C stops a question and keeps the session, history, Ctrl-D."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.commands.shell.prompt import is_whole

WAIT = 120.0
"""Seconds before a test gives up; a busy machine takes its time."""


class Terminal:
    """A program behind a pseudo-terminal."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        terminal = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40", **environment}
        # Ctrl-C as a key has to reach it, whatever this process inherited.
        begin = [sys.executable, "-c", "import signal, sys, os; signal.signal(signal.SIGINT, signal.SIG_DFL); "
                 "os.execv(sys.argv[1], sys.argv[1:])", *command]  # fmt: skip
        self.process = subprocess.Popen(
            begin, stdin=theirs, stdout=theirs, stderr=theirs, env=terminal, start_new_session=True
        )
        os.close(theirs)
        self._seen = bytearray()
        self._at = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while part := os.read(self._ours, 65536):
                self._seen += part
                if b"\x1b[6n" in part:  # where is the cursor
                    os.write(self._ours, b"\x1b[1;1R")

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def wait_for(self, text: str) -> None:
        """Until the text appears after what was waited for before."""
        limit = time.monotonic() + WAIT
        while (at := self._seen.find(text.encode(), self._at)) < 0:
            assert time.monotonic() < limit, bytes(self._seen[self._at :]).decode(errors="replace")
            assert self.process.poll() is None, bytes(self._seen).decode(errors="replace")
            time.sleep(0.02)
        self._at = at + len(text)

    def wait_for_prompt(self) -> None:
        """Until keys are read one by one again: what is typed before would be the terminal's own."""
        self.wait_for("\x1b[?2004h")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prompt") / "g"
    rng = np.random.default_rng(3)
    pairs = np.unique(rng.integers(1, 1500, (60_000, 2)), axis=0)
    with Graph.create(folder) as graph:
        rows = {"pre_root_id": pairs[:, 0], "post_root_id": pairs[:, 1], "weight": np.ones(len(pairs))}
        graph.ingest(pd.DataFrame(rows), as_="connections")
    return folder


@pytest.fixture
def shell(made: Path, tmp_path: Path) -> Iterator[Terminal]:
    command = [sys.executable, "-m", "graphlab.cli", "shell", str(made)]
    terminal = Terminal(command, {"GRAPHLAB_HISTORY": str(tmp_path / "asked")})
    yield terminal
    terminal.close()


def test_a_session(shell: Terminal, tmp_path: Path) -> None:
    shell.wait_for_prompt()
    shell.type("SELECT 40 + 2 AS n\r")
    shell.wait_for("...")
    shell.type("FROM range(1);\r")
    shell.wait_for("42")
    shell.wait_for_prompt()
    # Far more walks than a machine counts: it runs until it is stopped.
    tables = "connections a, connections b, connections c"
    shell.type(f"SELECT count(*) FROM {tables} WHERE hash(a.weight, b.post_root_id, c.pre_root_id) = 7;\r")
    shell.wait_for("\x1b[?2004l")
    time.sleep(1.0)
    shell.process.send_signal(signal.SIGINT)
    shell.wait_for("stopped")
    shell.wait_for_prompt()
    shell.type("MATCH (a\r\r")
    shell.wait_for("error: ")
    shell.wait_for_prompt()
    shell.type("half a line\x03")
    shell.wait_for_prompt()
    shell.type("SELECT 7 * 6 * 10 AS n;\r")
    shell.wait_for("420")
    shell.wait_for_prompt()
    shell.type("\x04")
    assert shell.process.wait(WAIT) == 0
    kept = (tmp_path / "asked").read_text()
    assert "+SELECT 7 * 6 * 10 AS n;" in kept
    assert (tmp_path / "asked").stat().st_mode & 0o77 == 0


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", True),
        ("SELECT 1;", True),
        ("SELECT 1", False),
        ("SELECT 1\n", True),
        ("A -> B\nB -> C", False),
        (".help", True),
        (".count A -> B", False),
        (".count A -> B;", True),
    ],
)
def test_when_enter_sends(text: str, whole: bool) -> None:
    assert is_whole(text) == whole

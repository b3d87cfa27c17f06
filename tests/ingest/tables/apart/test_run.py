"""A process that fails, is killed, or finds no end becomes one error."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.schema.errors import ReadError
from ingest.tables.apart import run


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run, "__file__", str(tmp_path / "apart.py"))
    monkeypatch.setattr(run, "SECONDS", 10)
    (tmp_path / "source").write_text("content")
    return tmp_path / "script.py"


def test_what_a_script_prints(script: Path) -> None:
    script.write_text("import sys; print(open(sys.argv[1]).read(), end='')")
    assert run.run_in_child("script.py", script.parent / "source", "file") == b"content"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('a wrong length')", r"source: this is no whole file .*: ValueError: a wrong length"),
        ("import os; os.abort()", r"source: this is no whole file \(truncated or damaged\)$"),
        ("import time; time.sleep(1)\nx = bytearray(5 << 30)", "no whole file .*MemoryError"),
    ],
)
def test_failures(script: Path, code: str, message: str) -> None:
    script.write_text(code)
    with pytest.raises(ReadError, match=message):
        run.run_in_child("script.py", script.parent / "source", "file")


def test_no_end(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SECONDS", 0.5)
    script.write_text("while True: pass")
    with pytest.raises(ReadError, match="finds no end; it is damaged"):
        run.run_in_child("script.py", script.parent / "source", "file")

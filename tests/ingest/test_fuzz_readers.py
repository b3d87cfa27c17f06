"""Damaged files of every format end in an error of ours: no traceback, no hang, no crash, no flood of memory."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).with_name("fuzz_readers.py")


def harness() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_readers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_readers"] = module
    spec.loader.exec_module(module)
    return module


HARNESS = harness()
FORMATS = HARNESS.FORMATS
HALVES = [sorted(FORMATS)[half::2] for half in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("half", range(2))
def test_damaged_files_end_in_our_own_errors(half: int, tmp_path: Path) -> None:
    last = tmp_path / "last"
    command = [sys.executable, str(SCRIPT), str(last), *HALVES[half]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500 * HARNESS.SCALE)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    faults = [line for line in told if "fault" in line]
    assert not faults, "\n".join(f"{line['format']} {line['number']}: {line['fault']}" for line in faults)
    assert done.returncode == 0, f"the process ended at {last.read_text()}: {done.stderr[-2000:]}"
    wanted = {name: FORMATS[name].inputs * HARNESS.SCALE for name in HALVES[half]}
    assert {line["format"]: line["inputs"] for line in told} == wanted


def test_a_run_breaks_so_many_files() -> None:
    """With the 10,000 texts of ``test_fuzz_texts`` more than 20,000 inputs."""
    assert sum(kind.inputs for kind in FORMATS.values()) == 13_904

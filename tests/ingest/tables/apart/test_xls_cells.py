"""The process that reads an old workbook: cells as JSON, an exit code for the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ingest.tables.apart import xls_cells


def run(path: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-P", xls_cells.__file__, str(path)], capture_output=True, check=False)


def test_varshney_cells(real_data: Path) -> None:
    done = run(real_data / "celegans_varshney2011" / "NeuronConnect.xls")
    assert done.returncode == 0
    (rows,) = [rows for rows in json.loads(done.stdout).values() if rows]
    assert rows[0] == ["Neuron 1", "Neuron 2", "Type", "Nbr"]
    assert len(rows) == 6418


def test_no_workbook(tmp_path: Path) -> None:
    (tmp_path / "a.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    assert run(tmp_path / "a.xls").returncode != 0

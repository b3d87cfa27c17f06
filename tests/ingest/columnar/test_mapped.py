"""Mapped files: the bytes of the file whether or not they were let go, and little memory whatever the size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from ingest.columnar.mapped import HELD, MappedFile

ROWS = 10_000_000
PEAK = """
import json, sys
from pathlib import Path
import pyarrow.compute as pc
from ingest.columnar.files import open_columns

def now(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) * 1024

before, most, total = now("VmRSS"), 0, 0
for batch in open_columns(Path(sys.argv[1])).batches:
    total += pc.sum(batch.column(0)).as_py()
    most = max(most, now("VmRSS"))
print(json.dumps([total, most - before]))
"""


def test_bytes_are_those_of_the_file_after_they_were_let_go(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = np.random.default_rng(0).integers(0, 256, 100_000).astype(np.uint8).tobytes()
    path.write_bytes(content)
    mapped = MappedFile(path)
    assert mapped.buffer.to_pybytes() == content
    mapped.was_read(HELD)
    assert mapped.buffer.to_pybytes() == content


def test_an_empty_file_has_no_bytes(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    mapped = MappedFile(path)
    mapped.was_read(HELD)
    assert mapped.buffer.size == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel does not say what a mapping takes")
@pytest.mark.parametrize("ending", ["arrow", "parquet"])
def test_a_large_file_takes_little_memory(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"large.{ending}"
    table = pa.table({"pre_root_id": np.arange(ROWS)})
    if ending == "arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=100_000)
    else:
        pa.parquet.write_table(
            table, path, compression="none", use_dictionary=False, data_page_size=1 << 14, row_group_size=1_000_000
        )
    assert path.stat().st_size > 2 * HELD
    ran = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True)
    total, taken = json.loads(ran.stdout)
    assert total == ROWS * (ROWS - 1) // 2
    assert taken < 1.5 * HELD

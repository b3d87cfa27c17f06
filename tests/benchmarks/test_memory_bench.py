"""Triads of a graph larger than memory: from the tables to the counts, in a container and without.

``GRAPHLAB_BENCH_EDGES`` says how many connections are made; 100_000_000 take 10 GB of disk and 5 GB of memory. A
connection is two ids of 8 bytes and a weight, and a container may take a third of these ids, page cache included. It is
a control group; where none may be made its row is left out, and a line says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

EDGES = int(os.environ.get("GRAPHLAB_BENCH_EDGES", "50_000_000"))
LIMIT = int(os.environ.get("GRAPHLAB_BENCH_CONTAINER", str(EDGES * 16 // 3)))
"""Bytes that the container may take."""
CGROUPS = Path("/sys/fs/cgroup")
PEAKS = ("memory.max_usage_in_bytes", "memory.peak")
COMMAND: list[Any] = [sys.executable, "-m", "graphlab.cli"]
ENTER = """
import os, sys
with open(sys.argv[1], "w") as group:
    group.write(str(os.getpid()))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@pytest.mark.timeout(0)
def test_triads_of_a_graph_larger_than_memory(
    tmp_path: Path, side_by_side: Any, pairs_in_feather: Callable[[Path, int], int]
) -> None:
    graph = tmp_path / "g"
    pairs_in_feather(tmp_path / "pairs.feather", EDGES)
    ingest: list[Any] = ["ingest", graph, tmp_path / "pairs.feather", "--as", "connections", "--columns", "flyem"]
    subprocess.run([*COMMAND, "init", graph], check=True, capture_output=True)
    subprocess.run([*COMMAND, *ingest], check=True, capture_output=True)
    (tmp_path / "pairs.feather").unlink()
    motifs: list[Any] = ["motifs", graph, "--size", "3", "--json", "--no-progress"]

    def counted(before: list[Any], environment: dict[str, str]) -> str:
        shutil.rmtree(graph / "snapshots", ignore_errors=True)
        _forget(graph)
        found = subprocess.run([*before, *motifs], check=True, capture_output=True, text=True, env=environment)
        return json.dumps([[row["motif"], row["count"]] for row in json.loads(found.stdout)["motifs"]])

    ours = {name: value for name, value in os.environ.items() if name != "GRAPHLAB_MEMORY"}
    contenders = {
        f"counted {how}, GRAPHLAB_MEMORY={size}": partial(counted, COMMAND, {**ours, "GRAPHLAB_MEMORY": size})
        for how, size in (("from files", f"{EDGES * 12 >> 20}MB"), ("in memory", f"{(EDGES * 24 >> 20) + 1}MB"))
    }
    with _container(side_by_side.note) as group:
        if group is not None:
            enter = [sys.executable, "-c", ENTER, group / "cgroup.procs", *COMMAND[1:]]
            contenders = {f"in a container of {LIMIT / 1e6:,.0f} MB": partial(counted, enter, ours), **contenders}
        task = f"triads of {EDGES / 1e6:.0f} M connections ({EDGES * 16 / 1e9:.1f} GB of ids), from the tables"
        measured = side_by_side(task, contenders, rounds=1, warmup=0, work=EDGES, unit="connections")
        if group is not None:
            most = max(int(file.read_text()) for file in group.glob("memory.*") if file.name in PEAKS)
            side_by_side.note(f"{task}: at most {most / 1e6:,.0f} MB of the container, page cache included")
            assert most <= LIMIT
    assert len({one.result for one in measured.values()}) == 1


@contextmanager
def _container(note: Callable[[str], None]) -> Iterator[Path | None]:
    """A control group with ``LIMIT`` bytes and no swap; None, and a line in the table, where none may be made."""
    first = (CGROUPS / "memory").is_dir()
    group = (CGROUPS / "memory" if first else CGROUPS) / f"graphlab-bench-{os.getpid()}"
    limit = "memory.limit_in_bytes" if first else "memory.max"
    swap = "memory.memsw.limit_in_bytes" if first else "memory.swap.max"
    try:
        group.mkdir()
        (group / limit).write_text(str(LIMIT))
        if (group / swap).exists():
            (group / swap).write_text(str(LIMIT) if first else "0")
    except OSError as error:
        note(f"no container: {error}")
        yield None
    else:
        yield group
    finally:
        if group.exists():
            group.rmdir()


def _forget(folder: Path) -> None:
    """Let the page cache give up the files of a folder, so that a container pays for what it reads."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

"""Limits of this process, from the environment, read once when a graph is opened."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.schema.errors import GraphlabError
from ingest.schema.limits import as_bytes

MEMORY = 4 << 30
"""What is used where neither the environment nor a container says less."""
SHARE = 4
"""DuckDB may take this part of a container's memory: Python, large work beside DuckDB, and files need the rest."""
_PROC, _CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class DuckDBSettings:
    """What DuckDB may use."""

    memory: str = "4GB"
    """Spills to the graph folder's ``tmp`` above this (GRAPHLAB_MEMORY; a quarter of a container's memory if less)."""
    threads: int = 0
    """0 means every core this process may run on (GRAPHLAB_THREADS)."""

    @classmethod
    def from_environment(cls) -> DuckDBSettings:
        threads = os.environ.get("GRAPHLAB_THREADS", "0")
        if not threads.isdigit():
            raise GraphlabError(f"GRAPHLAB_THREADS is {threads!r}; wanted a number of threads, like 2")
        return cls(os.environ.get("GRAPHLAB_MEMORY") or memory_of_container(), int(threads))

    @property
    def memory_bytes(self) -> int:
        """What large work of this process may take beside DuckDB before it goes on in files.

        Raises:
            SchemaError: no size.
        """
        text = self.memory.strip().lower()
        if text in ("none", "-1"):  # DuckDB's words for no limit
            return sys.maxsize
        if text.endswith("%") and text[:-1].replace(".", "", 1).isdigit():
            whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            return int(whole * float(text[:-1]) / 100)
        size = as_bytes(self.memory, "GRAPHLAB_MEMORY")
        assert size is not None
        return size

    @property
    def cores(self) -> int:
        return self.threads or len(os.sched_getaffinity(0))


def memory_of_container(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> str:
    """What DuckDB may use by itself: 4 GB, or a quarter of what the container of this process may.

    Args:
        proc, cgroups: where Linux says in which control groups this process is, and what these may take.
    """
    limits = [MEMORY * SHARE]
    try:
        groups = [line.split(":", 2)[1:] for line in proc.read_text().splitlines() if line.count(":") >= 2]
    except OSError:  # not Linux
        groups = []
    for controllers, name in groups:
        if "memory" in controllers.split(","):
            root, file = cgroups / "memory", "memory.limit_in_bytes"
        elif not controllers:
            root, file = cgroups, "memory.max"
        else:
            continue
        place = root / name.lstrip("/")  # which is not there where a container sees its own group as the root
        for folder in (place, *place.parents):
            with suppress(OSError, ValueError):  # no limit is the word max
                limits.append(int((folder / file).read_text()))
            if folder == root:
                break
    least = min(limits) // SHARE
    return "4GB" if least >= MEMORY else f"{max(least >> 20, 1)}MiB"

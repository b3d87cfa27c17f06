"""Limits of this process, from the environment, read once when a graph is opened."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from ingest.schema.errors import GraphlabError
from ingest.schema.limits import as_bytes


@dataclass(frozen=True)
class DuckDBSettings:
    """What DuckDB may use."""

    memory: str = "4GB"
    """Spills to the graph folder's ``tmp`` above this (GRAPHLAB_MEMORY)."""
    threads: int = 0
    """0 means every core this process may run on (GRAPHLAB_THREADS)."""

    @classmethod
    def from_environment(cls) -> DuckDBSettings:
        threads = os.environ.get("GRAPHLAB_THREADS", "0")
        if not threads.isdigit():
            raise GraphlabError(f"GRAPHLAB_THREADS is {threads!r}; wanted a number of threads, like 2")
        return cls(os.environ.get("GRAPHLAB_MEMORY", cls.memory), int(threads))

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

"""Limits of this process, from the environment, read once when a graph is opened.

Tests: tests/graphlab/commands/test_counting.py.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ingest.schema.errors import GraphlabError


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
    def cores(self) -> int:
        return self.threads or len(os.sched_getaffinity(0))

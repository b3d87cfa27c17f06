"""Progress: what long work tells whoever waits for it.

Tests: tests/ingest/running/test_task_runners.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Called in the caller's thread, now and then, with counts that never fall."""

    def __call__(self, done: int, total: int, /) -> None:
        """``done`` of ``total`` steps; ``total`` is 0 where nobody knows it beforehand."""


Bars = Callable[[str], Progress | None]
"""Makes a bar for each long step by its name; None where nobody looks."""

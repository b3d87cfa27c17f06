"""What a verb of ``graph.circuits`` gives back: its rows, the run that keeps them, and what has to be said with them.

Tests: tests/graphlab/verbs/circuits/test_flow.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from queries.result import Result


@dataclass(frozen=True, eq=False)
class CircuitResult(Result):
    """The rows of one analysis; queries find the same rows under ``run_id`` in the table ``stored``."""

    engine: str = "circuits"
    run_id: str = ""
    stored: str = ""
    """Table of the graph that holds the rows."""
    notes: tuple[str, ...] = ()
    """What a reader of the numbers has to know, one sentence each."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Single numbers of the whole result."""

    def __repr__(self) -> str:
        return "\n".join([super().__repr__(), *(f"- {note}" for note in self.notes)])

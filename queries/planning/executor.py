"""The seam of the engines: a bound pattern in, Arrow batches out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from queries.planning.bind import BoundPattern
from queries.source import Limits, Source


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an engine expects of a pattern, from degree statistics; orders of magnitude, not promises."""

    rows: float
    """Matches."""
    work: float
    """Elementary steps: rows of all intermediate joins, or adjacency entries looked at."""
    seconds: float
    """Wall time on one core of an ordinary machine."""
    why: str
    """One sentence for EXPLAIN."""


class Executor(Protocol):
    """An engine that answers patterns.

    Every engine gives the same rows for the same bound pattern, in any order unless the pattern orders
    them, with the column names of ``pattern.columns`` and the types of ``BoundPattern.types``.
    """

    @property
    def name(self) -> str:
        """``"duckdb"``, ``"csr"``, ..."""
        ...

    def refusal(self, bound: BoundPattern, source: Source) -> str | None:
        """Why this engine cannot answer the pattern, one sentence; None when it can."""
        ...

    def estimate(self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> Estimate:
        """Expected matches, work and time."""
        ...

    def execute(
        self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any], limits: Limits
    ) -> pa.RecordBatchReader:
        """Answer: batches as they come, LIMIT streamed, ``limits.check()`` called along the way."""
        ...

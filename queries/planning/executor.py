"""The Executor seam: a bound pattern in, Arrow batches out.

Tests: tests/queries/planning/test_plan.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from ingest.registry import Registry
from queries.planning.bound import BoundPattern
from queries.planning.values import Values
from queries.source import Limits, Source


@dataclass(frozen=True, slots=True)
class CostEstimate:
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

    @property
    def loading_s(self) -> float:
        """Seconds that an answer takes longer now, for what has still to be loaded; 0.0 once it has answered."""
        ...

    def refusal(self, bound: BoundPattern, source: Source) -> str | None:
        """Why this engine cannot answer the pattern, one sentence; None when it can."""
        ...

    def measure(self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> None:
        """Leave degree statistics of the pattern's edges in ``source.cache`` if it has them sooner than SQL.

        Asked of every engine before the estimates; most have nothing to do.
        """
        ...

    def estimate(self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> CostEstimate:
        """Expected matches, work and time, ``loading_s`` included."""
        ...

    def inline(self, bound: BoundPattern, values: Values) -> str | None:
        """The pattern as a SELECT that stands in the SQL around it; None where ``execute`` hands the rows over."""
        ...

    def execute(
        self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any], limits: Limits
    ) -> pa.RecordBatchReader:
        """Answer: batches as they come, LIMIT streamed, ``limits.check()`` called along the way."""
        ...


EXECUTORS: Registry[Executor] = Registry("engine", "graphlab.executors", Executor)
"""Engines by name, SQL first: it answers every pattern. They are entered in ``queries.engine``."""

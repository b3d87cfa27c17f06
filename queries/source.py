"""What a query runs over: a connection it is handed, property graphs by name, and snapshots on demand.

Tests: tests/queries/test_engine.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from ingest.running import stopping
from ingest.schema.errors import AnalysisError, InterruptedRun, UnknownNameError
from queries.ir.connectome import CONNECTOME
from queries.ir.property_graph import PropertyGraph
from queries.snapshot import Snapshot


class LimitError(AnalysisError):
    """A time or memory limit that the caller set was reached; nothing of the answer is given."""


def _no_snapshot(kind: str) -> Snapshot:
    raise AnalysisError(f"this source has no snapshot of {kind} connections")


@dataclass(frozen=True, eq=False)
class Source:
    """The handed connection and what is known about its tables.

    ``connection`` is used as it is (registered views would not be seen by its cursors), by one query at a
    time. It should be locked: ``enable_external_access=false``, ``lock_configuration=true``.
    ``snapshot`` maps a kind of connection to its CSR arrays.
    """

    connection: duckdb.DuckDBPyConnection
    property_graphs: Mapping[str, PropertyGraph] = field(default_factory=lambda: {CONNECTOME.name: CONNECTOME})
    snapshot: Callable[[str], Snapshot] = _no_snapshot
    cache: dict[Any, Any] = field(default_factory=dict)
    """Statistics and prepared arrays that hold as long as the tables do not change."""
    suggested: Callable[[], Collection[str]] | None = None
    """Names of tables and views to suggest for an unknown one; all that the connection knows when None."""
    provide: Callable[[str], None] = lambda name: None
    """Told of every relation that a question reads, before it is looked at: whoever hands the source over makes those
    of its relations then that cost something to open."""

    def graph(self, name: str) -> PropertyGraph:
        """The property graph of that name, without regard to case; UnknownNameError otherwise."""
        for key, graph in self.property_graphs.items():
            if key.lower() == name.lower():
                return graph
        raise UnknownNameError("property graph", name, self.property_graphs)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run has to stop. Long loops call ``check()`` between pieces of at most ~0.2 s."""

    deadline: float | None = None
    """On the clock of time.monotonic()."""
    time_limit: float | None = None
    """Seconds, as the caller gave them, for the message."""
    memory_limit: int | None = None
    """Bytes the run may hold."""
    cancelled: Callable[[], bool] = lambda: False
    answer_limit: int | None = None
    """Bytes that the rows may have."""

    @classmethod
    def starting(cls, time_limit: float | None, memory_limit: int | None, begun: float | None = None) -> Limits:
        """Limits of a run that began at ``begun`` on the clock of time.monotonic(), now when None.

        Those of the scope that it works in hold, too (``ingest.running.stopping``).
        """
        deadline = None if time_limit is None else (time.monotonic() if begun is None else begun) + time_limit
        scope = stopping.current()
        if scope is None:
            return cls(deadline, time_limit, memory_limit)
        if scope.deadline is not None and (deadline is None or scope.deadline < deadline):
            deadline, time_limit = scope.deadline, scope.time_limit
        memory = [limit for limit in (memory_limit, scope.memory_limit) if limit is not None]
        return cls(deadline, time_limit, min(memory, default=None), lambda: scope.stopped, scope.answer_limit)

    @property
    def limited(self) -> bool:
        """Whether there is anything to keep to."""
        return self.deadline is not None or self.memory_limit is not None

    def check_answer(self, held: int) -> None:
        """Raise when rows of ``held`` bytes are more than an answer may have."""
        if self.answer_limit is not None and held > self.answer_limit:
            raise LimitError(
                f"the answer has more than {self.answer_limit / 2**20:,.0f} MB, the most that is kept; "
                "add predicates, count instead of listing, or choose fewer columns"
            )

    def check(self, used: int = 0) -> None:
        """Raise when time is up, when ``used`` bytes are too many, or when the run was cancelled."""
        if self.cancelled():
            raise InterruptedRun("the query was stopped; the graph is unchanged")
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise LimitError(
                f"the query ran longer than its time limit of {self.time_limit:g} s; "
                "add predicates, a LIMIT, or raise the time limit"
            )
        if self.memory_limit is not None and used > self.memory_limit:
            raise LimitError(
                f"the query holds {used / 2**20:,.0f} MB, more than its memory limit of "
                f"{self.memory_limit / 2**20:,.0f} MB; add predicates, count instead of listing, "
                "or raise the memory limit"
            )

"""How a graph follows events, and what its feed did so far.

Tests: tests/graphlab/live/test_feed.py.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ingest.schema.errors import SchemaError


@dataclass(frozen=True, slots=True)
class Settings:
    """How a graph follows events."""

    least: int = 1
    """Weight from which on a connection counts for dyads and triads."""
    kind: str = "chemical"
    unknown: str = "add"
    """What becomes of neurons that only synapses name; see ``follower.UNKNOWN``."""
    most: int = 2_048
    """Events of a batch."""
    window_s: float = 0.02
    """How long a batch waits for more events."""
    alert_s: float = 2.0
    """How long a gap, or a server that is gone, lasts before it is an alert."""
    stop_s: float = 60.0
    """How long a gap lasts before following stops."""
    lag: int = 100_000
    """Waiting events from which on the consumer counts as slower than its producers."""
    fold_rows: int = 200_000
    """Changes from which on they are brought into the tables, beside the batches."""
    keep: int | None = None
    """Events whose history is kept; all when None."""
    begin: Mapping[str, int] = field(default_factory=dict)
    """Producer -> the last sequence number that the graph has already, where it is followed for the first time."""

    def __post_init__(self) -> None:
        wanted = [(name, getattr(self, name), 1, 2**31) for name in ("least", "most", "fold_rows")]
        wanted += [("keep", self.keep, 0, 2**63)] if self.keep is not None else []
        wanted += [(f"begin of {name!r}", last, 0, 2**64) for name, last in self.begin.items()]
        for name, value, lowest, beyond in wanted:
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or not lowest <= value < beyond:
                raise SchemaError(f"{name} is {value!r}; wanted a whole number from {lowest} to {beyond - 1:,}")


@dataclass(frozen=True, slots=True)
class Alert:
    """What somebody should look at."""

    kind: str
    text: str
    since: float
    """On the clock of time.time()."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Of a standing query."""

    now: int
    came: int
    went: int
    """Since it stands."""


@dataclass
class Status:
    """What a feed did so far; plain numbers, read by other threads."""

    position: int = 0
    batches: int = 0
    events: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    held: int = 0
    behind: int | None = None
    unreachable_since: float | None = None
    """On the clock of time.time(): from when on the source does not answer, so that nobody knows how much waits."""
    clock_backwards: int = 0
    folds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    latency_s: deque[float] = field(default_factory=lambda: deque(maxlen=1_000))
    """From the moment a batch was read to its commit."""
    matches: dict[str, Matches] = field(default_factory=dict)
    """Name of a standing query -> its matches."""
    alerts: dict[str, Alert] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    @property
    def lag(self) -> int:
        """Events that are known to wait."""
        return self.held + (self.behind or 0)

    @property
    def unreachable_s(self) -> float:
        """How long the source has not answered; 0 where it does."""
        return 0.0 if self.unreachable_since is None else max(0.0, time.time() - self.unreachable_since)

"""What sources that ask a server share: the wait between two questions.

Tests: tests/graphlab/live/sources/test_http_json.py.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from graphlab.live.sources.source import Arrival
from ingest.schema.errors import SchemaError


def seconds_of(options: Mapping[str, str], name: str, default: float) -> float:
    """An option in seconds.

    Raises:
        SchemaError: no number of 0 or more.
    """
    text = options.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise SchemaError(f"{name} is {text!r}; wanted seconds")
    return value


class PolledStream(ABC):
    """Asks for news at most every ``poll_s`` seconds; see ``EventStream``."""

    def __init__(self, poll_s: float) -> None:
        self._poll_s = poll_s
        self._next_poll = -math.inf
        self._more_at_once = False
        """Whether another question waits for nothing, such as a later window."""

    @abstractmethod
    def _ask(self) -> None:
        """Ask for news once."""

    @abstractmethod
    def _some(self, most: int) -> Arrival | None:
        """Up to about ``most`` events of what came."""

    def read(self, most: int, wait_s: float) -> Arrival | None:
        until = time.monotonic() + wait_s
        while True:
            arrival = self._some(most)
            if arrival is not None:
                return arrival
            now = time.monotonic()
            if self._more_at_once or now >= self._next_poll:
                self._more_at_once = False
                self._next_poll = now + self._poll_s
                self._ask()
                continue
            if now >= until:
                return None
            time.sleep(min(until, self._next_poll) - now)

    def committed(self, position: Any) -> None:
        """The server keeps its log whatever is read of it."""
        return

    def close(self) -> None:
        """Nothing stays open."""
        return

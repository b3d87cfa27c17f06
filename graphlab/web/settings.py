"""What a server allows: every limit has a default, an option of ``graphlab serve``, and is shown by ``/api/server``.

Tests: tests/graphlab/web/test_api.py.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from graphlab.config import DuckDBSettings
from ingest.schema.errors import SchemaError
from ingest.schema.limits import as_bytes

MIB = 1 << 20


def _limit(default: Any, unit: str, about: str) -> Any:
    return field(default=default, metadata={"unit": unit, "about": about})


@dataclass(frozen=True)
class Settings:
    """Limits of one server.

    Raises:
        SchemaError: one that is no number above 0.
    """

    time_limit: float = _limit(30.0, "s", "A question that works longer is stopped")
    memory: str | int | None = _limit(None, "bytes", "One question may hold so much; the graph's own, when absent")
    rows: int = _limit(1_000_000, "rows", "An answer is cut after so many rows, and says so")
    answer_mb: int = _limit(256, "MiB", "An answer may have so much; a larger one is refused")
    kept_mb: int = _limit(1024, "MiB", "Answers kept for paging, together; those not looked at for longest go first")
    at_once: int = _limit(4, "questions", "So many work at the same time; others wait")
    waiting: int = _limit(200, "questions", "So many may wait; more are told to come back")
    body_mb: int = _limit(4, "MiB", "The most that a request may send")

    def __post_init__(self) -> None:
        for name in ("time_limit", "rows", "answer_mb", "kept_mb", "at_once", "waiting", "body_mb"):
            value = getattr(self, name)
            if isinstance(value, bool) or not (value > 0 and math.isfinite(value)):
                raise SchemaError(f"{name} is {value!r}; wanted a number above 0")
        self.memory_bytes  # noqa: B018  (an unreadable size is told now)

    @property
    def memory_bytes(self) -> int:
        """Of one question; what DuckDB may use in all, where nothing else was said."""
        chosen = as_bytes(DuckDBSettings.from_environment().memory if self.memory is None else self.memory)
        assert chosen is not None
        return chosen

    def shown(self) -> list[dict[str, Any]]:
        """Every setting for people: name, value, unit, what it does, the option that changes it."""
        listed = []
        for one in dataclasses.fields(self):
            value = self.memory_bytes if one.name == "memory" else getattr(self, one.name)
            option = f"--{one.name.replace('_', '-')}"
            listed.append({"name": one.name, "value": value, **one.metadata, "option": option})
        return listed

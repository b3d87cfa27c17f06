"""The seam of event sources: what is read from a position on, and the registry of what reads it.

Tests: tests/contracts/test_event_sources.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from graphlab.live.events import DeadLetter
from ingest.registry import Registry
from ingest.schema.errors import SchemaError, UnknownNameError


@dataclass(frozen=True, eq=False)
class Arrival:
    """What one read brought."""

    events: pa.Table
    """In ``events.SCHEMA``, checked, as they came."""
    letters: list[DeadLetter]
    """What came and is no event."""
    position: Any
    """JSON: a stream opened with it goes on right after this arrival."""


class SourceUnreachable(Exception):
    """The server of a source does not answer now; it is asked again."""


class EventStream(Protocol):
    """An open source. One thread uses it."""

    def read(self, most: int, wait_s: float) -> Arrival | None:
        """Up to about ``most`` events, as soon as there are any; None when there were none for ``wait_s``.

        Raises:
            SourceUnreachable: the server is gone for now; a later call tries again, and goes on where it was.
            LiveError: what comes next was lost, so going on would skip it.
        """

    def behind(self) -> int | None:
        """How many events (or entries, or files) are known to wait; None where nobody knows."""

    def committed(self, position: Any) -> None:
        """Told of each position that is safe in the graph; a source may let go of what lies before."""

    def close(self) -> None:
        """Let go of files and connections."""


class EventSource(Protocol):
    """One kind of place that events come from."""

    name: str
    options: tuple[str, ...]
    """Words that ``open`` understands."""

    def accepts(self, address: str) -> bool:
        """Whether an address is of this kind; looks at the address alone."""

    def open(self, address: str, position: Any, options: Mapping[str, str]) -> EventStream:
        """Begin to read after a position; from the beginning where it is None.

        Raises:
            LiveError: the position is not in the source any more.
            ReadError: there is no such place. SchemaError: an option of no meaning.
        """


SOURCES: Registry[EventSource] = Registry("event source", "graphlab.event_sources", EventSource)


def source_of(address: str, name: str | None = None) -> EventSource:
    """The source of an address: the one that is named, or the first that accepts it.

    Raises:
        UnknownNameError: no such source, or none that accepts the address.
    """
    if name is not None:
        return SOURCES.get(name)
    for _, source in SOURCES:
        if source.accepts(address):
            return source
    raise UnknownNameError("event source", address, SOURCES.names())


def check_options(source: EventSource, options: Mapping[str, str]) -> None:
    """Refuse what a source does not understand."""
    unknown = sorted(set(options) - set(source.options))
    if unknown:
        known = ", ".join(source.options) or "none"
        raise SchemaError(f"event source {source.name}: unknown option {unknown[0]!r}; known: {known}")

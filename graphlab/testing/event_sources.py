"""The contract of the EventSource seam.

Tests: tests/contracts/test_event_sources.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphlab.live.events import SCHEMA
from graphlab.live.sources.registered import SOURCES
from graphlab.live.sources.source import EventSource, EventStream
from graphlab.testing.refusal import refusal
from ingest.schema.errors import SchemaError


def example_events(first: int, last: int) -> list[dict[str, Any]]:
    """Synapses of a producer ``contract``, by their sequence numbers, as JSON carries them."""
    return [
        {
            "version": 1,
            "producer": "contract",
            "sequence": sequence,
            "event_id": f"contract {sequence}",
            "action": "synapse_added",
            "synapse_id": str(2**63 + sequence),
            "pre_root_id": str(2**64 - 1 - sequence),
            "post_root_id": str(sequence),
        }
        for sequence in range(first, last + 1)
    ]


class EventSourceContract:
    """What every event source does.

    ::

        class TestAcme(EventSourceContract):
            name = "acme"

            def address(self, folder):
                return f"acme://{folder}"

            def send(self, folder, events):
                ...
    """

    name: str
    """Of the entry point."""

    def address(self, folder: Path) -> str:
        """An address of an empty source; ``folder`` is this test's own."""
        raise NotImplementedError("say where an empty source is: def address(self, folder): ...")

    def send(self, folder: Path, events: list[dict[str, Any]]) -> None:
        """Put events into the source, after those that are there."""
        raise NotImplementedError("say how events get into it: def send(self, folder, events): ...")

    def events(self, first: int, last: int) -> list[dict[str, Any]]:
        """Events that the source can carry, as it gives them back; ids are strings or lists of numbers."""
        return example_events(first, last)

    @property
    def source(self) -> EventSource:
        return SOURCES.get(self.name)

    def open(self, folder: Path, position: Any = None) -> EventStream:
        return self.source.open(self.address(folder), position, {})

    def test_words(self, tmp_path: Path) -> None:
        """It is called what its entry point says, knows its addresses, and refuses options that it has not."""
        assert self.source.name == self.name
        assert self.source.accepts(self.address(tmp_path))
        address, unknown = self.address(tmp_path), {"no such option": "1"}
        refusal("an unknown option", lambda: self.source.open(address, None, unknown), SchemaError, saying="no such")

    def test_nothing_is_nothing(self, tmp_path: Path) -> None:
        """An empty source has no events, and does not wait longer than it is told."""
        stream = self.open(tmp_path)
        assert stream.read(10, 0.0) is None
        stream.close()

    def test_every_event_comes_once_and_whole(self, tmp_path: Path) -> None:
        """In pieces of about the size that was asked for, ids to the last digit."""
        sent = self.events(1, 25)
        self.send(tmp_path, sent)
        stream, came = self.open(tmp_path), []
        while (arrival := stream.read(4, 0.0)) is not None:
            assert arrival.events.schema == SCHEMA
            assert not arrival.letters
            came += arrival.events.to_pylist()
        stream.close()
        told = [{name: row[name] for name in sent[0]} for row in came]
        for row in told:
            row |= {name: str(row[name]) for name in ("synapse_id", "pre_root_id", "post_root_id") if name in row}
        assert told == sent

    def test_positions(self, tmp_path: Path) -> None:
        """A stream that is opened at the position of any arrival goes on right after it; positions are JSON."""
        self.send(tmp_path, self.events(1, 12))
        position, came = None, []
        while True:
            stream = self.open(tmp_path, position)
            arrival = stream.read(5, 0.0)
            stream.close()
            if arrival is None:
                break
            position = json.loads(json.dumps(arrival.position))
            came += arrival.events.column("sequence").to_pylist()
        assert came == list(range(1, 13))
        self.send(tmp_path, self.events(13, 14))
        stream = self.open(tmp_path, position)
        arrival = stream.read(100, 0.0)
        assert arrival is not None
        stream.committed(arrival.position)
        assert arrival.events.column("sequence").to_pylist() == [13, 14]
        assert stream.read(100, 0.0) is None
        assert stream.behind() in (0, None)
        stream.close()

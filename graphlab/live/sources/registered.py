"""Every event source by its name: ours are entered here, others come by the entry point ``graphlab.event_sources``.

Tests: tests/contracts/test_event_sources.py.
"""

from __future__ import annotations

from graphlab.live.sources.cave_edits import CaveEdits
from graphlab.live.sources.dvid_mutations import DvidMutations
from graphlab.live.sources.redis_stream import RedisStreams
from graphlab.live.sources.source import SOURCES, EventSource
from graphlab.live.sources.watched_folder import WatchedFolder

__all__ = ["OURS", "SOURCES"]
OURS: tuple[EventSource, ...] = (WatchedFolder(), RedisStreams(), CaveEdits(), DvidMutations())
for _one in OURS:
    SOURCES.register(_one.name, _one)

"""The verbs of a graph that follows events.

Tests: tests/graphlab/verbs/live/test_following.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from graphlab.verbs.open_graph import Namespace

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.live.feed import Feed, Status


class Live(Namespace):
    """Events followed: synapses that come and go, merges, splits, annotations."""

    def follow(
        self,
        address: str,
        source: str | None = None,
        options: Mapping[str, str] | None = None,
        tell: Callable[[str], None] = lambda text: None,
        **settings: Any,
    ) -> Feed:
        """Begin to follow a source; the graph is asked as ever meanwhile, and an ordinary one once the feed is closed.

        >>> with graph.live.follow("events/", least=5) as feed:      # doctest: +SKIP
        ...     feed.run(threading.Event())

        Args:
            address: a folder, ``redis://HOST:PORT/DB?stream=NAME``, ``graphene://...`` of CAVE, ``dvid://...``.
                source: its kind, where the address does not say it.
            options: of the source. tell: hears alerts in words.
            settings: of ``graphlab.live.feed.Settings``, such as ``least`` (weight of a connection in triads),
                ``unknown``, ``most`` (events of a batch), ``keep`` (events of history).

        Raises:
            SchemaError: a graph that cannot follow events, and why. LiveError: the source lost what comes next.
        """
        from graphlab.live.feed import Feed, Settings

        return Feed(self._folder, str(address), Settings(**settings), source, options, tell)

    def replay(
        self, address: str, source: str | None = None, options: Mapping[str, str] | None = None, **settings: Any
    ) -> Status:
        """Take recorded events to their end; what the graph has taken already is passed over.

        Raises:
            LiveError: a gap in a producer's sequence. Everything before it is taken.
        """
        with self.follow(address, source, options, **settings) as feed:
            feed.run(threading.Event(), until_idle_s=0.0)
        return feed.status

    def dead_letters(self) -> pa.Table:
        """Events that had no effect, and why: position, came, producer, sequence, event_id, reason, event."""
        from graphlab.store.live.log import dead_letters

        return dead_letters(self._folder)

    def position(self) -> int:
        """How many events the graph has taken; ``graph.as_of`` takes earlier ones."""
        from graphlab.store.live.going import position

        return position(self._folder)

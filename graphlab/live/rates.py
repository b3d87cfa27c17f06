"""How fast motifs come and go: dyads and triads, and dyads by the types of their neurons, over a sliding window.

Tests: tests/graphlab/live/test_rates.py.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter, deque
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from graphlab.live.applied import Applied
from graphlab.live.follower import Follower
from graphlab.live.wiring import kernels
from graphlab.live.wiring.state import NEURON, Wiring
from graphlab.store.live import reading
from ingest.schema.errors import SchemaError
from ingest.schema.words import KINDS

TypedDyad = tuple[str | None, str | None, bool]
"""Type of the presynaptic neuron, of the postsynaptic one, and whether both synapse onto each other (types sorted)."""
Pair = tuple[int, int]


class SlidingWindow:
    """Sums of changes over the latest events, or seconds, or what is shorter of both.

    A batch counts whole: it leaves once all of it is older than the window.

    Raises:
        SchemaError: no length.
    """

    def __init__(self, events: int | None = None, seconds: float | None = None) -> None:
        wrong = (events is not None and events < 1) or (seconds is not None and not seconds > 0)
        if wrong or (events is None and seconds is None):
            raise SchemaError(f"a window of {events} events and {seconds} s; wanted a positive length of one or both")
        self._events, self._seconds = events, seconds
        self._parts: deque[tuple[int, float, Counter[Hashable]]] = deque()
        self._sum: Counter[Hashable] = Counter()
        self._left: tuple[int, float] | None = None
        """Position and moment of the newest batch that is not in the window."""

    def begin(self, position: int, moment: float) -> None:
        """Say where a first batch begins."""
        self._left = position, moment

    def add(self, position: int, moment: float, change: Mapping[Any, int]) -> None:
        """A batch that ends at a position, and what it changed."""
        part = Counter({key: count for key, count in change.items() if count})
        self._parts.append((position, moment, part))
        self._sum_up(part, 1)
        while self._parts and self._is_old(self._parts[0], position, moment):
            at, when, gone = self._parts.popleft()
            self._left = at, when
            self._sum_up(gone, -1)

    def _sum_up(self, part: Mapping[Hashable, int], by: int) -> None:
        for key, count in part.items():
            self._sum[key] += by * count
            if not self._sum[key]:
                del self._sum[key]

    def _is_old(self, part: tuple[int, float, Counter[Hashable]], position: int, moment: float) -> bool:
        by_events = self._events is not None and part[0] <= position - self._events
        return by_events or (self._seconds is not None and part[1] <= moment - self._seconds)

    @property
    def change(self) -> dict[Any, int]:
        """Net change in the window, of what changed."""
        return dict(self._sum)

    @property
    def events(self) -> int:
        """Events in the window."""
        return self._parts[-1][0] - (self._left or (0, 0.0))[0] if self._parts else 0

    @property
    def seconds(self) -> float:
        """From the batch before the window to its last one."""
        return self._parts[-1][1] - self._left[1] if self._parts and self._left else 0.0


class TypedDyads:
    """One-way and mutual dyads by the types of their neurons, kept up; the kind and weight are the follower's.

    A batch takes time in what it changed, and in the partners of neurons that it gave another type.

    Args:
        column: of neurons.
    """

    def __init__(self, follower: Follower, column: str = "cell_type") -> None:
        self._wiring: Wiring = follower.wiring
        self._column = column
        self._types = reading.neuron_words(follower.folder, column)
        self.counts: Counter[TypedDyad] = Counter()
        found = reading.typed_dyads(follower.folder, column, follower.wiring.kind, follower.wiring.least)
        for pre, post, mutual, count in found:
            self.counts[_key(pre, post, mutual)] += count

    def update(self, done: Applied) -> Counter[TypedDyad]:
        """Take a batch, and say what it changed."""
        now: dict[int, str | None] = {}
        for (_, root_id), (_, row) in sorted(done.neurons.items(), key=lambda item: item[0]):
            now[root_id] = None if row is None else row.get(self._column)
        retyped = [root_id for root_id, word in now.items() if word != self._types.get(root_id)]
        was, stands = self._directed(done)
        pairs = {(min(pair), max(pair)) for pair in was} | self._partners(retyped)
        asked = [one for a, b in pairs for one in ((a, b), (b, a)) if one not in stands]
        unchanged = dict(zip(asked, self._there(asked), strict=True))
        change: Counter[TypedDyad] = Counter()
        for a, b in sorted(pairs):
            old = [was.get(one, unchanged.get(one, False)) for one in ((a, b), (b, a))]
            self._count(change, a, b, old, self._types, -1)
        for root_id in retyped:
            word = now[root_id]
            if word is None:
                self._types.pop(root_id, None)
            else:
                self._types[root_id] = word
        for a, b in sorted(pairs):
            new = [stands.get(one, unchanged.get(one, False)) for one in ((a, b), (b, a))]
            self._count(change, a, b, new, self._types, 1)
        for key, count in change.items():
            self.counts[key] += count
            if not self.counts[key]:
                del self.counts[key]
        return Counter({key: count for key, count in change.items() if count})

    def _count(
        self, into: Counter[TypedDyad], a: int, b: int, there: list[bool], types: Mapping[int, str], by: int
    ) -> None:
        pre, post = types.get(a), types.get(b)
        if all(there):
            into[_key(pre, post, True)] += by
        elif there[0]:
            into[_key(pre, post, False)] += by
        elif there[1]:
            into[_key(post, pre, False)] += by

    def _directed(self, done: Applied) -> tuple[dict[Pair, bool], dict[Pair, bool]]:
        """Connections that changed: whether they were there, and are."""
        changes = done.connections
        if changes is None:
            return {}, {}
        mine = (changes.code == KINDS.index(self._wiring.kind)) & (changes.pre != changes.post)
        pairs = list(zip(changes.pre[mine].tolist(), changes.post[mine].tolist(), strict=True))
        least = self._wiring.least
        was, stands = (changes.before[mine] >= least).tolist(), (changes.after[mine] >= least).tolist()
        return dict(zip(pairs, was, strict=True)), dict(zip(pairs, stands, strict=True))

    def _partners(self, root_ids: list[int]) -> set[Pair]:
        wiring, found = self._wiring, set[Pair]()
        nodes = wiring.nodes_of(np.array(root_ids, np.uint64), known_only=True)
        for root_id, node in zip(root_ids, nodes.tolist(), strict=True):
            if node >= 0:
                for other in wiring.nodes.id[wiring.neighbours(node)].tolist():
                    found.add((min(root_id, other), max(root_id, other)))
        return found

    def _there(self, pairs: list[Pair]) -> list[bool]:
        if not pairs:
            return []
        wiring = self._wiring
        ends = np.array(pairs, np.uint64)
        pre, post = (wiring.nodes_of(ends[:, side], known_only=True) for side in (0, 1))
        known = (pre >= 0) & (post >= 0)
        found = np.zeros(len(pairs), bool)
        inside = (wiring.status[pre[known]] == NEURON) & (wiring.status[post[known]] == NEURON)
        weights = kernels.weights_of(wiring.kinds, pre[known], post[known], KINDS.index(wiring.kind))
        found[known] = inside & (np.asarray(weights) >= wiring.least)
        there: list[bool] = found.tolist()
        return there


class Rates:
    """What motifs did in the latest events: a listener of a feed.

    >>> rates = Rates(feed.follower, events=100_000)      # doctest: +SKIP
    >>> feed.listeners.append(rates)                      # doctest: +SKIP
    >>> rates.triads.change                               # doctest: +SKIP

    Args:
        events, seconds: length of the window. by: a column of neurons to count dyads by, such as cell_type.
    """

    def __init__(
        self, follower: Follower, events: int | None = None, seconds: float | None = None, by: str | None = None
    ) -> None:
        self._wiring = follower.wiring
        self.triads, self.dyads, self.typed = (SlidingWindow(events, seconds) for _ in range(3))
        self.types = TypedDyads(follower, by) if by is not None else None
        self.by = by
        self._before = self._now()
        self._begun = False
        self._lock = threading.Lock()

    def _now(self) -> tuple[dict[str, int], dict[str, int]]:
        return self._wiring.triads(), self._wiring.dyad_counts()

    def shown(self, most: int = 20) -> dict[str, Any]:
        """The windows in plain words and numbers, for other threads; of dyads by types those that changed most."""
        with self._lock:
            typed = heapq.nlargest(most, self.typed.change.items(), key=lambda item: abs(item[1]))
            return {
                "events": self.triads.events,
                "seconds": self.triads.seconds,
                "triads": self.triads.change,
                "dyads": self.dyads.change,
                "by": self.by,
                "typed": [
                    {"pre": pre, "post": post, "mutual": mutual, "change": change}
                    for (pre, post, mutual), change in typed
                ],
            }

    def __call__(self, done: Applied, status: Any = None, moment: float | None = None) -> None:
        with self._lock:
            self._take(done, time.monotonic() if moment is None else moment)

    def _take(self, done: Applied, moment: float) -> None:
        windows = (self.triads, self.dyads, self.typed)
        if not self._begun:
            self._begun = True
            for window in windows:
                window.begin(done.first, moment)
        now = self._now()
        typed: Mapping[Any, int] = self.types.update(done) if self.types is not None else {}
        changes: list[Mapping[Any, int]] = [
            {key: after[key] - before[key] for key in after} for before, after in zip(self._before, now, strict=True)
        ]
        for window, change in zip(windows, (*changes, typed), strict=True):
            window.add(done.position, moment, change)
        self._before = now


def _key(pre: str | None, post: str | None, mutual: bool) -> TypedDyad:
    if mutual and (post or "") < (pre or ""):
        pre, post = post, pre
    return pre, post, mutual

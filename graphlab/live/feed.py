"""A graph that is fed: batches read, put in order, applied, and committed with the position of their source.

Tests: tests/graphlab/live/test_feed.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakSet

import numpy as np
import pyarrow as pa

from graphlab.live.applied import Applied, counted
from graphlab.live.commits import Commits
from graphlab.live.events import DeadLetter, LiveError
from graphlab.live.follower import Follower
from graphlab.live.order import Followed, Sequencer
from graphlab.live.outliers import MergeCandidates
from graphlab.live.rates import Rates
from graphlab.live.rows import batch_of
from graphlab.live.sources.registered import SOURCES
from graphlab.live.sources.source import EventStream, SourceUnreachable, source_of
from graphlab.live.standing import StandingQuery
from graphlab.live.status import Alert, Matches, Settings, Status
from graphlab.store.database import disk_errors
from graphlab.store.embeddings.files import EmbeddingSet
from graphlab.store.folder import Folder
from graphlab.store.live import going, log
from graphlab.store.live.log import Batch
from ingest.schema.errors import DiskError, StoreError

__all__ = ["SOURCES", "Alert", "Feed", "Matches", "Settings", "Status"]


Listener = Callable[[Applied, Status], None]
_OPEN: WeakSet[Feed] = WeakSet()
"""Feeds that are not closed."""
FOLD_AGAIN_S = 10.0
"""How long changes are not brought into the tables after the disk had no room for it."""


class Feed:
    """A graph that follows one source.

    Args:
        address: of the source. source: its name, where the address alone does not say it.
        options: of the source.
        tell: hears of alerts as they come and go, in words.

    Raises:
        SchemaError: a graph that cannot follow events. LiveError: a source that lost what comes next.
        StoreError: another feed of it is open.
    """

    def __init__(
        self,
        folder: Folder,
        address: str,
        settings: Settings | None = None,
        source: str | None = None,
        options: Mapping[str, str] | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder, self.address, self.settings = folder, address, settings or Settings()
        self.status, self._tell = Status(), tell
        self.listeners: list[Listener] = []
        """Called after each commit, in the thread that feeds."""
        found = source_of(address, source)
        self._name = f"{found.name} {address}"
        other = next((one for one in list(_OPEN) if one.folder is folder), None)
        if other is not None:
            raise StoreError(
                f"{folder.path} follows {other.address} already; a graph has one feed at a time. Close that one first, "
                "or let its source bring the events of all producers"
            )
        going.start(folder)
        try:
            self.follower = Follower(folder, self.settings.least, self.settings.kind, self.settings.unknown)
            self._sequencer = Sequencer(self._followed())
            self._reached = log.reached(folder, self._name)
            self._stream: EventStream = found.open(address, self._reached, options or {})
        except BaseException:
            going.settle(folder)
            raise
        _OPEN.add(self)
        self.standing: dict[str, StandingQuery] = {}
        self.rates: Rates | None = None
        self.merges: MergeCandidates | None = None
        self.status.position = going.position(folder)
        self.seen = counted(self.follower.wiring, self.status.position)
        """For other threads."""
        self._letters: list[DeadLetter] = []
        self._latest: Any = self._reached
        self._waiting_since: float | None = None
        self._gap_at: list[tuple[str, int]] = []
        self._first_seen: dict[str, float] = {}
        self._time: int | None = None
        self._kinds: set[str] = set()
        """Kinds of connections that the tables are known to have from synapses."""
        self._commits = Commits(folder)
        self._taken: tuple[Applied, list[DeadLetter], Batch, float] | None = None
        """What is in memory, and waits for room on the disk."""
        self._unfolded = 0
        self._fold_from = 0.0
        self._folding: threading.Thread | None = None
        self._failed: BaseException | None = None
        self._unreachable: SourceUnreachable | None = None

    def _followed(self) -> dict[str, Followed]:
        known = {name: Followed(last, first, latest) for name, last, first, latest in log.producers(self.folder)}
        return {name: Followed(last) for name, last in self.settings.begin.items()} | known

    def stand(self, name: str, text: str, language: str | None = None) -> StandingQuery:
        """Keep a question's answer up from now on; listeners find it in ``standing`` as each batch leaves it.

        Raises:
            AnalysisError: a question that cannot be kept up, and why. ParseError: no question.
        """
        query = self.standing[name] = StandingQuery(self.follower, text, language)
        self.status.matches[name] = Matches(sum(query.rows.values()), 0, 0)
        return query

    def watch_rates(self, events: int | None = None, seconds: float | None = None, by: str | None = None) -> Rates:
        """Keep up from now on how motifs come and go, over the latest events or seconds; see ``Rates``."""
        self.rates = Rates(self.follower, events, seconds, by)
        self.listeners.append(self.rates)
        return self.rates

    def watch_merges(self, embeddings: EmbeddingSet) -> MergeCandidates:
        """Set the parts of every merge from now on against each other by the embeddings that are stored of them."""
        merges = self.merges = MergeCandidates()
        merges.stored(embeddings)

        def look(done: Applied, status: Status) -> None:
            merges.update(done)

        self.listeners.append(look)
        return merges

    # -- the loop --

    def run(self, stop: threading.Event, until_idle_s: float | None = None) -> None:
        """Follow until ``stop`` is set, or nothing came for ``until_idle_s``.

        Raises:
            LiveError: a gap that was not filled, a source that lost events, or that cannot be reached when nothing came
                for so long. DiskError: the disk was full for so long; without ``until_idle_s`` it is waited for room.
        """
        idle_since = time.monotonic()
        while not stop.is_set():
            if self.step(0.2 if until_idle_s is None else min(0.2, until_idle_s)):
                idle_since = time.monotonic()
            elif until_idle_s is not None and time.monotonic() - idle_since >= until_idle_s:
                if self._commits.error is not None:
                    raise self._commits.error
                self._stop_at_gap(0.0)
                if self._unreachable is not None:
                    raise LiveError(f"{self._unreachable}; whether there are more events is not known")
                return

    def step(self, wait_s: float = 0.2) -> bool:
        """Read one batch and commit it; False where nothing came, or the disk has no room for what came before.

        After an error of it only ``close`` is left: memory may be ahead of the tables, which a later batch would not
        tell. A feed that is made anew goes on where the tables are.
        """
        if self._failed is not None:
            raise self._failed
        try:
            if self._taken is not None:
                return self._take_again(wait_s)
            came = self._collect(wait_s)
            if came is not None:
                self._take(*came)
        except BaseException as error:
            self._failed = error
            raise
        self._look_at_gaps()
        return came is not None and self._taken is None

    def _take_again(self, wait_s: float) -> bool:
        """Commit what waits for room, where there is room by now."""
        self._look_behind()
        assert self._taken is not None
        if not self._commits.again(wait_s):
            return False
        self._calm("disk")
        taken, self._taken = self._taken, None
        self._committed(*taken)
        return True

    def _take(self, events: pa.Table, letters: list[DeadLetter], read_at: float) -> None:
        """Put what arrived in order, and commit what has its turn."""
        ordered, duplicates = self._sequencer.take(events, letters)
        self._letters += letters
        self.status.held = self._sequencer.held
        self.status.duplicates += duplicates
        if not self._sequencer.held:
            self._reached = self._latest
        if ordered.num_rows or not self._sequencer.held:
            self._commit(ordered, duplicates, read_at)

    def _collect(self, wait_s: float) -> tuple[pa.Table, list[DeadLetter], float] | None:
        """What arrives within the window of one batch."""
        tables: list[pa.Table] = []
        letters: list[DeadLetter] = []
        rows, read_at = 0, 0.0
        until = time.monotonic() + wait_s
        while rows < self.settings.most:
            left = until - time.monotonic()
            try:
                arrival = self._stream.read(self.settings.most - rows, max(0.0, left))
                self._unreachable = self.status.unreachable_since = None
                self._calm("unreachable")
            except SourceUnreachable as error:
                self._unreachable = error
                self.status.unreachable_since = self.status.unreachable_since or time.time()
                self._alert("unreachable", f"{error}; asking again", self.settings.alert_s)
                time.sleep(min(0.1, max(0.0, left)))
                arrival = None
                if left > 0:
                    continue
            if arrival is None:
                break
            if not read_at:
                read_at = time.monotonic()
                until = read_at + self.settings.window_s
            tables.append(arrival.events)
            letters += arrival.letters
            rows += max(1, arrival.events.num_rows)
            self._latest = arrival.position
        self._look_behind()
        if not read_at:
            return None
        return (pa.concat_tables(tables).combine_chunks() if len(tables) > 1 else tables[0]), letters, read_at

    def _look_behind(self) -> None:
        """How much waits; of a source that cannot be reached nobody knows."""
        status = self.status
        status.behind = None if self._unreachable is not None else self._stream.behind()
        if status.lag > self.settings.lag:
            self._alert("lag", f"{status.lag:,} events wait: producers are faster than this graph follows")
        elif self._unreachable is None:
            self._calm("lag")

    def _commit(self, events: pa.Table, duplicates: int, read_at: float) -> None:
        self._watch_clock(events)
        done = self.follower.apply(events, self.status.position)
        letters, self._letters = (self._letters, []) if not self._sequencer.held else ([], self._letters)
        batch = batch_of(self.follower, done, letters, self._sequencer.followed, duplicates, self._name, self._reached)
        batch = replace(batch, kinds=sorted({*batch.kinds} - self._kinds))
        if self._commits.commit(batch):
            self._committed(done, letters, batch, read_at)
        else:
            self._taken = done, letters, batch, read_at
            self._alert("disk", f"{self._commits.error}. Nothing is lost; it goes on once there is room")

    def _committed(self, done: Applied, letters: list[DeadLetter], batch: Batch, read_at: float) -> None:
        """Tell others what is in the tables now."""
        status = self.status
        self._kinds.update(batch.kinds)
        self._stream.committed(self._reached)
        status.position = batch.position
        self.seen = counted(self.follower.wiring, batch.position)
        status.batches += 1
        status.events += batch.events
        status.dead_letters += len(done.letters) + len(letters)
        status.counts.update(done.counts)
        status.latency_s.append(time.monotonic() - read_at)
        if letters or done.letters:
            newest = [*done.letters, *letters][-1]
            self._alert("dead letters", f"{status.dead_letters:,} events had no effect; the latest: {newest.reason}")
        self._fold_beside(sum(rows.num_rows for rows in batch.rows.values()))
        for name, query in self.standing.items():
            came, went = query.update(done)
            known = status.matches[name]
            status.matches[name] = Matches(
                sum(query.rows.values()), known.came + sum(came.values()), known.went + sum(went.values())
            )
        for listener in self.listeners:
            listener(done, status)

    def _watch_clock(self, events: pa.Table) -> None:
        times = events.column("time").drop_null()
        if not len(times):
            return
        values = times.cast(pa.int64()).to_numpy()
        before = np.concatenate([[values[0] if self._time is None else self._time], values[:-1]])
        back = int((values < before).sum())
        self._time = int(values[-1])
        if back:
            self.status.clock_backwards += back
            self._alert(
                "clock",
                f"the clock of producers ran backwards {self.status.clock_backwards:,} times; sequences say the order",
            )

    # -- what somebody should look at --

    def _look_at_gaps(self) -> None:
        if not self._sequencer.held:
            self._waiting_since = None
            self._calm("gap")
            return
        gaps = self._sequencer.gaps()
        told = "; ".join(map(str, gaps))
        now = time.monotonic()
        if self._waiting_since is None or self._gap_at != [(gap.producer, gap.missing) for gap in gaps]:
            self._waiting_since, self._gap_at = now, [(gap.producer, gap.missing) for gap in gaps]
        waited = now - self._waiting_since
        if waited >= self.settings.alert_s:
            self._alert("gap", told)
        self._stop_at_gap(self.settings.stop_s)

    def _stop_at_gap(self, after_s: float) -> None:
        if self._waiting_since is not None and time.monotonic() - self._waiting_since >= after_s:
            told = "; ".join(map(str, self._sequencer.gaps()))
            raise LiveError(
                f"{told}. Everything before it is in the graph and nothing after it; let the producer send it again, "
                "then follow again"
            )

    def _alert(self, kind: str, text: str, after_s: float = 0.0) -> None:
        known = self.status.alerts.get(kind)
        since = known.since if known else self._first_seen.setdefault(kind, time.time())
        if known is None and time.time() - since < after_s:
            return
        self.status.alerts[kind] = Alert(kind, text, since)
        if known is None:
            self._tell(f"{kind}: {text}")

    def _calm(self, kind: str) -> None:
        self._first_seen.pop(kind, None)
        if self.status.alerts.pop(kind, None) is not None:
            self._tell(f"{kind}: over")

    # -- tables --

    def _fold_beside(self, rows: int) -> None:
        """Bring changes into the tables in another thread, once there are many."""
        self._unfolded += rows
        busy = self._folding is not None and self._folding.is_alive()
        if self._unfolded < self.settings.fold_rows or busy or time.monotonic() < self._fold_from:
            return
        self._unfolded = 0
        self._folding = threading.Thread(target=self._fold, name="fold", daemon=True)
        self._folding.start()

    def _fold(self) -> None:
        try:
            with disk_errors(self.folder.path):
                going.fold(self.folder)
                self.status.folds += 1
                if self.settings.keep is not None:
                    going.trim(self.folder, self.status.position - self.settings.keep)
        except DiskError:  # it is committed, so the batches tell whether there is room
            self._fold_from = time.monotonic() + FOLD_AGAIN_S
            self._unfolded = self.settings.fold_rows
        except BaseException as error:
            self._failed = error

    def close(self) -> None:
        """End following: the graph is an ordinary one again."""
        _OPEN.discard(self)
        self._stream.close()
        if self._folding is not None:
            self._folding.join()
        with disk_errors(self.folder.path):
            self._commits.revive()
            going.settle(self.folder)

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

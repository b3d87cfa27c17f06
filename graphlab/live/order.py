"""The order that counts is each producer's sequence: duplicates are passed over, what comes early waits for the gap.

Sequences of a producer begin at 1, or after the one that was said when it was followed for the first time.

Tests: tests/graphlab/live/test_order.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.live.events import DeadLetter, LiveError, empty


@dataclass(slots=True)
class Followed:
    """How far a producer's sequence has come."""

    last: int = 0
    first_event_id: str | None = None
    last_event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """What a producer's sequence lacks."""

    producer: str
    missing: int
    """The first sequence number that has not come."""
    next: int
    """The lowest one that has come and waits."""
    waiting: int
    """How many events wait."""

    def __str__(self) -> str:
        return (
            f"producer {self.producer!r}: sequence {self.missing:,} has not come, {self.waiting:,} later events wait "
            f"(from {self.next:,} on)"
        )


@dataclass
class Sequencer:
    """Puts events in order.

    Args:
        followed: producer -> how far it has come; changed as events are taken.
    """

    followed: dict[str, Followed] = field(default_factory=dict)
    _held: pa.Table = field(default_factory=empty)
    _dead: dict[str, set[int]] = field(default_factory=dict)

    @property
    def held(self) -> int:
        """How many events wait for earlier ones."""
        return int(self._held.num_rows)

    def gaps(self) -> list[Gap]:
        """One for every producer of which events wait."""
        if not self.held:
            return []
        found = []
        for producer, rows in _by_producer(self._held).items():
            sequences = self._held.column("sequence").to_numpy()[rows]
            last = self.followed.setdefault(producer, Followed()).last
            found.append(Gap(producer, last + 1, int(sequences.min()), len(rows)))
        return sorted(found, key=lambda gap: gap.producer)

    def take(self, table: pa.Table, letters: Sequence[DeadLetter] = ()) -> tuple[pa.Table, int]:
        """Events whose turn has come, in order, and how many were duplicates.

        Args:
            table: events as they came. letters: what came with them and is none; its sequence numbers count as come.

        Raises:
            LiveError: a producer that counts anew.
        """
        for letter in letters:
            if letter.producer is not None and letter.sequence is not None:
                self._dead.setdefault(letter.producer, set()).add(letter.sequence)
        every = table if not self.held else pa.concat_tables([self._held, table]).combine_chunks()
        groups = _by_producer(every)
        for producer in self._dead:
            groups.setdefault(producer, np.empty(0, np.int64))
        sequences = every.column("sequence").to_numpy() if every.num_rows else np.empty(0, np.uint64)
        taken, waiting, order, duplicates = [], [], [], 0
        for producer, rows in groups.items():
            mine, keep, later, again = self._turn(producer, rows, sequences[rows], every)
            taken.append(mine)
            order.append(keep)
            waiting.append(later)
            duplicates += again
        rows = np.concatenate(taken) if taken else np.empty(0, np.int64)
        rows = rows[np.argsort(np.concatenate(order), kind="stable")] if len(taken) > 1 else rows
        left = np.sort(np.concatenate(waiting)) if waiting else np.empty(0, np.int64)
        self._held = every.take(pa.array(left)) if len(left) else empty()
        if len(rows) == every.num_rows and (not len(rows) or (rows == np.arange(len(rows))).all()):
            return every, duplicates
        return every.take(pa.array(rows)), duplicates

    def _turn(
        self, producer: str, rows: npt.NDArray[np.int64], sequences: npt.NDArray[np.uint64], every: pa.Table
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        """Rows of a producer in order, where among others each belongs, rows that wait, and duplicates."""
        state = self.followed.setdefault(producer, Followed())
        old = sequences <= state.last
        if old.any():
            self._refuse_new_count(producer, state, rows[old], sequences[old], every)
        by = np.argsort(sequences, kind="stable")
        by = by[~old[by]]
        ascending = sequences[by]
        first = np.ones(len(by), bool)
        first[1:] = ascending[1:] != ascending[:-1]
        self._refuse_two(producer, rows, by, first, every)
        by, ascending = by[first], ascending[first]
        dead = np.array(sorted(s for s in self._dead.get(producer, ()) if s > state.last), np.uint64)
        came = np.union1d(ascending, dead) if len(dead) else ascending
        in_turn = came == np.uint64(state.last) + np.arange(1, len(came) + 1, dtype=np.uint64)
        run = len(came) if in_turn.all() else int(np.argmin(in_turn))
        reached = int(came[run - 1]) if run else state.last
        mine = ascending <= reached
        taken = rows[by[mine]]
        if len(taken):
            ids = every.column("event_id")
            if state.first_event_id is None and state.last == 0:
                state.first_event_id = ids[int(taken[0])].as_py()
            state.last_event_id = ids[int(taken[-1])].as_py() if int(ascending[mine][-1]) == reached else None
        state.last = reached
        self._dead[producer] = {s for s in self._dead.get(producer, ()) if s > reached}
        if not self._dead[producer]:
            del self._dead[producer]
        waiting = rows[by[~mine]]
        return taken, np.maximum.accumulate(taken), waiting, len(rows) - len(taken) - len(waiting)

    def _refuse_two(
        self,
        producer: str,
        rows: npt.NDArray[np.int64],
        by: npt.NDArray[np.int64],
        first: npt.NDArray[np.bool_],
        every: pa.Table,
    ) -> None:
        """One event that came twice is passed over; two events of one number are not one."""
        ids = every.column("event_id")
        for place in np.flatnonzero(~first):
            one, other = (ids[int(rows[by[at]])].as_py() for at in (place - 1, place))
            if one != other:
                number = every.column("sequence")[int(rows[by[place]])].as_py()
                raise LiveError(
                    f"producer {producer!r} sent two events of the sequence number {number:,}: {one!r} and {other!r}. "
                    "Each producer needs a name of its own; nothing of these events was taken"
                )

    def _refuse_new_count(
        self, producer: str, state: Followed, rows: npt.NDArray[np.int64], sequences: npt.NDArray[Any], every: pa.Table
    ) -> None:
        known = {1: state.first_event_id, state.last: state.last_event_id}
        for number, event_id in known.items():
            for row in rows[sequences == number] if event_id is not None else ():
                found = every.column("event_id")[int(row)].as_py()
                if found != event_id:
                    raise LiveError(
                        f"producer {producer!r} counts anew: its event {number:,} was {event_id!r} and now is "
                        f"{found!r}. Give a producer that begins again another name; nothing of these events was taken"
                    )


def _by_producer(table: pa.Table) -> dict[str, npt.NDArray[np.int64]]:
    """Producer -> its rows, ascending."""
    if not table.num_rows:
        return {}
    encoded = table.column("producer").combine_chunks().dictionary_encode()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    names = encoded.dictionary.to_pylist()
    if len(names) == 1:
        return {names[0]: np.arange(table.num_rows)}
    indices = encoded.indices.to_numpy()
    return {name: np.flatnonzero(indices == number) for number, name in enumerate(names)}


def plain(followed: Mapping[str, Followed]) -> list[tuple[str, int, str | None, str | None]]:
    """Rows of the table of producers."""
    return [(name, f.last, f.first_event_id, f.last_event_id) for name, f in sorted(followed.items())]

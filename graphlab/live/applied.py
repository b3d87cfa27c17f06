"""What a batch of events did, and the looks at its columns that this takes.

Tests: tests/graphlab/live/test_follower.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.live.events import SYNAPSE_ADDED, SYNAPSE_REMOVED, DeadLetter
from graphlab.live.wiring.arrays import Array
from graphlab.live.wiring.state import Changes, Moves, Totals, Wiring, word_of


class Refused(Exception):
    """Why an event has no effect."""


@dataclass(eq=False)
class Applied:
    """What a batch did."""

    first: int
    """Position before its first event."""
    position: int
    letters: list[DeadLetter] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Action -> events that had an effect; and what to know of them."""
    connections: Changes | None = None
    neuropils: Changes | None = None
    compartments: Changes | None = None
    totals: Totals | None = None
    moves: list[tuple[Array, Moves]] = field(default_factory=list)
    """Positions and moves of synapses."""
    synapses: list[pa.Table] = field(default_factory=list)
    gone: list[tuple[int, int, str]] = field(default_factory=list)
    chunks: list[tuple[str, int]] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    neurons: dict[tuple[int, int], tuple[dict[str, Any] | None, dict[str, Any] | None]] = field(default_factory=dict)
    """(position, root id) -> the row of the neuron before and after."""
    touched: set[int] = field(default_factory=set)
    """Root ids of neurons whose shape or name an edit changed, those that are gone with it among them."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The wiring as the last commit left it: whole, whatever the batch that is being taken does to it meanwhile."""

    position: int
    """Events that the graph has taken."""
    neurons: int
    connections: int
    synapses: int
    reciprocity: float
    dyads: Mapping[str, int]
    triads: Mapping[str, int]


def counted(wiring: Wiring, position: int) -> Counted:
    """What a wiring adds up to; for the thread that changes it."""
    return Counted(
        position, wiring.neurons, wiring.connections, wiring.synapse_count, wiring.reciprocity(), wiring.dyad_counts(),
        wiring.triads(),
    )  # fmt: skip


def runs_of(events: pa.Table) -> Iterator[tuple[int, int, bool]]:
    """Rows from, to, and whether they are of synapses; other events one by one."""
    words, indices = words_of(events.column("action")), indices_of(events.column("action"))
    synaptic = np.array([word in (SYNAPSE_ADDED, SYNAPSE_REMOVED) for word in words], bool)[indices]
    at = 0
    breaks = np.flatnonzero(np.diff(synaptic)) + 1
    for end in [*breaks.tolist(), len(synaptic)]:
        if synaptic[at]:
            yield at, end, True
        else:
            yield from ((row, row + 1, False) for row in range(at, end))
        at = end


def words_of(column: pa.ChunkedArray) -> list[str]:
    found: list[str] = column.combine_chunks().dictionary_encode().dictionary.to_pylist()
    return found


def indices_of(column: pa.ChunkedArray) -> Array:
    found: Array = column.combine_chunks().dictionary_encode().indices.to_numpy()
    return found


def whole_numbers(part: pa.Table, name: str) -> Array:
    column = part.column(name)
    values: Array = (column.fill_null(0) if column.null_count else column).to_numpy()
    return values


def iter_words(changes: Changes, codes: Any) -> Iterable[tuple[str, Any]]:
    """Kind and word of each changed key."""
    known = {int(code): word_of(codes, int(code)) for code in np.unique(changes.code)}
    return (known[int(code)] for code in changes.code)

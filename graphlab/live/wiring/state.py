"""The wiring of a live graph in memory: synapses, what they add up to, dyads and triads, kept up event by event.

It is made from the tables when a graph is followed, and thrown away afterwards: the tables are what holds.

Tests: tests/graphlab/live/wiring/test_wiring.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from graphlab.live.wiring import arrays, dyads, kernels
from graphlab.live.wiring.arrays import (
    CONNECTIONS,
    MUTUAL,
    NEURONS,
    ONE_WAY,
    TAIL,
    Dyads,
    Pairs,
    Synapses,
    grown,
    power,
)
from graphlab.motifs.census.codes import TRIAD_LABELS, man_label
from ingest.schema.words import KINDS

Array = npt.NDArray[Any]
ABSENT, NEURON, OUTSIDE, GONE = range(4)
"""What a root id is: none of the graph; a neuron; one that is no graph node; one that a merge or split took away."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Synapses as they come; texts are codes of ``Wiring.codes``."""

    id: Array
    pre: Array
    post: Array
    """uint64 [rows] root ids."""
    weight: Array
    counts: Array
    kind: Array
    neuropil: Array
    sides: Array
    """int32 [rows]: codes of neuropils and of pairs of compartments, 0 where unknown."""
    pre_voxel: Array
    post_voxel: Array


class Moves(NamedTuple):
    """Synapses that came, went or moved, in their order. Nodes; -1 where it was not, or is not."""

    id: Array
    before_pre: Array
    before_post: Array
    after_pre: Array
    after_post: Array


class Changes(NamedTuple):
    """What a batch did to summed weights: root ids, code, weight before and after."""

    pre: Array
    post: Array
    code: Array
    before: Array
    after: Array


class Totals(NamedTuple):
    """What a batch did to totals of neurons."""

    root_id: Array
    received_before: Array
    sent_before: Array
    received: Array
    sent: Array


class Codes:
    """Texts as small numbers; 0 is unknown (None)."""

    def __init__(self) -> None:
        self.words: list[Any] = [None]
        self._codes: dict[Any, int] = {None: 0}

    def of(self, word: Any) -> int:
        code = self._codes.get(word)
        if code is None:
            code = self._codes[word] = len(self.words)
            self.words.append(word)
        return code


class Wiring:
    """The wiring that is kept up.

    Args:
        least: weight from which on a connection is one for dyads and triads; a whole number of 1 or more.
        kind: of the connections that are analysed.
        by_neuropil, by_compartment: whether weights are kept by those.
    """

    def __init__(
        self, least: int = 1, kind: str = "chemical", by_neuropil: bool = False, by_compartment: bool = False
    ) -> None:
        self.least, self.kind = least, kind
        self.neuropils, self.compartments = Codes(), Codes()
        self.by_neuropil, self.by_compartment = by_neuropil, by_compartment
        self.synapses = arrays.no_synapses(1024)
        self.nodes = arrays.no_nodes(1024)
        self.status = np.zeros(1024, np.uint8)
        self.kinds = arrays.no_pairs(1024)
        self.pools = arrays.no_pairs(1024) if by_neuropil else _none()
        self.sides = arrays.no_pairs(1024) if by_compartment else _none()
        self.now = 1
        self._before: dict[int, int] = {}
        """Nodes whose place in the graph this batch changed -> what it was."""
        self.dyads = self._no_dyads()

    # -- what it holds --

    @property
    def neurons(self) -> int:
        """Neurons that censuses count."""
        return int(self.dyads.sizes[NEURONS])

    @property
    def connections(self) -> int:
        """Connections of the kind and weight that are analysed."""
        return int(self.dyads.sizes[CONNECTIONS])

    @property
    def synapse_count(self) -> int:
        return int(self.synapses.sizes[1])

    def triads(self) -> dict[str, int]:
        """Induced counts of the 16 classes."""
        return {name: int(count) for name, count in zip(TRIAD_LABELS, self.dyads.triads, strict=True)}

    def dyad_counts(self) -> dict[str, int]:
        one_way, mutual = int(self.dyads.sizes[ONE_WAY]), int(self.dyads.sizes[MUTUAL])
        return {
            "null": self.neurons * (self.neurons - 1) // 2 - one_way - mutual,
            "asymmetric": one_way,
            "mutual": mutual,
        }

    def reciprocity(self) -> float:
        """Share of connections whose reverse exists; NaN without connections."""
        return 2 * int(self.dyads.sizes[MUTUAL]) / self.connections if self.connections else float("nan")

    def degrees(self, root_id: int) -> tuple[int, int]:
        """Out- and in-degree of a neuron, (0, 0) of one that is not there."""
        node = int(self.nodes_of(np.array([root_id], np.uint64), known_only=True)[0])
        return (0, 0) if node < 0 else (int(self.dyads.out_degree[node]), int(self.dyads.in_degree[node]))

    def weight(self, pre: int, post: int, kind: str | None = None) -> int:
        """Weight of a pair, 0 where it has none."""
        nodes = self.nodes_of(np.array([pre, post], np.uint64), known_only=True)
        if nodes.min() < 0:
            return 0
        return int(kernels.weights_of(self.kinds, nodes[:1], nodes[1:], KINDS.index(kind or self.kind))[0])

    def neighbours(self, node: int) -> Array:
        """int32: the nodes that one has a connection with, ascending."""
        start = self.dyads.start[node]
        found: Array = self.dyads.neighbour[start : start + self.dyads.length[node]]
        return found

    # -- root ids --

    def nodes_of(self, root_ids: Array, known_only: bool = False) -> Array:
        """int32: nodes of root ids, made where they are new; -1 for those with ``known_only``."""
        if not known_only:
            self._room_for_nodes(len(root_ids))
        found: Array = kernels.nodes_of(self.nodes, np.ascontiguousarray(root_ids, np.uint64), known_only)
        return found

    def set_status(self, nodes: Array, status: int) -> None:
        """Say what root ids are; those that enter or leave the graph may have no connection in it."""
        counted = 1 if status == NEURON else 0
        was = self.nodes.in_graph[nodes]
        for node, before in zip(nodes[was != counted], was[was != counted], strict=True):
            self._before.setdefault(int(node), int(before))
        dyads.change_neurons(self.dyads, int((counted - was.astype(np.int64)).sum()))
        self.nodes.in_graph[nodes] = counted
        self.status[nodes] = status

    # -- synapses --

    def change(self, rows: Rows, removed: Array) -> tuple[Array, Moves]:
        """Synapses that come, and those of ``removed`` rows that go, in their order.

        Returns:
            uint8 [rows] outcomes (``kernels.DONE``, THERE, UNKNOWN), and what was done.
        """
        count = len(rows.id)
        self.reserve(count)
        pre, post = np.full(count, -1, np.int32), np.full(count, -1, np.int32)
        come = np.flatnonzero(~removed)
        if len(come):
            pre[come], post[come] = self.nodes_of(rows.pre[come]), self.nodes_of(rows.post[come])
        events = self._as_slots(rows, removed)
        outcome = np.zeros(count, np.uint8)
        self._in_room(
            lambda first: kernels.change_synapses(
                self.synapses, self.nodes, self.kinds, self.pools, self.sides, self.dyads, events, pre, post, outcome,
                first, self.now,
            ),
            count,
        )  # fmt: skip
        done = outcome == kernels.DONE
        gone, here = removed[done], ~removed[done]
        pre, post = pre[done], post[done]
        return outcome, Moves(
            rows.id[done],
            np.where(gone, pre, -1),
            np.where(gone, post, -1),
            np.where(here, pre, -1),
            np.where(here, post, -1),
        )

    def slots_of_node(self, node: int) -> Array:
        """int32: slots of a neuron's synapses, each once."""
        found: Array = kernels.slots_at(self.synapses, self.nodes.first_pre[node], self.nodes.first_post[node])
        return found

    def move(self, slots: Array, pre: Array, post: Array) -> Moves:
        """Give synapses other ends (nodes)."""
        self.room_for(len(slots))
        moves = Moves(
            self.synapses.id[slots].copy(), self.synapses.pre[slots].copy(), self.synapses.post[slots].copy(), pre, post
        )
        self._in_room(
            lambda first: kernels.move_synapses(
                self.synapses, self.nodes, self.kinds, self.pools, self.sides, self.dyads, slots, pre, post, first,
                self.now,
            ),
            len(slots),
        )  # fmt: skip
        return moves

    def merge(self, olds: Sequence[int], new: int) -> Moves:
        """Move every synapse of some nodes to another."""
        slots = np.unique(np.concatenate([self.slots_of_node(node) for node in olds] or [np.empty(0, np.int32)]))
        pre, post = self.synapses.pre[slots], self.synapses.post[slots]
        gone = np.array(olds, np.int32)
        to = np.int32(new)
        return self.move(slots, np.where(np.isin(pre, gone), to, pre), np.where(np.isin(post, gone), to, post))

    def enter_graph(self, node: int) -> None:
        """Make a graph node of a neuron that is none and has synapses already: they are counted anew."""
        aside = self.nodes_of(np.array([_unused(self)], np.uint64))[0]
        self.merge([node], int(aside))
        self.set_status(np.array([node]), NEURON)
        self.merge([int(aside)], node)

    def split_by_neuropil(self) -> None:
        """Keep weights by neuropil from now on; every pair counts as touched."""
        self.by_neuropil = True
        self.pools = self._split(self.synapses.pool)

    def split_by_compartment(self) -> None:
        """Keep weights by compartments from now on; every pair counts as touched."""
        self.by_compartment = True
        self.sides = self._split(self.synapses.side)

    def _split(self, codes: Array) -> Pairs:
        room = self.synapse_count + 1024
        pairs = _with_touched(arrays.no_pairs(room), room)
        kernels.split_by(self.synapses, pairs, codes, self.now)
        return pairs

    # -- the end of a batch --

    def end_batch(self) -> tuple[Changes, Changes, Changes, Totals]:
        """What the batch did to pairs by kind, neuropil and compartments, and to totals; the next one begins."""
        kinds, pools, sides = (self._ended(pairs) for pairs in (self.kinds, self.pools, self.sides))
        nodes, count = self.nodes, int(self.nodes.sizes[1])
        touched = nodes.touched[:count]
        before_in, before_out = nodes.received_before[:count], nodes.sent_before[:count]
        changed = (nodes.received[touched] != before_in) | (nodes.sent[touched] != before_out)
        mine = touched[changed]
        totals = Totals(
            nodes.id[mine],
            before_in[changed].copy(),
            before_out[changed].copy(),
            nodes.received[mine],
            nodes.sent[mine],
        )
        nodes.sizes[1] = 0
        self._before.clear()
        self.now += 1
        return kinds, pools, sides, totals

    def _ended(self, pairs: Pairs) -> Changes:
        count = int(pairs.sizes[1])
        pre, post, code = pairs.touched_pre[:count], pairs.touched_post[:count], pairs.touched_code[:count]
        before = pairs.before[:count]
        after = kernels.end_of_batch(pairs)
        shown = np.where(self._was_in_graph(pre) & self._was_in_graph(post), before, 0)
        shows = np.where((self.nodes.in_graph[pre] & self.nodes.in_graph[post]) != 0, after, 0)
        changed = shown != shows
        return Changes(
            self.nodes.id[pre[changed]],
            self.nodes.id[post[changed]],
            code[changed].copy(),
            shown[changed],
            shows[changed],
        )

    def _was_in_graph(self, nodes: Array) -> Array:
        was: Array = self.nodes.in_graph[nodes] != 0
        if self._before:
            changed = np.array(sorted(self._before), np.int32)
            values = np.array([self._before[int(node)] for node in changed], np.uint8)
            at = np.minimum(np.searchsorted(changed, nodes), len(changed) - 1)
            was = np.where(changed[at] == nodes, values[at] != 0, was)
        return was

    # -- room --

    def _in_room(self, step: Callable[[int], int], count: int) -> None:
        """Repeat a step from the row where its neighbourhoods had no room."""
        first = 0
        while (first := int(step(first))) < count:
            self._more_room(2)

    def _more_room(self, factor: int) -> None:
        old = self.dyads
        size = factor * int(old.length.sum()) + 4 * (int(old.room.max(initial=0)) + 4) + 1024
        start, neighbour, state = np.zeros(len(old.start), np.int64), np.zeros(size, np.int32), np.zeros(size, np.uint8)
        old.sizes[TAIL] = dyads.moved_room(old, start, neighbour, state)
        self.dyads = old._replace(start=start, neighbour=neighbour, state=state)

    def _room_for_nodes(self, more: int) -> None:
        count = int(self.nodes.sizes[0])
        if count + more <= len(self.nodes.id):
            return
        room = power(2 * (count + more))
        of = {n: grown(getattr(self.nodes, n), room) for n in ("id", "in_graph", "received", "sent", "stamp")}
        ends = {n: grown(getattr(self.nodes, n), room, -1) for n in ("first_pre", "first_post")}
        table = np.full(power(2 * room), -1, np.int32)
        kernels.fill_table(table, of["id"], np.arange(count, dtype=np.int32))
        self.nodes = self.nodes._replace(**of, **ends, table=table)
        self.status = grown(self.status, room)
        names = ("start", "length", "room", "out_degree", "in_degree")
        self.dyads = self.dyads._replace(**{n: grown(getattr(self.dyads, n), room) for n in names})

    def reserve(self, more: int) -> None:
        """Room for so many more synapses, and what they touch."""
        self.room_for(more)
        free, used = (int(n) for n in self.synapses.sizes)
        if free < more:
            old, slots = self.synapses, power(2 * (used + more))
            before = len(old.id)
            ends = {n: grown(getattr(old, n), slots, -1) for n in ("pre", "next_pre", "next_post")}
            plain = [n for n in old._fields if n not in (*ends, "table", "free", "sizes")]
            of = {n: grown(getattr(old, n), slots) for n in plain}
            stack = np.zeros(slots, np.int32)
            stack[: slots - before] = np.arange(slots - 1, before - 1, -1, dtype=np.int32)
            stack[slots - before : slots - before + free] = old.free[:free]
            table = np.full(power(2 * slots), -1, np.int32)
            kernels.fill_table(table, of["id"], np.flatnonzero(ends["pre"] >= 0).astype(np.int32))
            sizes = np.array([free + slots - before, used], np.int64)
            self.synapses = Synapses(**of, **ends, free=stack, table=table, sizes=sizes)

    def room_for(self, more: int) -> None:
        """Room for what so many synapses touch, each at most with two pairs and four neurons."""
        self.kinds = _roomy(self.kinds, 2 * more)
        self.pools = _roomy(self.pools, 2 * more) if self.by_neuropil else self.pools
        self.sides = _roomy(self.sides, 2 * more) if self.by_compartment else self.sides
        needed = int(self.nodes.sizes[1]) + 4 * more
        if needed > len(self.nodes.touched):
            names = ("touched", "received_before", "sent_before")
            self.nodes = self.nodes._replace(**{n: grown(getattr(self.nodes, n), power(needed)) for n in names})

    def _as_slots(self, rows: Rows, removed: Array) -> Synapses:
        kind = rows.kind.astype(np.int32)
        nothing = np.empty(0, np.int32)
        return Synapses(
            id=np.ascontiguousarray(rows.id, np.uint64), pre=nothing, post=nothing, weight=rows.weight.astype(np.int64),
            counts=np.where(removed, 2, rows.counts).astype(np.uint8), kind=kind,
            pool=(kind + len(KINDS) * rows.neuropil).astype(np.int32),
            side=(kind + len(KINDS) * rows.sides).astype(np.int32),
            next_pre=nothing, back_pre=nothing, next_post=nothing, back_post=nothing,
            pre_voxel=np.ascontiguousarray(rows.pre_voxel, np.uint64),
            post_voxel=np.ascontiguousarray(rows.post_voxel, np.uint64),
            table=nothing, free=nothing, sizes=np.zeros(2, np.int64),
        )  # fmt: skip

    def _no_dyads(self) -> Dyads:
        room = len(self.nodes.id)

        def small() -> Array:
            return np.zeros(room, np.int32)

        labels = [TRIAD_LABELS.index(man_label(code)) for code in range(64)]
        return Dyads(
            start=np.zeros(room, np.int64), length=small(), room=small(), neighbour=np.zeros(4096, np.int32),
            state=np.zeros(4096, np.uint8), out_degree=small(), in_degree=small(), triads=np.zeros(16, np.int64),
            classes=np.array(labels, np.int8), sizes=np.zeros(5, np.int64),
            settings=np.array([self.least, KINDS.index(self.kind)], np.int64),
        )  # fmt: skip


def word_of(codes: Codes, code: int) -> tuple[str, Any]:
    """Kind, and neuropil or compartments, of a code of pairs."""
    return KINDS[code % len(KINDS)], codes.words[code // len(KINDS)]


def _none() -> Pairs:
    """A table of pairs that is not kept."""
    return _with_touched(arrays.no_pairs(1), 0)


def _with_touched(pairs: Pairs, room: int) -> Pairs:
    """The table with room for so many pairs that a batch touches, none of them now."""
    names = ("touched_pre", "touched_post", "touched_code", "before")
    return pairs._replace(**{name: np.zeros(room, getattr(pairs, name).dtype) for name in names})


def _roomy(pairs: Pairs, more: int) -> Pairs:
    touched = int(pairs.sizes[1]) + more
    if touched > len(pairs.before):
        names = ("touched_pre", "touched_post", "touched_code", "before")
        pairs = pairs._replace(**{n: grown(getattr(pairs, n), power(touched)) for n in names})
    if 2 * (int(pairs.sizes[0]) + more) > len(pairs.pre):
        new = arrays.no_pairs(2 * (int(pairs.sizes[0]) + more))
        kernels.rehash(pairs, new)
        pairs = pairs._replace(**{n: getattr(new, n) for n in ("pre", "post", "code", "weight", "stamp")})
    return pairs


def _unused(wiring: Wiring) -> int:
    """A root id that nothing has: ids of segmentations do not end in so many ones."""
    candidate = 2**64 - 1
    while wiring.nodes_of(np.array([candidate], np.uint64), known_only=True)[0] >= 0:
        candidate -= 1
    return candidate

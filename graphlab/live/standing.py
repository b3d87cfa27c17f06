"""Standing queries: after each batch, which matches came and which went, without asking the whole graph.

A match that comes or goes holds a connection or a neuron that the batch changed, so all its neurons lie near one: the
question is asked of that neighbourhood as it was before the batch and as it is after it, and the difference of both is
the difference of the answers over the whole graph. Matches that no change touches are in both, and cancel.

Tests: tests/graphlab/live/test_standing.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphlab.live.applied import Applied
from graphlab.live.follower import Follower
from graphlab.live.wiring import kernels
from graphlab.live.wiring.arrays import Array
from graphlab.live.wiring.state import ABSENT, GONE
from graphlab.store.live import reading
from graphlab.store.live.asked_here import AskedHere
from ingest.schema.errors import AnalysisError
from ingest.schema.words import KINDS

if TYPE_CHECKING:
    from queries.ir.pattern import Pattern
    from queries.ir.statement import Statement

Rows = Counter[tuple[Any, ...]]
MOST_NEAR = 5_000
"""Neurons near a change from which on the whole graph is asked instead."""


class StandingQuery:
    """A question whose answer is kept up.

    Args:
        text: a pattern in any language that has no order, limit, distinct rows, aggregates or paths.

    Raises:
        AnalysisError: a question that cannot be kept up, and why. ParseError: no question.
    """

    def __init__(self, follower: Follower, text: str, language: str | None = None) -> None:
        self._follower = follower
        statement = _statement(text, language)
        pattern = statement.slots[0].pattern
        self.text, self.size = text, len(pattern.vertices)
        self._asked = AskedHere(statement)
        self.asked_whole = 0
        """How often the whole graph was asked, since a change was near too many neurons."""
        self.rows: Rows = self.ask()
        """The answer: each row, and how often it is there."""
        self.came: Rows = Counter()
        self.went: Rows = Counter()
        """What the latest batch did to it."""

    def ask(self) -> Rows:
        """The answer over the whole graph, asked anew."""
        return self._asked.rows(*reading.whole(self._follower.folder))

    def update(self, done: Applied) -> tuple[Rows, Rows]:
        """Take what a committed batch did; matches that came, and matches that went."""
        changes = done.connections
        assert changes is not None
        named = {root_id for _, root_id in done.neurons}
        self.came, self.went = Counter(), Counter()
        if not len(changes.pre) and not named:
            return self.came, self.went
        near = self._near(np.concatenate([changes.pre, changes.post]), named)
        if near is None:
            self.asked_whole += 1
            now = self.ask()
            came, went = now - self.rows, self.rows - now
        else:
            before, after = self._both(near, done)
            came, went = after - before, before - after
        self.rows, self.came, self.went = self.rows + came - went, came, went
        return came, went

    def _near(self, ends: Array, named: Iterable[int]) -> Array | None:
        """Nodes within reach of a match through what changed; None where they are too many."""
        wiring = self._follower.wiring
        reached = set(wiring.nodes_of(np.unique(ends)).tolist())
        ring = set(wiring.nodes_of(np.array(sorted(named), np.uint64)).tolist())
        # Where a neuron changed, all others of a match lie up to one step further than around a connection.
        steps = self.size - 1 if ring else max(0, self.size - 2)
        reached |= ring
        ring = set(reached)
        for _ in range(steps):
            ring = {other for node in ring for other in self._partners(node)} - reached
            reached |= ring
            if len(reached) > MOST_NEAR:
                return None
        return np.array(sorted(reached), np.int32)

    def _partners(self, node: int) -> list[int]:
        wiring = self._follower.wiring
        slots = wiring.slots_of_node(node)
        both = np.concatenate([wiring.synapses.pre[slots], wiring.synapses.post[slots]])
        found: list[int] = np.unique(both).tolist()
        return found

    def _both(self, near: Array, done: Applied) -> tuple[Rows, Rows]:
        """The answers over the neighbourhood before and after a batch."""
        wiring, folder = self._follower.wiring, self._follower.folder
        here = near[(wiring.status[near] != ABSENT) & (wiring.status[near] != GONE)]
        rows = reading.neuron_rows(folder, wiring.nodes.id[here])
        earlier: dict[int, dict[str, Any] | None] = dict(rows)
        for (_, root_id), (was, _) in sorted(done.neurons.items(), key=lambda item: -item[0][0]):
            earlier[root_id] = was  # the first change of a batch says what was before it
        weights = self._weights(near)
        were = dict(weights)
        changes = done.connections
        assert changes is not None
        for pre, post, code, before in zip(changes.pre, changes.post, changes.code, changes.before, strict=True):
            were[int(pre), int(post), int(code)] = int(before)
        after = self._asked.rows(self._neurons(rows.values()), _connections(weights))
        before_rows = self._neurons(row for row in earlier.values() if row is not None)
        return self._asked.rows(before_rows, _connections(were)), after

    def _weights(self, near: Array) -> dict[tuple[int, int, int], int]:
        """(pre, post, kind) -> weight among some nodes."""
        wiring, found = self._follower.wiring, {}
        inside = near[wiring.nodes.in_graph[near] != 0]
        for node in inside:
            slots = kernels.slots_at(wiring.synapses, wiring.nodes.first_pre[node], np.int32(-1))
            posts = np.intersect1d(wiring.synapses.post[slots], inside).astype(np.int32)
            pres = np.full(len(posts), node, np.int32)
            for code in range(len(KINDS)):
                weights = kernels.weights_of(wiring.kinds, pres, posts, code)
                for post, weight in zip(posts[weights > 0], weights[weights > 0], strict=True):
                    found[int(wiring.nodes.id[node]), int(wiring.nodes.id[post]), code] = int(weight)
        return found

    def _neurons(self, rows: Iterable[dict[str, Any]]) -> pa.Table:
        return pa.Table.from_pylist(list(rows), schema=self._follower.columns)


def _connections(weights: dict[tuple[int, int, int], int]) -> pa.Table:
    kept = [(*key, weight) for key, weight in sorted(weights.items()) if weight > 0]
    pre, post, code, weight = zip(*kept, strict=True) if kept else ((), (), (), ())
    return pa.table(
        {
            "pre_root_id": pa.array(pre, pa.uint64()),
            "post_root_id": pa.array(post, pa.uint64()),
            "weight": pa.array(weight, pa.float64()),
            "kind": pa.array([KINDS[one] for one in code], pa.string()),
            "neuropil": pa.nulls(len(kept), pa.string()),
            "nt_type": pa.nulls(len(kept), pa.string()),
        }
    )


def _statement(text: str, language: str | None) -> Statement:
    """A question as a statement that can be kept up.

    Raises:
        AnalysisError: it cannot.
    """
    from queries.engine import parse
    from queries.planning.shortcuts import passes_rows_through, shortened

    statement = shortened(parse(text, language))
    why = None
    if len(statement.slots) != 1 or not passes_rows_through(statement):
        why = "it has SQL around its pattern (joins, groups, order, limit or conditions), which hangs on other matches"
    else:
        why = _unkept(statement.slots[0].pattern)
    if why is None and "LIMIT" in statement.text[statement.slots[0].end :].upper():
        why = "it has a limit: which rows are left out hangs on all others"
    if why is not None:
        raise AnalysisError(f"this cannot be kept up as a standing query: {why}. Ask it when it is needed")
    return statement


def _is_sum(name: str) -> bool:
    """Whether a property is summed over all synapses of a neuron, under whichever name, or holds such (a whole row)."""
    from queries.ir.connectome import NEURONS

    names = {alias.lower(): column for alias, column in NEURONS.aliases}
    sums = ("total_in", "total_out", "weight_in", "weight_out", "*", "~properties", "~without")
    return names.get(name.lower(), name.lower()) in sums


def _unkept(pattern: Pattern) -> str | None:
    from queries.ir.expression import Property
    from queries.ir.parts import expressions
    from queries.ir.pattern import Exists

    if pattern.order or pattern.limit is not None or pattern.skip is not None:
        return "it has an order or a limit: which rows are shown hangs on all others"
    if pattern.distinct:
        return "it wants distinct rows: one goes only with the last match that gives it"
    if pattern.aggregates:
        return "it adds up matches; leave the pattern's rows as they are and count what came and went"
    if pattern.paths or any(edge.quantifier is not None for edge in pattern.edges):
        return "it has paths, which may pass far from a change"
    if any(isinstance(node, Exists) for root in expressions(pattern) for node in root.walk()):
        return "it asks for other matches (EXISTS), which may lie far from a change"
    edges = {edge.variable for edge in pattern.edges}
    said = (node for root in expressions(pattern) for node in root.walk() if isinstance(node, Property))
    if any(_is_sum(one.name) for one in said if one.variable not in edges):
        return "it reads totals of neurons, which synapses far from a match change"
    met = {pattern.vertices[0].variable}
    while True:
        more = {v for e in pattern.positive for v in (e.source, e.target) if met & {e.source, e.target}} - met
        if not more:
            break
        met |= more
    if len(met) < len(pattern.vertices):
        return "its neurons are not all connected, so that a match may be anywhere"
    return None

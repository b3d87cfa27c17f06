"""What events do to a graph, one batch at a time: the wiring in memory, and the rows that say what changed.

Tests: tests/graphlab/live/test_follower.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.live.applied import Applied, Refused, indices_of, runs_of, whole_numbers, words_of
from graphlab.live.events import (
    ACTIONS,
    ANNOTATION,
    CHUNK_READY,
    MERGED,
    NOBODY,
    OF_SYNAPSE,
    RENAMED,
    SPLIT,
    SYNAPSE_ADDED,
    SYNAPSE_REMOVED,
    letter_of,
)
from graphlab.live.wiring import kernels
from graphlab.live.wiring.arrays import Array
from graphlab.live.wiring.load import load, side_codes, text_codes
from graphlab.live.wiring.state import ABSENT, GONE, NEURON, OUTSIDE, Moves, Rows, Wiring
from graphlab.store.folder import Folder
from graphlab.store.live import reading
from ingest.schema.errors import UnknownNameError
from ingest.schema.words import KINDS

UNKNOWN = ("add", "keep", "refuse")
"""What becomes of neurons that only synapses name: neurons of the graph, kept out of it, or a dead letter."""
_SYNAPTIC = (ACTIONS.index(SYNAPSE_ADDED), ACTIONS.index(SYNAPSE_REMOVED))
NO_NODES: Array = np.empty(0, np.int32)


class Follower:
    """A graph in memory that events are applied to.

    Args:
        least: weight from which on a connection counts for dyads and triads.
        kind: of the connections that are analysed. unknown: one of ``UNKNOWN``.
    """

    def __init__(self, folder: Folder, least: int = 1, kind: str = "chemical", unknown: str = "add") -> None:
        if unknown not in UNKNOWN:
            raise UnknownNameError("unknown", unknown, UNKNOWN)
        if kind not in KINDS:
            raise UnknownNameError("kind", kind, KINDS)
        self.folder = folder
        self.wiring: Wiring = load(folder, least, kind)
        self.unknown = unknown
        self.became = reading.gone(folder)
        self.columns = reading.neuron_schema(folder)
        self._own = reading.synapse_schema(folder)
        self._least_score = (folder.meta("recipe") or {}).get("min_score")
        self._rows: dict[int, dict[str, Any] | None] = {}
        """Rows of neurons as this batch leaves them, of those that it may change."""

    def apply(self, events: pa.Table, position: int) -> Applied:
        """Let events take effect in their order.

        Args:
            position: how many events the graph has taken before.
        """
        done = Applied(position, position + events.num_rows)
        if events.num_rows:
            self._fetch_rows(events)
            for first, last, synaptic in runs_of(events):
                part = events.slice(first, last - first)
                if synaptic:
                    self._synapses(part, position + first, done)
                else:
                    self._single(part.to_pylist()[0], position + first + 1, done)
        self._write_totals(done)
        changes = self.wiring.end_batch()
        done.connections, done.neuropils, done.compartments, done.totals = changes
        self._rows.clear()
        return done

    # -- synapses --

    def _synapses(self, part: pa.Table, before: int, done: Applied) -> None:
        wiring = self.wiring
        removed = np.asarray(part.column("action").combine_chunks()) == SYNAPSE_REMOVED
        ends = {side: whole_numbers(part, f"{side}_root_id") for side in ("pre", "post")}
        named = np.where(removed, 0, 1).astype(bool)
        ids = np.unique(np.concatenate([ends["pre"][named], ends["post"][named]]))
        nodes = wiring.nodes_of(ids)
        status = wiring.status[nodes]
        refused = self._refused_ends(part, ids, status, ends, named, done)
        if refused.any():
            part, removed = part.filter(pa.array(~refused)), removed[~refused]
            ends = {side: values[~refused] for side, values in ends.items()}
        used = np.unique(np.concatenate([ends["pre"][~removed], ends["post"][~removed]])) if len(removed) else ids[:0]
        nodes = wiring.nodes_of(used)
        fresh = nodes[(wiring.status[nodes] == ABSENT) & (used != 0)]
        wiring.set_status(fresh, NEURON if self.unknown == "add" else OUTSIDE)
        rows = self._as_rows(part, ends)
        outcome, moves = wiring.change(rows, removed)
        where = np.flatnonzero(~refused) + 1 + before
        done.moves.append((where[outcome == kernels.DONE], moves))
        self._tell_outcomes(part, outcome, done)
        self._bear(fresh, moves, before + len(refused), done)
        added = (outcome == kernels.DONE) & ~removed
        done.counts[SYNAPSE_ADDED] += int(added.sum())
        done.counts[SYNAPSE_REMOVED] += int((outcome == kernels.DONE).sum() - added.sum())
        if added.any():
            done.synapses.append(self._synapse_rows(part, added, where))
            done.kinds |= {KINDS[code] for code in np.unique(rows.kind[added])}
            if not wiring.by_neuropil and rows.neuropil[added].any():
                wiring.split_by_neuropil()
            if not wiring.by_compartment and rows.sides[added].any():
                wiring.split_by_compartment()

    def _refused_ends(
        self, part: pa.Table, ids: Array, status: Array, ends: dict[str, Array], named: Array, done: Applied
    ) -> Array:
        """Rows whose neurons are gone, or unknown where that is refused."""
        refused = np.zeros(part.num_rows, bool)
        bad = [(ids[status == GONE], "gone")]
        if self.unknown == "refuse":
            bad.append((ids[(status == ABSENT) & (ids != 0)], "unknown"))
        for which, why in bad:
            if not len(which):
                continue
            for side in ("pre", "post"):
                for row in np.flatnonzero(named & ~refused & np.isin(ends[side], which)):
                    root_id = int(ends[side][row])
                    told = f"root id {root_id} is no neuron of the graph"
                    if why == "gone":
                        told = self._gone(root_id)
                    done.letters.append(letter_of(told, part.slice(int(row), 1).to_pylist()[0]))
                    refused[row] = True
        return refused

    def _gone(self, root_id: int) -> str:
        return f"root id {root_id} is gone: it became {self.became.get(root_id, 'nothing')}"

    def _tell_outcomes(self, part: pa.Table, outcome: Array, done: Applied) -> None:
        for row in np.flatnonzero(outcome != kernels.DONE):
            event = part.slice(int(row), 1).to_pylist()[0]
            is_there = outcome[row] == kernels.THERE
            told = "is in the graph already" if is_there else "is not in the graph"
            done.letters.append(letter_of(f"synapse {event['synapse_id']} {told}", event))

    def _bear(self, fresh: Array, moves: Moves, position: int, done: Applied) -> None:
        """New neurons get a row; those that only refused synapses name are none."""
        if not len(fresh):
            return
        born = np.isin(fresh, np.concatenate([moves.after_pre, moves.after_post]))
        self.wiring.set_status(fresh[~born], ABSENT)
        inside = self.unknown == "add"
        for root_id in self.wiring.nodes.id[fresh[born]].tolist():
            self._set_row(root_id, {"root_id": root_id, "in_graph": inside}, position, done)
            self.became.pop(root_id, None)

    def _as_rows(self, part: pa.Table, ends: dict[str, Array]) -> Rows:
        wiring = self.wiring
        score = part.column("score")
        counts = np.ones(part.num_rows, np.uint8)
        if self._least_score is not None and score.null_count < part.num_rows:
            counts[score.fill_null(np.inf).to_numpy() < self._least_score] = 0
        kinds = part.column("kind")
        kind = np.zeros(part.num_rows, np.int32)
        if kinds.null_count < part.num_rows:
            kind = np.array([KINDS.index(word or "chemical") for word in kinds.to_pylist()], np.int32)
        return Rows(
            whole_numbers(part, "synapse_id"), ends["pre"], ends["post"],
            part.column("weight").fill_null(1.0).to_numpy().astype(np.int64), counts, kind,
            text_codes(part.column("neuropil").combine_chunks(), wiring.neuropils),
            side_codes(
                part.column("pre_compartment").combine_chunks(), part.column("post_compartment").combine_chunks(),
                wiring.compartments,
            ),
            whole_numbers(part, "pre_supervoxel_id"), whole_numbers(part, "post_supervoxel_id"),
        )  # fmt: skip

    def _synapse_rows(self, part: pa.Table, added: Array, where: Array) -> pa.Table:
        """Rows of ``live.synapses``."""
        chosen = part if added.all() else part.filter(pa.array(added))
        columns = {"position": pa.array(where[added], pa.int64())}
        columns |= {name: chosen.column(name) for name, _ in OF_SYNAPSE if chosen.column(name).null_count < len(chosen)}
        columns["kind"] = chosen.column("kind").fill_null("chemical")
        return pa.table(columns)

    # -- neurons --

    def _single(self, event: dict[str, Any], position: int, done: Applied) -> None:
        action = event["action"]
        try:
            if action == MERGED:
                self._merge(event, position, done)
            elif action == SPLIT:
                self._split(event, position, done)
            elif action == RENAMED:
                self._rename(event, position, done)
            elif action == ANNOTATION:
                self._annotate(event, position, done)
            else:
                assert action == CHUNK_READY, action
                done.chunks.append((event["chunk"], position))
        except Refused as why:
            done.letters.append(letter_of(str(why), event))
            return
        done.counts[action] += 1

    def _merge(self, event: dict[str, Any], position: int, done: Applied) -> None:
        wiring, new_id = self.wiring, event["new_root_ids"][0]
        olds = list(dict.fromkeys(event["old_root_ids"]))
        status = self._status(olds)
        lost = [root_id for root_id in olds if status[root_id] == GONE and root_id != new_id]
        if lost:
            raise Refused(f"it merges {self._gone(lost[0])}")
        known = [root_id for root_id in olds if status[root_id] in (NEURON, OUTSIDE)]
        if not known:
            raise Refused(f"a merge of unknown ids: none of {', '.join(map(str, olds[:5]))} is in the graph")
        done.counts["unknown ids in merges"] += len(olds) - len(known)
        (new,) = wiring.nodes_of(np.array([new_id], np.uint64))
        taking_part = dict.fromkeys([*known, *([new_id] if self._is_there(new_id) else [])])
        inside = any(wiring.status[self._node(root_id)] == NEURON for root_id in taking_part)
        row = self._merged_row(new_id, list(taking_part), inside, done)
        if not self._is_there(new_id):
            wiring.set_status(np.array([new]), NEURON if inside else OUTSIDE)
        elif inside and wiring.status[new] == OUTSIDE:
            wiring.enter_graph(int(new))
        going = [root_id for root_id in taking_part if root_id != new_id]
        nodes = [self._node(root_id) for root_id in going]
        moves = wiring.merge(nodes, int(new))
        done.moves.append((np.full(len(moves.id), position), moves))
        wiring.set_status(np.array(nodes, np.int32), GONE)
        for root_id in going:
            self._lose(root_id, str(new_id), position, done)
        self.became.pop(new_id, None)
        self._set_row(new_id, row, position, done)
        done.touched |= {*going, new_id}

    def _merged_row(self, new_id: int, parts: Sequence[int], inside: bool, done: Applied) -> dict[str, Any]:
        """What is said of any of the parts and of none otherwise; what the new neuron had before goes first."""
        row: dict[str, Any] = {}
        rows = [self._rows.get(root_id) or {} for root_id in parts]
        own = (self._rows.get(new_id) or {}) if new_id in parts else {}
        for name in self.columns.names:
            said: list[Any] = []  # values of the sources' own columns may be lists, which no set holds
            for one in rows:
                if one.get(name) is not None and one[name] not in said:
                    said.append(one[name])
            if own.get(name) is not None:
                row[name] = own[name]
            elif len(said) == 1:
                row[name] = said[0]
            elif len(said) > 1 and name not in ("root_id", "in_graph", "total_in", "total_out"):
                done.counts["annotations that merged neurons disagreed on"] += 1
        return {**row, "root_id": new_id, "in_graph": inside}

    def _split(self, event: dict[str, Any], position: int, done: Applied) -> None:
        wiring, (old,), news = self.wiring, event["old_root_ids"], list(dict.fromkeys(event["new_root_ids"]))
        self._require(old, "a split")
        stays = old in news
        made = [root_id for root_id in news if root_id != old]
        there = [root_id for root_id in made if self._is_there(root_id)]
        if there:
            raise Refused(f"a split into {there[0]}, which is in the graph already")
        node = self._node(old)
        slots = wiring.slots_of_node(node)
        ends = self._assigned(event, old, node, slots, stays)
        nodes = wiring.nodes_of(np.array(made, np.uint64))
        wiring.set_status(nodes, int(wiring.status[node]))
        to = {root_id: self._node(root_id) for root_id in news}
        pre, post = (np.array([to.get(int(v), -1) for v in values], np.int32) for values in ends)
        pre = np.where(pre < 0, wiring.synapses.pre[slots], pre).astype(np.int32)
        post = np.where(post < 0, wiring.synapses.post[slots], post).astype(np.int32)
        moved = (pre != wiring.synapses.pre[slots]) | (post != wiring.synapses.post[slots])
        moves = wiring.move(slots[moved], pre[moved], post[moved])
        done.moves.append((np.full(len(moves.id), position), moves))
        for root_id in made:
            self.became.pop(root_id, None)
            self._set_row(root_id, {"root_id": root_id, "in_graph": wiring.status[node] == NEURON}, position, done)
        if not stays:
            wiring.set_status(np.array([node]), GONE)
            self._lose(old, ", ".join(map(str, news)), position, done)
        done.touched |= {old, *news}

    def _assigned(self, event: dict[str, Any], old: int, node: int, slots: Array, stays: bool) -> tuple[Array, Array]:
        """For both sides of each synapse the root id that its end goes to, 0 where it is another neuron's."""
        synapses = self.wiring.synapses
        voxels = dict(zip(event["supervoxel_ids"] or (), event["supervoxel_root_ids"] or (), strict=True))
        said = {
            (int(s), side): int(r)
            for s, side, r in zip(
                event["synapse_ids"] or (), event["synapse_sides"] or (), event["synapse_root_ids"] or (), strict=True
            )
        }
        found, lacking = [], 0
        for side, own, voxel in (
            ("pre", synapses.pre[slots] == node, synapses.pre_voxel[slots]),
            ("post", synapses.post[slots] == node, synapses.post_voxel[slots]),
        ):
            target = np.zeros(len(slots), np.uint64)
            for row in np.flatnonzero(own):
                chosen = said.get((int(synapses.id[slots[row]]), side))
                if chosen is None:
                    chosen = voxels.get(int(voxel[row]))
                if chosen is None and stays and (said or voxel[row] != 0):
                    chosen = old
                if chosen is None or chosen == NOBODY:
                    lacking += 1
                else:
                    target[row] = chosen
            found.append(target)
        if lacking:
            raise Refused(
                f"a split without assignment: {lacking:,} synapse ends of {old} lie on supervoxels that it does not "
                "list, or have none. Give supervoxel_ids and supervoxel_root_ids, or synapse_ids, synapse_sides and "
                "synapse_root_ids"
            )
        return found[0], found[1]

    def _rename(self, event: dict[str, Any], position: int, done: Applied) -> None:
        wiring, (old,), (new_id,) = self.wiring, event["old_root_ids"], event["new_root_ids"]
        self._require(old, "a new id")
        if old == new_id:
            raise Refused(f"{old} is renamed to itself")
        if self._is_there(new_id):
            raise Refused(f"{new_id} is in the graph already; two neurons that become one are a merge")
        node, (new,) = self._node(old), wiring.nodes_of(np.array([new_id], np.uint64))
        status = int(wiring.status[node])
        row = {**(self._rows.get(old) or {}), "root_id": new_id, "in_graph": status == NEURON}
        wiring.set_status(np.array([new]), status)
        moves = wiring.merge([node], int(new))
        done.moves.append((np.full(len(moves.id), position), moves))
        wiring.set_status(np.array([node]), GONE)
        self._lose(old, str(new_id), position, done)
        self.became.pop(new_id, None)
        self._set_row(new_id, row, position, done)
        done.touched |= {old, new_id}

    def _annotate(self, event: dict[str, Any], position: int, done: Applied) -> None:
        root_id, column, value = event["root_id"], event["column"], event["value"]
        self._require(root_id, "an annotation")
        if value is not None and not pa.types.is_string(self.columns.field(column).type):
            value = _number(column, value)
        self._set_row(root_id, {**(self._rows.get(root_id) or {"root_id": root_id}), column: value}, position, done)

    # -- rows of neurons --

    def _fetch_rows(self, events: pa.Table) -> None:
        """Rows that single events of a batch may change, with one question."""
        action = events.column("action")
        single = np.array([word not in (SYNAPSE_ADDED, SYNAPSE_REMOVED) for word in words_of(action)], bool)
        if not single.any():
            return
        rows = events.filter(pa.array(single[indices_of(action)]))
        named: set[int] = set(rows.column("root_id").drop_null().to_pylist())
        for name in ("old_root_ids", "new_root_ids"):
            named |= {root_id for ids in rows.column(name).drop_null().to_pylist() for root_id in ids}
        if named:
            found = reading.neuron_rows(self.folder, np.array(sorted(named), np.uint64))
            self._rows = {root_id: found.get(root_id) for root_id in named}

    def _set_row(self, root_id: int, row: dict[str, Any] | None, position: int, done: Applied) -> None:
        before = self._rows.get(root_id)
        self._rows[root_id] = row
        done.neurons[position, root_id] = (before, row)

    def _write_totals(self, done: Applied) -> None:
        """Totals of changed rows are those that the whole batch leaves, not those of the middle of it."""
        nodes = self.wiring.nodes
        for (_, root_id), (_, row) in done.neurons.items():
            if row is not None:
                node = self._node(root_id)
                row["total_in"], row["total_out"] = float(nodes.received[node]), float(nodes.sent[node])

    def _lose(self, root_id: int, became: str, position: int, done: Applied) -> None:
        self._set_row(root_id, None, position, done)
        self.became[root_id] = became
        done.gone.append((root_id, position, became))

    def _node(self, root_id: int) -> int:
        return int(self.wiring.nodes_of(np.array([root_id], np.uint64))[0])

    def _status(self, root_ids: Sequence[int]) -> dict[int, int]:
        nodes = self.wiring.nodes_of(np.array(root_ids, np.uint64), known_only=True)
        status = np.where(nodes < 0, ABSENT, self.wiring.status[nodes])
        return {root_id: int(one) for root_id, one in zip(root_ids, status, strict=True)}

    def _is_there(self, root_id: int) -> bool:
        return self._status([root_id])[root_id] in (NEURON, OUTSIDE)

    def _require(self, root_id: int, what: str) -> None:
        status = self._status([root_id])[root_id]
        if status == GONE:
            raise Refused(f"{what} of {self._gone(root_id)}")
        if status == ABSENT:
            raise Refused(f"{what} of the unknown id {root_id}: it is no neuron of the graph")


def _number(column: str, text: str) -> float:
    """The value of a column of numbers.

    Raises:
        Refused: it is no finite number.
    """
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or "_" in text:
        raise Refused(f"{column} is {text!r}; wanted a number")
    return found

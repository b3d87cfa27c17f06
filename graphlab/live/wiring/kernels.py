"""Compiled steps of a live wiring: one synapse in, out or moved, with its connections; none longer in a larger graph.

Tests: tests/graphlab/live/wiring/test_wiring.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.live.wiring.dyads import has_room, set_edge

DONE, THERE, UNKNOWN = 0, 1, 2
"""Outcomes of an event: it had its effect; its synapse is there already; its synapse is not there."""


@njit(cache=True, inline="always")
def _mixed(value):  # type: ignore[no-untyped-def]
    value = np.uint64(value)
    value = (value ^ (value >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return value ^ (value >> np.uint64(32))


@njit(cache=True)
def _place_of_id(table, ids, key):  # type: ignore[no-untyped-def]
    """Where an id stands in a table of rows, or -1 - where it would."""
    mask = len(table) - 1
    at = np.int64(_mixed(key) & np.uint64(mask))
    while table[at] >= 0:
        if ids[table[at]] == key:
            return at
        at = (at + 1) & mask
    return -1 - at


@njit(cache=True)
def _forget_id(table, ids, at):  # type: ignore[no-untyped-def]
    """Free a place, and move back what was pushed on from it."""
    mask = len(table) - 1
    to = at
    while True:
        to = (to + 1) & mask
        if table[to] < 0:
            break
        home = np.int64(_mixed(ids[table[to]]) & np.uint64(mask))
        if ((to - home) & mask) >= ((to - at) & mask):
            table[at] = table[to]
            at = to
    table[at] = -1


@njit(cache=True, nogil=True)
def fill_table(table, ids, rows):  # type: ignore[no-untyped-def]
    """Enter rows whose ids are in no row of the table yet; the row of a repeated id, -1 without one."""
    for row in rows:
        at = _place_of_id(table, ids, ids[row])
        if at >= 0:
            return np.int64(row)
        table[-1 - at] = row
    return np.int64(-1)


@njit(cache=True, nogil=True)
def nodes_of(nodes, keys, known_only):  # type: ignore[no-untyped-def]
    """Nodes of root ids, unknown ones made; -1 for those with ``known_only``. There must be room for all of them."""
    found = np.empty(len(keys), np.int32)
    for i in range(len(keys)):
        at = _place_of_id(nodes.table, nodes.id, keys[i])
        if at >= 0:
            found[i] = nodes.table[at]
        elif known_only:
            found[i] = -1
        else:
            row = nodes.sizes[0]
            nodes.id[row] = keys[i]
            nodes.table[-1 - at] = row
            nodes.sizes[0] = row + 1
            found[i] = row
    return found


@njit(cache=True)
def _place_of_pair(pairs, pre, post, code):  # type: ignore[no-untyped-def]
    mask = len(pairs.pre) - 1
    key = np.uint64(pre) << np.uint64(32) | np.uint64(post)
    at = np.int64(_mixed(key + np.uint64(code) * np.uint64(0x94D049BB133111EB)) & np.uint64(mask))
    while pairs.pre[at] >= 0:
        if pairs.pre[at] == pre and pairs.post[at] == post and pairs.code[at] == code:
            return at
        at = (at + 1) & mask
    return -1 - at


@njit(cache=True)
def _home_of_pair(pairs, at):  # type: ignore[no-untyped-def]
    key = np.uint64(pairs.pre[at]) << np.uint64(32) | np.uint64(pairs.post[at])
    code = np.uint64(pairs.code[at])
    return np.int64(_mixed(key + code * np.uint64(0x94D049BB133111EB)) & np.uint64(len(pairs.pre) - 1))


@njit(cache=True)
def _copy_pair(pairs, to, at):  # type: ignore[no-untyped-def]
    pairs.pre[to] = pairs.pre[at]
    pairs.post[to] = pairs.post[at]
    pairs.code[to] = pairs.code[at]
    pairs.weight[to] = pairs.weight[at]
    pairs.stamp[to] = pairs.stamp[at]


@njit(cache=True)
def _add(pairs, pre, post, code, weight, now):  # type: ignore[no-untyped-def]
    """Add to a pair, and list it where this batch touches it first. Returns its weight before."""
    at = _place_of_pair(pairs, pre, post, code)
    if at < 0:
        at = -1 - at
        pairs.pre[at], pairs.post[at], pairs.code[at] = pre, post, code
        pairs.weight[at], pairs.stamp[at] = 0, now - 1
        pairs.sizes[0] += 1
    before = pairs.weight[at]
    if pairs.stamp[at] != now:
        pairs.stamp[at] = now
        row = pairs.sizes[1]
        pairs.touched_pre[row], pairs.touched_post[row], pairs.touched_code[row] = pre, post, code
        pairs.before[row] = before
        pairs.sizes[1] = row + 1
    pairs.weight[at] = before + weight
    return before


@njit(cache=True, nogil=True)
def end_of_batch(pairs):  # type: ignore[no-untyped-def]
    """Weights now of the pairs that were touched; those of weight 0 leave the table."""
    count = pairs.sizes[1]
    after = np.zeros(count, np.int64)
    mask = len(pairs.pre) - 1
    for row in range(count):
        at = _place_of_pair(pairs, pairs.touched_pre[row], pairs.touched_post[row], pairs.touched_code[row])
        if at < 0:
            continue
        after[row] = pairs.weight[at]
        if after[row] != 0:
            continue
        to = at
        while True:
            to = (to + 1) & mask
            if pairs.pre[to] < 0:
                break
            if ((to - _home_of_pair(pairs, to)) & mask) >= ((to - at) & mask):
                _copy_pair(pairs, at, to)
                at = to
        pairs.pre[at] = -1
        pairs.sizes[0] -= 1
    pairs.sizes[1] = 0
    return after


@njit(cache=True, nogil=True)
def rehash(old, new):  # type: ignore[no-untyped-def]
    """Copy the entries of one table of pairs into another that is empty."""
    for at in range(len(old.pre)):
        if old.pre[at] >= 0:
            to = -1 - _place_of_pair(new, old.pre[at], old.post[at], old.code[at])
            new.pre[to], new.post[to], new.code[to] = old.pre[at], old.post[at], old.code[at]
            new.weight[to], new.stamp[to] = old.weight[at], old.stamp[at]


@njit(cache=True, nogil=True)
def weights_of(pairs, pre, post, code):  # type: ignore[no-untyped-def]
    """Weights of pairs, 0 where there is none."""
    found = np.zeros(len(pre), np.int64)
    for i in range(len(pre)):
        at = _place_of_pair(pairs, pre[i], post[i], code)
        if at >= 0:
            found[i] = pairs.weight[at]
    return found


# -- synapses --


@njit(cache=True)
def _touch(nodes, node, now):  # type: ignore[no-untyped-def]
    if nodes.stamp[node] != now:
        nodes.stamp[node] = now
        row = nodes.sizes[1]
        nodes.touched[row] = node
        nodes.received_before[row] = nodes.received[node]
        nodes.sent_before[row] = nodes.sent[node]
        nodes.sizes[1] = row + 1


@njit(cache=True)
def _count(synapses, nodes, kinds, pools, sides, dyads, slot, sign, now):  # type: ignore[no-untyped-def]
    """Add a synapse to its pairs, or take it away; its connection may appear or go."""
    pre, post = synapses.pre[slot], synapses.post[slot]
    weight = sign * synapses.weight[slot]
    kind = synapses.kind[slot]
    if kind == 0:
        _touch(nodes, pre, now)
        _touch(nodes, post, now)
        nodes.sent[pre] += weight
        nodes.received[post] += weight
    if synapses.counts[slot] == 0:
        return
    before = _add(kinds, pre, post, kind, weight, now)
    if len(pools.before) > 0:
        _add(pools, pre, post, synapses.pool[slot], weight, now)
    if len(sides.before) > 0:
        _add(sides, pre, post, synapses.side[slot], weight, now)
    if kind != dyads.settings[1] or pre == post or nodes.in_graph[pre] == 0 or nodes.in_graph[post] == 0:
        return
    least = dyads.settings[0]
    was, now_on = before >= least, before + weight >= least
    if was != now_on:
        set_edge(dyads, pre, post, now_on)


@njit(cache=True)
def _link(synapses, nodes, slot):  # type: ignore[no-untyped-def]
    pre, post = synapses.pre[slot], synapses.post[slot]
    first = nodes.first_pre[pre]
    synapses.next_pre[slot], synapses.back_pre[slot] = first, -1
    if first >= 0:
        synapses.back_pre[first] = slot
    nodes.first_pre[pre] = slot
    first = nodes.first_post[post]
    synapses.next_post[slot], synapses.back_post[slot] = first, -1
    if first >= 0:
        synapses.back_post[first] = slot
    nodes.first_post[post] = slot


@njit(cache=True)
def _unlink(synapses, nodes, slot):  # type: ignore[no-untyped-def]
    back, follows = synapses.back_pre[slot], synapses.next_pre[slot]
    if back >= 0:
        synapses.next_pre[back] = follows
    else:
        nodes.first_pre[synapses.pre[slot]] = follows
    if follows >= 0:
        synapses.back_pre[follows] = back
    back, follows = synapses.back_post[slot], synapses.next_post[slot]
    if back >= 0:
        synapses.next_post[back] = follows
    else:
        nodes.first_post[synapses.post[slot]] = follows
    if follows >= 0:
        synapses.back_post[follows] = back


@njit(cache=True, nogil=True)
def change_synapses(synapses, nodes, kinds, pools, sides, dyads, events, pre, post, outcome, first, now):  # type: ignore[no-untyped-def]
    """Events of synapses in their order, from row ``first`` on.

    Args:
        events: of the type ``Synapses``, a row an event; ``counts`` of 2 takes the synapse of that id away.
        pre, post: int32 [events] nodes of synapses that come; set to those it had where one goes.
        outcome: uint8 [events] to fill.

    Returns:
        the row where the room of neighbourhoods was not sure to do, else the number of rows.
    """
    for row in range(first, len(pre)):
        at = _place_of_id(synapses.table, synapses.id, events.id[row])
        if events.counts[row] == 2:
            if at < 0:
                outcome[row] = UNKNOWN
                continue
            slot = synapses.table[at]
            pre[row], post[row] = synapses.pre[slot], synapses.post[slot]
            _count(synapses, nodes, kinds, pools, sides, dyads, slot, -1, now)
            _unlink(synapses, nodes, slot)
            _forget_id(synapses.table, synapses.id, at)
            synapses.pre[slot] = -1
            synapses.free[synapses.sizes[0]] = slot
            synapses.sizes[0] += 1
            synapses.sizes[1] -= 1
        else:
            if at >= 0:
                outcome[row] = THERE
                continue
            if not has_room(dyads, pre[row], post[row]):
                return row
            synapses.sizes[0] -= 1
            synapses.sizes[1] += 1
            slot = synapses.free[synapses.sizes[0]]
            synapses.id[slot], synapses.pre[slot], synapses.post[slot] = events.id[row], pre[row], post[row]
            synapses.weight[slot], synapses.counts[slot] = events.weight[row], events.counts[row]
            synapses.kind[slot], synapses.pool[slot] = events.kind[row], events.pool[row]
            synapses.side[slot] = events.side[row]
            synapses.pre_voxel[slot], synapses.post_voxel[slot] = events.pre_voxel[row], events.post_voxel[row]
            synapses.table[-1 - at] = slot
            _link(synapses, nodes, slot)
            _count(synapses, nodes, kinds, pools, sides, dyads, slot, 1, now)
        outcome[row] = DONE
    return len(pre)


@njit(cache=True, nogil=True)
def move_synapses(synapses, nodes, kinds, pools, sides, dyads, slots, pre, post, first, now):  # type: ignore[no-untyped-def]
    """Give synapses other ends, from row ``first`` on; returns as ``change_synapses``."""
    for row in range(first, len(slots)):
        slot = slots[row]
        if not has_room(dyads, pre[row], post[row]):
            return row
        _count(synapses, nodes, kinds, pools, sides, dyads, slot, -1, now)
        _unlink(synapses, nodes, slot)
        synapses.pre[slot], synapses.post[slot] = pre[row], post[row]
        _link(synapses, nodes, slot)
        _count(synapses, nodes, kinds, pools, sides, dyads, slot, 1, now)
    return len(slots)


@njit(cache=True, nogil=True)
def count_all(synapses, nodes, kinds, pools, sides, slots):  # type: ignore[no-untyped-def]
    """Link and sum synapses that were put into slots, without dyads."""
    for slot in slots:
        _link(synapses, nodes, slot)
        pre, post, weight, kind = synapses.pre[slot], synapses.post[slot], synapses.weight[slot], synapses.kind[slot]
        if kind == 0:
            nodes.sent[pre] += weight
            nodes.received[post] += weight
        if synapses.counts[slot] == 0:
            continue
        _add(kinds, pre, post, kind, weight, 0)
        kinds.sizes[1] = 0
        if len(pools.before) > 0:
            _add(pools, pre, post, synapses.pool[slot], weight, 0)
            pools.sizes[1] = 0
        if len(sides.before) > 0:
            _add(sides, pre, post, synapses.side[slot], weight, 0)
            sides.sizes[1] = 0


@njit(cache=True, nogil=True)
def split_by(synapses, pairs, codes, now):  # type: ignore[no-untyped-def]
    """Sum every synapse by a further key, each pair listed as touched from 0. There must be room for all."""
    for slot in range(len(synapses.id)):
        if synapses.pre[slot] >= 0 and synapses.counts[slot] != 0:
            _add(pairs, synapses.pre[slot], synapses.post[slot], codes[slot], synapses.weight[slot], now)


@njit(cache=True, nogil=True)
def slots_at(synapses, first_pre, first_post):  # type: ignore[no-untyped-def]
    """Slots of a neuron's synapses, each once: those that it makes, then those that it only receives."""
    count = 0
    slot = first_pre
    while slot >= 0:
        count += 1
        slot = synapses.next_pre[slot]
    slot = first_post
    while slot >= 0:
        count += 1
        slot = synapses.next_post[slot]
    found = np.empty(count, np.int32)
    at = 0
    slot = first_pre
    while slot >= 0:
        found[at] = slot
        at += 1
        slot = synapses.next_pre[slot]
    slot = first_post
    while slot >= 0:
        if synapses.pre[slot] != synapses.post[slot]:
            found[at] = slot
            at += 1
        slot = synapses.next_post[slot]
    return found[:at]

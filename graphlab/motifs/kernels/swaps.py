"""The swap kernel: one Markov chain behind every sampled null model with fixed degrees.

A graph is a list of half-edges grouped by their source, so sources never move and every swap exchanges two
targets. In the reciprocity-keeping mode mutual dyads are pairs of half-edges of their own part and swap among
themselves; no pair of neurons may be joined twice, so mutual dyads are neither made nor broken. Three kinds
of step, each its own inverse in probability, so the chain is uniform over all graphs it reaches:

- swap: a->b, c->d become a->d, c->b (for mutual dyads: a=b, c=d become a=d, c=b);
- cycle: a->b->c->a is turned round (Rao, Jana & Bandyopadhyay 1996: with swaps alone, directed graphs of one
  degree sequence fall apart);
- excursion: a random number of swaps in a row through graphs that need not be simple, kept if the last
  one is. Any two graphs are joined by some series of swaps through such states, so excursions keep the
  chain in one piece where kept reciprocity or pair classes would block every single swap.

A refused proposal counts as a step: the chain stays where it is (Artzy-Randrup & Stone 2005).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from graphlab.motifs.kernels.pair_classes import FREE, pair_class
from graphlab.motifs.kernels.pair_set import (
    below,
    chance,
    contains,
    free_slot,
    insert,
    next_word,
    remove,
    shift_of,
    slot_of,
)
from graphlab.motifs.kernels.read_ahead import read_ahead

BATCH = 64
LONGEST = 24
"""Swaps in the longest excursion."""
SMALL = 20_000
"""Half-edges up to which cycles and excursions, rare events in a large sparse graph, are proposed often."""
RARE_SHARE_SMALL, RARE_SHARE_LARGE = 1 / 12, 1 / 256
"""The share of steps that try a cycle, and the same share again an excursion."""


class Groups(NamedTuple):
    """Half-edges by block, so that a proposal stays inside a block; ``blocks`` 0 means no blocks."""

    blocks: int
    by_source: npt.NDArray[np.int32]
    """[half-edges] one-way half-edges by the block of their source; fixed."""
    source_start: npt.NDArray[np.int64]
    by_target: npt.NDArray[np.int32]
    """[half-edges] one-way, then mutual half-edges by the block of their target; kept up to date."""
    target_start: npt.NDArray[np.int64]
    """[2, blocks + 1] for the one-way and the mutual part."""
    place: npt.NDArray[np.int32]
    """[half-edges] where each stands in ``by_target``."""


class Chain(NamedTuple):
    """The state of one chain; ``copy_chain`` makes an independent one."""

    n: int
    reciprocal: bool
    one_start: npt.NDArray[np.int64]
    """[n + 1] rows of the one-way half-edges 0 .. one-1 (all edges where reciprocity is free)."""
    ends: npt.NDArray[np.int32]
    """[half-edges, 2] source and target."""
    partner: npt.NDArray[np.int32]
    """[half-edges] the other half of a mutual dyad; -1 for one-way."""
    table: npt.NDArray[np.int64]
    """Hash set of the pairs that are taken: ordered, or unordered where reciprocity is kept."""
    groups: Groups


def copy_chain(chain: Chain) -> Chain:
    """A chain in the same state that shares only what never changes."""
    groups = chain.groups._replace(by_target=chain.groups.by_target.copy(), place=chain.groups.place.copy())
    return chain._replace(ends=chain.ends.copy(), partner=chain.partner.copy(), table=chain.table.copy(), groups=groups)


@njit(cache=True, nogil=True, inline="always")
def number(a, b, n, unordered):  # type: ignore[no-untyped-def]
    """The key of a pair in the table; of the unordered pair where reciprocity is kept."""
    low, high = (b, a) if unordered and a > b else (a, b)
    return np.int64(low) * n + high + 1


@njit(cache=True, nogil=True)
def pair_key(chain, a, b):  # type: ignore[no-untyped-def]
    """``number`` by the chain's own rule."""
    return number(a, b, chain.n, chain.reciprocal)


@njit(cache=True, nogil=True)
def _same_two(w, x, y, z):  # type: ignore[no-untyped-def]
    return (w == y and x == z) or (w == z and x == y)


@njit(cache=True, nogil=True)
def _swap_keeps_classes(classes, a, b, c, d, mutual):  # type: ignore[no-untyped-def]
    ab, cd = pair_class(classes, a, b), pair_class(classes, c, d)
    ad, cb = pair_class(classes, a, d), pair_class(classes, c, b)
    if not mutual:
        return _same_two(ab, cd, ad, cb)
    ba, dc = pair_class(classes, b, a), pair_class(classes, d, c)
    da, bc = pair_class(classes, d, a), pair_class(classes, b, c)
    was = np.sort(np.array([ab, ba, cd, dc]))
    now = np.sort(np.array([ad, da, cb, bc]))
    return np.array_equal(was, now)


@njit(cache=True, nogil=True)
def _exchange_places(groups, i, j):  # type: ignore[no-untyped-def]
    """Half-edges i and j, whose target blocks were exchanged, exchange their places."""
    at_i, at_j = groups.place[i], groups.place[j]
    groups.place[i], groups.place[j] = at_j, at_i
    groups.by_target[at_i], groups.by_target[at_j] = j, i


@njit(cache=True, nogil=True)
def _exchange_targets(chain, i, j):  # type: ignore[no-untyped-def]
    """The bare exchange, also through graphs that are not simple; mutual halves re-pair."""
    ends, partner = chain.ends, chain.partner
    ends[i, 1], ends[j, 1] = ends[j, 1], ends[i, 1]
    if partner[i] >= 0:
        i2, j2 = partner[i], partner[j]
        ends[j2, 1], ends[i2, 1] = ends[i, 0], ends[j, 0]
        partner[i], partner[j2] = j2, i
        partner[j], partner[i2] = i2, j


@njit(cache=True, nogil=True)
def _swap(chain, classes, shift, i, j):  # type: ignore[no-untyped-def]
    """One two-edge swap of half-edges of the same part; True when it was done."""
    ends, table = chain.ends, chain.table
    a, b, c, d = ends[i, 0], ends[i, 1], ends[j, 0], ends[j, 1]
    if a in (c, d) or b in (c, d):
        return False
    ad, cb = pair_key(chain, a, d), pair_key(chain, c, b)
    if contains(table, shift, ad) or contains(table, shift, cb):
        return False
    mutual = chain.partner[i] >= 0
    if classes.kind != FREE and not _swap_keeps_classes(classes, a, b, c, d, mutual):
        return False
    remove(table, shift, pair_key(chain, a, b))
    remove(table, shift, pair_key(chain, c, d))
    insert(table, shift, ad)
    insert(table, shift, cb)
    if chain.groups.blocks > 0:
        label = classes.label
        if label[b] != label[d]:
            _exchange_places(chain.groups, i, j)
        if mutual and label[a] != label[c]:
            _exchange_places(chain.groups, chain.partner[i], chain.partner[j])
    _exchange_targets(chain, i, j)
    return True


@njit(cache=True, nogil=True)
def _find(chain, source, target):  # type: ignore[no-untyped-def]
    """The one-way half-edge from source to target, or -1."""
    for e in range(chain.one_start[source], chain.one_start[source + 1]):
        if chain.ends[e, 1] == target:
            return e
    return -1


@njit(cache=True, nogil=True)
def _turn_cycle(chain, classes, shift, state):  # type: ignore[no-untyped-def]
    """Turn one directed 3-cycle a->b->c->a round; the chance to pick it depends on out-degrees only."""
    ends, table, one_start = chain.ends, chain.table, chain.one_start
    one = one_start[chain.n]
    if one < 3:
        return False
    ab = below(state, one)
    a, b = ends[ab, 0], ends[ab, 1]
    degree = one_start[b + 1] - one_start[b]
    if degree == 0:
        return False
    bc = one_start[b] + below(state, degree)
    c = ends[bc, 1]
    if c == a or not contains(table, shift, pair_key(chain, c, a)):
        return False
    if not chain.reciprocal and (
        contains(table, shift, pair_key(chain, b, a))
        or contains(table, shift, pair_key(chain, c, b))
        or contains(table, shift, pair_key(chain, a, c))
    ):
        return False
    ca = _find(chain, c, a)
    if ca < 0:
        return False
    if classes.kind != FREE:
        was = np.sort(np.array([pair_class(classes, a, b), pair_class(classes, b, c), pair_class(classes, c, a)]))
        now = np.sort(np.array([pair_class(classes, b, a), pair_class(classes, c, b), pair_class(classes, a, c)]))
        if not np.array_equal(was, now):
            return False
    if not chain.reciprocal:
        for x, y in ((a, b), (b, c), (c, a)):
            remove(table, shift, pair_key(chain, x, y))
        for x, y in ((b, a), (c, b), (a, c)):
            insert(table, shift, pair_key(chain, x, y))
    # a->b becomes a->c, b->c becomes b->a, c->a becomes c->b: two exchanges of targets.
    if chain.groups.blocks > 0:
        _exchange_places(chain.groups, ab, bc)
        _exchange_places(chain.groups, bc, ca)
    _exchange_targets(chain, ab, bc)
    _exchange_targets(chain, bc, ca)
    return True


@njit(cache=True, nogil=True)
def _note(touched, count, half, chain):  # type: ignore[no-untyped-def]
    """Remember a half-edge as it was before the excursion, once."""
    for k in range(count):
        if touched[k, 0] == half:
            return count
    touched[count, 0] = half
    touched[count, 1] = chain.ends[half, 1]
    touched[count, 2] = chain.partner[half]
    return count + 1


@njit(cache=True, nogil=True)
def _multiset(chain, classes, touched, count, was):  # type: ignore[no-untyped-def]
    """Sorted classes of the touched half-edges, one-way and mutual ones apart."""
    numbers = np.empty(count, dtype=np.int64)
    for k in range(count):
        half = touched[k, 0]
        target = touched[k, 1] if was else chain.ends[half, 1]
        number = pair_class(classes, chain.ends[half, 0], target) + 1
        numbers[k] = 2 * number + (1 if touched[k, 2] >= 0 else 0)
    return np.sort(numbers)


@njit(cache=True, nogil=True)
def _settle_places(chain, classes, touched, count):  # type: ignore[no-untyped-def]
    """Deal the places of the touched half-edges out again by their new target blocks."""
    groups, label = chain.groups, classes.label
    place = np.empty(count, dtype=np.int32)
    used = np.zeros(count, dtype=np.bool_)
    for k in range(count):
        place[k] = groups.place[touched[k, 0]]
    for k in range(count):
        half = touched[k, 0]
        block = label[chain.ends[half, 1]]
        for other in range(count):
            same_part = (touched[other, 2] >= 0) == (touched[k, 2] >= 0)
            if not used[other] and same_part and label[touched[other, 1]] == block:
                used[other] = True
                groups.place[half] = place[other]
                groups.by_target[place[other]] = half
                break


@njit(cache=True, nogil=True)
def _excursion(chain, classes, shift, state, touched):  # type: ignore[no-untyped-def]
    """Several exchanges in a row, kept if the graph is simple again and its classes are the same."""
    ends, partner, table = chain.ends, chain.partner, chain.table
    one, halves = chain.one_start[chain.n], len(ends)
    length = 2
    while length < LONGEST and (next_word(state) >> np.uint64(63)) == np.uint64(0):
        length += 1
    count, j = 0, -1
    for k in range(length):
        # Going on from the last half-edge or afresh, by a coin: the series is as likely as its reverse.
        if k > 0 and (next_word(state) >> np.uint64(63)) == np.uint64(0):
            i = j
        else:
            i = below(state, halves)
        j = below(state, one) if i < one else one + below(state, halves - one)
        if i == j or partner[i] == j:
            continue
        count = _note(touched, count, i, chain)
        count = _note(touched, count, j, chain)
        if i >= one:
            count = _note(touched, count, partner[i], chain)
            count = _note(touched, count, partner[j], chain)
        _exchange_targets(chain, i, j)
    simple = True
    changed = False
    for k in range(count):
        half = touched[k, 0]
        simple = simple and ends[half, 0] != ends[half, 1]
        changed = changed or ends[half, 1] != touched[k, 1]
    if simple and changed and classes.kind != FREE:
        was = _multiset(chain, classes, touched, count, True)
        simple = np.array_equal(was, _multiset(chain, classes, touched, count, False))
    if simple and changed:
        for k in range(count):
            half = touched[k, 0]
            if touched[k, 2] < half:
                remove(table, shift, pair_key(chain, ends[half, 0], touched[k, 1]))
        done = 0
        for k in range(count):
            half = touched[k, 0]
            if partner[half] < half and not insert(table, shift, pair_key(chain, ends[half, 0], ends[half, 1])):
                simple = False
                break
            done += 1
        if not simple:
            for k in range(done):
                half = touched[k, 0]
                if partner[half] < half:
                    remove(table, shift, pair_key(chain, ends[half, 0], ends[half, 1]))
            for k in range(count):
                half = touched[k, 0]
                if touched[k, 2] < half:
                    insert(table, shift, pair_key(chain, ends[half, 0], touched[k, 1]))
    if simple and changed:
        if chain.groups.blocks > 0:
            _settle_places(chain, classes, touched, count)
        return True
    for k in range(count):
        half = touched[k, 0]
        ends[half, 1] = touched[k, 1]
        partner[half] = touched[k, 2]
    return False


@njit(cache=True, nogil=True)
def _mate(chain, classes, state, i):  # type: ignore[no-untyped-def]
    """A half-edge to swap with i, from its block; blocks keep their sizes, so i would be drawn for it alike."""
    groups = chain.groups
    if chain.partner[i] >= 0:
        block, part = classes.label[chain.ends[i, 1]], 1
    elif (next_word(state) >> np.uint64(63)) == np.uint64(0):
        block, part = classes.label[chain.ends[i, 1]], 0
    else:
        block = classes.label[chain.ends[i, 0]]
        low = groups.source_start[block]
        return np.int64(groups.by_source[low + below(state, groups.source_start[block + 1] - low)])
    low = groups.target_start[part, block]
    return np.int64(groups.by_target[low + below(state, groups.target_start[part, block + 1] - low)])


@njit(cache=True, nogil=True)
def run_chain(chain, classes, steps, state, tally):  # type: ignore[no-untyped-def]
    """Run ``steps`` steps, refused ones included, on the chain in place.

    Args:
        chain: Chain; its ``ends``, ``partner``, ``table`` and ``groups`` change.
        classes: PairClasses whose multiset over edges (one-way and mutual apart) is kept.
        state: uint64 [4], the generator's.
        tally: int64 [3, 2], proposed and accepted swaps, cycles, excursions; added to.
    """
    shift = shift_of(chain.table)
    ends, table, partner = chain.ends, chain.table, chain.partner
    one, halves = chain.one_start[chain.n], len(ends)
    if halves < 2:
        return
    n, unordered = chain.n, chain.reciprocal
    grouped = chain.groups.blocks > 0
    plain = classes.kind == FREE and not grouped
    rare = RARE_SHARE_SMALL if halves <= SMALL else RARE_SHARE_LARGE
    kind = np.empty(BATCH, dtype=np.int8)
    first = np.empty(BATCH, dtype=np.int64)
    second = np.empty(BATCH, dtype=np.int64)
    touched = np.empty((4 * LONGEST, 3), dtype=np.int64)
    for begin in range(0, steps, BATCH):
        size = min(BATCH, steps - begin)
        for k in range(size):
            u = chance(state)
            kind[k] = 1 if u < rare else (2 if u < 2.0 * rare else 0)
            if kind[k] == 0:
                i = below(state, halves)
                first[k] = i
                if not grouped:
                    second[k] = below(state, one) if i < one else one + below(state, halves - one)
                    # So that a batch waits for memory once and not at every step.
                    read_ahead(ends, i)
                    read_ahead(ends, second[k])
        if plain:
            # Then the four slots of each: a proposal that an earlier one of its batch changed only asked in vain.
            for k in range(size):
                if kind[k] == 0:
                    i, j = first[k], second[k]
                    a, b, c, d = ends[i, 0], ends[i, 1], ends[j, 0], ends[j, 1]
                    read_ahead(table, slot_of(number(a, d, n, unordered), shift))
                    read_ahead(table, slot_of(number(c, b, n, unordered), shift))
                    read_ahead(table, slot_of(number(a, b, n, unordered), shift))
                    read_ahead(table, slot_of(number(c, d, n, unordered), shift))
        for k in range(size):
            done = False
            if kind[k] == 1:
                done = _turn_cycle(chain, classes, shift, state)
            elif kind[k] == 2:
                done = _excursion(chain, classes, shift, state, touched)
            elif plain:
                i, j = first[k], second[k]
                a, b, c, d = ends[i, 0], ends[i, 1], ends[j, 0], ends[j, 1]
                if a != c and a != d and b != c and b != d:
                    ad, cb = number(a, d, n, unordered), number(c, b, n, unordered)
                    slot_ad, slot_cb = free_slot(table, shift, ad), free_slot(table, shift, cb)
                    if slot_ad >= 0 and slot_cb >= 0:
                        # New keys go in before old ones leave: no gap can open before their slots.
                        table[slot_ad] = ad
                        while table[slot_cb] != 0:
                            slot_cb = (slot_cb + 1) & (len(table) - 1)
                        table[slot_cb] = cb
                        remove(table, shift, number(a, b, n, unordered))
                        remove(table, shift, number(c, d, n, unordered))
                        ends[i, 1], ends[j, 1] = d, b
                        if i >= one:
                            i2, j2 = partner[i], partner[j]
                            ends[j2, 1], ends[i2, 1] = a, c
                            partner[i], partner[j2] = j2, i
                            partner[j], partner[i2] = i2, j
                        done = True
            else:
                i = first[k]
                j = _mate(chain, classes, state, i) if grouped else second[k]
                done = _swap(chain, classes, shift, i, j)
            tally[kind[k], 0] += 1
            tally[kind[k], 1] += done

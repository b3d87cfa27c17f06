"""Nulls with closed forms: a given number of connections (``er``) or a given dyad census (``dyad``).

``er`` is uniform over graphs with the observed number of connections among the observable ordered pairs;
``dyad`` also keeps how many dyads are mutual and one-way (U|MAN of Holland & Leinhardt 1976). The chance
that given pairs hold given states is a product of falling factorials, so the mean of every class is exact; the
variance sums over pairs of neuron sets by how many neurons they share.

A code holds the states of k neurons' dyads: dyads in the order (0,1), (0,2), (1,2), (0,3), ..., two bits each,
low bit the connection from the lower to the higher number. The dyads among the first s neurons are the low bits.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from graphlab.motifs.nulls.chains import snapshot_of
from graphlab.motifs.nulls.models import (
    CONNECTIONS,
    DYADS,
    ClosedForm,
    Floats,
    Ints,
    NullOptions,
    Sampler,
    observable_masks,
)
from queries.snapshot import Snapshot

Booleans = npt.NDArray[np.bool_]


def dyads_of(size: int) -> list[tuple[int, int]]:
    """The dyads of ``size`` neurons in code order."""
    return [(low, high) for high in range(size) for low in range(high)]


def size_of_codes(class_of_code: Ints) -> int:
    """How many neurons a table of 4, 64 or 4096 codes is about."""
    return {4: 2, 64: 3, 4096: 4}[len(class_of_code)]


def dyad_class_codes() -> Ints:
    """int64 [4]: null 0, one-way 1, mutual 2."""
    return np.array([0, 1, 1, 2])


def _falling(x: float, k: int) -> float:
    product = 1.0
    for step in range(k):
        product *= x - step
    return product


@dataclass(frozen=True)
class _Edges:
    """The law of ``er``: m connections on M observable ordered pairs."""

    pairs: int
    edges: int

    def chance(self, dyad_states: Counter[int], one_way_slots: tuple[int, int]) -> float:
        """The chance of given dyad states and ``one_way_slots`` = (taken, free) single pairs."""
        slots = 2 * sum(dyad_states.values()) + sum(one_way_slots)
        taken = dyad_states[1] + dyad_states[2] + 2 * dyad_states[3] + one_way_slots[0]
        if slots > self.pairs:
            return 0.0
        return (
            _falling(self.edges, taken) * _falling(self.pairs - self.edges, slots - taken) / _falling(self.pairs, slots)
        )


@dataclass(frozen=True)
class _Dyads:
    """The law of ``dyad``: so many two-way dyads mutual and one-way, so many single pairs taken."""

    dyads: int
    mutual: int
    one_way: int
    singles: int
    taken: int

    def chance(self, dyad_states: Counter[int], one_way_slots: tuple[int, int]) -> float:
        mutual, one_way = dyad_states[3], dyad_states[1] + dyad_states[2]
        count, slots = sum(dyad_states.values()), sum(one_way_slots)
        if count > self.dyads or slots > self.singles:
            return 0.0
        null = self.dyads - self.mutual - self.one_way
        two_way = _falling(self.mutual, mutual) * _falling(self.one_way, one_way) * 0.5**one_way
        two_way *= _falling(null, count - mutual - one_way) / _falling(self.dyads, count)
        single = _falling(self.taken, one_way_slots[0]) * _falling(self.singles - self.taken, one_way_slots[1])
        return two_way * single / _falling(self.singles, slots)


def _states(code: int, dyads: int) -> tuple[int, ...]:
    return tuple((code >> (2 * k)) & 3 for k in range(dyads))


def expected_counts(law: _Edges | _Dyads, groups: tuple[int, int, int, int], class_of_code: Ints) -> Floats:
    """Mean induced count of every class.

    Args:
        groups: neurons seen both ways, by outputs only, by inputs only, not at all.
        class_of_code: int64 [4^dyads], the class of each code.
    """
    size = size_of_codes(class_of_code)
    dyads = dyads_of(size)
    mean = np.zeros(int(class_of_code.max()) + 1)
    for kinds in itertools.combinations_with_replacement(range(4), size):
        counts = Counter(kinds)
        sets = 1
        for kind, count in counts.items():
            sets *= comb(groups[kind], count)
        if sets == 0:
            continue
        # A dyad allows no connection (0), one from low to high (1) or high to low (2), or both (3).
        allowed = tuple(
            (1 if kinds[a] in (0, 1) and kinds[b] in (0, 2) else 0)
            | (2 if kinds[b] in (0, 1) and kinds[a] in (0, 2) else 0)
            for a, b in dyads
        )
        for code, number in enumerate(class_of_code):
            states = _states(code, len(dyads))
            if any(state & ~allow for state, allow in zip(states, allowed, strict=True)):
                continue
            full = Counter(state for state, allow in zip(states, allowed, strict=True) if allow == 3)
            single = [state for state, allow in zip(states, allowed, strict=True) if allow in (1, 2)]
            taken = sum(state != 0 for state in single)
            mean[number] += sets * law.chance(full, (taken, len(single) - taken))
    return mean


def exact_std(law: _Edges | _Dyads, n: int, class_of_code: Ints, mean: Floats) -> Floats:
    """Standard deviation of every class when all ordered pairs are observable."""
    size = size_of_codes(class_of_code)
    dyads = len(dyads_of(size))
    square = np.zeros(len(mean))
    sets = comb(n, size)
    if sets == 0:  # fewer neurons than a class has
        return square
    for number in range(len(mean)):
        codes = np.flatnonzero(class_of_code == number)
        sample = Counter(_states(int(codes[0]), dyads))
        own = Counter({1: sample[1] + sample[2], 3: sample[3], 0: sample[0]})
        for shared in range(size + 1):
            others = comb(size, shared) * comb(n - size, size - shared)
            if others == 0:
                continue
            common = shared * (shared - 1) // 2
            total = 0.0
            for low, ways in Counter(int(code) & (4**common - 1) for code in codes).items():
                kept = Counter(_states(low, common))
                both = Counter(
                    {
                        1: 2 * own[1] - kept[1] - kept[2],
                        3: 2 * own[3] - kept[3],
                        0: 2 * own[0] - kept[0],
                    }
                )
                total += ways**2 * law.chance(both, (0, 0))
            square[number] += sets * others * total
    variance = square - mean**2
    # What is left of cancelling terms is rounding, not spread.
    return np.sqrt(np.where(variance > 1e-9 * np.maximum(square, 1e-300), variance, 0.0))


@dataclass(frozen=True, eq=False)
class _Space:
    """The observable pairs of a graph and what stands on them."""

    pre: Booleans
    post: Booleans
    edges: int
    mutual: int
    one_way: int
    singles_taken: int

    @property
    def groups(self) -> tuple[int, int, int, int]:
        both = int((self.pre & self.post).sum())
        pre, post = int(self.pre.sum()), int(self.post.sum())
        return both, pre - both, post - both, len(self.pre) - pre - post + both

    @property
    def pairs(self) -> int:
        both, out, into, _ = self.groups
        return (both + out) * (both + into) - both

    @property
    def two_way_dyads(self) -> int:
        return comb(self.groups[0], 2)


def _space(snapshot: Snapshot, options: NullOptions) -> _Space:
    pre, post = observable_masks(snapshot, options)
    source, target = snapshot.sources().astype(np.int64), snapshot.out_target.astype(np.int64)
    both = pre & post
    inside = both[source] & both[target]
    mutual = int(np.isin(source * snapshot.n + target, target * snapshot.n + source).sum()) // 2
    one_way = int(inside.sum()) - 2 * mutual
    return _Space(pre, post, snapshot.m, mutual, one_way, snapshot.m - int(inside.sum()))


def _pairs_of_numbers(number: Ints, rows: Ints, length: Ints, columns: list[Ints], kind: Ints) -> tuple[Ints, Ints]:
    """Row and column neuron of flat numbers over rows of different lengths, skipping the diagonal.

    Row r runs over ``columns[kind[r]]`` without its own neuron where that is among them.
    """
    start = np.concatenate([[0], np.cumsum(length)])
    row = np.searchsorted(start, number, side="right") - 1
    place = number - start[row]
    target = np.empty(len(number), dtype=np.int64)
    source = rows[row]
    for which, column in enumerate(columns):
        chosen = kind[row] == which
        at = place[chosen]
        own = np.searchsorted(column, source[chosen])
        own_there = (
            (own < len(column)) & (column[np.minimum(own, len(column) - 1)] == source[chosen])
            if len(column)
            else own < 0
        )
        at = at + (own_there & (at >= own))
        target[chosen] = column[at] if len(column) else at
    return source, target


def _place_edges(space: _Space, rng: np.random.Generator) -> tuple[Ints, Ints]:
    rows, column = np.flatnonzero(space.pre), np.flatnonzero(space.post)
    length = len(column) - space.post[rows].astype(np.int64)
    number = rng.choice(space.pairs, space.edges, replace=False)
    return _pairs_of_numbers(number, rows, length, [column], np.zeros(len(rows), dtype=np.int64))


def _place_dyads(space: _Space, rng: np.random.Generator) -> tuple[Ints, Ints]:
    both = np.flatnonzero(space.pre & space.post)
    number = rng.choice(space.two_way_dyads, space.mutual + space.one_way, replace=False)
    # Dyad number h(h-1)/2 + l is (l, h); the root may be off by one in floating point.
    high = np.floor((1 + np.sqrt(1 + 8.0 * number)) / 2).astype(np.int64)
    high -= high * (high - 1) // 2 > number
    high += (high + 1) * high // 2 <= number
    low = number - high * (high - 1) // 2
    turned = rng.random(len(number)) < 0.5
    first, second = both[np.where(turned, high, low)], both[np.where(turned, low, high)]
    mutual = np.arange(len(number)) < space.mutual
    rows = np.flatnonzero(space.pre)
    seen = space.post[rows]
    columns = [np.flatnonzero(space.post), np.flatnonzero(space.post & ~space.pre)]
    kind = seen.astype(np.int64)
    length = np.array([len(columns[0]), len(columns[1])])[kind]
    single = rng.choice(int(length.sum()), space.singles_taken, replace=False)
    source, target = _pairs_of_numbers(single, rows, length, columns, kind)
    return (
        np.concatenate([first, second[mutual], source]),
        np.concatenate([second, first[mutual], target]),
    )


def _law_of_edges(space: _Space) -> _Edges:
    return _Edges(space.pairs, space.edges)


def _law_of_dyads(space: _Space) -> _Dyads:
    singles = space.pairs - 2 * space.two_way_dyads
    return _Dyads(space.two_way_dyads, space.mutual, space.one_way, singles, space.singles_taken)


@dataclass(frozen=True)
class UniformNull:
    """``er`` or ``dyad``: drawn directly, without a chain."""

    name: str
    kept: str
    keeps: frozenset[str]
    place: Callable[[_Space, np.random.Generator], tuple[Ints, Ints]]
    """Sources and targets of one random graph."""
    law: Callable[[_Space], _Edges | _Dyads]
    needs: frozenset[str] = frozenset()

    def prepare(self, snapshot: Snapshot, options: NullOptions, seed: int) -> UniformSampler:
        return UniformSampler(self, snapshot, _space(snapshot, options))

    def sentence(self, options: NullOptions) -> str:
        return f"Null '{self.name}': random graphs with {self.kept}; means are exact."


@dataclass(frozen=True, eq=False)
class UniformSampler(Sampler):
    """Draws of ``er`` or ``dyad``, each on its own."""

    null: UniformNull
    snapshot: Snapshot
    space: _Space

    def draw(self, seed: np.random.SeedSequence) -> Snapshot:
        rng = np.random.default_rng(seed)
        ends = np.column_stack(self.null.place(self.space, rng)).astype(np.int32)
        weight = rng.permutation(np.array(self.snapshot.weight))  # NumPy shuffles an empty one in place
        return snapshot_of(self.snapshot, ends, weight, self.null.name)

    def closed_form(self, class_of_code: Ints) -> ClosedForm:
        law, groups = self.null.law(self.space), self.space.groups
        mean = expected_counts(law, groups, class_of_code)
        whole = groups[0] == self.snapshot.n
        std = exact_std(law, self.snapshot.n, class_of_code, mean) if whole else np.full(len(mean), np.nan)
        return ClosedForm(mean, std)


NULLS = (
    UniformNull("er", "the observed number of connections", frozenset({CONNECTIONS}), _place_edges, _law_of_edges),
    UniformNull(
        "dyad", "the observed numbers of mutual, one-way and unconnected pairs",
        frozenset({CONNECTIONS, DYADS}), _place_dyads, _law_of_dyads,
    ),
)  # fmt: skip

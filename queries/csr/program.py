"""A pattern as a program for the join kernel: an order of its vertices and what to do at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np

from queries.csr.kernels.constants import GALLOP
from queries.csr.lists import Numbers, Places
from queries.csr.needs import Needs
from queries.csr.relations import Relation, Relations
from queries.ir.pattern import Edge

CLUSTERING = 50.0
"""How much likelier than by chance two vertices with a common neighbour are joined, in connectomes."""
TRIED = 5
"""Up to so many vertices all orders are weighed; beyond, the best next vertex is taken."""
OVERHEAD = 15.0
"""What beginning an intersection costs, in list entries looked at."""


@dataclass(frozen=True, eq=False)
class Lists:
    """Adjacency lists, of one direction of a relation or a plain list (one row)."""

    start: Places
    targets: Numbers

    @property
    def degrees(self) -> Places:
        return np.diff(self.start)


@dataclass(frozen=True)
class Link:
    """How a vertex is met: from which vertex (None for a plain list), over which lists."""

    origin: str | None
    lists: Lists


@dataclass(eq=False)
class Loaded:
    """The relations of a pattern, and how each vertex can be met."""

    needs: Needs
    relations: dict[str, Relation]
    """Of every positive edge, by its variable."""
    nodes: dict[str, int]
    """Vertex variable -> number of vertices of its table."""
    links: dict[str, list[Link]] = field(default_factory=dict)
    absent: list[tuple[str, str, Lists, Lists]] = field(default_factory=list)
    """(source, target, forward, backward) of absent edges."""

    @property
    def variables(self) -> list[str]:
        return list(self.nodes)


def load(needs: Needs, relations: Relations, wanted: dict[str, tuple[tuple[str, ...], bool]]) -> Loaded:
    """Fetch and sort all that the join reads.

    Args:
        wanted: edge variable -> columns to keep, and whether its key is wanted too.
    """
    pattern = needs.bound.pattern
    apart = needs.differs | {frozenset(pair) for pair in needs.orders}
    nodes = {v.variable: relations.vertices(v.variable).n for v in pattern.vertices}
    loaded = Loaded(needs, {}, nodes, {name: [] for name in nodes})
    plain: dict[str, list[Numbers]] = {name: [] for name in nodes}
    kept: dict[tuple[Relation, str], Lists] = {}

    def lists(relation: Relation, way: str) -> Lists:
        key = (relation, way)
        if key not in kept:
            kept[key] = Lists(*(relation.forward() if way == "out" else relation.backward()))
        return kept[key]

    for edge in needs.edges:
        columns, key = wanted.get(edge.variable, ((), False))
        may_loop = frozenset((edge.source, edge.target)) not in apart
        relation = relations.relation(edge, columns, key, loops=may_loop)
        loaded.relations[edge.variable] = relation
        loaded.links[edge.target].append(Link(edge.source, lists(relation, "out")))
        loaded.links[edge.source].append(Link(edge.target, lists(relation, "in")))
    for edge in needs.loops:
        columns, key = wanted.get(edge.variable, ((), False))
        relation = relations.relation(edge, columns, key)
        loaded.relations[edge.variable] = relation
        plain[edge.source].append(_with_loop(relation))
    for edge, filtered in needs.absent:
        relation = relations.relation(edge, filtered=filtered, masked=False)
        if edge.source == edge.target:
            every = np.arange(nodes[edge.source], dtype=np.int32)
            plain[edge.source].append(np.setdiff1d(every, _with_loop(relation)))
        else:
            loaded.absent.append((edge.source, edge.target, lists(relation, "out"), lists(relation, "in")))
    for name in nodes:
        if not loaded.links[name]:
            mask = relations.mask(name)
            all_of = np.flatnonzero(mask) if len(mask) else np.arange(nodes[name])
            plain[name].append(all_of.astype(np.int32))
        for one in plain[name]:
            loaded.links[name].append(Link(None, Lists(np.array([0, len(one)], np.int64), one)))
    return loaded


def _with_loop(relation: Relation) -> Numbers:
    sources = np.repeat(np.arange(relation.n_source, dtype=np.int32), np.diff(relation.start))
    looped: Numbers = sources[sources == relation.targets]
    return looped


# -- order --


class _Costs:
    """Expected list entries looked at for an order of vertices; exact degree moments of the filtered lists."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self._fans: dict[tuple[int, int], float] = {}
        self._degrees: dict[int, Places] = {}
        self._alive: dict[str, float] = {}

    def degrees(self, lists: Lists) -> Places:
        if id(lists) not in self._degrees:
            self._degrees[id(lists)] = lists.degrees
        return self._degrees[id(lists)]

    def alive(self, name: str) -> float:
        """Vertices with at least one entry in every list."""
        if name not in self._alive:
            self._alive[name] = float(len(candidates(self.loaded, name)))
        return self._alive[name]

    def fan(self, lists: Lists, arrived: Lists | None) -> float:
        """Mean length of a list at a vertex that another edge led to."""
        key = (id(lists), id(arrived))
        if key not in self._fans:
            out = self.degrees(lists).astype(np.float64)
            weight = np.ones(len(out)) if arrived is None else self.degrees(arrived).astype(np.float64)
            total = weight.sum()
            # No dot product: BLAS wakes its threads for it, which costs milliseconds where the cores are taken.
            self._fans[key] = float((weight * out).sum() / total) if total else 0.0
        return self._fans[key]

    def step(
        self, rows: float, name: str, at: dict[str, int], arrived: dict[str, Lists | None]
    ) -> tuple[float, float, Lists | None]:
        """(rows after matching ``name``, entries looked at, list of ``name`` over which it was met)."""
        joins = [link for link in self.loaded.links[name] if link.origin is None or link.origin in at]
        if not joins:
            return rows * max(1.0, self.alive(name)), rows, None
        sizes = []
        for link in joins:
            if link.origin is None:
                sizes.append(float(len(link.lists.targets)))
            else:
                sizes.append(self.fan(link.lists, arrived[link.origin]))
        shortest = min(range(len(joins)), key=lambda i: sizes[i])
        kept = sizes[shortest]
        population = max(1.0, float(self.loaded.nodes[name]))
        for i, size in enumerate(sizes):
            if i != shortest:
                kept *= min(1.0, CLUSTERING * size / population)
        if len(joins) == 1:
            looked = sizes[0]
        else:
            ages = [-1 if link.origin is None else at[link.origin] for link in joins]
            oldest = min(range(len(joins)), key=lambda i: ages[i])
            others = [size for i, size in enumerate(sizes) if i != oldest]
            looked = min(min(others), GALLOP * sizes[oldest])
            if ages[oldest] == len(at) - 1:  # nothing to mark
                looked = GALLOP * min(sizes)
        met = joins[shortest]
        back = None
        if met.origin is not None:
            back = next((x.lists for x in self.loaded.links[met.origin] if x.origin == name), None)
        return rows * kept, rows * (looked + OVERHEAD), back


def best_order(loaded: Loaded, listing: bool = True) -> tuple[list[str], float]:
    """The order of vertices that looks at fewest list entries, and how many it expects that to be."""
    costs = _Costs(loaded)
    names = loaded.variables
    if len(names) <= TRIED:
        weighed = [(_cost(costs, order, listing), number, order) for number, order in enumerate(permutations(names))]
        least = min(weighed)
        return list(least[2]), least[0]
    greedy = [_greedy(costs, first, names, listing) for first in names]
    best = min(range(len(names)), key=lambda i: greedy[i][1])
    return greedy[best]


def _cost(costs: _Costs, order: Sequence[str], listing: bool) -> float:
    at: dict[str, int] = {}
    arrived: dict[str, Lists | None] = {}
    rows, total = 1.0, 0.0
    for number, name in enumerate(order):
        if number == 0:
            rows, arrived[name] = max(1.0, costs.alive(name)), None
        else:
            rows, looked, arrived[name] = costs.step(rows, name, at, arrived)
            counted = number == len(order) - 1 and not listing
            single = sum(1 for x in costs.loaded.links[name] if x.origin is None or x.origin in at) == 1
            total += min(looked, rows * OVERHEAD) if counted and single else looked
        at[name] = number
    return total + (rows if listing else 0.0)


def _greedy(costs: _Costs, first: str, names: list[str], listing: bool) -> tuple[list[str], float]:
    order = [first]
    while len(order) < len(names):
        linked = [n for n in names if n not in order and any(x.origin in order for x in costs.loaded.links[n])]
        options = linked or [n for n in names if n not in order]
        order.append(min(options, key=lambda name: _cost(costs, [*order, name], listing)))
    return order, _cost(costs, order, listing)


def candidates(loaded: Loaded, name: str) -> Numbers:
    """Vertices that have an entry in the list of every edge around them."""
    alive = np.ones(loaded.nodes[name], np.bool_)
    for other in loaded.variables:
        for link in loaded.links[other]:
            if link.origin == name:
                alive &= link.lists.degrees > 0
    for link in loaded.links[name]:
        if link.origin is None:
            member = np.zeros(loaded.nodes[name], np.bool_)
            member[link.lists.targets] = True
            alive &= member
    return np.flatnonzero(alive).astype(np.int32)


# -- program --


@dataclass(frozen=True, eq=False)
class Program:
    """The arguments of kernels.join that do not change while it runs."""

    order: tuple[str, ...]
    arrays: tuple[Any, ...]
    """starts, targets, bases, joins, orders, differs, absents, twins, counts, marker."""
    longest: Places
    """[levels] longest candidate list."""
    width: int
    """Most vertices of a table."""
    begin: Numbers
    """Candidates of the first vertex."""
    weight: Places
    """[begin] entries in their lists, to cut the work into pieces."""


class Slots:
    """Lists one after the other, as the kernels read them."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.lists: list[Lists] = []

    def of(self, lists: Lists) -> int:
        if id(lists) not in self.numbers:
            self.numbers[id(lists)] = len(self.lists)
            self.lists.append(lists)
        return self.numbers[id(lists)]

    def arrays(self) -> tuple[Places, Numbers, Places]:
        """starts, targets, bases."""
        bases = np.cumsum([0, *(len(one.start) for one in self.lists)])[:-1].astype(np.int64)
        if len(self.lists) == 1:
            return self.lists[0].start, self.lists[0].targets, bases
        offsets = np.cumsum([0, *(len(one.targets) for one in self.lists)])[:-1]
        starts = np.concatenate([one.start + offset for one, offset in zip(self.lists, offsets, strict=True)])
        return starts, np.concatenate([one.targets for one in self.lists]), bases


def compiled(loaded: Loaded, order: Sequence[str]) -> Program:
    """The program for an order of vertices."""
    needs = loaded.needs
    at = {name: level for level, name in enumerate(order)}
    slots = Slots()
    joins: list[list[tuple[int, int]]] = [[] for _ in order]
    longest = np.zeros(len(order), np.int64)
    for name, level in at.items():
        links = [link for link in loaded.links[name] if link.origin is None or at[link.origin] < level]
        if not links:  # joined to later vertices only
            every = candidates(loaded, name)
            links = [Link(None, Lists(np.array([0, len(every)], np.int64), every))]
        for link in links:
            if level > 0:
                joins[level].append((-1 if link.origin is None else at[link.origin], slots.of(link.lists)))
                longest[level] = max(longest[level], link.lists.degrees.max(initial=0))
    orders: list[list[tuple[int, int]]] = [[] for _ in order]
    for low, high in needs.orders:
        later = max(at[low], at[high])
        orders[later].append((min(at[low], at[high]), 1 if at[high] == later else -1))
    apart = {frozenset(pair) for pair in needs.orders}
    apart |= {frozenset((e.source, e.target)) for e in needs.edges}
    differs: list[list[int]] = [[] for _ in order]
    for pair in needs.differs - apart:  # an edge between them holds no autapses, see load()
        a, b = sorted(at[name] for name in pair)
        differs[b].append(a)
    absents: list[list[tuple[int, int]]] = [[] for _ in order]
    for source, target, forward, backward in loaded.absent:
        if at[source] < at[target]:
            absents[at[target]].append((at[source], slots.of(forward)))
        else:
            absents[at[source]].append((at[target], slots.of(backward)))
    twins: list[list[tuple[int, ...]]] = [[] for _ in order]
    for e, f in needs.twins:
        ends = tuple(at[name] for name in (e.source, e.target, f.source, f.target))
        twins[max(ends)].append(ends)
    marker = np.full(len(order), -1, np.int64)
    for level, own in enumerate(joins):
        if len(own) > 1:
            oldest = min(range(len(own)), key=lambda j: own[j][0])
            marker[level] = oldest if own[oldest][0] < level - 1 else -1
    counts = np.array([[len(x[i]) for x in (joins, orders, differs, absents, twins)] for i in at.values()], np.int64)
    begin = candidates(loaded, order[0])
    if twins[0]:  # two edges from the first vertex to itself, where it has one at most
        begin = begin[:0]
    weight = np.ones(loaded.nodes[order[0]], np.int64)
    for name in order[1:]:
        for link in loaded.links[name]:
            if link.origin == order[0]:
                weight += link.lists.degrees
    arrays = (
        *slots.arrays(),
        _table(joins, 2),
        _table(orders, 2),
        _table(differs, 0),
        _table(absents, 2),
        _table(twins, 4),
        counts,
        marker,
    )
    return Program(tuple(order), arrays, longest, max(loaded.nodes.values()), begin, weight[begin])


def _table(rows: Sequence[Sequence[Any]], width: int) -> Any:
    """Lists of different lengths as one int64 array, zeros behind."""
    most = max(1, *(len(row) for row in rows))
    shape = (len(rows), most, width) if width else (len(rows), most)
    table = np.zeros(shape, np.int64)
    for i, row in enumerate(rows):
        if row:
            table[i, : len(row)] = row
    return table


@dataclass(frozen=True, eq=False)
class FourCycleProgram:
    """The arguments of meet_kernel.meetings."""

    arrays: tuple[Any, ...]
    """starts, targets, bases, slots, orders, distinct."""
    width: int
    begin: Numbers
    weight: Places
    entries: float
    """List entries looked at."""


def four_cycle_program(loaded: Loaded) -> FourCycleProgram | None:
    """The pattern as two vertices that meet over two others, where it is nothing else; None otherwise."""
    needs = loaded.needs
    if len(loaded.nodes) != 4 or len(needs.edges) != 4 or needs.loops or needs.absent or needs.twins:
        return None
    if not needs.plain or len(set(loaded.nodes.values())) > 1 or not all(r.single for r in loaded.relations.values()):
        return None
    around: dict[str, set[str]] = {name: set() for name in loaded.nodes}
    for edge in needs.edges:
        around[edge.source].add(edge.target)
        around[edge.target].add(edge.source)
    names = loaded.variables
    meetings: list[FourCycleProgram] = []
    for a in names:
        if len(around[a]) != 2:
            return None
        c = next((n for n in names if n != a and n not in around[a]), None)
        if c is None or around[c] != around[a]:
            return None
        one = _meeting(loaded, a, c, *sorted(around[a]))
        if one is not None:
            meetings.append(one)
    return min(meetings, key=lambda one: one.entries, default=None)


def _meeting(loaded: Loaded, a: str, c: str, b: str, d: str) -> FourCycleProgram | None:
    needs = loaded.needs
    pairs = {frozenset(pair): pair for pair in needs.orders}
    if frozenset((b, d)) in pairs:
        return None
    opposite = [frozenset((a, c)) in needs.differs | set(pairs), frozenset((b, d)) in needs.differs]
    sides = [frozenset(pair) in needs.differs | set(pairs) for pair in ((a, b), (b, c), (a, d), (d, c))]
    if not (all(opposite) and all(sides)) and (any(opposite) or needs.differs):
        return None
    distinct = all(opposite)
    slots = Slots()
    lists = []
    for origin, name in ((a, b), (b, c), (a, d), (d, c)):
        lists.append(next(link.lists for link in loaded.links[name] if link.origin == origin))

    def order(first: str, second: str) -> int:
        pair = pairs.get(frozenset((first, second)))
        return 0 if pair is None else (1 if pair == (first, second) else -1)

    orders = np.array([order(a, b), order(b, c), order(a, d), order(d, c), order(a, c)], np.int64)
    numbers = np.array([slots.of(one) for one in lists], np.int64)
    begin = candidates(loaded, a)
    weight = np.ones(loaded.nodes[a], np.int64)
    for first, second in ((0, 1), (2, 3)):
        weight += _two_steps(lists[first], lists[second])
    entries = float(weight[begin].sum())
    return FourCycleProgram(
        (*slots.arrays(), numbers, orders, int(distinct)), loaded.nodes[a], begin, weight[begin], entries
    )


def _two_steps(first: Lists, second: Lists) -> Places:
    """Entries of the second lists at the ends of each first list."""
    ahead = np.concatenate([[0], np.cumsum(second.degrees[first.targets])])
    steps: Places = (ahead[first.start[1:]] - ahead[first.start[:-1]]).astype(np.int64)
    return steps


def edges_of(needs: Needs) -> tuple[Edge, ...]:
    """All edges a match has rows of, in the pattern's order."""
    every = {edge.variable: edge for edge in (*needs.edges, *needs.loops)}
    return tuple(every[edge.variable] for edge in needs.bound.pattern.positive)

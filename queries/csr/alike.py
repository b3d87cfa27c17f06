"""Of matches of the join that differ by exchanging alike vertices, the least: a look-up for every exchange.

Tests: tests/queries/csr/test_executor.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations, product
from math import factorial, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from queries.csr.lists import pairs_there
from queries.csr.program import Loaded
from queries.planning.bound import BoundPattern

MOST_EXCHANGES = 120
"""More ways to exchange vertices than of five are left to SQL, which sorts the matches."""

Nodes = npt.NDArray[np.int32]


def looks_up(bound: BoundPattern) -> bool:
    """Whether there are few enough exchanges to look for each exchanged match, of vertices numbered alike."""
    alike = bound.pattern.alike
    tables = {bound.vertex_tables[name] for together in alike for name in together}
    return len(tables) == 1 and prod(factorial(len(together)) for together in alike) <= MOST_EXCHANGES


class SmallestMatches:
    """Keeps a match unless an exchange of alike vertices makes it a match with smaller ids.

    Matches come one after the other and none is remembered, so a limit stops the join as it does without ``===``.
    """

    def __init__(self, loaded: Loaded, alike: Sequence[Sequence[str]]) -> None:
        self.loaded = loaded
        self.names = loaded.variables
        number = {name: i for i, name in enumerate(self.names)}
        sets = [[number[name] for name in together] for together in alike]
        self.exchanges: list[list[int]] = []
        for choice in product(*(permutations(together) for together in sets)):
            exchange = list(range(len(self.names)))
            for together, places in zip(sets, choice, strict=True):
                for here, there in zip(together, places, strict=True):
                    exchange[here] = there
            if exchange != sorted(exchange):
                self.exchanges.append(exchange)
        self.members: list[tuple[int, npt.NDArray[np.bool_]]] = []
        """(vertex, which nodes it may be), of lists that no other vertex leads to."""
        for name, links in loaded.links.items():
            for link in links:
                if link.origin is None:
                    member = np.zeros(loaded.nodes[name], np.bool_)
                    member[link.lists.targets] = True
                    self.members.append((number[name], member))
        self.edges = [(number[e.source], number[e.target], True, loaded.relations[e.variable].forward())
                      for e in loaded.needs.edges]  # fmt: skip
        self.edges += [(number[source], number[target], False, (lists.start, lists.targets))
                       for source, target, lists, _ in loaded.absent]  # fmt: skip
        self.orders = [(number[low], number[high]) for low, high in loaded.needs.orders]

    def __call__(self, order: Sequence[str], nodes: Nodes) -> Nodes:
        """The rows of ``nodes`` int32 [matches, vertices in ``order``] that are kept."""
        columns = [np.ascontiguousarray(nodes[:, order.index(name)]) for name in self.names]
        kept = np.ones(len(nodes), np.bool_)
        for exchange in self.exchanges:
            smaller = np.flatnonzero(kept & _smaller(columns, exchange))
            if len(smaller):
                kept[smaller[self._matches([columns[place][smaller] for place in exchange])]] = False
        return nodes[kept]

    def of(self, order: Sequence[str], batches: Iterator[Nodes], most: int | None) -> Iterator[Nodes]:
        """What is kept of batches of matches, until there are ``most``."""
        left = most
        for nodes in batches:
            kept = self(order, nodes)
            if left is not None and len(kept) >= left:
                yield kept[:left]
                return
            left = None if left is None else left - len(kept)
            yield kept

    def _matches(self, columns: list[Nodes]) -> npt.NDArray[np.bool_]:
        """Which rows of node numbers by vertex are matches; that all of a row differ is known."""
        there = np.ones(len(columns[0]), np.bool_)
        for vertex, member in self.members:
            there &= member[columns[vertex]]
        for low, high in self.orders:
            there &= columns[low] < columns[high]
        for source, target, wanted, (start, targets) in self.edges:
            present = pairs_there(start, targets, columns[source], columns[target])
            there &= present if wanted else ~present
        return there


def _smaller(columns: list[Nodes], exchange: list[int]) -> Any:
    """Where the exchanged row comes before the row itself: at the first vertex where they differ."""
    first = next(place for place, other in enumerate(exchange) if place != other)
    return columns[exchange[first]] < columns[first]

"""What each motif class is: labels, edges, symmetries, orbits, and how classes contain each other.

Neuron numbers of a class are the roles of its smallest code (``codes``). Ids are those of mfinder and FANMOD
(Milo et al. 2002; Wernicke & Rasche 2006): the smallest number over relabellings whose bit ``row * size + column``
says that ``row`` connects to ``column``; the feed-forward loop is 38, the bi-fan 204, the bi-parallel 904.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.codes import TRIAD_LABELS, code_of, edges_of, man_label, role_orders, smallest_codes

Ints = npt.NDArray[np.int64]
DYAD_CODES = {"null": 0, "asymmetric": 1, "mutual": 3}


@dataclass(frozen=True)
class MotifClass:
    """One isomorphism class of small digraphs."""

    size: int
    name: str
    """The label in tables: MAN for triads, mfinder id for tetrads, the usual word for dyads."""
    code: int
    """The canonical code: the smallest over relabellings, two bits a dyad."""
    edges: tuple[tuple[int, int], ...]
    """Connections between roles 0 .. size-1 of the canonical code."""
    mfinder_id: int
    man: tuple[int, int, int]
    """Numbers of mutual, asymmetric and null dyads."""
    automorphisms: int
    orbits: tuple[int, ...]
    """Orbit number of each role, counted through all connected classes of the size; -1 where not connected."""

    @property
    def connected(self) -> bool:
        """True when an undirected path joins all neurons."""
        return self.orbits[0] >= 0

    @property
    def dyads(self) -> int:
        """Connected pairs."""
        return self.man[0] + self.man[1]


@cache
def classes(size: int) -> tuple[MotifClass, ...]:
    """All classes of two or three neurons, the 199 connected ones of four.

    Triads come in the order of ``codes.TRIAD_LABELS``, tetrads by mfinder id.
    """
    smallest = np.unique(smallest_codes(size))
    if size == 2:
        chosen = list(DYAD_CODES.items())
    elif size == 3:
        named = {man_label(int(code)): int(code) for code in smallest}
        chosen = [(label, named[label]) for label in TRIAD_LABELS]
    else:
        ids = sorted((mfinder_id(int(code), size), int(code)) for code in smallest if is_connected(int(code), size))
        chosen = [(str(number), code) for number, code in ids]
    rows = []
    next_orbit = 0
    for name, code in chosen:
        roles, automorphisms = _orbits(code, size)
        numbers = sorted(set(roles))
        connected = is_connected(code, size)
        orbits = tuple(next_orbit + numbers.index(role) if connected else -1 for role in roles)
        next_orbit += len(numbers) if connected else 0
        states = [(code >> (2 * k)) & 3 for k in range(size * (size - 1) // 2)]
        man = (states.count(3), states.count(1) + states.count(2), states.count(0))
        edges = tuple(edges_of(code, size))
        rows.append(MotifClass(size, name, code, edges, mfinder_id(code, size), man, automorphisms, orbits))
    return tuple(rows)


@cache
def class_of_code(size: int) -> Ints:
    """int64 [4^dyads]: place in ``classes(size)`` of every code, -1 for tetrads that are not connected."""
    place = {one.code: k for k, one in enumerate(classes(size))}
    return np.array([place.get(int(code), -1) for code in smallest_codes(size)], dtype=np.int64)


@cache
def orbit_count(size: int) -> int:
    """Orbits of the connected classes: 3, 30 and 697 for two, three and four neurons."""
    return 1 + max(max(one.orbits) for one in classes(size))


@cache
def orbit_of_code(size: int) -> Ints:
    """int64 [4^dyads, size]: orbit number of each neuron of every code, -1 where not connected."""
    order, _ = role_orders(size)
    of_class = class_of_code(size)
    table = np.full((len(of_class), size), -1, dtype=np.int64)
    for code, place in enumerate(of_class):
        if place >= 0:
            for role, neuron in enumerate(order[code, 0]):
                table[code, neuron] = classes(size)[place].orbits[role]
    return table


@cache
def orbit_places(size: int) -> tuple[tuple[int, int], ...]:
    """For each orbit, the place of its class and how many neurons of the class are in it."""
    places = []
    for k, one in enumerate(classes(size)):
        if one.connected:
            places += [(k, one.orbits.count(orbit)) for orbit in sorted(set(one.orbits))]
    return tuple(places)


def mfinder_id(code: int, size: int) -> int:
    """The number that mfinder and FANMOD give to a class."""
    edges = edges_of(code, size)
    return min(
        sum(1 << (order[a] * size + order[b]) for a, b in edges) for order in itertools.permutations(range(size))
    )


@cache
def igraph_isoclasses(size: int) -> tuple[int, ...]:
    """The isoclass number of igraph for every class of three or four neurons."""
    import igraph

    return tuple(igraph.Graph(size, list(one.edges), directed=True).isoclass() for one in classes(size))


def is_connected(code: int, size: int) -> bool:
    """True when an undirected path joins all neurons."""
    reached = {0}
    edges = edges_of(code, size)
    for _ in range(size - 1):
        reached |= {b for a, b in edges if a in reached} | {a for a, b in edges if b in reached}
    return len(reached) == size


@cache
def noninduced_matrix(size: int) -> Ints:
    """int64 [classes, classes]: copies of class i as a subgraph on the neurons of class j, any connections left out."""
    of_code, rows = class_of_code(size), classes(size)
    copies = np.zeros((len(rows), len(rows)), dtype=np.int64)
    for j, one in enumerate(rows):
        for chosen in range(1 << len(one.edges)):
            part = code_of([edge for k, edge in enumerate(one.edges) if chosen >> k & 1])
            if of_code[part] >= 0:
                copies[of_code[part], j] += 1
    return copies


@cache
def dyad_matrix(size: int) -> Ints:
    """int64 [classes, classes]: copies of class i in class j when whole dyads are left out and the rest stay as is."""
    of_code, rows = class_of_code(size), classes(size)
    copies = np.zeros((len(rows), len(rows)), dtype=np.int64)
    for j, one in enumerate(rows):
        for part in _parts(one.code, size):
            if of_code[part] >= 0:
                copies[of_code[part], j] += 1
    return copies


@cache
def dyad_inverse(size: int) -> Ints:
    """Inverse of ``dyad_matrix``, from typed to induced counts.

    By inclusion and exclusion: every further dyad of a copy changes the sign.
    """
    further = np.array([one.dyads for one in classes(size)])
    return dyad_matrix(size) * np.where((further[None, :] - further[:, None]) % 2, -1, 1)


@cache
def orbit_inverse(size: int) -> tuple[Ints, Ints, Ints]:
    """``dyad_inverse`` for orbits, as sparse rows: row starts int64 [orbits + 1], columns, factors."""
    orbit_of, places = orbit_of_code(size), orbit_places(size)
    factors = np.zeros((len(places), len(places)), dtype=np.int64)
    for one in classes(size):
        for orbit in set(one.orbits):
            for part in _parts(one.code, size) if orbit >= 0 else ():
                other = orbit_of[part, one.orbits.index(orbit)]
                if other >= 0:
                    factors[other, orbit] += (-1) ** (one.dyads - classes(size)[places[other][0]].dyads)
    row, column = np.nonzero(factors)
    start = np.searchsorted(row, np.arange(len(places) + 1)).astype(np.int64)
    return start, column.astype(np.int64), factors[row, column]


def _parts(code: int, size: int) -> list[int]:
    """The code with every set of its dyads kept, itself included."""
    places = [k for k in range(size * (size - 1) // 2) if (code >> (2 * k)) & 3]
    return [
        sum(code & (3 << (2 * k)) for k in kept)
        for r in range(len(places) + 1)
        for kept in itertools.combinations(places, r)
    ]


def _orbits(code: int, size: int) -> tuple[list[int], int]:
    """For each neuron the smallest one an automorphism carries it to, and the number of automorphisms."""
    edges = set(edges_of(code, size))
    orbit = list(range(size))
    automorphisms = 0
    for order in itertools.permutations(range(size)):
        if {(order[a], order[b]) for a, b in edges} == edges:
            automorphisms += 1
            for k in range(size):
                orbit[k] = min(orbit[k], order[k])
    return orbit, automorphisms

"""Orbit counts: how often each neuron takes each place of each connected class, exact, without listing subgraphs.

An orbit is a set of neurons of a class that its symmetries carry into each other (Przulj 2007, here of directed
classes): 3 for connected pairs, 30 for the 13 connected triads, 697 for the 199 tetrads. Shapes are counted by
neuron as ``tetrads`` counts them for the graph, then made induced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.classes import classes, orbit_count, orbit_inverse, orbit_of_code, orbit_places
from graphlab.motifs.census.parts import numbered
from graphlab.motifs.census.shares import over_shares, shares
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers, runner_of
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

Ints = npt.NDArray[np.int64]
MOST_ENTRIES = 2**31
"""Pairs seen from both ends; walks of two steps from a neuron are at most as many, in 32 bits."""


@dataclass(frozen=True, eq=False)
class Orbits:
    """Counts of every neuron; sums over neurons are the class counts times the neurons of a class in an orbit."""

    size: int
    root_ids: npt.NDArray[np.uint64]
    counts: Ints
    """[n, orbits], induced."""

    @property
    def names(self) -> tuple[str, ...]:
        """``030T.0``: class and, after the point, the smallest role of the orbit."""
        return orbit_names(self.size)

    def class_counts(self) -> dict[str, int]:
        """Counts of the connected classes of the whole graph."""
        counts: dict[str, int] = {}
        totals = self.counts.sum(axis=0, dtype=object)
        for (place, neurons), total in zip(orbit_places(self.size), totals, strict=True):
            counts.setdefault(classes(self.size)[place].name, int(total) // neurons)
        return counts

    def to_arrow(self) -> pa.Table:
        """One row a neuron: root_id, then one int64 column an orbit."""
        import pyarrow as pa

        columns = [pa.array(self.root_ids, pa.uint64()), *(pa.array(column) for column in self.counts.T)]
        return pa.table(columns, names=["root_id", *self.names])

    def by_label(self, by: Sequence[str | None]) -> pa.Table:
        """Rows group, neurons, motif, orbit, roles, count, per_neuron: places that neurons of a group take anywhere.

        Raises:
            AnalysisError: labels that do not fit the neurons.
        """
        import pyarrow as pa

        if len(by) != len(self.root_ids):
            raise AnalysisError(
                f"found {len(by)} labels for {len(self.root_ids)} neurons; wanted one each, None where unknown"
            )
        names, group = numbered(by)
        totals = np.zeros((len(names), self.counts.shape[1]), dtype=np.int64)
        np.add.at(totals, group[group >= 0], self.counts[group >= 0])
        neurons = np.bincount(group[group >= 0], minlength=len(names))
        about = orbit_table(self.size)
        repeated = pa.array(np.tile(np.arange(len(about)), len(names)))
        rows = {
            "group": pa.array(np.repeat(np.array(names, dtype=object), len(about)), pa.string()),
            "neurons": pa.array(np.repeat(neurons, len(about))),
            **{name: about[name].take(repeated) for name in ("motif", "orbit", "roles")},
            "count": pa.array(totals.ravel()),
            "per_neuron": pa.array((totals / np.maximum(neurons, 1)[:, None]).ravel()),
        }
        return pa.table(rows)

    def __repr__(self) -> str:
        return f"<Orbits of size {self.size}: {len(self.root_ids):,} neurons, {self.counts.shape[1]} orbits>"


def orbits(snapshot: Snapshot, size: int, *, workers: Workers = 1, progress: Progress | None = None) -> Orbits:
    """Count the places of every neuron in the connected classes of ``size`` neurons.

    Args:
        workers: threads; the counts are the same for any number.
        progress: told (done, total) steps.

    Raises:
        AnalysisError: another size than 2, 3 or 4; counts that would not fit 64 bits.
    """
    if size == 2:
        counts = _pairs(snapshot)
    elif size == 3:
        counts = triad_orbits(snapshot, workers, progress)
    elif size == 4:
        counts = tetrad_orbits(snapshot, workers, progress)
    else:
        raise AnalysisError(f"orbits of size {size} are not counted; sizes are 2 (dyads), 3 (triads), 4 (tetrads)")
    return Orbits(size, snapshot.root_ids, counts)


def orbit_names(size: int) -> tuple[str, ...]:
    """``class.role`` of every orbit, the role being its smallest."""
    names = []
    for one in classes(size):
        names += [f"{one.name}.{one.orbits.index(orbit)}" for orbit in sorted(set(one.orbits)) if orbit >= 0]
    return tuple(names)


def orbit_table(size: int) -> pa.Table:
    """What every orbit is: motif, orbit, name, roles and the edges of its class."""
    import pyarrow as pa

    rows = []
    for one in classes(size):
        for orbit in sorted(set(one.orbits)):
            if orbit >= 0:
                roles = [role for role, other in enumerate(one.orbits) if other == orbit]
                name = f"{one.name}.{roles[0]}"
                rows.append({"motif": one.name, "orbit": orbit, "name": name, "roles": roles, "edges": one.edges})
    edges = pa.list_(pa.list_(pa.int32()))
    schema = [("motif", pa.string()), ("orbit", pa.int64()), ("name", pa.string()), ("roles", pa.list_(pa.int64()))]
    return pa.Table.from_pylist(rows, schema=pa.schema([*schema, ("edges", edges)]))


def _pairs(snapshot: Snapshot) -> Ints:
    _, _, _, _, degree, order = _ranked(snapshot)
    counts = np.zeros((snapshot.n, 3), dtype=np.int64)
    place = orbit_of_code(2)[1:, 0]
    counts[order[:, None], place[None, :]] = degree
    return counts


def triad_orbits(snapshot: Snapshot, workers: Workers = 1, progress: Progress | None = None) -> Ints:
    """int64 [n, 30]: the places of every neuron in the 13 connected triads, rows in the order of ``root_ids``."""
    from graphlab.motifs.kernels.four import orbits as kernels

    start, neighbour, state, split, degree, order = _ranked(snapshot)
    orbit = orbit_of_code(3)[:, 0].copy()
    n = snapshot.n
    pushed = _Pushed(n, _places(3, dyads=3), orbit, workers)

    def triangle(low: int, high: int) -> None:
        with pushed.tables.one() as into:
            kernels.triangle_places(start, neighbour, state, split, pushed.column, low, high, into)

    counts = np.zeros((n, orbit_count(3)), dtype=np.int64)
    for _ in over_shares(triangle, shares((start[1:] - split) ** 2), workers, progress, in_place=True):
        pass
    counts[:, pushed.orbits] = pushed.tables.summed(0, n)
    for _ in over_shares(
        lambda low, high: kernels.wedge_places(start, neighbour, state, degree, orbit, low, high, counts),
        shares(np.diff(start)),
        workers,
        in_place=True,
    ):
        pass
    return _by_neuron(counts, 3, order, workers)


def tetrad_orbits(snapshot: Snapshot, workers: Workers = 1, progress: Progress | None = None) -> Ints:
    """int64 [n, 697]: the places of every neuron in the 199 connected tetrads; 5.6 kB a neuron and 2.5 a thread.

    Raises:
        AnalysisError: counts that would not fit 64 bits; 2^30 connected pairs or more.
    """
    from graphlab.motifs.census.tetrads import refuse_overflow
    from graphlab.motifs.kernels.four import cycles as cycling
    from graphlab.motifs.kernels.four import orbits as kernels
    from graphlab.motifs.kernels.four import pulled
    from graphlab.motifs.kernels.four import tetrads as loops

    start, neighbour, state, split, degree, order = _ranked(snapshot)
    refuse_overflow(start, neighbour)
    if len(neighbour) >= MOST_ENTRIES:
        raise AnalysisError(f"orbits of {len(neighbour) // 2:,} connected pairs are not counted; at most 2^30")
    n, orbit = snapshot.n, orbit_of_code(4)[:, 0].copy()
    packed = neighbour.astype(np.uint32) << 2 | state
    column, kinds, turned = _triangle_columns()
    cycles = _Pushed(n, _places(4, dyads=4, own=2, all_alike=True), orbit, workers)
    cliques = _Pushed(n, _places(4, dyads=6), orbit_of_code(4), workers)
    tips = _Tables((n, len(kinds), 9), workers)
    ends, middles = _cycle_columns(cycles.column)
    edge_start = loops.edge_starts(start, split)
    # Made here, not in a kernel: memory of numpy comes in large pages. One row more, so that 16 numbers can be read.
    triangles = np.zeros((len(neighbour) // 2 + 1, 9), dtype=np.int32)
    around = np.zeros((n, 32), dtype=np.int32)
    counts = np.empty((n, orbit_count(4)), dtype=np.int64)
    pairs: list[Any] = []

    def over_pairs(low: int, high: int) -> None:
        loops.edge_triangles(start, split, packed, edge_start, triangles)
        pairs.append(kernels.pair_numbers(start, neighbour, split, edge_start))

    def cycle(low: int, high: int) -> None:
        marked = np.zeros((n, 9), dtype=np.int32)
        with cycles.tables.one() as into:
            cycling.cycle_places(start, split, packed, marked, ends, middles, low, high, into)

    def clique(low: int, high: int) -> None:
        with cliques.tables.one() as into:
            kernels.clique_places(start, split, packed, cliques.column, low, high, into)

    def tip(low: int, high: int) -> None:
        with tips.one() as into:
            kernels.diamond_tip_places(
                start, split, packed, edge_start, triangles, column, turned, low, high, into
            )  # fmt: skip

    def around_each(low: int, high: int) -> None:
        pulled.sums_around(start, neighbour, state, degree, pairs[0], triangles, column, low, high, around)

    def finish(low: int, high: int) -> None:
        pushed = tuple(part for one in (cycles, cliques) for part in (one.tables.summed(low, high), one.orbits))
        pulled.induced_places(
            start, packed, pairs[0], triangles, around, kinds, orbit.astype(np.int16), pushed, tips.summed(low, high),
            _additions(), order, low, high, counts,
        )  # fmt: skip

    forward, rows = shares((start[1:] - split) ** 2), shares(np.diff(start) + 30)
    by_wedge = shares(loops.wedges_below(start, neighbour))
    # What needs the triangles of all pairs waits for them; one thread counts those while others do the rest.
    steps = (
        [(over_pairs, 0, n), *((cycle, *part) for part in by_wedge), *((clique, *part) for part in forward)],
        [*((tip, *part) for part in forward), *((around_each, *part) for part in rows)],
        [(finish, *part) for part in rows],
    )
    done, total = 0, sum(map(len, steps))
    for tasks in steps:
        for _ in over_shares(_step, tasks, workers, in_place=True):
            done += 1
            if progress:
                progress(done, total)
    return counts


def _step(task: Callable[[int, int], None], low: int, high: int) -> None:
    task(low, high)


def _ranked(snapshot: Snapshot) -> tuple[Any, ...]:
    from graphlab.motifs.kernels.four.tetrads import ranked_neighbours
    from graphlab.motifs.kernels.triads import typed_neighbours

    arrays = (snapshot.out_start, snapshot.out_target, snapshot.in_start, snapshot.in_source)
    ranked: tuple[Any, ...] = ranked_neighbours(*typed_neighbours(*arrays))
    return ranked


@cache
def _places(size: int, dyads: int, own: int | None = None, all_alike: bool = False) -> npt.NDArray[np.bool_]:
    """bool [orbits]: those of classes with so many dyads, by the dyads of the neuron itself."""
    chosen = np.zeros(orbit_count(size), dtype=np.bool_)
    for one in classes(size):
        degree = [len({a + b - role for a, b in one.edges if role in (a, b)}) for role in range(size)]
        for role, orbit in enumerate(one.orbits):
            if one.dyads == dyads and own in (None, degree[role]) and not (all_alike and len(set(degree)) > 1):
                chosen[orbit] = True
    return chosen


@cache
def _triangle_columns() -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """int64 [64]: the place of a closed code's first neuron among 15; int64 [15, 3]: its dyads, one code each.

    Last, bool [64]: codes whose other two neurons stand in that one the other way round.
    """
    orbit = orbit_of_code(3)[:, 0]
    number = np.cumsum(_places(3, dyads=3)) - 1
    column, kinds = np.zeros(64, dtype=np.int64), np.zeros((15, 3), dtype=np.int64)
    closed = [code for code in range(64) if all((code >> shift) & 3 for shift in (0, 2, 4))]
    for code in closed:
        column[code] = number[orbit[code]]
        kinds[column[code]] = [(code >> shift) & 3 for shift in (0, 2, 4)]
    turned = np.zeros(64, dtype=np.bool_)
    for code in closed:
        turned[code] = [(code >> shift) & 3 for shift in (0, 2, 4)] != kinds[column[code]].tolist()
    return column, kinds, turned


def _cycle_columns(column: Ints) -> tuple[Ints, Ints]:
    """The columns of ends and middles for ``kernels.four.cycles.cycle_places``, from those of codes."""
    back = (0, 2, 1, 3)
    ends, middles = np.zeros((2, 9, 9), dtype=np.int64), np.zeros((4, 3, 9), dtype=np.int64)
    types = [(high, low) for high in (1, 2, 3) for low in (1, 2, 3)]
    for x, (high, low) in enumerate(types):
        for y, (other_high, other_low) in enumerate(types):
            ends[0, x, y] = column[low | other_low << 2 | back[high] << 8 | back[other_high] << 10]
            ends[1, x, y] = column[high | other_high << 2 | back[low] << 8 | back[other_low] << 10]
        for near in (1, 2, 3):
            for onward in (1, 2, 3):
                middles[near, onward - 1, x] = column[back[near] | onward << 2 | high << 8 | low << 10]
    return ends, middles


@cache
def _additions() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """``orbit_inverse`` of tetrads without factors: the orbits to add and then to subtract, each as often."""
    start, column, factor = orbit_inverse(4)
    begin, middle, columns = [0], [], []
    for row in range(len(start) - 1):
        own, times = column[start[row] : start[row + 1]], factor[start[row] : start[row + 1]]
        columns += np.repeat(own, np.maximum(times, 0)).tolist()
        middle.append(len(columns))
        columns += np.repeat(own, np.maximum(-times, 0)).tolist()
        begin.append(len(columns))
    return np.array(begin, np.int32), np.array(middle, np.int32), np.array(columns, np.int32)


class _Tables:
    """A table of counts for each thread, for kernels that write to rows of other neurons too."""

    def __init__(self, shape: tuple[int, ...], workers: Workers) -> None:
        self._all = [np.zeros(shape, dtype=np.int64) for _ in range(runner_of(workers).workers)]
        self._idle: SimpleQueue[Ints] = SimpleQueue()
        for table in self._all:
            self._idle.put(table)

    @contextmanager
    def one(self) -> Iterator[Ints]:
        """A table that no other thread writes to."""
        table = self._idle.get()
        try:
            yield table
        finally:  # or the thread would wait for ever for a table at its next task
            self._idle.put(table)

    def summed(self, low: int, high: int) -> Ints:
        """The first table, its rows low .. high-1 now those of all; once for each row."""
        first, *others = self._all
        for other in others:
            first[low:high] += other[low:high]
        return first


class _Pushed:
    """Tables with a column for each chosen orbit.

    Args:
        chosen: bool [orbits]. orbit: of every code, or of every number of a code.
    """

    def __init__(self, n: int, chosen: npt.NDArray[np.bool_], orbit: Ints, workers: Workers) -> None:
        self.orbits = np.flatnonzero(chosen)
        self.column: Ints = (np.cumsum(chosen) - 1)[orbit]
        self.tables = _Tables((n, len(self.orbits)), workers)


def _by_neuron(typed: Ints, size: int, order: npt.NDArray[np.int32], workers: Workers) -> Ints:
    """Induced counts, rows back from ranks to the order of ``root_ids``."""
    from graphlab.motifs.kernels.four.orbits import inverted

    rows = shares(np.ones(len(typed)))
    for _ in over_shares(
        lambda low, high: inverted(typed, orbit_inverse(size), low, high), rows, workers, in_place=True
    ):
        pass
    counts = np.empty_like(typed)
    counts[order] = typed
    return counts

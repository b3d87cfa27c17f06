"""Orbit counts: how often each neuron takes each place of each connected class, exact, without listing subgraphs.

An orbit is a set of neurons of a class that its symmetries carry into each other (Przulj 2007, here of directed
classes): 3 for connected pairs, 30 for the 13 connected triads, 697 for the 199 tetrads. Shapes are counted by
neuron as ``tetrads`` counts them for the graph, then made induced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    from graphlab.motifs.kernels import orbits as kernels

    start, neighbour, state, split, degree, order = _ranked(snapshot)
    orbit = orbit_of_code(3)[:, 0].copy()
    n = snapshot.n
    pushed = _Pushed(n, _places(3, dyads=3), orbit, workers)

    def triangle(low: int, high: int) -> None:
        pushed.run(
            lambda column, into: kernels.triangle_places(start, neighbour, state, split, column, low, high, into)
        )

    counts = np.zeros((n, orbit_count(3)), dtype=np.int64)
    for _ in over_shares(triangle, shares((start[1:] - split) ** 2), workers, progress, in_place=True):
        pass
    counts[:, pushed.orbits] = pushed.summed(0, n)
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
        AnalysisError: counts that would not fit 64 bits.
    """
    from graphlab.motifs.census.tetrads import refuse_overflow
    from graphlab.motifs.kernels import orbits as kernels
    from graphlab.motifs.kernels import tetrads as loops

    start, neighbour, state, split, degree, order = _ranked(snapshot)
    refuse_overflow(start, neighbour)
    n, orbit = snapshot.n, orbit_of_code(4)[:, 0].copy()
    packed = neighbour.astype(np.uint32) << 2 | state
    column, kinds = _triangle_columns()
    cycles = _Pushed(n, _places(4, dyads=4, own=2, all_alike=True), orbit, workers)
    cliques = _Pushed(n, _places(4, dyads=6), orbit_of_code(4), workers)
    tips = _Pushed(n, _places(4, dyads=5, own=2), orbit, workers)
    around = np.zeros((n, 27), dtype=np.int64)
    counts = np.zeros((n, orbit_count(4)), dtype=np.int64)
    edges: list[Any] = []

    def over_pairs(low: int, high: int) -> None:
        edge_start, triangles = loops.edge_triangles(start, neighbour, state, split)
        edges.extend((edge_start, triangles, kernels.pair_numbers(start, neighbour, split, edge_start)))

    def cycle(low: int, high: int) -> None:
        cycles.run(lambda column, into: kernels.cycle_places(start, split, packed, column, low, high, into))

    def clique(low: int, high: int) -> None:
        cliques.run(lambda column, into: kernels.clique_places(start, neighbour, state, split, column, low, high, into))

    def tip(low: int, high: int) -> None:
        edge_start, triangles, _ = edges
        tips.run(
            lambda column, into: kernels.diamond_tip_places(
                start, neighbour, state, split, edge_start, triangles, column, low, high, into
            )
        )

    def around_each(low: int, high: int) -> None:
        _, triangles, pair = edges
        kernels.sums_around(start, neighbour, state, degree, pair, triangles, column, low, high, around)

    def finish(low: int, high: int) -> None:
        _, triangles, pair = edges
        pushed = tuple(part for one in (tips, cycles, cliques) for part in (one.summed(low, high), one.orbits))
        kernels.induced_places(
            start, neighbour, state, pair, triangles, around, kinds, orbit, pushed, orbit_inverse(4), order,
            low, high, counts,
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
    from graphlab.motifs.kernels.tetrads import ranked_neighbours
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
def _triangle_columns() -> tuple[Ints, Ints]:
    """int64 [64]: the place of a closed code's first neuron among 15; int64 [15, 3]: its dyads, one code each."""
    orbit = orbit_of_code(3)[:, 0]
    number = np.cumsum(_places(3, dyads=3)) - 1
    column, kinds = np.zeros(64, dtype=np.int64), np.zeros((15, 3), dtype=np.int64)
    for code in range(64):
        if all((code >> shift) & 3 for shift in (0, 2, 4)):
            column[code] = number[orbit[code]]
            kinds[column[code]] = [(code >> shift) & 3 for shift in (0, 2, 4)]
    return column, kinds


class _Pushed:
    """Counts of kernels that write to rows of other neurons too: every thread has a narrow table of its own.

    Args:
        chosen: bool [orbits], the table's columns. orbit: of every code, or of every number of a code.
    """

    def __init__(self, n: int, chosen: npt.NDArray[np.bool_], orbit: Ints, workers: Workers) -> None:
        self.orbits = np.flatnonzero(chosen)
        self._column = (np.cumsum(chosen) - 1)[orbit]
        self._tables = [np.zeros((n, len(self.orbits)), dtype=np.int64) for _ in range(runner_of(workers).workers)]
        self._idle: SimpleQueue[Ints] = SimpleQueue()
        for table in self._tables:
            self._idle.put(table)

    def run(self, kernel: Callable[[Ints, Ints], None]) -> None:
        """``kernel(column, table)`` with a table that no other thread writes to."""
        table = self._idle.get()
        try:
            kernel(self._column, table)
        finally:  # or the thread would wait for ever for a table at its next task
            self._idle.put(table)

    def summed(self, low: int, high: int) -> Ints:
        """The first table, its rows low .. high-1 now those of all; once for each row."""
        first, *others = self._tables
        for other in others:
            first[low:high] += other[low:high]
        return first


def _by_neuron(typed: Ints, size: int, order: npt.NDArray[np.int32], workers: Workers) -> Ints:
    """Induced counts, rows back from ranks to the order of ``root_ids``."""
    from graphlab.motifs.kernels.orbits import inverted

    rows = shares(np.ones(len(typed)))
    for _ in over_shares(
        lambda low, high: inverted(typed, orbit_inverse(size), low, high), rows, workers, in_place=True
    ):
        pass
    counts = np.empty_like(typed)
    counts[order] = typed
    return counts

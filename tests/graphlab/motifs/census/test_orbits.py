"""Orbit counts against brute force, class totals and networkx."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.motifs.census.census import class_counts
from graphlab.motifs.census.classes import classes, orbit_count, orbit_of_code, orbit_places
from graphlab.motifs.census.orbits import orbit_names, orbit_table, orbits
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

Made = Callable[[int, float, float, int], Snapshot]


def by_force(graph: Snapshot, size: int) -> np.ndarray:
    """Every set of neurons, one by one."""
    there = np.zeros((graph.n, graph.n), dtype=int)
    there[graph.sources(), graph.out_target] = 1
    table = orbit_of_code(size)
    counts = np.zeros((graph.n, orbit_count(size)), dtype=np.int64)
    for chosen in combinations(range(graph.n), size):
        code = 0
        for b in range(size):
            for a in range(b):
                state = there[chosen[a], chosen[b]] | there[chosen[b], chosen[a]] << 1
                code |= int(state) << (b * (b - 1) + 2 * a)
        for number, neuron in enumerate(chosen):
            if table[code, number] >= 0:
                counts[neuron, table[code, number]] += 1
    return counts


@settings(deadline=None, max_examples=50)
@given(
    n=st.integers(0, 11),
    density=st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0]),
    mutual=st.sampled_from([0.0, 0.4, 1.0]),
    seed=st.integers(0, 2**32),
    size=st.sampled_from([2, 3, 4]),
)
def test_equals_brute_force(random_graph: Made, n: int, density: float, mutual: float, seed: int, size: int) -> None:
    one = random_graph(n, density, mutual, seed)
    assert orbits(one, size).counts.tolist() == by_force(one, size).tolist()


def check_sums(graph: Snapshot, size: int, workers: int = 1) -> None:
    found = orbits(graph, size, workers=workers)
    counted = class_counts(graph, size, workers)
    totals = found.counts.sum(axis=0).tolist()
    for total, (place, neurons) in zip(totals, orbit_places(size), strict=True):
        assert total == neurons * counted[classes(size)[place].name]
    connected = {one.name: counted[one.name] for one in classes(size) if one.connected}
    assert found.class_counts() == connected


@pytest.mark.parametrize("size", [2, 3, 4])
def test_sums_over_neurons_are_counts_times_places(size: int) -> None:
    rng = np.random.default_rng(4)
    pull = rng.pareto(1.3, 3000) + 0.01
    pairs = np.unique(rng.choice(3000, (40_000, 2), p=pull / pull.sum()), axis=0)
    check_sums(Snapshot.from_edges(np.arange(1, 3001, dtype=np.uint64), pairs[:, 0], pairs[:, 1]), size)


@pytest.mark.slow
@pytest.mark.parametrize("size", [3, 4])
def test_larva_sums_over_neurons(real_data: Path, size: int) -> None:
    edges = np.loadtxt(real_data / "larva_winding2023" / "G_edgelist.txt", usecols=(0, 1), dtype=np.int64)
    ids, numbers = np.unique(edges, return_inverse=True)
    check_sums(Snapshot.from_edges(ids.astype(np.uint64), *numbers.reshape(edges.shape).T), size, workers=2)


@pytest.mark.parametrize("size", [3, 4])
def test_threads_and_progress_change_nothing(random_graph: Made, size: int) -> None:
    one = random_graph(150, 0.08, 0.3, 9)
    steps: list[tuple[int, int]] = []
    found = orbits(one, size, progress=lambda done, total: steps.append((done, total))).counts
    assert steps == [(k + 1, len(steps)) for k in range(len(steps))]
    assert orbits(one, size, workers=3).counts.tobytes() == found.tobytes()


def test_names_and_what_they_stand_for() -> None:
    assert len(orbit_names(4)) == len(set(orbit_names(4))) == 697
    about = orbit_table(3).to_pylist()
    ffl = {row["name"]: row for row in about if row["motif"] == "030T"}
    # The code of 030T has its roles in another order than people draw it: find them by their edges.
    edges = next(iter(ffl.values()))["edges"]
    out = {role: sum(a == role for a, _ in edges) for role in range(3)}
    assert sorted(out.values()) == [0, 1, 2]
    one = Snapshot.from_edges(np.array([5, 7, 9], dtype=np.uint64), [0, 0, 1], [1, 2, 2])
    table = orbits(one, 3).to_arrow().to_pylist()
    for row, sent in zip(table, [2, 1, 0], strict=True):
        role = next(role for role, number in out.items() if number == sent)
        assert {name for name, value in row.items() if value and name != "root_id"} == {f"030T.{role}"}
    assert [row["root_id"] for row in table] == [5, 7, 9]


def test_pairs_are_degrees(random_graph: Made) -> None:
    one = random_graph(30, 0.2, 0.3, 3)
    found = orbits(one, 2)
    both = found.counts[:, orbit_names(2).index("mutual.0")]
    out, into = np.diff(one.out_start), np.diff(one.in_start)
    assert sorted(orbit_names(2)) == ["asymmetric.0", "asymmetric.1", "mutual.0"]
    one_way = {name: found.counts[:, k].tolist() for k, name in enumerate(orbit_names(2)) if name != "mutual.0"}
    assert sorted(one_way.values()) == sorted([(out - both).tolist(), (into - both).tolist()])


def test_groups_add_up_and_unlabelled_neurons_are_out(random_graph: Made) -> None:
    one = random_graph(40, 0.15, 0.3, 6)
    labels = [None if k % 5 == 0 else f"type {k % 3}" for k in range(40)]
    found = orbits(one, 3)
    table = found.by_label(labels).to_pandas()
    labelled = np.array([label is not None for label in labels])
    assert table.groupby("orbit")["count"].sum().tolist() == found.counts[labelled].sum(axis=0).tolist()
    first = table[table["group"] == "type 1"]
    members = [k for k, label in enumerate(labels) if label == "type 1"]
    assert first["count"].tolist() == found.counts[members].sum(axis=0).tolist()
    assert (first["neurons"] == len(members)).all()
    assert np.allclose(first["per_neuron"], found.counts[members].mean(axis=0))
    assert found.by_label([None] * 40).num_rows == 0
    with pytest.raises(AnalysisError, match="found 3 labels for 40 neurons"):
        found.by_label(["a"] * 3)


def test_size_nine_says_what_is_possible(random_graph: Made) -> None:
    with pytest.raises(AnalysisError, match=r"size 9 are not counted; sizes are 2 \(dyads\), 3 \(triads\), 4"):
        orbits(random_graph(5, 0.5, 0.5, 1), 9)

"""Intensity, coherence and edge weights against a listing of every set of neurons."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.motifs.census.census import class_counts
from graphlab.motifs.census.classes import class_of_code, classes
from graphlab.motifs.census.codes import code_of
from graphlab.motifs.census.weights import WEIGHTINGS, edge_orbits, motif_weights, weighted
from graphlab.store.runs.runs import hash_table
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot


def random_graph(n: int, density: float, seed: int) -> Snapshot:
    rng = np.random.default_rng(seed)
    there = rng.random((n, n)) < density
    np.fill_diagonal(there, False)
    source, target = np.nonzero(there)
    ids = np.arange(1, n + 1, dtype=np.uint64)
    return Snapshot.from_edges(ids, source, target, rng.gamma(1.0, 5.0, len(source)) + 0.1)


def by_force(graph: Snapshot, size: int, weight: np.ndarray) -> dict[str, list[np.ndarray]]:
    """For every class the weights of its instances in the order of its edges, averaged over symmetries."""
    dense = np.zeros((graph.n, graph.n))
    dense[graph.sources(), graph.out_target] = weight
    there = dense > 0
    found: dict[str, list[np.ndarray]] = {}
    for chosen in combinations(range(graph.n), size):
        inside = [(a, b) for a in range(size) for b in range(size) if there[chosen[a], chosen[b]]]
        place = class_of_code(size)[code_of(inside)]
        if place < 0 or not classes(size)[place].connected:
            continue
        one = classes(size)[place]
        ways = []
        for order in permutations(range(size)):
            if {(order[a], order[b]) for a, b in one.edges} == set(inside):
                ways.append([dense[chosen[order[a]], chosen[order[b]]] for a, b in one.edges])
        found.setdefault(one.name, []).append(np.array(ways))
    return found


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(2, 8),
    density=st.sampled_from([0.1, 0.3, 0.6, 0.95]),
    seed=st.integers(0, 2**32),
    size=st.sampled_from([2, 3, 4]),
    weighting=st.sampled_from(list(WEIGHTINGS)),
)
def test_equals_brute_force(n: int, density: float, seed: int, size: int, weighting: str) -> None:
    one = random_graph(n, density, seed)
    wanted = by_force(one, size, weighted(one, weighting))
    for row in motif_weights(one, size, [weighting]).to_pylist():
        instances = wanted.pop(row["motif"], [])
        assert row["count"] == len(instances)
        if instances:
            geometric = np.array([np.prod(w[0]) ** (1 / w.shape[1]) for w in instances])
            arithmetic = np.array([w[0].mean() for w in instances])
            assert row["intensity"] == pytest.approx(geometric.mean())
            assert row["intensity_sum"] == pytest.approx(geometric.sum())
            assert row["coherence"] == pytest.approx((geometric / arithmetic).mean())
            assert row["coherence_sum"] == pytest.approx((geometric / arithmetic).sum())
            assert row["mean_weight"] == pytest.approx(arithmetic.mean())
            assert row["edge_weights"] == pytest.approx(np.mean([w.mean(axis=0) for w in instances], axis=0))
        else:
            assert np.isnan(row["intensity"])
            assert row["intensity_sum"] == 0
    assert not wanted


@pytest.mark.parametrize("size", [2, 3, 4])
def test_counts_are_those_of_the_census_and_threads_change_no_byte(size: int) -> None:
    one = random_graph(60, 0.1, 3)
    table = motif_weights(one, size)
    counted = class_counts(one, size)
    for row in table.to_pylist():
        assert row["count"] == counted[row["motif"]]
    steps: list[tuple[int, int]] = []
    again = motif_weights(one, size, workers=3, progress=lambda done, total: steps.append((done, total)))
    assert hash_table(again) == hash_table(table)
    if size > 2:
        assert steps[-1][0] == steps[-1][1]
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_equal_weights_are_coherent_and_units_only_scale() -> None:
    one = random_graph(20, 0.3, 4)
    flat = Snapshot.from_edges(one.root_ids, one.sources(), one.out_target, np.full(one.m, 7.0))
    for row in motif_weights(flat, 3, ["raw"]).to_pylist():
        if row["count"]:
            assert (row["coherence"], row["intensity"]) == (pytest.approx(1), pytest.approx(7))
    tenfold = Snapshot.from_edges(one.root_ids, one.sources(), one.out_target, 10 * one.weight)
    raw, scaled = motif_weights(one, 3, ["raw"]), motif_weights(tenfold, 3, ["raw"])
    assert np.allclose(np.array(scaled["intensity"]), 10 * np.array(raw["intensity"]), equal_nan=True)
    assert np.allclose(np.array(scaled["coherence"]), np.array(raw["coherence"]), equal_nan=True)
    assert np.allclose(
        np.array(motif_weights(tenfold, 3, ["input"])["intensity"]),
        np.array(motif_weights(one, 3, ["input"])["intensity"]),
        equal_nan=True,
    )


def test_inputs_of_a_neuron_add_up_to_one() -> None:
    one = random_graph(20, 0.3, 5)
    assert np.bincount(one.out_target, weights=weighted(one, "input")) == pytest.approx(1)
    assert weighted(one, "log") == pytest.approx(np.log(1 + one.weight))


def test_edges_that_a_symmetry_exchanges() -> None:
    ffl, ring = (next(one for one in classes(3) if one.name == name) for name in ("030T", "030C"))
    assert edge_orbits(ffl) == (0, 1, 2)
    assert edge_orbits(ring) == (0, 0, 0)


def test_refusals_say_what_is_possible() -> None:
    one = random_graph(10, 0.3, 6)
    for bad in (0.0, -1.0, np.nan):
        wrong = Snapshot.from_edges(one.root_ids, one.sources(), one.out_target, [bad, *one.weight[1:]])
        with pytest.raises(AnalysisError, match=r"1 of \d+ connections have a weight that is not positive"):
            motif_weights(wrong, 3)
    with pytest.raises(UnknownNameError, match="did you mean 'raw'"):
        motif_weights(one, 3, ["rav"])
    with pytest.raises(AnalysisError, match="size 9 are not computed; sizes are 2, 3 and 4"):
        motif_weights(one, 9)
    hub = Snapshot.from_edges(np.arange(1, 3001, dtype=np.uint64), np.zeros(2999, int), np.arange(1, 3000))
    with pytest.raises(AnalysisError, match=r"4,491,\d{3},\d{3} connected tetrads would have to be listed"):
        motif_weights(hub, 4)

"""Signed triads against a listing of every set of neurons, and against the plain census."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.motifs.census.census import class_counts
from graphlab.motifs.census.classes import class_of_code, classes
from graphlab.motifs.census.codes import code_of
from graphlab.motifs.census.signed import signed_triads
from ingest.schema.errors import AnalysisError
from ingest.schema.transmitters import transmitter_map
from queries.snapshot import Snapshot

MARK = {1: "+", -1: "-", None: "?"}


def random_graph(n: int, density: float, seed: int) -> Snapshot:
    rng = np.random.default_rng(seed)
    there = rng.random((n, n)) < density
    np.fill_diagonal(there, False)
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), *np.nonzero(there))


def by_force(graph: Snapshot, sign: list[int | None]) -> Counter[tuple[str, str]]:
    there = np.zeros((graph.n, graph.n), dtype=bool)
    there[graph.sources(), graph.out_target] = True
    found: Counter[tuple[str, str]] = Counter()
    for chosen in combinations(range(graph.n), 3):
        inside = {(a, b) for a in range(3) for b in range(3) if there[chosen[a], chosen[b]]}
        one = classes(3)[class_of_code(3)[code_of(sorted(inside))]]
        if one.connected:
            ways = [
                "".join(MARK[sign[chosen[order[a]]]] for a, _ in one.edges)
                for order in permutations(range(3))
                if {(order[a], order[b]) for a, b in one.edges} == inside
            ]
            found[one.name, min(ways)] += 1
    return found


@settings(deadline=None, max_examples=60)
@given(n=st.integers(0, 11), density=st.sampled_from([0.1, 0.3, 0.7, 1.0]), seed=st.integers(0, 2**32))
def test_equals_brute_force(n: int, density: float, seed: int) -> None:
    one = random_graph(n, density, seed)
    sign = [[1, -1, None][k] for k in np.random.default_rng(seed).integers(0, 3, n)]
    found = {(row["motif"], row["signs"]): row["count"] for row in signed_triads(one, sign).to_pylist()}
    assert {pattern: count for pattern, count in found.items() if count} == by_force(one, sign)


def test_counts_add_up_to_the_census_and_threads_change_nothing() -> None:
    one = random_graph(200, 0.06, 2)
    sign = [[1, -1, None][k] for k in np.random.default_rng(2).integers(0, 3, 200)]
    table = signed_triads(one, sign)
    counted = class_counts(one, 3)
    sums = table.to_pandas().groupby("motif")["count"].sum()
    assert sums.to_dict() == {kind.name: counted[kind.name] for kind in classes(3) if kind.connected}
    assert signed_triads(one, sign, workers=3).equals(table)


def test_unknown_signs_stay_apart() -> None:
    one = random_graph(30, 0.2, 3)
    rows = signed_triads(one, [None] * 30).to_pylist()
    assert {row["known"] for row in rows if row["count"]} == {False}
    assert all(row["known"] == ("?" not in row["signs"]) for row in rows)
    assert all(len(row["signs"]) == len(row["edges"]) for row in rows)
    known = signed_triads(one, [1] * 30).to_pylist()
    assert {row["signs"].strip("+") for row in known if row["count"]} == {""}


def test_signs_that_do_not_fit_are_refused() -> None:
    one = random_graph(5, 0.5, 4)
    with pytest.raises(AnalysisError, match="found 2 signs for 5 neurons"):
        signed_triads(one, [1, -1])
    with pytest.raises(AnalysisError, match="found sign 2; wanted"):
        signed_triads(one, [1, -1, None, 2, 1])


def test_flywire_subset_has_the_signs_of_its_transmitters(real_data: Path) -> None:
    folder = real_data / "flywire_783_olfactory_mb_subset"
    edges = pd.read_parquet(folder / "edges.parquet", columns=["source_id", "target_id"]).drop_duplicates()
    nodes = pd.read_parquet(folder / "nodes.parquet").set_index("node_id")["neurotransmitter"]
    ids, numbers = np.unique(edges.to_numpy(), return_inverse=True)
    one = Snapshot.from_edges(ids.astype(np.uint64), *numbers.reshape(edges.shape).T)
    names = nodes.reindex(ids)
    sign = transmitter_map("fly").sign_all([None if pd.isna(name) else name for name in names])
    table = signed_triads(one, sign).to_pandas()
    sums = table.groupby("motif")["count"].sum().to_dict()
    counted = class_counts(one, 3)
    assert sums == {kind.name: counted[kind.name] for kind in classes(3) if kind.connected}
    # Divergence from one neuron: all its pairs of targets have its sign twice.
    diverging = table[table["motif"] == "021D"].set_index("signs")["count"]
    assert set(diverging[diverging > 0].index) <= {"++", "--", "??"}
    assert diverging["++"] > 0

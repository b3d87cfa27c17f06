"""The census as people hold it: induced and non-induced columns, groups, sweeps, notes, refusals."""

from __future__ import annotations

from math import comb

import igraph
import numpy as np
import pytest

from graphlab.motifs.census.census import census, census_of_parts, class_table, threshold_sweep
from graphlab.motifs.census.classes import classes
from graphlab.motifs.census.parts import among_labels
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def random_graph(n: int = 12, density: float = 0.3, seed: int = 1) -> Snapshot:
    rng = np.random.default_rng(seed)
    there = rng.random((n, n)) < density
    source, target = np.nonzero(there)  # autapses too
    weight = rng.integers(-1, 6, len(source)).astype(float)
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), source, target, weight)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_noninduced_counts_are_those_of_vf2(size: int) -> None:
    one = random_graph()
    peer = igraph.Graph(one.n, np.column_stack([one.sources(), one.out_target]).tolist(), directed=True)
    found = census(one, size)
    rng = np.random.default_rng(1)
    chosen = classes(size) if size < 4 else [classes(4)[k] for k in rng.choice(199, 25, replace=False)]
    for kind in chosen:
        part = igraph.Graph(size, list(kind.edges), directed=True)
        assert found.noninduced[kind.name] == peer.count_subisomorphisms_vf2(part) // kind.automorphisms


def test_columns_and_zeros() -> None:
    table = census(random_graph(), 4).to_arrow(described=True)
    wanted = ["group", "motif", "edges", "count", "count_noninduced", "code", "mfinder_id", "igraph_isoclass"]
    assert table.schema.names == [*wanted, "mutual", "asymmetric", "null", "automorphisms", "orbits"]
    assert len(table) == 199
    assert (table["count_noninduced"].to_numpy() >= table["count"].to_numpy()).all()
    empty = census(Snapshot.from_edges(np.arange(1, 5, dtype=np.uint64), [], []), 3)
    assert empty.counts["003"] == comb(4, 3)
    assert [row["count"] for row in empty.rows()] == [4] + [0] * 15


def test_what_classes_are() -> None:
    table = class_table(3).to_pandas().set_index("motif")
    assert table.loc["030T", "mfinder_id"] == 38
    assert table.loc["300", "automorphisms"] == 6
    assert table.loc["012", "orbits"] is None
    assert class_table(2)["igraph_isoclass"].to_pylist() == [None] * 3


@pytest.mark.parametrize("size", [2, 3, 4])
def test_groups_are_censuses_of_their_own_graphs(size: int) -> None:
    one = random_graph(40, 0.2, 2)
    labels = [None if k % 9 == 0 else "ab"[k % 2] for k in range(40)]
    steps: list[tuple[int, int]] = []
    found = census(one, size, by=labels, progress=lambda done, total: steps.append((done, total)))
    assert found.counts == census(one, size).counts
    assert found.groups == {name: census(part, size).counts for name, part in among_labels(one, labels)}
    assert steps == [(1, 3), (2, 3), (3, 3)]
    groups = found.to_arrow()["group"].to_pylist()
    assert groups == [None] * len(found.names) + ["a"] * len(found.names) + ["b"] * len(found.names)
    assert "2 groups, each counted among its own neurons" in found.notes
    assert "5 neurons without a label are in no group" in found.notes
    parts = census_of_parts(among_labels(one, labels), size).to_pylist()
    assert {(row["group"], row["motif"]): row["count"] for row in parts} == {
        (group, name): count for group, counts in found.groups.items() for name, count in counts.items()
    }


def test_autapses_are_left_out_and_said() -> None:
    one = Snapshot.from_edges(np.arange(1, 4, dtype=np.uint64), [0, 0, 1, 2], [0, 1, 2, 2])
    found = census(one, 3)
    assert found.counts["021C"] == 1
    assert found.notes == ("2 autapses left out",)


def test_weights_of_any_sign_only_matter_to_thresholds() -> None:
    one = random_graph(20, 0.4, 3)
    assert (one.weight <= 0).any()
    table = threshold_sweep(one, 3, [-5, 0, 2, 100]).to_pandas()
    for value, rows in table.groupby("min_weight"):
        part = one.subset(min_weight=float(value))
        assert rows["count"].tolist() == list(census(part, 3).counts.values())
        assert (rows["connections"] == part.m).all()
        assert rows["count"].sum() == comb(20, 3)
    assert table["connections"].drop_duplicates().tolist()[-1] == 0
    for wrong in ([], [float("nan")]):
        with pytest.raises(AnalysisError, match="wanted one weight or more"):
            threshold_sweep(one, 3, wrong)


@pytest.mark.parametrize("size", [9, 1, 0, 5])
def test_other_sizes_say_what_is_possible(size: int) -> None:
    with pytest.raises(AnalysisError, match=rf"size {size} are not counted; sizes are 2 .*3 .*4"):
        census(random_graph(), size)


def test_repr_shows_what_is_there() -> None:
    assert repr(census(random_graph(3, 0.0), 3)) == "<Census of size 3: 003 1>"
    assert "and" in repr(census(random_graph(30, 0.4), 4))

"""The table of statistics: choices, nulls that fix things, p values where the null is true, bad graphs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from graphlab.circuits.statistics.statistic import Told
from graphlab.circuits.statistics.table import TESTED, against_null, chosen, measure_all
from graphlab.motifs.nulls.models import NullOptions, sample_seed
from graphlab.motifs.nulls.registered import null_model
from graphlab.motifs.significance.against_null import FIXED, UNMIXED
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot


def test_names_are_chosen() -> None:
    names, notes = chosen(None, ["cell_type"])
    assert "type-assortativity" in names
    assert "transmitters" not in names
    assert "transmitters is left out: no neuron has a value in nt_type" in notes
    assert chosen(["reciprocity", "size", "reciprocity"], []) == (["reciprocity", "size"], [])
    with pytest.raises(UnknownNameError, match="did you mean 'reciprocity'"):
        chosen(["reciprocty"], [])
    with pytest.raises(AnalysisError, match="'roles' reads the column 'flow'"):
        chosen(["roles"], ["side"])
    with pytest.raises(AnalysisError, match="no statistic was named"):
        chosen([], [])
    assert set(TESTED) <= set(names)


def test_graphs_without_anything_to_count_are_refused() -> None:
    ids = np.arange(1, 4, dtype=np.uint64)
    for graph, message in (
        (Snapshot.from_edges(ids[:0], [], []), "there are none among 0 neurons"),
        (Snapshot.from_edges(ids, [], [], meta={"min_weight": 5.0}), "at least 5 there are none among 3 neurons"),
        (Snapshot.from_edges(ids, [0, 1], [1, 2], [0, 0]), "all 2 connections of kind 'chemical' weigh 0"),
        (Snapshot.from_edges(ids, [0, 1], [1, 2], [1, -2]), "1 of 2 connections of kind 'chemical' have others"),
        (Snapshot.from_edges(ids, [0, 1], [1, 2], [1, np.nan]), "the first is nan"),
    ):
        with pytest.raises(AnalysisError, match=message):
            measure_all(graph, ["size"], Told())


def test_rows_have_n_beside_each_number(drawn: Any) -> None:
    graph = drawn(30, 200, 1)
    found = measure_all(graph, ["reciprocity", "rich-club"], Told(club_degree=9))
    rows = found.to_arrow().to_pylist()
    assert all((row["neurons"], row["connections"]) == (30, graph.m) for row in rows)
    assert all(row["null_model"] is None and row["p"] is None for row in rows)
    assert found.value("reciprocity") == next(row["value"] for row in rows if row["name"] == "reciprocity")
    assert found.value("rich_club_neurons", at=9) == next(
        row["value"] for row in rows if row["name"] == "rich_club_neurons"
    )
    with pytest.raises(UnknownNameError, match="did you mean 'reciprocity'"):
        found.value("reciprocit")
    neurons = found.neurons_to_arrow(graph.root_ids)
    assert neurons.filter(neurons["measure"].to_numpy(zero_copy_only=False) == "mutual_partners").num_rows == 30


@pytest.mark.parametrize(
    ("null", "fixed", "free"),
    [
        ("configuration", {"in_degree_sd", "connections", "rich_club_neurons"}, {"reciprocity", "transitivity"}),
        ("reciprocal", {"reciprocity", "mutual_pairs", "in_degree_max"}, {"transitivity", "directed_clustering"}),
        ("er", {"density", "connections"}, {"reciprocity", "in_degree_sd"}),
    ],
)
def test_what_a_null_fixes_has_no_p(drawn: Any, null: str, fixed: set[str], free: set[str]) -> None:
    graph = drawn(40, 300, 4)
    names = ["size", "degrees", "reciprocity", "clustering", "rich-club"]
    observed = measure_all(graph, names, Told(club_degree=20))
    found = against_null(graph, observed, names, Told(club_degree=20), null, samples=30)
    rows = {row["name"]: row for row in replace(observed, against=found).to_arrow().to_pylist()}
    for name in fixed:
        assert rows[name]["note"] == FIXED, name
        assert rows[name]["p"] is None
        assert rows[name]["z"] is None
        assert rows[name]["null_mean"] == pytest.approx(rows[name]["value"])
    for name in free:
        assert rows[name]["p"] is not None, name
        assert rows[name]["null_std"] > 0
        assert rows[name]["ratio"] == pytest.approx(rows[name]["value"] / rows[name]["null_mean"])
    assert found.samples == 30
    assert all(row["null_model"] == null and row["samples"] == 30 for row in rows.values())
    assert null in found.sentence


def test_the_same_bytes_for_any_number_of_workers_and_from_kept_samples(drawn: Any, tmp_path: Path) -> None:
    graph = drawn(40, 300, 4)
    names = ["reciprocity", "clustering", "paths"]
    observed = measure_all(graph, names, Told())
    how: dict[str, Any] = {"samples": 12, "seed": 5}
    one, many, kept, again = (
        against_null(graph, observed, names, Told(), "reciprocal", **how, **more)
        for more in ({}, {"workers": 3}, {"folder": tmp_path}, {"folder": tmp_path})
    )
    assert repr(one.columns) == repr(many.columns) == repr(kept.columns) == repr(again.columns)
    assert list(tmp_path.rglob("samples-*.parquet"))


def test_few_graphs_are_all_measured() -> None:
    """A graph whose null has a handful of members: moments and p are exact."""
    ids = np.arange(1, 6, dtype=np.uint64)
    graph = Snapshot.from_edges(ids, [0, 1, 2, 3], [1, 0, 3, 4])
    walk = null_model("configuration").prepare(graph, NullOptions(), 0).walk()
    assert walk is not None
    every = walk.all_graphs()
    assert every is not None
    observed = measure_all(graph, ["reciprocity"], Told())
    found = against_null(graph, observed, ["reciprocity"], Told(), "configuration", samples=50)
    row = found.columns["reciprocity", "", None]
    values = [measure_all(one, ["reciprocity"], Told()).value("reciprocity") for one in every]
    assert row["null_mean"] == pytest.approx(np.mean(values))
    assert row["null_std"] == pytest.approx(np.std(values))
    assert "all" in found.notes[0]


def test_a_null_that_cannot_mix_gives_no_p() -> None:
    """A complete digraph but one connection among many neurons has next to nothing to swap."""
    n = 20
    pairs = [(a, b) for a in range(n) for b in range(n) if a != b][:-1]
    graph = Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), *np.array(pairs).T)
    observed = measure_all(graph, ["reciprocity", "clustering"], Told())
    found = against_null(graph, observed, ["clustering"], Told(), "configuration", samples=5)
    assert all(np.isnan(row["p"]) and row["note"] in (FIXED, UNMIXED) for row in found.columns.values())


def test_pairs_that_nobody_could_see_are_refused(drawn: Any) -> None:
    graph = drawn(30, 200, 2)
    observed = measure_all(graph, ["reciprocity"], Told())
    options = NullOptions(observable_pre=np.arange(30) < 15, observable_post=np.ones(30, dtype=bool))
    with pytest.raises(AnalysisError, match="a null only rewires what could be seen"):
        against_null(graph, observed, ["reciprocity"], Told(), "configuration", options=options)


@pytest.mark.slow
@pytest.mark.parametrize("null", ["configuration", "reciprocal"])
def test_p_values_hold_in_the_tail_where_the_null_is_true(drawn: Any, null: str) -> None:
    """Graphs drawn from the null itself are the observed ones: P(p <= a) is at most a, down to the smallest p."""
    names = ["clustering"] if null == "reciprocal" else ["reciprocity", "clustering"]
    sampler = null_model(null).prepare(drawn(24, 90, 7), NullOptions(), 99)
    sets, samples = 100, 39
    found: dict[Any, list[float]] = {}
    for number in range(sets):
        graph = sampler.draw(sample_seed(99, number))
        observed = measure_all(graph, names, Told())
        one = against_null(graph, observed, names, Told(), null, samples=samples, seed=number)
        for key, row in one.columns.items():
            if not np.isnan(row["p"]):
                found.setdefault(key, []).append(row["p"])
    assert ("transitivity", "", None) in found
    smallest = 2 / (samples + 1)
    for key, p in found.items():
        for level in (smallest, 2 * smallest, 4 * smallest):
            hits = int((np.array(p) <= level + 1e-12).sum())
            assert hits <= binom.ppf(0.99999, len(p), level), (key, level, hits, len(p))
    pooled = np.concatenate([np.array(p) for p in found.values()])
    assert (pooled <= 4 * smallest).mean() > smallest, "and it is no test that never finds anything"

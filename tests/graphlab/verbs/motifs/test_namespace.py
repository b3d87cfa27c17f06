"""Counting verbs on a stored graph: the right graph is counted, results are runs, reruns give the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab.graph import Graph
from graphlab.motifs.census.census import census
from graphlab.motifs.census.weights import motif_weights
from graphlab.motifs.nulls.models import NullOptions, sample_seed
from graphlab.motifs.nulls.registered import weight_null
from graphlab.motifs.significance.against_null import roles_against_null, signed_against_null
from graphlab.store.runs.runs import hash_table
from ingest.schema.errors import AnalysisError, UnknownNameError
from ingest.schema.transmitters import transmitter_map


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    """Forty neurons, some without type or transmitter, one isolated, autapses, connections split over neuropils."""
    rng = np.random.default_rng(5)
    neurons = pd.DataFrame(
        {
            "root_id": np.arange(1, 42),
            "cell_type": rng.choice(["KC", "MBON", None], 41),
            "nt_type": rng.choice(["ACH", "GABA", "DA", None], 41),
            "nt_confidence": rng.choice([0.9, 0.3], 41),
        }
    )
    rows = pd.DataFrame({"pre_root_id": rng.integers(1, 41, 500), "post_root_id": rng.integers(1, 41, 500)})
    rows["weight"] = rng.integers(1, 9, 500).astype(float)
    rows["neuropil"] = rng.choice(["ME_R", "LO_R"], 500)
    rows.loc[0, "post_root_id"] = rows.loc[0, "pre_root_id"]
    made = Graph.create(tmp_path / "g")
    made.ingest(neurons, as_="neurons")
    made.ingest(rows, as_="connections", duplicates="sum")
    return made


VERBS = {
    "census": lambda graph: graph.motifs.census(3, by="cell_type").to_arrow(),
    "census_by_neuropil": lambda graph: graph.motifs.census_by_neuropil(3, min_weight=2.0),
    "census_sweep": lambda graph: graph.motifs.census_sweep(4, [1, 5]),
    "orbits": lambda graph: graph.motifs.orbits(4, min_weight=3.0).to_arrow(),
    "roles": lambda graph: graph.motifs.roles(3),
    "motif_weights": lambda graph: graph.motifs.weights(3, ["raw", "log"]),
    "signed_census": lambda graph: graph.motifs.signed_census("fly", workers=2),
}


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_result_is_a_run_that_reruns_to_the_same_bytes(graph: Graph, verb: str) -> None:
    table = VERBS[verb](graph)
    rows = graph.to_arrow("runs").to_pylist()
    run = next(row for row in rows if row["verb"] == verb)
    assert run["result_hash"] == hash_table(table)
    again = graph.rerun(run["run_id"])
    assert again.equal
    assert graph.to_arrow("runs").to_pylist() == rows
    place = graph.path
    graph.close()
    with Graph.open(place, read_only=True) as reading:
        assert hash_table(VERBS[verb](reading)) == run["result_hash"]
        assert len(reading.to_arrow("runs")) == len(rows)


def test_results_not_to_be_kept_leave_no_run(graph: Graph) -> None:
    before = len(graph.to_arrow("runs"))
    graph.motifs.census(3, record=False)
    graph.motifs.orbits(3, record=False)
    graph.motifs.census_sweep(3, [1], record=False)
    assert len(graph.to_arrow("runs")) == before


def test_a_neuropil_is_counted_by_its_own_rows(graph: Graph) -> None:
    steps: list[tuple[int, int]] = []
    table = graph.motifs.census_by_neuropil(3, progress=lambda done, total: steps.append((done, total))).to_pandas()
    assert steps == [(1, 2), (2, 2)]
    parts = graph.to_pandas("connections_by_neuropil")
    for name, rows in table.groupby("group"):
        own = parts[parts["neuropil"] == name]
        assert (rows["neurons"] == len(set(own["pre_root_id"]) | set(own["post_root_id"]))).all()
        assert (rows["connections"] == (own["pre_root_id"] != own["post_root_id"]).sum()).all()
        n = rows["neurons"].iloc[0]
        assert rows["count"].sum() == n * (n - 1) * (n - 2) // 6
    stored = graph.to_pandas("motif_counts")
    assert stored.empty


def test_isolated_neurons_count_and_autapses_do_not(graph: Graph) -> None:
    found = graph.motifs.census(3)
    assert graph.snapshot().n == 41
    assert sum(found.counts.values()) == 41 * 40 * 39 // 6
    assert found.notes[0].endswith("autapses left out")
    assert graph.motifs.orbits(3).counts[-1].sum() == 0


def test_groups_leave_neurons_without_a_type_out(graph: Graph) -> None:
    found = graph.motifs.census(3, by="cell_type")
    assert set(found.groups) == {"KC", "MBON"}
    types = graph.to_pandas("neurons")["cell_type"]
    for name, counts in found.groups.items():
        n = int((types == name).sum())
        assert sum(counts.values()) == n * (n - 1) * (n - 2) // 6
    assert found.groups == census(graph.snapshot(), 3, by=types.tolist()).groups
    roles = graph.motifs.roles(3).to_pandas()
    assert set(roles["group"]) == {"KC", "MBON"}


def test_unsure_transmitters_are_unknown(graph: Graph) -> None:
    table = graph.motifs.signed_census("fly").to_pandas()
    surer = graph.motifs.signed_census("synthetic").to_pandas()
    known, sure = (t.loc[t["known"], "count"].sum() for t in (table, surer))
    assert 0 < known < sure


def test_refusals_name_what_there_is(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'cell_type'"):
        graph.motifs.census(3, by="celltype")
    with pytest.raises(UnknownNameError, match="fly"):
        graph.motifs.signed_census("flyy")
    for verb in (graph.motifs.census, graph.motifs.orbits, graph.motifs.roles, graph.motifs.census_by_neuropil):
        with pytest.raises(AnalysisError, match="size 9 are not counted; sizes are 2"):
            verb(9)
    runs = len(graph.to_arrow("runs"))
    with pytest.raises(AnalysisError, match="size 9"):
        graph.motifs.weights(9)
    assert len(graph.to_arrow("runs")) == runs
    with Graph.create(tmp_path / "plain") as plain:
        plain.ingest(pd.DataFrame({"pre_root_id": [1], "post_root_id": [2], "weight": [1.0]}), as_="connections")
        with pytest.raises(AnalysisError, match="no chemical connection names a neuropil"):
            plain.motifs.census_by_neuropil(3)
        with pytest.raises(AnalysisError, match="none of 2 neurons has a sign under the map 'fly'"):
            plain.motifs.signed_census("fly")
        with pytest.raises(UnknownNameError):
            plain.motifs.census(3, kind="chemicall")


def test_ctrl_c_leaves_nothing_behind(graph: Graph) -> None:
    runs = len(graph.to_arrow("runs"))

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for count in (graph.motifs.census, graph.motifs.orbits, graph.motifs.weights, graph.motifs.census_by_neuropil):
        with pytest.raises(KeyboardInterrupt):
            count(3, progress=stop)
    assert len(graph.to_arrow("runs")) == runs
    assert len(graph.to_arrow("motif_counts")) == 0


@pytest.mark.parametrize("null", ["weights", "weights-pre", "weights-types"])
def test_weights_against_shuffled_weights(graph: Graph, null: str) -> None:
    """The columns are what a loop over the sampler's own draws gives, and a rerun gives them again."""
    table = graph.motifs.weights(3, ["raw"], null=null, samples=9, seed=4)
    view = graph.snapshot()
    labels = graph.neuron_values(view, "cell_type")
    sampler = weight_null(null).prepare(view, NullOptions(labels=labels), 4)
    draws = [motif_weights(sampler.draw(sample_seed(4, n)), 3, ["raw"]).to_pylist() for n in range(9)]
    for at, row in enumerate(table.to_pylist()):
        for name in ("intensity", "coherence"):
            if row["count"]:
                values = np.array([draw[at][name] for draw in draws])
                np.testing.assert_allclose(row[f"{name}_null_mean"], values.mean())
                tail = min((values >= row[name]).sum(), (values <= row[name]).sum())
                assert row[f"{name}_p"] == min(1.0, 2 * (tail + 1) / 10)
            else:
                assert row[f"{name}_p"] is None
    runs = graph.to_arrow("runs").to_pylist()
    (run,) = [r for r in runs if r["verb"] == "motif_weights" and f'"{null}"' in r["parameters"]]
    assert graph.rerun(run["run_id"]).equal
    with pytest.raises(UnknownNameError, match="did you mean 'weights"):
        graph.motifs.weights(3, ["raw"], null="weight")


def test_a_null_that_needs_labels_is_told_cell_types_by_every_verb(graph: Graph) -> None:
    """Signed triads and roles beside ``block`` are those of the sampler's own draws with cell types as labels."""
    view = graph.snapshot()
    labels = graph.neuron_values(view, "cell_type")
    signed = graph.motifs.signed_census("fly", null="block", samples=5, seed=3)
    signs = transmitter_map("fly").sign_all(
        graph.neuron_values(view, "nt_type"), graph.neuron_values(view, "nt_confidence")
    )
    alone = signed_against_null(view, signs, "block", 5, 3, NullOptions(labels=labels))
    assert signed.equals(alone)
    roles = graph.motifs.roles(3, null="block", samples=5, seed=3)
    assert roles.equals(roles_against_null(view, 3, labels, "block", 5, 3, NullOptions(labels=labels)))
    assert {row["note"] for row in roles.to_pylist()} != {"fixed by the null"}
    for run in graph.to_arrow("runs").to_pylist():
        if run["verb"] in ("roles", "signed_census"):
            assert graph.rerun(run["run_id"]).equal

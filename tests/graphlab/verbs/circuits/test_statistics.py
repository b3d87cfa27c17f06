"""``graph.circuits.statistics`` and ``type_connections``: runs that rerun and join, nulls, sides, bad input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.motifs.significance.against_null import FIXED
from ingest.schema.errors import AnalysisError, UnknownNameError

N = 60
FIRST = 720575940600000000


def neurons() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "root_id": FIRST + np.arange(N),
            "cell_type": [f"t{k % 5}" if k % 11 else None for k in range(N)],
            "side": ["left" if k % 2 else "right" for k in range(N)],
            "nt_type": ["ACH" if k % 3 else "GABA" for k in range(N)],
            "flow": ["intrinsic"] * N,
            "status_axon": ["t" if k % 7 else "f" for k in range(N)],
        }
    )


def connections(seed: int = 7, rows: int = 700) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ends = FIRST + np.minimum(rng.integers(0, N, (rows, 2)), rng.integers(0, N, (rows, 2)))
    made = pd.DataFrame(ends, columns=["pre_root_id", "post_root_id"])
    made["weight"] = rng.integers(1, 30, rows).astype(float)
    return made


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with Graph.create(tmp_path_factory.mktemp("statistics") / "g") as made:
        made.ingest(neurons(), as_="neurons")
        made.ingest(connections(), as_="connections", duplicates="sum")
        yield made


def test_a_result_is_a_run_that_reruns_and_that_queries_join(graph: Graph) -> None:
    found = graph.circuits.statistics(club_degree=20, sides=True, min_weight=3)
    assert graph.rerun(found.run_id).equal
    rows = found.to_arrow().to_pylist()
    measured = {row["statistic"] for row in rows}
    assert measured >= {"size", "clustering", "betweenness", "transmitters", "roles", "left-right"}
    assert {(row["neurons"], row["connections"]) for row in rows} == {(N, graph.snapshot("chemical", 3).m)}
    stored = (
        graph.query(
            "SELECT name, value FROM graph_statistics WHERE run_id = $run AND name = 'reciprocity'",
            parameters={"run": found.run_id},
        )
        .to_arrow()
        .to_pylist()
    )
    assert stored == [{"name": "reciprocity", "value": found.value("reciprocity")}]
    joined = graph.query(
        "SELECT n.root_id, s.value FROM neuron_statistics s JOIN neurons n USING (root_id) "
        "WHERE s.run_id = $run AND s.measure = 'in_degree' ORDER BY 1",
        parameters={"run": found.run_id},
    ).to_arrow()
    view = graph.snapshot("chemical", 3)
    assert joined["root_id"].to_pylist() == view.root_ids.tolist()
    assert joined["value"].to_pylist() == np.diff(view.in_start).tolist()
    roles = graph.query(
        "SELECT count(*) FROM neuron_statistics WHERE run_id = $run AND measure = 'role' AND label IS NULL",
        parameters={"run": found.run_id},
    )
    assert roles.scalar() == 0
    assert found.notes[0] == "connections: chemical, pairs of at least 3 (summed over neuropils), autapses out"
    run, kept, words = graph.circuits.latest_statistics() or ("", None, {})
    assert run == found.run_id
    assert kept.equals(found.to_arrow())
    assert words["notes"] == list(found.notes)
    before = len(graph.to_arrow("runs"))
    graph.circuits.statistics(["size"], record=False)
    assert len(graph.to_arrow("runs")) == before


def test_sides_are_the_yardstick(graph: Graph) -> None:
    rows = {row["name"]: row for row in graph.circuits.statistics(["reciprocity"], sides=True).to_arrow().to_pylist()}
    assert rows["mutual_pairs"]["left_value"] + rows["mutual_pairs"]["right_value"] <= rows["mutual_pairs"]["value"]
    left = graph.circuits.statistics(["reciprocity"], within={"side": "left"})
    assert left.value("reciprocity") == rows["reciprocity"]["left_value"]


def test_a_null_is_beside_the_numbers_and_reruns(graph: Graph) -> None:
    how = {"null": "configuration", "samples": 19, "seed": 3, "observable": False}
    found = graph.circuits.statistics(["reciprocity", "degrees"], **how)
    rows = {row["name"]: row for row in found.to_arrow().to_pylist()}
    assert rows["reciprocity"]["null_model"] == "configuration"
    assert rows["reciprocity"]["samples"] == 19
    assert 0 < rows["reciprocity"]["p"] <= 1
    assert rows["in_degree_sd"]["note"] == FIXED
    assert rows["in_degree_sd"]["p"] is None
    assert any("Null 'configuration'" in note for note in found.notes)
    assert graph.rerun(found.run_id).equal
    again = graph.circuits.statistics(["reciprocity", "degrees"], **how, workers=3)
    assert again.table.equals(found.table)
    block = graph.circuits.statistics(["reciprocity"], null="block", by="side", samples=9, observable=False)
    assert "between every two types" in " ".join(block.notes)
    moved = graph.circuits.statistics(["reciprocity"], null="weights", samples=9, observable=False)
    moved_rows = {row["name"]: row for row in moved.to_arrow().to_pylist()}
    assert moved_rows["reciprocity"]["note"] == FIXED
    assert moved_rows["weighted_reciprocity"]["p"] is not None


def test_only_pairs_that_could_be_seen_go_against_a_null(graph: Graph) -> None:
    found = graph.circuits.statistics(["reciprocity"], null="reciprocal", samples=5)
    view = graph.snapshot()
    seen = np.array([k % 7 != 0 for k in range(N)])[view.sources()]
    assert found.about["connections"] == int(seen.sum()) < view.m
    assert any("outside the pairs whose axon and dendrite were proofread" in note for note in found.notes)
    without = graph.circuits.statistics(["size"], proofread=True)
    assert without.value("connections") == int(seen.sum())


def test_default_statistics_say_what_went_against_the_null(graph: Graph) -> None:
    found = graph.circuits.statistics(null="er", samples=3, observable=False)
    tested = {row["statistic"] for row in found.to_arrow().to_pylist() if row["null_model"]}
    assert tested == {"reciprocity", "clustering", "components", "assortativity", "rich-club"}
    assert any("went against the null" in note for note in found.notes)


def test_type_connections_are_a_run(graph: Graph) -> None:
    found = graph.circuits.type_connections()
    assert graph.rerun(found.run_id).equal
    rows = found.to_arrow().to_pylist()
    assert {row["denominator"] for row in rows} == {"stored"}
    assert all(0 <= row["fraction_mean"] <= 1 for row in rows)
    assert all(isinstance(row["both_sides"], bool) for row in rows)
    stored = graph.query(
        "SELECT sum(weight) FROM type_connections WHERE run_id = $run", parameters={"run": found.run_id}
    ).scalar()
    assert stored == sum(row["weight"] for row in rows)
    with pytest.raises(UnknownNameError, match="did you mean 'cell_type'"):
        graph.circuits.type_connections("celltype")


def test_bad_input_is_one_clear_error(tmp_path: Path) -> None:
    """Nothing there, weights of 0, columns and sides that are missing although positions are there."""
    with Graph.create(tmp_path / "g") as bare:
        with pytest.raises(AnalysisError, match="among 0 neurons"):
            bare.circuits.statistics()
        bare.ingest(pd.DataFrame({"root_id": [1, 2, 3], "x_nm": [1.0, 2.0, 3.0]}), as_="neurons")
        with pytest.raises(AnalysisError, match="none among 3 neurons"):
            bare.circuits.statistics()
        rows = pd.DataFrame({"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [4.0, 2.0]})
        bare.ingest(rows, as_="connections")
        with pytest.raises(AnalysisError, match="not taken from positions.*FAFB"):
            bare.circuits.statistics(sides=True)
        with pytest.raises(AnalysisError, match="'transmitters' reads the column 'nt_type'"):
            bare.circuits.statistics(["transmitters"])
        with pytest.raises(AnalysisError, match="none has one; ingest neurons with cell_type"):
            bare.circuits.type_connections()
        with pytest.raises(UnknownNameError, match="unknown statistic 'recprocity'; did you mean 'reciprocity'"):
            bare.circuits.statistics(["recprocity"])
        with pytest.raises(UnknownNameError, match="unknown setting of statistics 'min_wieght'"):
            bare.circuits.statistics(min_wieght=3)
        with pytest.raises(UnknownNameError, match="did you mean 'configuration'"):
            bare.circuits.statistics(null="configuratoin")
        with pytest.raises(AnalysisError, match="wanted a list of statistics"):
            bare.circuits.statistics("reciprocity")
        notes = bare.circuits.statistics(record=False).notes
        assert any("transmitters is left out" in note for note in notes)
    with Graph.create(tmp_path / "zero") as zero:
        zero.ingest(rows.assign(weight=0.0), as_="connections")
        with pytest.raises(AnalysisError):
            zero.circuits.statistics()


def test_statistics_of_a_graph_with_one_side_leave_left_right_out(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as half:
        half.ingest(neurons().assign(side="right"), as_="neurons")
        half.ingest(connections(), as_="connections", duplicates="sum")
        found = half.circuits.statistics()
        assert any("left-right is left out: left and right can only be compared" in note for note in found.notes)
        with pytest.raises(AnalysisError, match="found 0 left and"):
            half.circuits.statistics(["left-right"])

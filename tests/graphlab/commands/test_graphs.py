"""init, recipe, signs, rerun and report: with --json one document each, nothing else on standard output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphlab.graph import Graph

PRE, POST = 864691135941359220, 864691135941359221


@pytest.fixture
def folder(document: Callable[..., Any], tmp_path: Path) -> Path:
    assert document("init", tmp_path / "g", "--dataset", "two neurons", "--resolution", "4,4,40")["dataset"] == (
        "two neurons"
    )
    synapses = pd.DataFrame({"pre_root_id": [PRE] * 3, "post_root_id": [POST] * 3, "score": [10.0, 60.0, 70.0]})
    with Graph.open(tmp_path / "g") as graph:
        graph.ingest(synapses, as_="synapses")
        graph.ingest(pd.DataFrame({"root_id": [PRE, POST], "nt_type": ["ACH", "GABA"]}), as_="neurons")
    return tmp_path / "g"


def test_recipe_signs_and_rerun(document: Callable[..., Any], folder: Path) -> None:
    assert document("recipe", folder, "--min-score", "50")["recipe"]["min_score"] == 50
    assert document("query", folder, "SELECT weight FROM connections") == [{"weight": 2.0}]
    assert document("signs", folder, "--map", "fly")["neurons"] == {"excitatory": 1, "inhibitory": 1, "unknown": 0}
    assert document("motifs", folder, "--size", "2")["size"] == 2
    (run,) = document("query", folder, "SELECT run_id FROM runs WHERE verb = 'census'")
    again = document("rerun", folder, run["run_id"])
    assert again["equal"]
    assert again["recorded"] == again["recomputed"]


def test_report(document: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    assert document("report", folder, "-o", target) == {"report": str(target)}
    assert "two neurons" in target.read_text()


def test_a_file_and_json_together_give_the_document_about_the_file(
    document: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "rows.csv"
    assert document("query", folder, "FROM neurons", "-o", target) == {"output": str(target), "rows": 2}
    found = document("motifs", folder, "--size", "2", "-o", target, "--report", tmp_path / "page.html")
    assert (found["size"], found["output"], found["rows"]) == (2, str(target), 3)
    assert found["report"] == str(tmp_path / "page.html")
    assert len(pd.read_csv(target)) == 3


def test_runs_are_listed(
    document: Callable[..., Any], graphlab: Callable[..., Any], refusal: Callable[..., str], folder: Path
) -> None:
    found = document("runs", folder)
    assert [run["verb"] for run in found] == ["ingest", "ingest"]
    document("motifs", folder, "--size", "2")
    found = document("runs", folder)
    assert [run["verb"] for run in found] == ["ingest", "ingest", "census"]
    assert found[0]["inputs"] == "<DataFrame>"
    assert '"as":"synapses"' in found[0]["parameters"].replace(" ", "")
    assert [run["verb"] for run in document("runs", folder, "--verb", "census")] == ["census"]
    assert document("rerun", folder, found[-1]["run_id"])["equal"]
    shown = graphlab("runs", folder).stdout
    assert all(run["run_id"] in shown for run in found)
    assert "unknown verb of a run 'cencus'; did you mean 'census'" in refusal("runs", folder, "--verb", "cencus")


def test_what_a_graph_is_of_can_be_said_later(
    document: Callable[..., Any], graphlab: Callable[..., Any], refusal: Callable[..., str], tmp_path: Path
) -> None:
    place = tmp_path / "g"
    document("init", place)
    table = tmp_path / "synapses.csv"
    table.write_text(f"pre_root_id,post_root_id,position\n{PRE},{POST},[10 20 30]\n")
    assert "say how long one is" in refusal(
        "ingest", place, table, "--as", "synapses", "--columns", "position=position"
    )
    assert "nothing to say" in refusal("describe", place)
    assert "4,4,40,1" in refusal("describe", place, "--resolution", "4,4,40,1")
    said = document("describe", place, "--dataset", "mouse", "--resolution", "4,4,40", "--materialization", "943")
    assert (said["dataset"], said["resolution"], said["materialization"]) == ("mouse", "4,4,40", "943")
    assert "ids are none of 1078" in refusal("describe", place, "--dataset", "rat", "--materialization", "1078")
    assert document("info", place)["dataset"] == "mouse", "all of it or nothing"
    document("ingest", place, table, "--as", "synapses", "--columns", "position=position")
    refused = refusal("describe", place, "--resolution", "8,8,40", "--dataset", "rat")
    assert "positions of synapses.csv" in refused
    assert "voxels of 4,4,40 nm, so it is not of 8,8,40 nm: drop that source" in refused
    assert document("info", place)["dataset"] == "mouse"
    assert document("query", place, "SELECT x_nm FROM synapses") == [{"x_nm": 40.0}]
    told = graphlab("describe", place, "--dataset", "rat", "--resolution", "4,4,40").stdout
    assert told.startswith("rat: materialization 943, voxels of 4,4,40 nm")
    assert "called 'mouse' until now" in told
    graphlab("drop-source", place, "synapses.csv")
    graphlab("describe", place, "--resolution", "8,8,40")
    document("ingest", place, table, "--as", "synapses", "--columns", "position=position")
    assert document("query", place, "SELECT x_nm FROM synapses") == [{"x_nm": 80.0}]


def test_a_source_is_there_whatever_is_said_of_the_graph_later(
    document: Callable[..., Any], graphlab: Callable[..., Any], refusal: Callable[..., str], tmp_path: Path
) -> None:
    """The voxels of a graph are no part of a source that has none."""
    place, table = tmp_path / "g", tmp_path / "pairs.csv"
    document("init", place)
    table.write_text("pre_root_id,post_root_id,weight\n1,2,3\n")
    first = document("ingest", place, table, "--as", "connections")[0]
    document("describe", place, "--resolution", "4,4,40")
    again = document("ingest", place, table, "--as", "connections")[0]
    assert (again["already_there"], again["run_id"]) == (True, first["run_id"])
    assert "voxels were not given" in again["notes"][0]
    assert "counted twice" in refusal("ingest", place, table, "--as", "connections", "--unknown", "keep")


def test_one_source_is_dropped_by_name_or_run(
    document: Callable[..., Any], graphlab: Callable[..., Any], refusal: Callable[..., str], tmp_path: Path
) -> None:
    place = tmp_path / "g"
    document("init", place)
    for name, rows in (("a.csv", "1,2,3"), ("b.csv", "1,2,4\n3,1,1"), ("c.csv", "2,3,1")):
        (tmp_path / name).write_text(f"pre_root_id,post_root_id,weight\n{rows}\n")
        graphlab("ingest", place, tmp_path / name, "--as", "connections", "--duplicates", "sum")
    document("motifs", place, "--size", "3")
    told = graphlab("info", place).stdout
    assert "source b.csv: 2 rows of connections (run " in told
    listed = document("info", place)["sources"]
    assert [one["source"] for one in listed] == ["a.csv", "b.csv", "c.csv"]
    assert "unknown source 'bb.csv'; did you mean 'b.csv'" in refusal("drop-source", place, "bb.csv")
    said = graphlab("drop-source", place, tmp_path / "b.csv").stdout
    assert said.startswith(f"b.csv: 2 rows of connections dropped (run {listed[1]['run_id']})")
    assert "1 results are of the data with b.csv (1 of census)" in said
    runs = document("runs", place)
    assert [run["verb"] for run in runs] == ["ingest", "ingest", "census", "drop source"]
    assert runs[2]["current"] is False
    assert "b.csv was dropped already" in refusal("drop-source", place, "b.csv")
    assert "was dropped already" in refusal("drop-source", place, listed[1]["run_id"])
    found = document("query", place, "SELECT pre_root_id, post_root_id, weight FROM connections ORDER BY ALL")
    assert [tuple(row.values()) for row in found] == [("1", "2", 3.0), ("2", "3", 1.0)]
    graphlab("ingest", place, tmp_path / "b.csv", "--as", "connections", "--duplicates", "sum")
    assert [one["source"] for one in document("info", place)["sources"]] == ["a.csv", "c.csv", "b.csv"]


def test_a_graph_without_models(document: Callable[..., Any], graphlab: Callable[..., Any], folder: Path) -> None:
    assert document("models", folder) == {"embeddings": [], "predictors": []}
    assert graphlab("models", folder).stdout.startswith("no models; ")

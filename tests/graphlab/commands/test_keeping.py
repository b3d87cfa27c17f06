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

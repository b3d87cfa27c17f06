"""``graphlab stats``: rows, nulls, types, comparisons, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphlab import Graph
from graphlab.testing.toy import random_graph


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stats")
    for seed in range(2):
        random_graph(place / f"g{seed}", seed=seed).close()
    return place


def test_all_statistics(made: Path, graphlab: Callable[..., Any], document: Callable[..., Any]) -> None:
    found = document("stats", made / "g0")
    rows = {row["name"]: row for row in found["rows"]}
    with Graph.open(made / "g0", read_only=True) as graph:
        assert rows["reciprocity"]["value"] == graph.circuits.statistics(["reciprocity"]).value("reciprocity")
    assert found["table"] == "graph_statistics"
    assert any("Reciprocity: share of connections" in one for one in found["definitions"])
    told = graphlab("stats", made / "g0", "--statistic", "size").stdout
    assert "density" in told
    assert "null_mean" not in told, "empty columns are left out"


def test_against_a_null(made: Path, document: Callable[..., Any], graphlab: Callable[..., Any], tmp_path: Path) -> None:
    words = ("--statistic", "reciprocity", "--null", "configuration", "--samples", "9")
    found = document("stats", made / "g0", *words)
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["reciprocity"]["samples"] == 9
    assert rows["reciprocity"]["p"] is not None
    assert any("Null 'configuration'" in note for note in found["notes"])
    done = graphlab("stats", made / "g0", *words, "-o", tmp_path / "stats.csv")
    assert "rows in" in done.stdout


def test_types_and_comparisons(made: Path, document: Callable[..., Any]) -> None:
    types = document("stats", made / "g0", "--types", "cell_type")
    assert {"pre_type", "post_type", "post_share", "mean", "sd"} <= set(types["rows"][0])
    found = document("stats", made / "g0", "--compare", made / "g1", "--level", "motifs")
    assert len(found["rows"]) == 13
    assert found["rows"][0]["note"].startswith("descriptive")


def test_refusals(made: Path, refusal: Callable[..., str]) -> None:
    assert "did you mean 'reciprocity'" in refusal("stats", made / "g0", "--statistic", "reciprocty")
    assert "are two questions" in refusal("stats", made / "g0", "--types", "side", "--compare", made / "g1")
    assert "--null is for the statistics of one graph" in refusal("stats", made / "g0", "--types", "a", "--null", "er")

"""``graphlab communities``: rows, notes, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphlab import Graph
from graphlab.testing.toy import random_graph


@pytest.fixture
def made(tmp_path: Path) -> Path:
    random_graph(tmp_path / "g", seed=0).close()
    return tmp_path / "g"


def test_communities(made: Path, graphlab: Callable[..., Any], document: Callable[..., Any], tmp_path: Path) -> None:
    found = document("communities", made, "--seeds", 3, "--resolution", 0.8, "--min-weight", 2)
    assert found["table"] == "communities"
    assert found["starts"] == 3
    assert set(found["against"]) == {"cell_type"}
    with Graph.open(made, read_only=True) as graph:
        again = graph.circuits.communities(seeds=3, resolution=0.8, min_weight=2)
    assert found["run"] == again.run_id
    assert found["rows"][0]["root_id"] == str(again.table["root_id"][0].as_py())
    told = graphlab("communities", made, "--method", "block-model", "--blocks", 2, "--seeds", 1).stdout
    assert "block model with 2 blocks" in told
    done = graphlab("communities", made, "--seeds", 1, "-o", tmp_path / "c.csv")
    assert "12 rows in" in done.stdout


def test_refusals(made: Path, refusal: Callable[..., str]) -> None:
    assert "did you mean 'leiden'" in refusal("communities", made, "--method", "leyden")
    assert "did you mean 'cell_type'" in refusal("communities", made, "--against", "cell_typ")
    assert "setting of leiden" in refusal("communities", made, "--method", "block-model", "--resolution", 2)


def test_spectral_and_clusters(made: Path, document: Callable[..., Any], refusal: Callable[..., str]) -> None:
    found = document("spectral", made, "--dimensions", 2, "--min-weight", 2)
    assert (found["table"], len(found["rows"])) == ("spectral_features", 48)
    found = document("clusters", made, "--by", "cell_type", "--figure", made.parent / "c.svg")
    assert (found["table"], len(found["rows"])) == ("connectivity_clusters", 3)
    assert (made.parent / "c.svg").read_text().startswith("<svg")
    few = document("clusters", made, "--neurons", "cell_type=A", "--direction", "inputs", "--cut", 0.9)
    assert all(row["root_id"] == row["item"] for row in few["rows"])
    assert "did you mean 'inputs'" in refusal("clusters", made, "--direction", "input")

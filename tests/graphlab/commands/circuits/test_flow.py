"""``graphlab flow``: rows, notes, and how neurons and signs are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphlab import Graph
from graphlab.commands.circuits.options import neurons_of
from graphlab.testing.toy import toy_graph
from ingest.schema.errors import GraphlabError


@pytest.fixture
def made(tmp_path: Path) -> Path:
    toy_graph(tmp_path / "g").close()
    return tmp_path / "g"


def test_signal(made: Path, graphlab: Callable[..., Any], document: Callable[..., Any], tmp_path: Path) -> None:
    found = document("flow", "signal", made)
    assert [row["root_id"] for row in found["rows"]][-1] == "4"
    with Graph.open(made, read_only=True) as graph:
        assert found["run"] == graph.circuits.signal_flow().run_id
        assert found["rows"][0]["flow"] == graph.circuits.signal_flow().table["flow"][0].as_py()
    told = graphlab("flow", "signal", made, "--min-weight", "3").stdout
    assert "pairs of at least 3" in told
    assert "table signal_flow" in told
    done = graphlab("flow", "signal", made, "--within", "cell_type=A,B", "-o", tmp_path / "flow.csv")
    assert "4 rows in" in done.stdout


def test_refusals(made: Path, refusal: Callable[..., str]) -> None:
    assert "have no sign by 'shiu'" in refusal("flow", "signal", made, "--signs", "shiu")
    assert "wanted TYPE=1" in refusal("flow", "signal", made, "--signs", "shiu", "--sign-of", "A=2")
    assert "no neuron of the graph meets cell_type='C'" in refusal("flow", "signal", made, "--within", "cell_type=C")


def test_neurons_are_ids_or_criteria(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("720575940600000001\n7\n")
    assert neurons_of([f"@{tmp_path / 'ids.txt'}", "8, 9"], "--source") == [720575940600000001, 7, 8, 9]
    assert neurons_of(["cell_type=KC,MBON", "min_in=3", "side=left"], "--source") == {
        "cell_type": ["KC", "MBON"],
        "min_in": 3.0,
        "side": "left",
    }
    assert neurons_of(None, "--source") is None
    for items, words in (
        (["1", "side=left"], "both ids and COLUMN=VALUE"),
        (["KC"], "found 'KC'"),
        (["min_in=many"], "wanted a number"),
        ([f"@{tmp_path / 'absent'}"], "cannot be read"),
    ):
        with pytest.raises(GraphlabError, match=words):
            neurons_of(items, "--source")

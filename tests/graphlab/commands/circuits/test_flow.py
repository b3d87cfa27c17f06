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


ENDS = ("--source", "1", "--target", "4")
COMMANDS: dict[str, tuple[str, ...]] = {
    "ranks": ("flow", "ranks", "--source", "cell_type=A", "--model", "stochastic", "--runs", "30"),
    "effective_connectivity": ("flow", "effective", *ENDS, "--layers", "2"),
    "intermediates": ("flow", "between", *ENDS),
    "max_flow": ("flow", "max", *ENDS, "--capacity", "weight"),
    "flow_paths": ("flow", "paths", *ENDS, "--most", "1"),
    "influence": ("influence", "--source", "1", "--silence", "3", "--gain", "0.5", "--each", "root_id"),
    "cascade": ("cascade", "--source", "1", "--end", "4", "--runs", "20", "--hops", "3"),
}


@pytest.mark.parametrize("verb", list(COMMANDS))
def test_every_verb_is_one_run_of_the_graph(made: Path, document: Callable[..., Any], verb: str) -> None:
    name = COMMANDS[verb].index("--source")
    found = document(*COMMANDS[verb][:name], made, *COMMANDS[verb][name:])
    assert found["rows"]
    assert any(note.startswith("weights:") for note in found["notes"])
    with Graph.open(made) as graph:
        run = graph.runs(verb).to_pylist()[-1]
        assert run["run_id"] == found["run"]
        assert graph.rerun(found["run"]).equal


def test_the_diagram_is_a_file(made: Path, graphlab: Callable[..., Any], tmp_path: Path) -> None:
    done = graphlab("flow", "diagram", made, *ENDS, "-o", tmp_path / "flow.svg")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "flow.svg").read_text().startswith("<svg")
    assert "figure in" in done.stdout


def test_refusals(made: Path, refusal: Callable[..., str]) -> None:
    assert "have no sign by 'shiu'" in refusal("flow", "signal", made, "--signs", "shiu")
    assert "wanted TYPE=1" in refusal("flow", "signal", made, "--signs", "shiu", "--sign-of", "A=2")
    assert "no neuron of the graph meets cell_type='C'" in refusal("flow", "signal", made, "--within", "cell_type=C")


def test_neurons_are_ids_or_criteria(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("720575940600000001\n7\n")
    assert neurons_of([f"@{tmp_path / 'ids.txt'}", "8, 9"], "--source") == ["720575940600000001", "7", "8", "9"]
    assert neurons_of(["cell_type=KC,MBON", "min_in=3", "side=left"], "--source") == {
        "cell_type": ["KC", "MBON"],
        "min_in": 3.0,
        "side": "left",
    }
    assert neurons_of(["cell_type=KC,side=left"], "--source") == {"cell_type": "KC", "side": "left"}
    (tmp_path / "names.txt").write_text("L PN\n\nKC a, b\n")
    assert neurons_of([f"@{tmp_path / 'names.txt'}"], "--source") == ["L PN", "KC a, b"]
    assert neurons_of(None, "--source") is None
    assert neurons_of(["KC,7"], "--source") == ["KC", "7"]
    for items, words in (
        (["1", "side=left"], "both ids and COLUMN=VALUE"),
        (["min_in=many"], "wanted a number"),
        (["side=left", "side=right"], "side is said twice"),
        ([f"@{tmp_path / 'absent'}"], "does not exist"),
    ):
        with pytest.raises(GraphlabError, match=words):
            neurons_of(items, "--source")

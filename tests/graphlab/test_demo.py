"""The demo does the whole job in an empty folder, twice alike, and never writes into a full one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from graphlab import demo
from graphlab.demo import Demo, run_demo
from graphlab.graph import Graph
from ingest.schema.errors import StoreError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo, looked at by several tests from the folder that it was made in."""
    with chdir(tmp_path_factory.mktemp("made")):
        yield run_demo(Path("my demo"), neurons=200)


@pytest.mark.slow
def test_the_whole_job(made: Demo) -> None:
    page = made.report.read_text(encoding="utf-8")
    assert "<svg" in page
    with Graph.open(made.graph, read_only=True) as graph:
        info = graph.info()
        assert info.counts["neurons"] == 200
        assert info.counts["synapses"] > 10_000
        assert [model["model"] for model in info.embeddings] == ["made-segclr"]
        assert info.recipe["weight_counts"] == "synapses"
        placed = graph.query("SELECT count(DISTINCT side) AS sides FROM synapse_embeddings").to_arrow()
        assert placed["sides"].to_pylist() == [2]
        assert graph.predict.models() == ["cell-type", "functional"]
    assert "Predictions" in page
    assert "importance of sources for cell-type" in page
    trained = [line for line in made.lines if "[95 % interval]: logistic regression" in line]
    assert [line.split(",")[0].strip() for line in trained] == ["functional", "cell-type"]
    (planted,) = [line for line in made.lines if "the maker planted" in line]
    assert planted.startswith("5 loops")
    assert "planted 5 " in planted


@pytest.mark.slow
def test_another_process_says_the_same_and_its_next_lines_run(made: Demo, tmp_path: Path) -> None:
    """A newcomer pastes them into the shell in which the demo ran, virtual environment active or not."""
    command = [sys.executable, "-m", "graphlab.cli", "demo", "my demo", "--neurons", "200", "--no-progress"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    before, _, after = told.partition("next:\n")
    here = "\n".join(made.lines).partition("next:\n")[0]
    same, again = ([line for line in text.splitlines() if "(run " not in line] for text in (here, before))
    assert len(same) > 40
    assert again == same
    lines = [line.strip() for line in after.splitlines()]
    assert len(lines) == 4
    for line in lines:
        done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert done.stdout.strip()
        assert not done.stderr


def test_without_the_extra_it_says_how_to_add_predictors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with Graph.create(tmp_path / "g") as graph:
        told = demo._predictions(graph, tmp_path / "nothing.parquet", 0, lambda name: None)
    assert told == ["no predictors were trained; this adds them: pip install 'graphlab-connectome[gnn]'"]


def test_a_full_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StoreError, match="wanted a new folder"):
        run_demo(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_the_drivers_that_the_maker_planted_are_found(made: Demo) -> None:
    planted = json.loads((made.graph.parent / "sources" / "truth.json").read_text(encoding="utf-8"))["behavior"]
    with Graph.open(made.graph, read_only=True) as graph:
        rows = graph.query(
            "SELECT behavior, list(CAST(root_id AS VARCHAR)) AS found FROM behavior_tuning "
            "WHERE measure = 'partial' AND q <= 0.05 GROUP BY behavior"
        ).to_arrow()
        found = {row["behavior"]: set(row["found"]) for row in rows.to_pylist()}
    for behavior, truth in planted.items():
        assert set(truth["root_ids"]) <= found[behavior]
    assert "Activity and behaviour" in made.report.read_text(encoding="utf-8")

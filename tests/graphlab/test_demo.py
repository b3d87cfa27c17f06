"""The demo does the whole job in an empty folder, twice alike, and never writes into a full one."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphlab.demo import run_demo
from graphlab.graph import Graph
from ingest.errors import StoreError


@pytest.mark.slow
def test_the_whole_job(tmp_path: Path) -> None:
    done = run_demo(tmp_path / "demo", neurons=200, seed=3)
    page = done.report.read_text(encoding="utf-8")
    assert "<svg" in page
    with Graph.open(done.graph, read_only=True) as graph:
        info = graph.info()
        assert info.counts["neurons"] == 200
        assert info.counts["synapses"] > 10_000
        assert [model["model"] for model in info.embeddings] == ["made-segclr"]
    again = run_demo(tmp_path / "again", neurons=200, seed=3)
    same = [line.replace("again", "demo") for line in again.lines if "(run " not in line]
    assert same == [line for line in done.lines if "(run " not in line]


def test_a_full_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StoreError, match="wanted a new folder"):
        run_demo(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["mine.txt"]

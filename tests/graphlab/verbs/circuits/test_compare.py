"""``graph.circuits.compare``: levels, groups of brains, versions, runs that rerun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from ingest.schema.errors import AnalysisError, UnknownNameError, VersionError

N = 40


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """A brain of 40 neurons in a folder; closed, so that others may open it."""

    def make(name: str, seed: int = 0, sides: bool = True, mutual: float = 0.0, **described: str) -> Path:
        rng = np.random.default_rng(seed)
        table = pd.DataFrame({"root_id": np.arange(1, N + 1), "cell_type": [f"t{k % 4}" for k in range(N)]})
        if sides:
            table["side"] = ["left" if k < N // 2 else "right" for k in range(N)]
        there = rng.random((N, N)) < 0.2
        there |= there.T & (rng.random((N, N)) < mutual)
        np.fill_diagonal(there, False)
        pre, post = np.nonzero(there)
        rows = pd.DataFrame(
            {"pre_root_id": pre + 1, "post_root_id": post + 1, "weight": rng.integers(1, 20, len(pre)).astype(float)}
        )
        with Graph.create(tmp_path / name, **described) as graph:
            graph.ingest(table, as_="neurons")
            graph.ingest(rows, as_="connections")
        return tmp_path / name

    return make


@pytest.mark.parametrize("level", ["statistics", "types", "motifs"])
def test_two_brains_are_described(made: Callable[..., Path], level: str) -> None:
    other = made("b", seed=1, mutual=0.6)
    with Graph.open(made("a")) as graph:
        found = graph.circuits.compare(other, level)
        rows = found.to_arrow().to_pylist()
        assert all(row["p"] is None and row["note"].startswith("descriptive") for row in rows)
        assert any(row["beyond_left_right"] is not None for row in rows)
        assert any("1 against 1 brains; neurons are no replicates" in note for note in found.notes)
        assert graph.rerun(found.run_id).equal
        joined = graph.query(
            "SELECT count(*) FROM graph_differences WHERE run_id = $run AND level = $level",
            parameters={"run": found.run_id, "level": level},
        )
        assert joined.scalar() == len(rows)
        if level == "statistics":
            own = {row["name"]: row for row in rows}
            assert own["reciprocity"]["first"] == graph.circuits.statistics(["reciprocity"]).value("reciprocity")
            assert own["reciprocity"]["beyond_left_right"] is True
            assert own["reciprocity"]["difference"] > 0.1
        if level == "types":
            assert len(rows) == 16
        if level == "motifs":
            assert len(rows) == 13


def test_a_brain_against_itself_does_not_differ(made: Callable[..., Path]) -> None:
    twin = made("b")
    with Graph.open(made("a")) as graph, Graph.open(twin, read_only=True) as other:
        for level in ("statistics", "types", "motifs"):
            rows = graph.circuits.compare(other, level, record=False).to_arrow().to_pylist()
            assert rows
            assert all(row["difference"] in (0, None) for row in rows)
            assert not any(row["beyond_left_right"] for row in rows)


def test_three_brains_a_group_are_tested(made: Callable[..., Path]) -> None:
    mine = [made(f"a{k}", seed=k) for k in range(3)]
    others = [made(f"b{k}", seed=10 + k, mutual=0.6) for k in range(3)]
    with Graph.open(mine[0]) as graph:
        found = graph.circuits.compare(others, with_=mine[1:], names=["reciprocity", "size"])
        rows = {row["name"]: row for row in found.to_arrow().to_pylist()}
        assert rows["reciprocity"]["p"] == pytest.approx(0.1)
        assert rows["reciprocity"]["q"] is not None
        assert rows["neurons"]["p"] == 1
        assert graph.rerun(found.run_id).equal


def test_versions_of_one_brain_are_refused_unless_said(made: Callable[..., Path]) -> None:
    other = made("b", seed=1, dataset="fly", materialization="783")
    with Graph.open(made("a", dataset="fly", materialization="630")) as graph:
        for level in ("statistics", "types", "motifs"):
            with pytest.raises(VersionError, match=r"materialization 630.*materialization 783.*across_versions=True"):
                graph.circuits.compare(other, level)
        found = graph.circuits.compare(other, "motifs", across_versions=True)
        assert found.notes[0].startswith("compared across versions, as asked")
        assert "compared across versions" in graph.to_arrow("runs").to_pylist()[-1]["message"]


def test_sides_that_are_missing_are_said(made: Callable[..., Path]) -> None:
    other = made("b", seed=1, sides=False)
    with Graph.open(made("a")) as graph:
        found = graph.circuits.compare(other, "motifs")
        assert any(note.startswith("b: no neurons of both sides") and "positions" in note for note in found.notes)


def test_what_cannot_be_compared(made: Callable[..., Path], tmp_path: Path) -> None:
    with Graph.create(tmp_path / "bare") as bare:
        bare.ingest(pd.DataFrame({"root_id": [1, 2]}), as_="neurons")
    with Graph.create(tmp_path / "other") as renamed:
        renamed.ingest(pd.DataFrame({"root_id": [1, 2], "cell_type": ["x", "y"]}), as_="neurons")
        rows = pd.DataFrame({"pre_root_id": [1], "post_root_id": [2], "weight": [4.0]})
        renamed.ingest(rows, as_="connections")
    with Graph.open(made("a")) as graph:
        with pytest.raises(UnknownNameError, match="did you mean 'motifs'"):
            graph.circuits.compare(tmp_path / "other", "motif")
        with pytest.raises(UnknownNameError, match="setting of a comparison 'denominator'"):
            graph.circuits.compare(tmp_path / "other", denominator="stored")
        with pytest.raises(AnalysisError, match="none among 2 neurons"):
            graph.circuits.compare(tmp_path / "bare")
        with pytest.raises(AnalysisError, match="no cell_type is in every graph"):
            graph.circuits.compare(tmp_path / "other", "types")
        with pytest.raises(AnalysisError, match="at least one brain"):
            graph.circuits.compare([])


def test_a_rerun_notices_that_the_other_graph_changed(made: Callable[..., Path]) -> None:
    other = made("b", seed=1)
    with Graph.open(made("a")) as graph:
        found = graph.circuits.compare(other, "motifs")
        with Graph.open(other) as changed:
            changed.ingest(pd.DataFrame({"root_id": [99]}), as_="neurons")
        with pytest.raises(VersionError, match="sources were added since"):
            graph.rerun(found.run_id)


def test_a_part_of_a_graph_is_compared_and_leaves_no_run(made: Callable[..., Path]) -> None:
    with Graph.open(made("a")) as graph:
        before = len(graph.to_arrow("runs"))
        left = graph.subset({"side": "left"})
        found = graph.circuits.compare(left, names=["size"])
        rows = {row["name"]: row for row in found.to_arrow().to_pylist()}
        assert (rows["neurons"]["first"], rows["neurons"]["second"]) == (N, N / 2)
        assert any("so none was kept" in note for note in found.notes)
        assert len(graph.to_arrow("runs")) == before

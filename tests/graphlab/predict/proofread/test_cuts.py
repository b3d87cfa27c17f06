"""Cuts against every edge tried by hand; planted merges found beside a rule of calibre; the queue of a graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab import Graph
from graphlab.exchange import neuroglancer
from graphlab.predict.learners.linear import logistic
from graphlab.predict.proofread.cuts import UNLIKELY, label_cut, precision_at_recall, radius_cut
from ingest.schema.errors import AnalysisError
from ingest.synthetic.embedded_cells import MadeCells, made_cells

pytest.importorskip("sklearn")


def subtree(parents: np.ndarray, node: int) -> np.ndarray:
    inside = np.zeros(len(parents), dtype=bool)
    for one in range(len(parents)):
        up = one
        while up >= 0 and up != node:
            up = int(parents[up])
        inside[one] = up == node
    return inside


@given(st.integers(0, 2**32), st.integers(6, 16))
@settings(max_examples=40, deadline=None)
def test_the_best_cut_is_that_of_trying_every_edge(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    parents = np.array([-1, *(int(rng.integers(-1 if k == 4 else 0, k)) for k in range(1, n))])
    p = rng.dirichlet(np.ones(3), n)
    p[rng.random(n) < 0.2] = np.nan
    radius = np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(size=n))
    there, wide = np.isfinite(p[:, 0]), np.isfinite(radius)
    logs = np.log(np.maximum(p, UNLIKELY))
    gains, squares = {-1: 0.0}, {-1: 0.0}
    for node in np.flatnonzero(parents >= 0).tolist():
        inside = subtree(parents, node)
        a, b = inside & there, ~inside & there
        if min(a.sum(), b.sum()) >= 2:
            best = [float(logs[rows].sum(axis=0).max()) for rows in (a, b, there)]
            gains[node] = best[0] + best[1] - best[2]
        a, b = inside & wide, ~inside & wide
        if min(a.sum(), b.sum()) >= 2:
            whole, parts = np.log(radius[wide]), (np.log(radius[a]), np.log(radius[b]))
            squares[node] = whole.var() * len(whole) - sum(part.var() * len(part) for part in parts)
    assert label_cut(parents, p, 2).gain == pytest.approx(max(gains.values()), abs=1e-9)
    assert radius_cut(parents, radius, 2).gain == pytest.approx(max(squares.values()), abs=1e-9)
    found = label_cut(parents, p, 2)
    assert gains[found.node] == pytest.approx(found.gain)


def planted(seed: int) -> tuple[MadeCells, np.ndarray, np.ndarray]:
    """(cells, score by labels of windows, score by calibre); the classifier has never seen a merged cell."""
    taught = made_cells(100 + seed, 60, unlabelled=0)
    label = np.repeat([int(name[1:]) for name in taught.type], np.diff(taught.first))
    model = logistic(taught.vectors.astype(np.float64), label, 4)
    cells = made_cells(seed, 300, unlabelled=0, merged=0.1)
    p = model.probability(cells.vectors.astype(np.float64))
    labels, radii = [], []
    for low, high in zip(cells.first[:-1].tolist(), cells.first[1:].tolist(), strict=True):
        parents = np.arange(high - low) - 1
        labels.append(label_cut(parents, p[low:high]).gain)
        radii.append(radius_cut(parents, cells.radius_nm[low:high]).gain)
    return cells, np.array(labels), np.array(radii)


def test_planted_merges_are_found_where_calibre_finds_few() -> None:
    """Precision at half recall over five brains of 300 cells, a tenth of them merged."""
    ours, theirs = [], []
    for seed in range(5):
        cells, by_label, by_radius = planted(seed)
        wrong = cells.merged_at >= 0
        ours.append(precision_at_recall(by_label, wrong))
        theirs.append(precision_at_recall(by_radius, wrong))
    assert min(ours) > 0.9
    assert max(theirs) < 0.5
    assert np.mean(theirs) > wrong.mean(), "the rule of calibre is better than looking anywhere"


def test_precision_at_recall_by_hand() -> None:
    wrong = np.array([True, False, True, False, True, True])
    assert precision_at_recall(np.array([6.0, 5, 4, 3, 2, 1]), wrong) == pytest.approx(2 / 3)
    assert precision_at_recall(np.array([6.0, 6, 4, 3, 2, 1]), wrong, 0.25) == pytest.approx(1 / 2), "ties together"
    assert np.isnan(precision_at_recall(np.zeros(3), np.zeros(3, dtype=bool)))


def test_the_queue_of_a_graph(make_embedded: Callable[..., Graph], tmp_path: Path) -> None:
    """On skeletons, and on the shortest tree over the places of windows."""
    pytest.importorskip("torch")
    cells = made_cells(9, 80, types=3, unlabelled=0, merged=0.15, windows=16)
    quick: dict[str, Any] = {"predictors": ["linear windows"], "folds": 2, "bootstraps": 10}
    wrong = set(cells.root_ids[cells.merged_at >= 0].tolist())
    with make_embedded(cells, tmp_path / "g") as graph:
        made = graph.predict.train("classifier", **quick)
        for with_skeletons in (True, False):
            if not with_skeletons:
                graph.folder.connection.execute("DELETE FROM skeletons")
            found = graph.predict.merge_errors(made.name, most=12).to_pandas()
            assert len(found) == 12
            assert found["score"].is_monotonic_decreasing
            assert set(found["root_id"][: len(wrong) // 2]) <= wrong
            first = found.iloc[0]
            assert first["label"] != first["other_label"]
            number = int(first["root_id"]) - int(cells.root_ids[0])
            seam = cells.points_nm[int(cells.first[number] + cells.merged_at[number])]
            assert np.linalg.norm(first[["x_nm", "y_nm", "z_nm"]].to_numpy(dtype=float) - seam) < 15_000
            assert found["link"].str.startswith(neuroglancer.VIEWER).all()
        queue = graph.predict.merge_errors(made.name, most=12)
        kept = graph.query("FROM merge_errors ORDER BY rank").to_arrow()
        assert (
            kept.filter(pc.equal(kept["run_id"], queue.run_id))
            .drop_columns(["run_id"])
            .equals(queue.table.drop_columns(["link"]))
        )
        assert graph.rerun(queue.run_id).equal
        with pytest.raises(AnalysisError, match="no neuron has 2000 windows"):
            graph.predict.merge_errors(made.name, least=1_000)
        with pytest.raises(AnalysisError, match="wanted 1 or more of both"):
            graph.predict.merge_errors(made.name, most=0)
        other = graph.predict.train("classifier", name="mean", **{**quick, "predictors": ["logistic regression"]})
        with pytest.raises(AnalysisError, match="does not say what single windows are"):
            graph.predict.merge_errors(other.name)

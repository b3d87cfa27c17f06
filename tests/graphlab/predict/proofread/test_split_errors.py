"""Agreement against Gaussian densities, trees against networkx, planted splits beside rules of distance and calibre."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from graphlab import Graph
from graphlab.predict.proofread.agreement import MOST, Agreement
from graphlab.predict.proofread.cuts import precision_at_recall
from graphlab.predict.proofread.trees import loose_tree
from ingest.schema.errors import AnalysisError, UnknownNameError
from ingest.synthetic.embedded_cells import made_cells
from ingest.synthetic.split_cables import SplitCells, split_cells

pytest.importorskip("sklearn")


def test_the_score_is_the_ratio_of_two_gaussian_densities() -> None:
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 3))
    one, other = shared + rng.normal(size=(60, 3)), shared + rng.normal(size=(60, 3))
    learned = Agreement.fit(one, other)
    assert ((learned.correlation >= 0) & (learned.correlation <= MOST)).all()
    back = np.linalg.inv(learned.basis)
    total = back.T @ back
    same = back.T @ np.diag(learned.correlation) @ back
    mean = np.tile(learned.mean, 2)
    together = multivariate_normal(mean, np.block([[total, same], [same, total]]))
    apart = multivariate_normal(learned.mean, total)
    a, b = one[:20], other[5:25]
    wanted = together.logpdf(np.hstack([a, b])) - apart.logpdf(a) - apart.logpdf(b)
    assert learned.score(a, b) == pytest.approx(wanted, abs=1e-8)
    assert learned.score(b, a) == pytest.approx(wanted, abs=1e-8), "which end is named first says nothing"
    with pytest.raises(AnalysisError, match="19 ends with windows enough to learn from"):
        Agreement.fit(one[:19], other[:19])


@given(st.integers(0, 2**32), st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_a_loose_tree_is_the_shortest(seed: int, n: int) -> None:
    points = np.random.default_rng(seed).normal(size=(n, 3))
    place, parents = loose_tree(7, points)
    whole = nx.Graph()
    whole.add_nodes_from(range(n))
    whole.add_weighted_edges_from(
        (i, j, float(np.linalg.norm(points[i] - points[j]))) for i in range(n) for j in range(i)
    )
    shortest = nx.minimum_spanning_tree(whole).size(weight="weight")
    at = np.argsort(place)
    assert (parents < np.arange(n)).all()
    length = sum(np.linalg.norm(points[at[k]] - points[at[parents[k]]]) for k in range(n) if parents[k] >= 0)
    assert (parents < 0).sum() == 1
    assert length == pytest.approx(shortest, abs=0.1)


def split_graph(seed: int, cells: int, path: Path, make: Callable[..., Graph]) -> tuple[Graph, SplitCells]:
    planted = split_cells(made_cells(seed, cells, unlabelled=0), seed)
    return make(planted.cells, path), planted


def test_planted_splits_are_found_where_distance_and_calibre_find_few(
    make_embedded: Callable[..., Graph], tmp_path: Path
) -> None:
    """Precision at half recall over two brains of 200 cells, of which about 15 in 100 are cut in two."""
    ours, near, calibre = [], [], []
    for seed in range(2):
        graph, planted = split_graph(seed, 200, tmp_path / str(seed), make_embedded)
        with graph:
            found = graph.predict.split_errors(within_nm=2_500, most=10_000).to_pandas()
        true = set(map(tuple, planted.split.tolist()))
        listed = list(zip(found["root_id"].tolist(), found["other_root_id"].tolist(), strict=True))
        wrong = np.array([pair in true for pair in listed])
        assert wrong.sum() == len(true), "both halves of every planted split end near each other"
        assert found["gap_nm"].max() <= 2_500
        made = planted.cells
        row = {int(one): k for k, one in enumerate(made.root_ids)}
        tips = [np.log(made.radius_nm[[made.first[k], made.first[k + 1] - 1]]) for k in range(len(row))]
        unlike = [np.abs(np.subtract.outer(tips[row[a]], tips[row[b]])).min() for a, b in listed]
        ours.append(precision_at_recall(found["score"].to_numpy(), wrong))
        near.append(precision_at_recall(-found["gap_nm"].to_numpy(), wrong))
        calibre.append(precision_at_recall(-np.array(unlike), wrong))
    assert min(ours) > 0.85
    assert max(near) < 0.3
    assert max(calibre) < 0.5


def test_a_queue_of_pairs(make_embedded: Callable[..., Graph], tmp_path: Path) -> None:
    graph, planted = split_graph(5, 40, tmp_path / "g", make_embedded)
    with graph:
        found = graph.predict.split_errors(within_nm=2_500, most=5)
        rows = found.to_arrow().to_pylist()
        assert len(rows) == 5
        assert all(row["root_id"] < row["other_root_id"] for row in rows)
        first = rows[0]
        made = planted.cells
        for side in ("root_id", "other_root_id"):
            k = int(first[side] - int(made.root_ids[0]))
            cable = made.points_nm[made.first[k] : made.first[k + 1]]
            point = [first[f"{axis}_nm"] for axis in "xyz"]
            assert np.linalg.norm(cable - point, axis=1).min() == pytest.approx(first["gap_nm"] / 2, abs=2)
        kept = graph.query("FROM split_errors ORDER BY rank").to_arrow()
        assert kept["run_id"].to_pylist() == [found.run_id] * 5
        assert kept.drop_columns(["run_id"]).equals(found.table.drop_columns(["link"]))
        with_skeletons = graph.predict.split_errors(within_nm=2_500, most=500).to_arrow()
        graph.folder.connection.execute("DELETE FROM skeletons")
        graph.folder.connection.execute("DELETE FROM split_errors")
        without = graph.predict.split_errors(within_nm=2_500, most=500).to_arrow()
        loose = set(zip(*(without[name].to_pylist() for name in ("root_id", "other_root_id")), strict=True))
        assert set(zip(*(with_skeletons[n].to_pylist() for n in ("root_id", "other_root_id")), strict=True)) <= loose
        with pytest.raises(AnalysisError, match="no two segments end within 1 nm"):
            graph.predict.split_errors(within_nm=1)
        with pytest.raises(AnalysisError, match="no segment has 1000 windows"):
            graph.predict.split_errors(windows=1_000)
        with pytest.raises(AnalysisError, match="wanted a length above 0 nm"):
            graph.predict.split_errors(within_nm=0)
        with pytest.raises(UnknownNameError, match="mad"):
            graph.predict.split_errors(embeddings="mad")

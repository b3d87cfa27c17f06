"""Labels held out whole: who is used for what, every doubt scored, kept under a run, refused where it says nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab import Graph
from graphlab.predict.proofread.unseen_types import _divided
from ingest.schema.errors import AnalysisError, UnknownNameError
from ingest.synthetic.embedded_cells import made_cells

pytest.importorskip("sklearn")
pytest.importorskip("torch")
QUICK = ("logistic regression", "linear windows")


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("unseen") / "g"
    cells = made_cells(5, 160, types=4, windows=6, width=8, unlabelled=0)
    with Graph.create(path, materialization="1") as graph:
        graph.ingest(cells.neurons(), as_="neurons")
        graph.ingest(cells.embeddings(), as_="embeddings", model="made", segmentation_version="1")
        graph.embeddings.join()
    return path


@given(st.integers(0, 2**32), st.integers(40, 120), st.integers(3, 6), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_nobody_and_no_twin_is_used_twice(seed: int, cells: int, labels: int, twins: int) -> None:
    rng = np.random.default_rng(seed)
    group, label = np.arange(cells) // twins, np.arange(cells) // twins % labels
    strange = np.array([labels - 1])
    parts = _divided(group, label, strange, rng)
    used = [parts.train, parts.validation, parts.test]
    assert sum(len(np.unique(part)) for part in used) == len(np.unique(np.concatenate(used)))
    twin_sets = [set(group[part].tolist()) for part in used]
    assert not any(twin_sets[i] & twin_sets[j] for i in range(3) for j in range(i))
    assert (label[parts.train] != labels - 1).all(), "nothing of a stranger is learned"
    assert (label[parts.validation] != labels - 1).all(), "nor looked at for a threshold"
    assert set(label[parts.train].tolist()) == set(range(labels - 1))
    assert np.array_equal(parts.label, np.where(label[parts.test] == labels - 1, -1, label[parts.test]))
    assert (parts.label < 0).sum() == (parts.label >= 0).sum(), "half of them strangers"


def test_every_doubt_is_scored_and_kept(
    typed: Path, graphlab: Callable[..., Any], document: Callable[..., Any]
) -> None:
    asked = ("unseen-types", typed, "--unseen", "T2", "--predictors", ",".join(QUICK), "--bootstraps", "40")
    found = document(*asked)
    rows = {(row["doubt"], row["answers"]): row for row in found["unseen_types"]}
    assert set(rows) == {
        ("max softmax", QUICK[0]), ("max softmax", QUICK[1]), ("Dempster-Shafer", QUICK[1]),
        ("neighbours", QUICK[0]), ("Mahalanobis", QUICK[0]),
    }  # fmt: skip
    order = [row["auroc"] for row in found["unseen_types"]]
    assert order == sorted(order, reverse=True)
    for row in rows.values():
        assert row["auroc_lo"] <= row["auroc"] <= row["auroc_hi"]
        assert row["withheld_known"] < 0.4
    # Types differ in directions of their own, so distance knows a new one.
    assert rows["Mahalanobis", QUICK[0]]["auroc"] > 0.9
    assert rows["Mahalanobis", QUICK[0]]["f1_without_50"] > rows["Mahalanobis", QUICK[0]]["f1_without_10"]
    assert rows["max softmax", QUICK[0]]["ece"] == rows["neighbours", QUICK[0]]["ece"]
    assert "held out whole: T2" in found["notes"][0]
    kept = graphlab("query", typed, f"FROM unseen_types WHERE run_id = '{found['run']}'", "--count")
    assert kept.stdout.strip() == "5"


def test_labels_to_hold_out_are_drawn_by_the_seed(typed: Path, graphlab: Callable[..., Any]) -> None:
    with Graph.open(typed) as graph:
        one = graph.predict.unseen_types(predictors=QUICK[:1], bootstraps=10, seed=3)
    assert one.notes[0].startswith("held out whole: T")
    shown = graphlab("unseen-types", typed, "--predictors", QUICK[0], "--bootstraps", "10", "--seed", "3")
    assert "Mahalanobis" in shown.stdout, shown.stderr
    assert f"run {one.run_id}" in shown.stdout, "the same question is the same run"
    again = graphlab("rerun", typed, one.run_id)
    assert again.returncode == 0, again.stderr


def test_what_says_nothing_is_refused(typed: Path) -> None:
    with Graph.open(typed) as graph:

        def asked(**named: Any) -> object:
            return graph.predict.unseen_types(**{"predictors": QUICK[:1], **named})

        with pytest.raises(UnknownNameError, match="did you mean 'T2'"):
            asked(unseen=["t2"])
        with pytest.raises(AnalysisError, match="3 of 4 labels held out; wanted one or more, and two or more left"):
            asked(unseen=["T0", "T1", "T2"])
        with pytest.raises(AnalysisError, match="0 of 4 labels held out"):
            asked(unseen=[])
        with pytest.raises(AnalysisError, match="looks at connections"):
            asked(predictors=["ntac"])
        with pytest.raises(AnalysisError, match="no predictors named"):
            asked(predictors=[])
        with pytest.raises(UnknownNameError, match="'cell_typ'"):
            asked(label="cell_typ")
        assert graph.query("SELECT count(*) AS n FROM unseen_types WHERE doubt IS NULL").table["n"].to_pylist() == [0]

"""Controls find the layer that labels come from and no other, and chance where there is nothing to know."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from graphlab.predict.controls.control_plan import NOT_AVAILABLE, ControlResult, ControlSetup, missing, plain, table
from graphlab.predict.controls.controls import ALL, ShuffledLabels, controls, rewiring_gains, shuffle_control
from graphlab.predict.evaluation.evaluate import Estimate
from graphlab.predict.evaluation.splits import split_hash
from graphlab.predict.predictor import Declared
from graphlab.predict.predictors import PREDICTORS
from graphlab.predict.protocol import run
from graphlab.predict.tasks.functional import FunctionalData, functional_task
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")
LAYERS = ("chemical", "electrical", "extrasynaptic")


def made(carrier: str, n: int = 48, seed: int = 0) -> FunctionalData:
    """Three layers drawn apart; whoever is joined in one of them responds, mostly."""
    rng = np.random.default_rng(seed)
    ids = np.arange(1, n + 1, dtype=np.uint64)
    matrices = {}
    for kind in LAYERS:
        there = np.where(rng.random((n, n)) < 0.2, rng.integers(1, 6, (n, n)), 0)
        np.fill_diagonal(there, 0)
        matrices[kind] = np.maximum(np.triu(there), np.triu(there).T) if kind == "electrical" else there
    joined = matrices[carrier] > 0
    responds = np.where(rng.random((n, n)) < 0.05, ~joined, joined).astype(np.int8)
    snapshots = {kind: Snapshot.from_edges(ids, *np.nonzero(m), m[np.nonzero(m)]) for kind, m in matrices.items()}
    return FunctionalData(ids, snapshots, responds, [str(k // 2) for k in range(n)], rng.random((n, 3)) * 1e5)


def number(rows: list[ControlResult], what: str, metric: str = "auroc", split: str | None = None) -> Estimate:
    found = [r for r in rows if r.what == what and r.metric == metric and split in (None, r.split)]
    assert len(found) == 1, [(r.what, r.split) for r in rows]
    assert found[0].estimate is not None
    return found[0].estimate


@pytest.mark.parametrize(
    ("carrier", "predictor"),
    [(LAYERS[0], "logistic regression"), (LAYERS[1], "random forest"), (LAYERS[2], "logistic regression")],
)
def test_the_layer_that_labels_come_from_is_found_and_no_other(carrier: str, predictor: str) -> None:
    rows = rewiring_gains(ControlSetup.of(made(carrier), predictor, folds=4, bootstraps=50))
    for metric in ("auroc", "average_precision"):
        for kind in LAYERS:
            gain = number(rows, f"gain of {kind}", metric)
            if kind == carrier:
                assert gain.lo > 0.2, (metric, gain)
            else:
                assert abs(gain.value) < 0.05, (kind, metric, gain)
        assert number(rows, f"gain of {ALL}", metric).lo > 0.2
    assert number(rows, f"{predictor}, real wiring").value > 0.85
    assert abs(number(rows, f"{carrier} rewired").value - 0.5) < 0.12


def test_plan_has_the_folds_of_the_task_and_no_thread_changes_a_number() -> None:
    measured = made("chemical", 30)
    one = ControlSetup.of(measured, "logistic regression", folds=3, bootstraps=20)
    task = replace(functional_task(measured, folds=3, bootstraps=20), predictors=("logistic regression",),
                   reference="logistic regression", candidates=())  # fmt: skip
    ran = run(task)
    assert split_hash(list(one.folds)) == ran.card.split_hash
    assert one.scores("", "", one.held())[0].estimate == ran.scores["logistic regression"]["auroc"]
    two = ControlSetup.of(measured, "logistic regression", folds=3, bootstraps=20, workers=3)
    assert rewiring_gains(one, 2) == rewiring_gains(two, 2)
    assert len(number(rewiring_gains(one, 2), "gain of chemical").folds) == 6
    with pytest.raises(AnalysisError, match="0 rewirings"):
        rewiring_gains(one, 0)
    with pytest.raises(UnknownNameError, match="random forrest"):
        ControlSetup.of(measured, "random forrest")
    with pytest.raises(AnalysisError, match="'label propagation' does no pair tasks"):
        ControlSetup.of(measured, "label propagation")


@pytest.mark.parametrize("split", ["neuron", "class"])
def test_shuffled_labels_give_chance(split: str) -> None:
    plan = ControlSetup.of(made("chemical"), "logistic regression", split, folds=4, bootstraps=100)
    (auroc, precision) = (row.estimate for row in shuffle_control(plan, 5))
    assert auroc is not None
    assert precision is not None
    assert auroc.lo < 0.5 < auroc.hi
    assert abs(auroc.value - 0.5) < 0.05
    base = float(np.mean([plan.examples.label[fold.test].mean() for fold in plan.folds]))
    assert abs(precision.value - base) < 0.06
    assert plan.scores("", "", plan.held())[0].estimate.value > 0.85  # type: ignore[union-attr]


def test_shuffling_deals_the_known_labels_and_shows_no_other() -> None:
    plan = ControlSetup.of(made("chemical", 20), folds=2, bootstraps=0)
    seen = []

    class Spy(Declared):
        name, tasks = "spy", frozenset({"pair"})

        def fit(self, inputs, known, classes, seed):  # type: ignore[no-untyped-def]
            seen.append(known)
            return PREDICTORS.get("distance").fit(inputs, known, classes, seed)

        def sentence(self) -> str:
            return "looks on"

    fold = plan.folds[0]
    plan.fitted(ShuffledLabels(Spy()), plan.build, fold)  # type: ignore[arg-type]
    assert np.array_equal(np.flatnonzero(seen[0] >= 0), fold.train)
    assert np.array_equal(np.bincount(seen[0][fold.train]), np.bincount(plan.examples.label[fold.train]))
    assert not np.array_equal(seen[0][fold.train], plan.examples.label[fold.train])


@pytest.mark.slow
def test_the_whole_table_is_text_and_json() -> None:
    measured = made("chemical", 60)
    rows = controls(ControlSetup.of(measured, "logistic regression", folds=3, bootstraps=20))
    lines = table(rows)
    assert len({len(line) for line in lines}) == 1
    assert {row.control for row in rows} == {
        "rewired layers", "distance regressed out", "leak table", "identity", "shuffled labels"
    }  # fmt: skip
    assert {row.split for row in rows if row.control == "leak table"} == {"neuron", "pair", "class"}
    assert json.loads(json.dumps(plain(rows), allow_nan=False))[0]["estimate"]["value"] == rows[0].estimate.value > 0.9
    without = controls(
        ControlSetup.of(replace(measured, position_nm=None), "logistic regression", folds=3, bootstraps=20)
    )
    (line,) = (row for row in without if row.control == "distance regressed out")
    assert line.cells()[4] == NOT_AVAILABLE
    assert "no positions" in line.note
    assert plain([missing("a", "b", "c")])[0]["estimate"] is None
    gone = ControlResult("a", "b", "s", "m", Estimate(float("nan"), float("nan"), float("nan"), (float("nan"),)))
    assert gone.cells()[4:6] == ("undefined", "")
    gain = ControlResult("a", "gain of b", "s", "m", Estimate(0.02, -0.01, 0.05), 0.5)
    assert gain.cells()[4:7] == ("+0.020", "[-0.010, +0.050]", "50.0%")
    assert replace(gain, what="b").cells()[4:6] == ("0.020", "[-0.010, 0.050]")
    assert plain([gone])[0]["estimate"] == {"value": None, "lo": None, "hi": None, "folds": [None]}

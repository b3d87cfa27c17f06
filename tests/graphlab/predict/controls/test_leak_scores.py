"""Leaks as predictors: labels of twins and reverses score where a split lets them through, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from graphlab.predict.controls.control_plan import ControlResult, ControlSetup
from graphlab.predict.controls.leak_scores import LEAKS, TwinLabel, leak_scores
from graphlab.predict.evaluation.evaluate import Estimate, area_under_roc
from graphlab.predict.tasks.functional import FunctionalData
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")


def made(symmetric: bool, classes: int = 16, seed: int = 0) -> FunctionalData:
    """Labels hang on the two classes alone (in either order, or in one), wiring and places on nothing."""
    rng = np.random.default_rng(seed)
    n = 2 * classes
    ids = np.arange(1, n + 1, dtype=np.uint64)
    positive = rng.random((classes, classes)) < 0.3
    if symmetric:
        positive = np.triu(positive) | np.triu(positive).T
    group = np.arange(n) // 2
    wired = rng.random((n, n)) < 0.1
    np.fill_diagonal(wired, False)
    responds = positive[group][:, group].astype(np.int8)
    responds[rng.random((n, n)) < 0.2] = -1
    chemical = Snapshot.from_edges(ids, *np.nonzero(wired))
    return FunctionalData(ids, {"chemical": chemical}, responds, [str(k) for k in group], rng.random((n, 3)) * 1e5)


def rows_of(plan: ControlSetup) -> dict[str, ControlResult]:
    return {row.what: row for row in leak_scores(plan) if row.metric == "auroc"}


def value(row: ControlResult) -> Estimate:
    assert row.estimate is not None
    return row.estimate


def test_random_pairs_leak_the_mirror_image_and_the_reverse() -> None:
    symmetric = rows_of(ControlSetup.of(made(True), "distance", "pair", 5, bootstraps=50))
    assert value(symmetric["label of the mirror pair"]).value > 0.99
    assert value(symmetric["label of the reversed pair"]).value > 0.99
    assert symmetric["label of the mirror pair"].share > 0.8  # type: ignore[operator]
    directed = rows_of(ControlSetup.of(made(False), "distance", "pair", 5, bootstraps=50))
    assert value(directed["label of the mirror pair"]).value > 0.99
    assert abs(value(directed["label of the reversed pair"]).value - 0.5) < 0.15, "the reverse says nothing here"
    assert abs(value(directed["distance"]).value - 0.5) < 0.1


def test_splits_that_promise_so_leak_nothing() -> None:
    by_class = rows_of(ControlSetup.of(made(True), "distance", "class", 5, bootstraps=20))
    for what in ("label of the mirror pair", "label of the reversed pair"):
        assert by_class[what].share == 0.0
        assert by_class[what].estimate is None
        assert by_class[what].cells()[4] == "not available"
    assert by_class["identity rates"].share == 1.0, "who it is leaks all the same"
    by_neuron = rows_of(ControlSetup.of(made(True), "distance", "neuron", 5, bootstraps=20))
    assert by_neuron["identity rates"].estimate is None


@pytest.mark.parametrize("reverse", [False, True])
def test_twin_labels_against_a_loop(reverse: bool) -> None:
    plan = ControlSetup.of(made(False, 8), "distance", "pair", 4, bootstraps=0)
    examples = plan.examples
    held = plan.held(TwinLabel("twin", reverse))
    for fold, found in zip(plan.folds, held, strict=True):
        base = examples.label[fold.train].mean()
        for row, p in list(zip(fold.test, found.probability[:, 1], strict=True))[:60]:
            a, b = examples.group[examples.source[row]], examples.group[examples.target[row]]
            wanted = (b, a) if reverse else (a, b)
            like = [
                examples.label[t] for t in fold.train
                if (examples.group[examples.source[t]], examples.group[examples.target[t]]) == wanted
            ]  # fmt: skip
            assert p == pytest.approx(np.mean(like) if like else base)
        assert np.allclose(found.probability.sum(axis=1), 1.0)
        assert 0.0 <= area_under_roc(examples.label[found.rows], found.probability, np.ones(len(found.rows))) <= 1.0
    assert set(LEAKS) == {"mirror pair", "reversed pair", "shared class"}


def test_leaks_of_the_worm(randi_measured: FunctionalData) -> None:
    """On a sister export with q values: mirror .70, reverse .67, identity .71, distance .73."""
    rows = rows_of(ControlSetup.of(randi_measured, "distance", "pair", 5, bootstraps=0))
    found = {what: value(row).value for what, row in rows.items()}
    print(found)
    assert found["label of the mirror pair"] == pytest.approx(0.70, abs=0.03)
    assert found["label of the reversed pair"] == pytest.approx(0.66, abs=0.04)
    assert found["identity rates"] == pytest.approx(0.71, abs=0.03)
    assert found["distance"] == pytest.approx(0.73, abs=0.03)

"""Curves against scikit-learn's, their areas against the scores, errors by type against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.predict.evaluation.curves import GRID, confusion, pair_errors, precision_recall_curve, roc_curve
from graphlab.predict.evaluation.evaluate import area_under_roc, average_precision
from graphlab.predict.inputs.examples import Floats, Ints

metrics = pytest.importorskip("sklearn.metrics")


def drawn(seed: int, m: int, classes: int, ties: bool) -> tuple[Ints, Floats]:
    rng = np.random.default_rng(seed)
    label = np.append(np.arange(classes), rng.integers(0, classes, m - classes))
    probability = rng.dirichlet(np.ones(classes), m) + 0.3 * np.eye(classes)[label]
    probability /= probability.sum(axis=1, keepdims=True)
    return label, probability.round(1) if ties else probability


@given(seed=st.integers(0, 10_000), ties=st.booleans(), classes=st.integers(2, 4))
@settings(deadline=None, max_examples=40)
def test_one_fold_is_scikit_learns(seed: int, ties: bool, classes: int) -> None:
    label, probability = drawn(seed, 50, classes, ties)
    asked = label if classes == 2 else np.eye(classes, dtype=int)[label].ravel()
    score = probability[:, 1] if classes == 2 else probability.ravel()
    false, true, _ = metrics.roc_curve(asked, score, drop_intermediate=False)
    assert np.allclose(roc_curve([(label, probability)]), np.interp(GRID, false, true))
    precision, recall, _ = metrics.precision_recall_curve(asked, score)
    wanted = [precision[np.flatnonzero(recall >= max(r - 1e-12, 1e-12))[-1]] for r in GRID]
    assert np.allclose(precision_recall_curve([(label, probability)]), wanted)


def test_areas_are_the_scores_that_are_printed() -> None:
    folds = [drawn(seed, 400, 2, seed % 2 == 0) for seed in range(5)]
    ones = np.ones(400)
    auroc = np.mean([area_under_roc(*fold, ones) for fold in folds])
    precision = np.mean([average_precision(*fold, ones) for fold in folds])
    assert np.trapezoid(roc_curve(folds), GRID) == pytest.approx(auroc, abs=0.003)
    assert np.trapezoid(precision_recall_curve(folds), GRID) == pytest.approx(precision, abs=0.005)


def test_folds_of_one_kind_are_passed_over() -> None:
    good = drawn(0, 30, 2, False)
    none = (np.zeros(5, dtype=np.int64), np.full((5, 2), 0.5))
    assert np.array_equal(roc_curve([good, none]), roc_curve([good]))
    assert np.array_equal(precision_recall_curve([none, good]), precision_recall_curve([good]))
    assert np.isnan(roc_curve([none])).all()
    assert np.isnan(precision_recall_curve([none])).all()


def test_confusion_is_scikit_learns() -> None:
    folds = [drawn(seed, 60, 4, False) for seed in range(3)]
    label = np.concatenate([fold[0] for fold in folds])
    said = np.concatenate([fold[1] for fold in folds]).argmax(axis=1)
    assert np.array_equal(confusion(folds, 4), metrics.confusion_matrix(label, said, labels=range(4)))


def test_errors_by_type_by_hand() -> None:
    label = np.array([1, 0, 1])
    probability = np.array([[0.5, 0.5], [0.8, 0.2], [0.9, 0.1]])
    rows = pair_errors([(label, probability)], {"first": [["a", "a", "b"]], "second": [["c", "c", "c"]]})
    found = [(row.type, row.end, row.pairs) for row in rows]
    assert found == [("c", "second", 3), ("b", "first", 1), ("a", "first", 2)]
    assert rows[0].squared_error == pytest.approx(0.25 + 0.04 + 0.81)
    assert (rows[2].observed, rows[2].predicted) == (0.5, pytest.approx(0.35))

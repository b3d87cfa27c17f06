"""Coverage of .90 on two thousand unseen cells and more; cells on one side only; calibration cells are not learned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from graphlab.predict.evaluation.doubts import KEPT
from graphlab.predict.inputs.examples import HIDDEN
from graphlab.predict.inputs.features import Inputs, embedding_columns, no_columns
from graphlab.predict.inputs.windows import Windows
from graphlab.predict.learners.conformal import ConformalPredictor, held_out_groups, one_of_each
from graphlab.predict.predictor import Cautioned, Judging
from graphlab.predict.predictors import predictor_named
from ingest.synthetic.embedded_cells import MadeCells, made_cells

pytest.importorskip("sklearn")


def inputs_of(cells: MadeCells) -> tuple[Inputs, np.ndarray]:
    n = len(cells.root_ids)
    windows, everyone = Windows(cells.vectors, cells.first), np.arange(n)
    label = np.array([int(name[1:]) if name[0] == "T" else HIDDEN for name in cells.type])
    mean = embedding_columns(windows.mean())
    return Inputs(
        cells.root_ids, {}, mean, no_columns(n), everyone, everyone, everyone, np.zeros(n), windows=windows
    ), label


def test_coverage_on_unseen_cells_lies_in_its_interval() -> None:
    """One score a cell; the interval is that of the beta-binomial law of split conformal sets (Vovk 2012)."""
    cells = made_cells(21, 3_000, types=5, unlabelled=0, windows=2, width=4)
    inputs, label = inputs_of(cells)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(label))
    train, test = order[:800], order[800:]
    known = np.full(len(label), HIDDEN)
    known[train] = label[train]
    fitted = predictor_named("conformal logistic regression").fit(inputs, known, 5, 3)
    assert isinstance(fitted, Judging)
    judged = fitted.judge(inputs, test)
    held = judged.in_set[np.arange(len(test)), label[test]]
    assert len(test) >= 2_000
    assert isinstance(fitted, Cautioned)
    assert fitted.cautions(list("abcde")) == [], "every label is calibrated by itself"
    calibrated = np.bincount(fitted.state()["category"], minlength=5)
    assert calibrated.sum() == pytest.approx(200, abs=5)
    for number in range(5):
        n, m = int(calibrated[number]), int((label[test] == number).sum())
        k = int(np.ceil(0.9 * (n + 1)))
        low, high = stats.betabinom(m, k, n + 1 - k).ppf([0.001, 0.999])
        assert low <= held[label[test] == number].sum() <= high
    assert abs(held.mean() - 0.9) < 0.05
    assert judged.in_set.sum(axis=1).mean() < 4, "sets leave labels out"
    assert abs(float(judged.strange.mean()) - (1 - KEPT)) < 0.05


class _Spy:
    """Remembers what it was taught."""

    name, tasks, needs, libraries, by_default = "spy", frozenset({"node"}), frozenset[str](), frozenset[str](), False

    def fit(self, inputs, known, classes, seed, journal=None):  # type: ignore[no-untyped-def]
        self.taught = known
        return predictor_named("logistic regression").fit(inputs, known, classes, seed)


def test_what_it_calibrates_on_is_not_learned_from() -> None:
    inputs, label = inputs_of(made_cells(5, 90, unlabelled=0, windows=2))
    spy = _Spy()
    fitted = ConformalPredictor(spy).fit(inputs, label, 4, 0)  # type: ignore[arg-type]
    hidden = spy.taught == HIDDEN
    assert set(np.unique(spy.taught[~hidden])) == {0, 1, 2, 3}
    assert hidden.sum() == len(fitted.state()["scores"])
    assert not fitted.state()["by_label"][0], "five cells of a label are too few to calibrate it by itself"
    assert isinstance(fitted, Cautioned)
    (told,) = fitted.cautions(["a", "b", "c", "d"])
    count = np.bincount(label[hidden], minlength=4)
    assert "sets are calibrated over all labels together" in told
    assert "fewer than 9 cells" in told
    few = [f"{name} ({n})" for name, n in zip("abcd", count.tolist(), strict=True) if n < 9]
    assert few
    assert few[0] in told


def test_held_out_are_some_of_every_label_and_never_all() -> None:
    rng = np.random.default_rng(1)
    group = np.array([1, 2, 3, 4, 1, 3, 9])
    label = np.array([0, 0, 1, 1, 2, 2, 3])
    for _ in range(20):
        out = held_out_groups(group, label, 0.25, rng)
        for name in range(4):
            assert not set(group[label == name]) <= set(out.tolist())


def test_one_of_each_cell_and_label() -> None:
    group, label = np.array([5, 5, 5, 7, 7]), np.array([0, 0, 1, 1, 1])
    found = {tuple(one_of_each(group, label, np.random.default_rng(k)).tolist()) for k in range(30)}
    assert found == {(a, 2, b) for a in (0, 1) for b in (3, 4)}


def test_without_calibration_cells_every_label_is_possible(make_nodes: Callable) -> None:
    inputs, label = inputs_of(made_cells(5, 40, types=2, unlabelled=0, windows=2))
    known = np.full(40, HIDDEN)
    two = [int(np.flatnonzero(label == k)[0]) for k in range(2)]
    known[two] = [0, 1]
    fitted = predictor_named("conformal logistic regression").fit(inputs, known, 2, 0)
    assert isinstance(fitted, Judging)
    judged = fitted.judge(inputs, np.arange(40))
    assert judged.in_set.all()
    assert not judged.strange.any()

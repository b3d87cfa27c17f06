"""Conformal sets equal those of crepes, cell by cell; coverage holds on cells that nobody has seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.predict.evaluation.conformal import Conformal, fewest
from ingest.schema.errors import AnalysisError


def probabilities(rng: np.random.Generator, k: int, classes: int) -> np.ndarray:
    """Rounded, so that scores tie."""
    p = np.round(rng.dirichlet(np.ones(classes), k), 2)
    return p / p.sum(axis=1, keepdims=True)


@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
@settings(max_examples=30, deadline=None)
def test_sets_and_p_values_are_those_of_crepes(seed: int, by_class: bool, level: float) -> None:
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(seed)
    calibration, asked, label = probabilities(rng, 60, 3), probabilities(rng, 25, 3), rng.integers(0, 3, 60)
    mine = Conformal.fit(calibration, label, by_class)
    theirs = crepes.ConformalClassifier()
    scores = 1 - calibration[np.arange(60), label]
    if by_class:
        theirs.fit(scores, bins=label)
        wanted = np.stack(
            [theirs.predict_p(1 - asked[:, [c]], bins=np.full(25, c), smoothing=False)[:, 0] for c in range(3)], axis=1
        )
    else:
        theirs.fit(scores)
        wanted = theirs.predict_p(1 - asked, smoothing=False)
    assert np.allclose(mine.p_values(asked), wanted)
    kept = wanted > 1 - level + 1e-12
    assert np.array_equal(mine.sets(asked, level), kept)


def test_coverage_holds_label_by_label_whatever_the_probabilities() -> None:
    """Also where a predictor is wrong about a rare label nearly always."""
    rng = np.random.default_rng(2)
    share = np.array([0.7, 0.25, 0.05])

    def drawn(k: int) -> tuple[np.ndarray, np.ndarray]:
        label = rng.choice(3, k, p=share)
        logits = rng.normal(size=(k, 3)) + 1.5 * np.eye(3)[label] * np.array([1, 1, 0])[label][:, None]
        odds = np.exp(logits)
        return odds / odds.sum(axis=1, keepdims=True), label

    found: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(40):
        p, label = drawn(1_000)
        asked, truth = drawn(3_000)
        for by_class in found:
            sets = Conformal.fit(p, label, by_class).sets(asked)
            found[by_class].append(float(sets[truth == 2, 2].mean()))
    assert abs(np.mean(found[True]) - 0.9) < 0.02, "Mondrian: the rare label has its coverage"
    assert np.mean(found[False]) < 0.8, "all labels together: it has not"


def test_too_few_cells_give_every_label() -> None:
    assert [fewest(level) for level in (0.9, 0.95, 0.5)] == [9, 19, 1]
    sure, asked = np.tile([0.99, 0.01], (9, 1)), np.array([[0.01, 0.99]])
    label = np.zeros(9, dtype=np.int64)
    assert Conformal.fit(sure[:8], label[:8]).sets(asked).all()
    assert Conformal.fit(sure, label).sets(asked).tolist() == [[False, True]]


def test_a_level_is_a_share_and_cells_are_needed() -> None:
    mine = Conformal.fit(np.full((2, 2), 0.5), np.array([0, 1]))
    with pytest.raises(AnalysisError, match="a level of 90; wanted a share"):
        mine.sets(np.full((1, 2), 0.5), 90)
    with pytest.raises(AnalysisError, match="no cells to calibrate on"):
        Conformal.fit(np.empty((0, 2)), np.empty(0, dtype=np.int64))

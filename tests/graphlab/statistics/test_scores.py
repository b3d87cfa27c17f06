"""Scores against scikit-learn and scipy; a weight is a number of copies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from graphlab.statistics.scores import auroc, pearson, r_squared, spearman


def test_auroc_is_scikit_learns_with_ties_and_weights() -> None:
    rng = np.random.default_rng(0)
    score, positive, weight = rng.integers(0, 6, 500).astype(float), rng.random(500) < 0.2, rng.integers(0, 4, 500)
    assert abs(auroc(score, positive) - roc_auc_score(positive, score)) < 1e-12
    expected = roc_auc_score(positive, score, sample_weight=weight)
    assert abs(auroc(score, positive, weight.astype(float)) - expected) < 1e-12


@given(st.integers(3, 40), st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_weighted_scores_are_those_of_repeated_examples(m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = np.round(rng.normal(size=(m, 2)) + rng.normal(size=(m, 1)), 1)
    weight = rng.integers(0, 4, m)
    repeated = np.repeat(columns, weight, axis=0)
    w = weight.astype(float)
    if len(repeated) < 2 or (np.ptp(repeated, axis=0) == 0).any():
        assert np.isnan(pearson(*columns.T, w))
        assert np.isnan(spearman(*columns.T, w))
        return
    a, b = repeated.T
    assert pearson(*columns.T, w) == pytest.approx(stats.pearsonr(a, b)[0], abs=1e-9)
    assert spearman(*columns.T, w) == pytest.approx(stats.spearmanr(a, b)[0], abs=1e-9)
    wanted = 1 - ((a - b) ** 2).sum() / ((b - b.mean()) ** 2).sum()
    assert r_squared(*columns.T, w) == pytest.approx(wanted)

"""Scores of simulated responses against plain counting, and their intervals over stimulated neurons."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from graphlab.circuits.simulation.responses import Measured, scored


def made(seed: int, n: int = 20, told: float = 1.0) -> tuple[np.ndarray, Measured]:
    """Responses that follow the prediction by ``told``, with a part that all targets of one stimulus share."""
    rng = np.random.default_rng(seed)
    pre, post = np.divmod(np.arange(n * n), n)
    apart = pre != post
    pre, post = pre[apart], post[apart]
    predicted = rng.normal(size=len(pre))
    value = told * predicted + rng.normal(size=len(pre)) + rng.normal(size=n)[pre]
    responded = (value > 0.5).astype(float)
    responded[rng.random(len(pre)) < 0.1] = np.nan
    return predicted, Measured(pre, post, responded, value, "run", 0)


def test_scores_are_those_of_counting() -> None:
    predicted, measured = made(1)
    rows = {row["measure"]: row for row in scored(predicted, measured, seed=3)}
    known = np.isfinite(measured.responded)
    yes, no = (predicted[known & (measured.responded == verdict)] for verdict in (1, 0))
    wins = (yes[:, None] > no).mean() + 0.5 * (yes[:, None] == no).mean()
    assert rows["auroc"]["value"] == pytest.approx(wins)
    assert rows["spearman"]["value"] == pytest.approx(stats.spearmanr(predicted, measured.value).statistic)
    assert (rows["auroc"]["pairs"], rows["auroc"]["stimulated"]) == (known.sum(), 20)
    for row in rows.values():
        assert row["low"] < row["value"] < row["high"]
    assert scored(predicted, measured, seed=3) == list(rows.values())


def test_intervals_hold_the_truth_where_nothing_is_told() -> None:
    """Targets share their stimulus; 95 % intervals over stimuli hold chance about that often."""
    inside = []
    for seed in range(50):
        predicted, measured = made(seed, n=14, told=0.0)
        auroc = scored(predicted, measured, seed=0, draws=150)[0]
        inside.append(auroc["low"] <= 0.5 <= auroc["high"])
    assert stats.binomtest(sum(inside), len(inside), 0.93).pvalue > 1e-3


def test_sizes_alone_give_no_auroc() -> None:
    predicted, measured = made(2)
    silent = Measured(measured.pre, measured.post, np.full(len(predicted), np.nan), measured.value, "run", 0)
    assert [row["measure"] for row in scored(predicted, silent, seed=0)] == ["spearman"]

"""Confidence: right as often as it says, on pairs that calibration never saw."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from graphlab.circuits.matching.confidence import LEAST_KNOWN, agreed_matching
from graphlab.circuits.matching.frank_wolfe import Block, Sides
from ingest.schema.errors import AnalysisError

N = 80


def noisy(seed: int, kept: float = 0.6) -> Sides:
    """Two sides that share a part of their connections, neurons by very different numbers of them."""
    rng = np.random.default_rng(seed)
    hubs = rng.lognormal(0, 1, N)
    chance = np.minimum(0.09 * np.outer(hubs, hubs), 0.9)
    common = (rng.random((N, N)) < chance) * rng.integers(1, 9, (N, N))

    def side() -> sparse.csr_array:
        own = (rng.random((N, N)) < chance) * rng.integers(1, 9, (N, N))
        return sparse.csr_array(np.where(rng.random((N, N)) < kept, common, own).astype(float))

    return Sides(side(), side())


def test_confidence_is_calibrated_on_pairs_it_never_saw() -> None:
    told, right = [], []
    for seed in range(4):
        rng = np.random.default_rng([9, seed])
        known = np.sort(rng.choice(N, 30, replace=False))
        found = agreed_matching(
            noisy(seed), [Block(np.arange(N), np.arange(N))], np.stack([known, known], 1), starts=2, folds=4, seed=seed
        )
        assert (found.partner[known] == known).all()
        rest = np.setdiff1d(np.arange(N), known)
        told.append(found.confidence[rest])
        right.append(found.partner[rest] == rest)
        assert abs(found.held_out_accuracy - right[-1].mean()) < 0.25
    told_, right_ = np.concatenate(told), np.concatenate(right)
    assert 0.1 < right_.mean() < 0.95
    bins = np.minimum((told_ * 5).astype(int), 4)
    error = sum(abs(told_[bins == b].mean() - right_[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
    assert error < 0.12
    assert told_[right_].mean() > told_[~right_].mean() + 0.1


def test_few_known_pairs_give_no_confidence() -> None:
    known = np.arange(LEAST_KNOWN - 1)
    found = agreed_matching(
        noisy(0), [Block(np.arange(N), np.arange(N))], np.stack([known, known], 1), starts=1, most_steps=2
    )
    assert np.isnan(found.confidence).all()
    assert np.isnan(found.held_out_accuracy)
    assert found.agreement == pytest.approx(np.ones(N))


def test_the_same_seed_gives_the_same_bytes() -> None:
    whole, none = [Block(np.arange(N), np.arange(N))], np.empty((0, 2), np.int64)
    one, two = (agreed_matching(noisy(1), whole, none, starts=3, seed=4) for _ in range(2))
    for name in ("partner", "agreement", "margin", "shared"):
        assert np.array_equal(getattr(one, name), getattr(two, name), equal_nan=True)


def test_no_start_is_refused() -> None:
    with pytest.raises(AnalysisError, match="starts is 0"):
        agreed_matching(noisy(0), [Block(np.arange(N), np.arange(N))], np.empty((0, 2), np.int64), starts=0)

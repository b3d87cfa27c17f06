"""Folds cover everything once."""

from __future__ import annotations

import numpy as np

from graphlab.statistics.folds import random_folds


def test_random_folds_partition() -> None:
    folds = random_folds(17, 4, np.random.default_rng(0))
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(17))

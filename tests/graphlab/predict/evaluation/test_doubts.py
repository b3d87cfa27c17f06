"""Scores of doubt against brute force, scipy and Google's own numbers; the threshold keeps its promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from graphlab.predict.evaluation import doubts
from ingest.schema.errors import AnalysisError

DATA = Path(__file__).parents[3] / "data"


def test_adjusted_logits_and_dempster_shafer_are_googles() -> None:
    with np.load(DATA / "sngp_parity.npz") as stored:
        adjusted = doubts.mean_field(stored["folder/logits"].astype(np.float64), stored["folder/variance"])
        assert np.allclose(doubts.softmax(adjusted), stored["folder/adjusted"], atol=1e-4)
        assert np.allclose(doubts.dempster_shafer(adjusted), stored["folder/doubt"], atol=1e-4)


def test_logits_of_any_size_have_a_doubt() -> None:
    said = doubts.dempster_shafer(np.array([[1e4, 0.0], [-1e4, -1e4], [0.0, 0.0]]))
    assert np.allclose(said, [0.0, 1.0, 0.5])


def test_distances_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    trained, asked, label = rng.normal(size=(80, 5)) * [1, 2, 3, 4, 5], rng.normal(size=(30, 5)), rng.integers(0, 3, 80)
    near = doubts.neighbour_distance(trained, asked, 7)
    assert np.allclose(near, np.sort(cdist(asked, trained), axis=1)[:, 6])
    assert np.allclose(doubts.neighbour_distance(trained[:3], asked, 7), cdist(asked, trained[:3]).max(axis=1))
    means = np.stack([trained[label == k].mean(axis=0) for k in range(3)])
    within = trained - means[label]
    covariance = within.T @ within / 77
    covariance += 1e-3 * np.trace(covariance) / 5 * np.eye(5)
    wanted = cdist(asked, means, "mahalanobis", VI=np.linalg.inv(covariance)).min(axis=1)
    assert np.allclose(doubts.mahalanobis(trained, label, asked), wanted)


def test_the_threshold_keeps_the_share_it_promises() -> None:
    rng = np.random.default_rng(1)
    kept = [float((rng.normal(size=200) <= doubts.threshold(rng.normal(size=99))).mean()) for _ in range(300)]
    assert abs(np.mean(kept) - 0.95) < 0.01
    assert doubts.threshold(rng.normal(size=18)) == np.inf, "of 18 cells none is beyond 95 %"
    with pytest.raises(AnalysisError, match="a doubt is no number"):
        doubts.threshold(np.array([0.1, np.nan]))
    with pytest.raises(AnalysisError, match="kept is 95"):
        doubts.threshold(np.zeros(3), 95)

"""Probes against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from gpu_embed.training.contrastive.probes import knn_accuracy, win_rate
from ingest.schema.errors import AnalysisError


def test_knn_is_that_of_scikit_learn_where_no_votes_tie() -> None:
    neighbors = pytest.importorskip("sklearn.neighbors")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 80)
    vectors = rng.normal(size=(80, 6)).astype(np.float32) + labels[:, None]
    right = 0
    for row in range(80):
        others = np.arange(80) != row
        theirs = neighbors.KNeighborsClassifier(5, metric="cosine").fit(vectors[others], labels[others])
        right += int(theirs.predict(vectors[row : row + 1])[0] == labels[row])
    assert knn_accuracy(vectors, labels, 5) == pytest.approx(right / 80)
    assert knn_accuracy(vectors, rng.permutation(labels), 5) < knn_accuracy(vectors, labels, 5)


def test_win_rate() -> None:
    anchor = np.array([[1, 0], [0, 2], [1, 0]], np.float32)
    same, turned = anchor * 3, anchor[:, ::-1]
    assert win_rate(anchor, same, turned) == 1
    assert win_rate(anchor, turned, same) == 0
    assert win_rate(anchor, same, same) == 0.5


def test_what_says_nothing_is_refused() -> None:
    vectors = np.ones((4, 2), np.float32)
    with pytest.raises(AnalysisError, match="one label"):
        knn_accuracy(vectors, np.zeros(4, int), 2)
    with pytest.raises(AnalysisError, match="4 crops for 4 neighbours"):
        knn_accuracy(vectors, np.arange(4), 4)
    vectors[2] = np.nan
    with pytest.raises(AnalysisError, match="embedding 2 is not finite"):
        knn_accuracy(vectors, np.arange(4), 2)

"""Scores of doubt, larger for what is less like the training cells, and the threshold beyond which an answer is none.

Thresholds come from cells of known classes that were not trained on; nothing of a stranger is ever looked at for them.
"""

from __future__ import annotations

import numpy as np

from graphlab.predict.inputs.examples import Floats, Ints
from ingest.schema.errors import AnalysisError

KEPT = 0.95
"""Share of known cells that stay below the threshold."""
NEIGHBOURS = 10
LAMBDA = 3.0 / np.pi**2
"""How much a variance flattens logits (Lu et al. 2020, arXiv 2006.07584; pi / 8 is the other usual value)."""


def mean_field(logits: Floats, variance: Floats, scale: float = LAMBDA) -> Floats:
    """Logits [k, classes] over sqrt(1 + scale x variance [k])."""
    return np.asarray(logits / np.sqrt(1.0 + scale * variance[:, None]))


def dempster_shafer(logits: Floats) -> Floats:
    """[k] classes / (classes + sum of exp logits): 1 where there is no evidence for any (Sensoy et al. 2018)."""
    top = np.maximum(logits.max(axis=1, keepdims=True), 0.0)
    evidence = np.exp(logits - top).sum(axis=1)
    classes = logits.shape[1] * np.exp(-top[:, 0])
    return np.asarray(classes / (classes + evidence))


def softmax(logits: Floats) -> Floats:
    """Probabilities [k, classes]."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def max_softmax(probability: Floats) -> Floats:
    """[k] 1 minus the largest probability."""
    return np.asarray(1.0 - probability.max(axis=1))


def neighbour_distance(trained: Floats, asked: Floats, neighbours: int = NEIGHBOURS) -> Floats:
    """Distance [k] to the k-th nearest training vector (Sun et al. 2022, arXiv 2204.06507); vectors as they are."""
    from scipy.spatial import KDTree

    if not len(trained):
        raise AnalysisError("no training vectors to be near to")
    k = min(neighbours, len(trained))
    distance = np.asarray(KDTree(trained).query(asked, k=[k])[0])
    return np.asarray(distance[:, 0])


def mahalanobis(trained: Floats, label: Ints, asked: Floats, shrink: float = 1e-3) -> Floats:
    """Distance [k] to the nearest class mean in the covariance within classes (Lee et al. 2018, arXiv 1807.03888)."""
    classes = np.unique(label)
    means = np.stack([trained[label == number].mean(axis=0) for number in classes])
    within = trained - means[np.searchsorted(classes, label)]
    covariance = within.T @ within / max(len(trained) - len(classes), 1)
    covariance += shrink * max(float(np.trace(covariance)) / len(covariance), 1e-12) * np.eye(len(covariance))
    factor = np.linalg.inv(np.linalg.cholesky(covariance))
    scaled, centres = asked @ factor.T, means @ factor.T
    squares = ((scaled[:, None, :] - centres[None]) ** 2).sum(axis=2)
    return np.asarray(np.sqrt(squares.min(axis=1)))


def threshold(doubt: Floats, kept: float = KEPT) -> float:
    """The doubt that a share of known cells stays at or below: the conformal quantile, so that the promise is kept.

    Infinite where there are too few cells to say.

    Raises:
        AnalysisError: doubts that are no numbers, a share that is none.
    """
    if not 0 < kept < 1:
        raise AnalysisError(f"kept is {kept}; wanted a share between 0 and 1, like .95")
    if not np.isfinite(doubt).all():
        raise AnalysisError("a doubt is no number; see that embeddings and logits are finite")
    rank = int(np.ceil((len(doubt) + 1) * kept - 1e-9))
    return float(np.sort(doubt)[rank - 1]) if rank <= len(doubt) else float("inf")

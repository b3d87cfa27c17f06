"""How much better two groups of windows are explained by one cable than by two: a Gaussian model without labels.

Tests: tests/graphlab/predict/proofread/test_split_errors.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphlab.predict.inputs.examples import Floats
from ingest.schema.errors import AnalysisError, MissingExtraError

FEWEST = 20
"""Pairs of groups to learn from."""
MOST = 0.99
"""Correlation of two groups of one cable in one direction: no single direction decides."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """Directions in which groups of windows vary independently, and how alike two groups of one cable are in each.

    The two-covariance model of speaker verification (Brummer and de Villiers 2010): group means are Gaussian, those of
    one cable correlated, those of two cables not.
    """

    mean: Floats
    """[width]"""
    basis: Floats
    """[width, width] turns a group mean into independent numbers of variance 1."""
    correlation: Floats
    """[width] of two groups of one cable, from 0 to ``MOST``."""

    @classmethod
    def fit(cls, one: Floats, other: Floats) -> Agreement:
        """Learn from groups that lie beside each other on one cable.

        Args:
            one, other: [pairs, width] means of the two groups of each pair.

        Raises:
            AnalysisError: fewer than ``FEWEST`` pairs. MissingExtraError: scikit-learn is missing.
        """
        try:
            from sklearn.covariance import ledoit_wolf
        except ImportError:
            raise MissingExtraError("scikit-learn", "gnn") from None

        if len(one) < FEWEST:
            raise AnalysisError(f"{len(one)} ends with windows enough to learn from; wanted {FEWEST} or more")
        both = np.concatenate([one, other]).astype(np.float64)
        mean = both.mean(axis=0)
        total, _ = ledoit_wolf(both - mean, assume_centered=True)
        a, b = one - mean, other - mean
        shared = (a.T @ b + b.T @ a) / (2 * len(one))
        size, axes = np.linalg.eigh(total)
        white = axes / np.sqrt(np.maximum(size, size[-1] * 1e-9))
        correlation, turned = np.linalg.eigh(white.T @ shared @ white)
        return cls(mean, white @ turned, np.clip(correlation, 0.0, MOST))

    def score(self, one: Floats, other: Floats) -> Floats:
        """[pairs] log likelihood of one cable against two.

        Args:
            one, other: [pairs, width] group means.
        """
        u, w, r = (one - self.mean) @ self.basis, (other - self.mean) @ self.basis, self.correlation
        gain = 2 * r * u * w - r**2 * (u**2 + w**2)
        return np.asarray((gain / (2 * (1 - r**2)) - 0.5 * np.log1p(-(r**2))).sum(axis=1))

"""Pair features agree with what they are by definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from graphlab.predict import features
from graphlab.predict.pair_features import effective_weights, pair_columns, profile_cosine
from ingest.errors import AnalysisError
from queries.snapshot import Snapshot


def dense(n: int = 20, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = np.where(rng.random((n, n)) < 0.3, rng.integers(1, 9, (n, n)), 0).astype(float)
    np.fill_diagonal(found, 0)
    return found


def test_effective_weights_are_the_sum_over_walks() -> None:
    matrix = dense()
    scaled = matrix / np.sqrt(matrix.sum(axis=1))[:, None] / np.sqrt(matrix.sum(axis=0))
    walks = sum(np.linalg.matrix_power(0.5 * scaled, k) for k in range(1, 60))
    np.testing.assert_allclose(effective_weights(sparse.csr_array(matrix), 0.5), walks, atol=1e-10)
    assert np.abs(np.linalg.eigvals(scaled)).max() <= 1 + 1e-9
    with pytest.raises(AnalysisError, match=r"reach is 1\.0"):
        effective_weights(sparse.csr_array(matrix), 1.0)
    with pytest.raises(AnalysisError, match="5,000 neurons; effective weights are a dense inverse"):
        effective_weights(sparse.csr_array((5_000, 5_000)))


def test_cosine_of_profiles() -> None:
    matrix = np.log1p(dense())
    profile = np.hstack([matrix, matrix.T])
    expected = profile[2] @ profile[7] / np.linalg.norm(profile[2]) / np.linalg.norm(profile[7])
    assert profile_cosine(sparse.csr_array(dense()))[2, 7] == pytest.approx(expected)


def test_columns_of_pairs() -> None:
    matrix = dense()
    ids = np.arange(1, 21, dtype=np.uint64)
    chemical = Snapshot.from_edges(ids, *np.nonzero(matrix), matrix[np.nonzero(matrix)])
    layers = {"chemical": features.layer(chemical, ids), "extrasynaptic": sparse.csr_array(np.eye(20))}
    place = np.random.default_rng(1).random((20, 3)) * 1e4
    source, target = np.array([0, 3, 5]), np.array([4, 0, 5])
    found = pair_columns({"chemical": chemical}, layers, ids, source, target, place)
    column = dict(zip(found.names, found.values.T, strict=True))
    np.testing.assert_allclose(column["weight"], np.log1p(matrix[source, target]))
    np.testing.assert_allclose(column["weight_reversed"], np.log1p(matrix[target, source]))
    np.testing.assert_allclose(column["weight_extrasynaptic"], np.log1p([0, 0, 1]))
    np.testing.assert_allclose(
        column["minus_distance_um"], -np.linalg.norm(place[source] - place[target], axis=1) / 1e3
    )
    assert set(found.of("distance").names) == {"minus_distance_um", "log_distance_um"}
    bare = pair_columns({"chemical": chemical}, layers, ids, source, target, None)
    assert not bare.of("distance").names

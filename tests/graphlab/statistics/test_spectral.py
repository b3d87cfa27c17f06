"""The spectral embedding is a truncated singular value decomposition, told apart from its sign."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from graphlab.statistics.spectral import spectral_embedding
from ingest.schema.errors import AnalysisError


def test_products_are_the_best_approximation_of_low_rank() -> None:
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((25, 25)) < 0.3, rng.integers(1, 9, (25, 25)), 0).astype(float)
    found = spectral_embedding(sparse.csr_array(dense), 4)
    logs = np.log1p(dense)
    regular = logs.sum(axis=1).mean()
    scaled = logs / np.sqrt(logs.sum(axis=1) + regular)[:, None] / np.sqrt(logs.sum(axis=0) + regular)
    u, s, vt = np.linalg.svd(scaled)
    np.testing.assert_allclose(found[:, :4] @ found[:, 4:].T, (u[:, :4] * s[:4]) @ vt[:4], atol=1e-8)
    assert np.array_equal(found, spectral_embedding(sparse.csr_array(dense), 4))


def test_two_blocks_come_apart() -> None:
    rng = np.random.default_rng(1)
    block = np.repeat([0, 1], 30)
    dense = (rng.random((60, 60)) < np.where(block[:, None] == block, 0.5, 0.05)).astype(float)
    second = spectral_embedding(sparse.csr_array(dense), 2)[:, 1]
    assert abs(np.corrcoef(second, block)[0, 1]) > 0.9


@pytest.mark.parametrize("threads", [1, 2])
def test_equal_singular_values_have_one_answer(threads: int) -> None:
    """Neurons that only know one another, and cycles: whatever is computed first, with however many threads."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    dense = np.zeros((50, 50))
    for a in range(0, 30, 2):
        dense[a, a + 1] = 1 + a % 3
    for a in range(30, 48, 3):
        dense[[a, a + 1, a + 2], [a + 1, a + 2, a]] = 1.0
    wanted = spectral_embedding(sparse.csr_array(dense), 16)
    with threadpoolctl.threadpool_limits(threads):
        for _ in range(5):
            np.testing.assert_allclose(spectral_embedding(sparse.csr_array(dense), 16), wanted, atol=1e-9)
    assert (np.linalg.norm(wanted, axis=0) > 0.1).all()


def test_too_few_neurons() -> None:
    with pytest.raises(AnalysisError, match="of 4 neurons in 3 dimensions; wanted 1 to 2"):
        spectral_embedding(sparse.csr_array(np.eye(4)), 3)

"""Adjacency spectral embedding: where a neuron stands in the wiring, as sender and as receiver."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import ArpackError, svds

from ingest.schema.errors import AnalysisError

Floats = npt.NDArray[np.float64]
GOLDEN = (5**0.5 - 1) / 2
RANK = 1e-10
"""Singular values below this share of the largest are none."""
MOST_DENSE = 3_000
"""Neurons up to which a dense decomposition stands in where the sparse one finds no end, or not one answer."""
EQUAL = 1e-9
"""Singular values this near, as a share of the largest, have no vectors of their own: any turn of them is as good."""
FEW = 500
"""Neurons up to which all singular values are looked at; of more, those that were asked for."""
TIE = 1e-3
"""By how much, at most, connections are weighed apart where singular values are equal."""
ALIKE = 1e-6
"""Entries of a vector within this share of the largest count as large: the first of them is positive."""


def spectral_embedding(weight: sparse.csr_array, dimensions: int) -> Floats:
    """Left and right singular vectors, each scaled by the root of its singular value, float64 [n, 2 x dimensions].

    Weights enter as log(1 + w), divided by the roots of both neurons' strengths plus their mean (regularised
    Laplacian, Rohe, Qin & Yu 2016 PNAS 113:12679), so that hubs do not take every dimension. The largest entry of
    each sending vector is positive: same graph, same signs. Where singular values are equal (pairs of neurons that
    only know each other, repeated motifs), their vectors are anything, and another thing each time; connections are
    then weighed a little apart by the place of their neurons, so that there is one answer.

    Raises:
        AnalysisError: fewer neurons than dimensions.
    """
    n = weight.shape[0]
    if not 0 < dimensions < n - 1:
        raise AnalysisError(f"a spectral embedding of {n:,} neurons in {dimensions} dimensions; wanted 1 to {n - 2:,}")
    scaled = weight.astype(np.float64).log1p().tocsr()
    scaled.eliminate_zeros()
    if not scaled.nnz:
        return np.zeros((n, 2 * dimensions))
    sent: Floats = np.asarray(scaled.sum(axis=1)).ravel()
    received: Floats = np.asarray(scaled.sum(axis=0)).ravel()
    regular = max(float(sent.mean()), 1e-12)
    left, right = (sparse.diags_array(1.0 / np.sqrt(value + regular)) for value in (sent, received))
    matrix = (left @ scaled @ right).tocsr()
    u, s, v = _largest(matrix, dimensions)
    values = np.linalg.svd(matrix.toarray(), compute_uv=False)[: dimensions + 1] if n <= FEW else s
    there = values[values > RANK * values[0]]
    if (-np.diff(there) <= EQUAL * values[0]).any():
        apart = sparse.diags_array(1.0 + TIE * np.modf(np.arange(1, n + 1) * GOLDEN)[0])
        u, s, v = _largest((apart @ matrix @ apart).tocsr(), dimensions, dense=n <= MOST_DENSE)
    size = np.abs(u)
    turn = np.sign(u[(size >= size.max(axis=0) * (1 - ALIKE)).argmax(axis=0), np.arange(dimensions)])
    return np.asarray(np.hstack([u, v]) * np.tile(np.where(turn == 0, 1.0, turn) * np.sqrt(s), 2))


def _largest(matrix: sparse.csr_array, dimensions: int, dense: bool = False) -> tuple[Floats, Floats, Floats]:
    """Singular vectors [n, dimensions], values, and vectors again; zeros beyond the rank, where vectors are any."""
    n = matrix.shape[0]
    if not dense:
        try:
            u, s, vt = svds(matrix, k=dimensions, v0=np.full(n, n**-0.5), solver="arpack")
        except ArpackError as error:
            # Graphs of a few stars or of one repeated motif: the iteration finds nothing more to span.
            if n > MOST_DENSE:
                raise AnalysisError(
                    f"the wiring of {n:,} neurons has no {dimensions} directions to tell them apart ({error}); ingest "
                    "more of its connections"
                ) from None
            dense = True
    if dense:
        u, s, vt = np.linalg.svd(matrix.toarray(), full_matrices=False)
        u, s, vt = u[:, :dimensions], s[:dimensions], vt[:dimensions]
    order = np.argsort(-s, kind="stable")
    u, s, v = u[:, order], s[order], vt[order].T
    there = s > RANK * s[0]
    return np.where(there, u, 0.0), np.where(there, s, 0.0), np.where(there, v, 0.0)

"""Adjacency spectral embedding: where a neuron stands in the wiring, as sender and as receiver."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from graphlab.predict.inputs.examples import Floats
from ingest.errors import AnalysisError


def spectral_embedding(weight: sparse.csr_array, dimensions: int) -> Floats:
    """Left and right singular vectors, each scaled by the root of its singular value, float64 [n, 2 x dimensions].

    Weights enter as log(1 + w), divided by the roots of both neurons' strengths plus their mean (regularised
    Laplacian, Rohe, Qin & Yu 2016 PNAS 113:12679), so that hubs do not take every dimension. The largest entry of
    each sending vector is positive: same graph, same signs.

    Raises:
        AnalysisError: fewer neurons than dimensions.
    """
    n = weight.shape[0]
    if not 0 < dimensions < n - 1:
        raise AnalysisError(f"a spectral embedding of {n:,} neurons in {dimensions} dimensions; wanted 1 to {n - 2:,}")
    scaled = weight.astype(np.float64).log1p().tocsr()
    sent: Floats = np.asarray(scaled.sum(axis=1)).ravel()
    received: Floats = np.asarray(scaled.sum(axis=0)).ravel()
    regular = max(float(sent.mean()), 1e-12)
    left, right = (sparse.diags_array(1.0 / np.sqrt(value + regular)) for value in (sent, received))
    u, s, vt = svds((left @ scaled @ right).tocsr(), k=dimensions, v0=np.full(n, n**-0.5), solver="arpack")
    order = np.argsort(-s, kind="stable")
    u, s, v = u[:, order], s[order], vt[order].T
    turn = np.sign(u[np.abs(u).argmax(axis=0), np.arange(dimensions)])
    return np.asarray(np.hstack([u, v]) * np.tile(np.where(turn == 0, 1.0, turn) * np.sqrt(s), 2))

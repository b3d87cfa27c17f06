"""The wiring as averages over partners: separate matrices for outputs, inputs and every kind of connection.

Tests: tests/graphlab/predict/learners/networks/test_graph.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from graphlab.predict.inputs.examples import Floats


def row_shares(matrix: sparse.csr_array) -> sparse.csr_array:
    """Logarithms of weights, each over its row's sum; rows without weights stay empty."""
    logs = matrix.astype(np.float64).log1p().tocsr()
    total: Floats = np.asarray(logs.sum(axis=1)).ravel()
    scale = np.divide(1.0, total, out=np.zeros(len(total)), where=total > 0)
    return sparse.csr_array(sparse.diags_array(scale) @ logs)


def directed_matrices(
    layers: Mapping[str, sparse.csr_array], sign: Floats | None = None
) -> dict[str, sparse.csr_array]:
    """Matrices [n, n] of a network, by name: ``chemical_out``, ``chemical_in`` and so on.

    Electrical connections have no direction: one matrix. Where the sign of senders is known, a chemical layer is
    parted into ``_plus``, ``_minus`` and ``_unknown``.
    """
    matrices: dict[str, sparse.csr_array] = {}
    for kind, weight in layers.items():
        if kind == "electrical":
            matrices[kind] = row_shares(sparse.csr_array(weight.maximum(weight.T)))
            continue
        parts = {"": weight}
        if sign is not None and kind == "chemical" and (sign != 0).any():
            keep = {"_plus": sign > 0, "_minus": sign < 0, "_unknown": sign == 0}
            parts = {name: sparse.csr_array(sparse.diags_array(k.astype(float)) @ weight) for name, k in keep.items()}
        for name, part in parts.items():
            matrices[f"{kind}{name}_out"] = row_shares(part)
            matrices[f"{kind}{name}_in"] = row_shares(sparse.csr_array(part.T))
    return {name: matrix for name, matrix in matrices.items() if matrix.nnz}

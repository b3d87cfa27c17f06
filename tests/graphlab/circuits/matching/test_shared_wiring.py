"""Wiring that matched neurons share, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphlab.circuits.matching.frank_wolfe import Sides
from graphlab.circuits.matching.shared_wiring import shared_wiring


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_shared_wiring_is_counted_pair_by_pair(seed: int, across: bool) -> None:
    rng = np.random.default_rng(seed)
    n, m = 6, 5
    A, B, C, D = (rng.integers(0, 4, shape).astype(float) for shape in ((n, n), (m, m), (n, m), (m, n)))
    partner = np.full(n, -1)
    partner[rng.choice(n, 4, replace=False)] = rng.choice(m, 4, replace=False)
    made = Sides(*(sparse.csr_array(x) for x in ((A, B, C, D) if across else (A, B))))
    found = shared_wiring(made, partner)
    back = {int(j): i for i, j in enumerate(partner) if j >= 0}
    for i in range(n):
        if partner[i] < 0:
            assert np.isnan(found[i])
            continue
        p, shared, total = partner[i], 0.0, 0.0
        for j in range(n):
            q = partner[j]
            out, into = (B[p, q], B[q, p]) if q >= 0 else (0, 0)
            shared += min(A[i, j], out) + min(A[j, i], into)
            total += (A[i, j] + out + A[j, i] + into) / 2
        for j in range(m) if across else ():
            k = back.get(j, -1)  # what the partner does with the neuron whose partner is j
            out, into = (D[p, k], C[k, p]) if k >= 0 else (0, 0)
            shared += min(C[i, j], out) + min(D[j, i], into)
            total += (C[i, j] + out + D[j, i] + into) / 2
        if total:
            assert found[i] == pytest.approx(shared / total)


def test_a_copy_shares_everything() -> None:
    A = np.random.default_rng(0).integers(0, 4, (8, 8)).astype(float)
    made = Sides(sparse.csr_array(A), sparse.csr_array(A))
    assert shared_wiring(made, np.arange(8)) == pytest.approx(np.ones(8))

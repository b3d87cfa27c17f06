"""Memory asked for ahead: nothing changes, and no place is out of bounds."""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.motifs.kernels.read_ahead import read_ahead


@njit
def total_with(array, places):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(len(places)):
        read_ahead(array, places[k])
        total += array.flat[k]
    return total


def test_it_asks_for_the_cache_line_and_changes_nothing() -> None:
    values = np.arange(12, dtype=np.int32)
    assert total_with(values, np.array([0, 3, -5, 10**15, 11])) == 10
    assert total_with(values.reshape(6, 2), np.array([5, 0], dtype=np.uint32)) == 1
    assert "prefetch" in next(iter(total_with.inspect_asm().values()))
    assert values.tolist() == list(range(12))

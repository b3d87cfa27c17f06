"""Exact dyad census: mutual, asymmetric and null pairs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from queries.snapshot import Snapshot

DYADS = ("null", "asymmetric", "mutual")


def dyad_counts(snapshot: Snapshot) -> npt.NDArray[np.int64]:
    """Induced counts of the three dyad classes.

    Returns:
        int64 [3] in the order of ``DYADS``; they add up to n (n-1) / 2.
    """
    from graphlab.motifs.kernels.triads import typed_neighbours

    n, m = snapshot.n, snapshot.m
    _, _, state = typed_neighbours(snapshot.out_start, snapshot.out_target, snapshot.in_start, snapshot.in_source)
    mutual = int(np.count_nonzero(state == 3)) // 2
    asymmetric = m - 2 * mutual
    return np.array([n * (n - 1) // 2 - mutual - asymmetric, asymmetric, mutual], dtype=np.int64)


def reciprocity(snapshot: Snapshot) -> float:
    """Share of connections whose reverse exists; NaN without connections."""
    mutual = dyad_counts(snapshot)[2]
    return float(2 * mutual / snapshot.m) if snapshot.m else float("nan")

"""Exact dyad census: mutual, asymmetric and null pairs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.larger import degrees
from queries.snapshot import Snapshot

DYADS = ("null", "asymmetric", "mutual")


def dyad_counts(snapshot: Snapshot) -> npt.NDArray[np.int64]:
    """Induced counts of the three dyad classes.

    Returns:
        int64 [3] in the order of ``DYADS``; they add up to n (n-1) / 2.
    """
    n = snapshot.n
    asymmetric, both_ends = (int(count) for count in degrees(snapshot)[1][6:8])
    mutual = both_ends // 2
    return np.array([n * (n - 1) // 2 - mutual - asymmetric, asymmetric, mutual], dtype=np.int64)


def reciprocity(snapshot: Snapshot) -> float:
    """Share of connections whose reverse exists; NaN without connections."""
    mutual = dyad_counts(snapshot)[2]
    return float(2 * mutual / snapshot.m) if snapshot.m else float("nan")

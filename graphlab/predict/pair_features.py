"""What the wiring and the places of two neurons say about them as an ordered pair."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from graphlab.activity.structure import pair_structure
from graphlab.predict.examples import Floats, Ints
from graphlab.predict.features import Columns, RootIds
from ingest.errors import AnalysisError
from queries.snapshot import Snapshot

REACH = 0.5
"""Spectral radius of the scaled wiring in the steady state (I - aW)^-1: below 1, so that activity stays finite."""
MOST_NEURONS = 4_000
"""Effective weights are a dense inverse."""


def profile_cosine(weight: sparse.csr_array) -> Floats:
    """Cosine [n, n] between neurons' wiring profiles: log inputs and log outputs side by side."""
    logs = weight.astype(np.float64).log1p()
    profile = np.hstack([logs.toarray(), logs.T.toarray()])
    length = np.linalg.norm(profile, axis=1, keepdims=True)
    unit = np.divide(profile, length, out=np.zeros_like(profile), where=length > 0)
    return np.asarray(unit @ unit.T)


def effective_weights(weight: sparse.csr_array, reach: float = REACH) -> Floats:
    """Steady-state response [n, n] of the linear rate model r = reach W^T r + stimulus, row = stimulated.

    W is scaled by the roots of both neurons' strengths, whose spectral radius is at most 1.

    Raises:
        AnalysisError: a reach that would not settle, or more neurons than a dense inverse should have.
    """
    if not 0 <= reach < 1:
        raise AnalysisError(f"reach is {reach}; wanted 0 to below 1, or activity grows without end")
    n = weight.shape[0]
    if n > MOST_NEURONS:
        raise AnalysisError(f"{n:,} neurons; effective weights are a dense inverse, of at most {MOST_NEURONS:,}")
    dense = np.abs(weight.toarray())
    scale = [np.sqrt(np.maximum(dense.sum(axis=axis), 1e-300)) for axis in (1, 0)]
    scaled = dense / scale[0][:, None] / scale[1][None]
    found = np.linalg.inv(np.eye(n) - reach * scaled)
    return np.asarray(found - np.eye(n))


def pair_columns(
    snapshots: Mapping[str, Snapshot],
    layers: Mapping[str, sparse.csr_array],
    root_ids: RootIds,
    source: Ints,
    target: Ints,
    position_nm: Floats | None,
) -> Columns:
    """Features of the ordered pairs (source, target), in logarithms where they are counts.

    Args:
        snapshots: with ``chemical``, and ``electrical`` where there are gap junctions. layers: the same and
            ``extrasynaptic``, as weights [n, n] over ``root_ids``. position_nm: [n, 3], known for neurons of pairs.
    """
    known = pair_structure(snapshots["chemical"], snapshots.get("electrical"), root_ids, position_nm)
    wired = layers["chemical"]
    if "electrical" in layers:
        wired = sparse.csr_array(wired + layers["electrical"])
    numbers = {
        "weight": np.log1p(known.numbers["weight"]),
        "weight_reversed": np.log1p(known.numbers["weight_reversed"]),
        "weight_electrical": np.log1p(known.numbers["weight_electrical"]),
        "minus_path_length": known.numbers["minus_path_length"],
        "profile_cosine": profile_cosine(wired),
        "effective_weight": np.log(effective_weights(wired) + 1e-6),
    }
    families = ["wiring"] * len(numbers)
    if "extrasynaptic" in layers:
        numbers["weight_extrasynaptic"] = np.log1p(layers["extrasynaptic"].toarray())
        families.append("wiring")
    if known.distance is not None:
        numbers["minus_distance_um"] = -known.distance / 1e3
        numbers["log_distance_um"] = np.log1p(known.distance / 1e3)
        families += ["distance", "distance"]
    values = np.stack([matrix[source, target] for matrix in numbers.values()], axis=1)
    return Columns(values, tuple(numbers), tuple(families))

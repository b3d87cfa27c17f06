"""What the wiring and the places of two neurons say about them as an ordered pair."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from graphlab.activity.wiring.structure import FARTHEST, pair_structure
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import FeatureColumns, RootIds
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

REACH = 0.5
"""Spectral radius of the scaled wiring in the steady state (I - aW)^-1: below 1, so that activity stays finite."""
MOST_NEURONS = 4_000
"""Effective weights are a dense inverse."""


def profile_cosine(weight: sparse.csr_array) -> Floats:
    """Cosine [n, n] between neurons' wiring profiles: log inputs and log outputs side by side."""
    logs = weight.astype(np.float64).log1p()
    return _cosine(np.hstack([logs.toarray(), logs.T.toarray()]))


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
    response = np.linalg.inv(np.eye(n) - reach * scaled)
    return np.asarray(response - np.eye(n))


def pair_columns(
    snapshots: Mapping[str, Snapshot],
    layers: Mapping[str, sparse.csr_array],
    root_ids: RootIds,
    source: Ints,
    target: Ints,
    position_nm: Floats | None,
) -> FeatureColumns:
    """Features of the ordered pairs (source, target), in logarithms where they are counts.

    Args:
        snapshots: with ``chemical``, and ``electrical`` where there are gap junctions. layers: the same and any other
            kinds, such as ``extrasynaptic``, as weights [n, n] over ``root_ids``. position_nm: [n, 3], known for
            neurons of pairs.
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
        **partner_features(layers),
    }
    for kind, weight in layers.items():
        if kind not in ("chemical", "electrical"):
            numbers[f"weight_{kind}"] = np.log1p(weight.toarray())
            numbers[f"weight_{kind}_reversed"] = numbers[f"weight_{kind}"].T
    families = ["wiring"] * len(numbers)
    if known.distance is not None and position_nm is not None:
        numbers["minus_distance_um"] = -known.distance / 1e3
        numbers["log_distance_um"] = np.log1p(known.distance / 1e3)
        places = places_of_pairs(position_nm)
        numbers |= places
        families += ["distance"] * (2 + len(places))
    values = np.stack([matrix[source, target] for matrix in numbers.values()], axis=1)
    return FeatureColumns(values, tuple(numbers), tuple(families))


def is_further(name: str) -> bool:
    """Whether a column came after the bar was measured: company, reversed extrasynaptic weights, axes of the body."""
    late = ("cosine_", "shared_", "effective_e", "walks_", "middle_", "ahead_", "minus_distance_")
    return (
        (name.startswith(late) and name != "minus_distance_um")
        or name == "minus_path_length_either_way"
        or (name.endswith("_reversed") and name != "weight_reversed")
    )


def places_of_pairs(position_nm: Floats) -> dict[str, Floats]:
    """How far apart along each axis, where the middle is and which way the second lies, by name: [n, n] in um.

    Bodies are long and ganglia lie along them, so that an axis says more than a straight line; the middle and the
    way together are the places of both.
    """
    features = {}
    for axis, name in enumerate("xyz"):
        place = position_nm[:, axis] / 1e3
        ahead = place[None] - place[:, None]
        features[f"minus_distance_{name}_um"] = -np.abs(ahead)
        features[f"middle_{name}_um"] = (place[None] + place[:, None]) / 2
        features[f"ahead_{name}_um"] = ahead
    return features


def partner_features(layers: Mapping[str, sparse.csr_array]) -> dict[str, Floats]:
    """Partners that two neurons share, and the ways from one to the other, by name: matrices [n, n].

    Cosines of inputs alone, outputs alone and gap junctions alone; log numbers of walks of two steps, of shared
    inputs, of shared outputs and of shared partners of any kind; steps and effective weights where every connection
    is taken in both directions, and effective weights of gap junctions alone.
    """
    chemical = layers["chemical"].toarray().astype(np.float64)
    electrical = (
        layers["electrical"].toarray().astype(np.float64) if "electrical" in layers else np.zeros_like(chemical)
    )
    electrical = np.maximum(electrical, electrical.T)
    either = chemical + chemical.T + electrical
    sent, any_way = (chemical > 0).astype(np.float64), (either > 0).astype(np.float64)
    forward = ((chemical + electrical) > 0).astype(np.float64)
    features = {
        "cosine_inputs": _cosine(np.log1p(chemical.T)),
        "cosine_outputs": _cosine(np.log1p(chemical)),
        "walks_of_two": np.log1p(forward @ forward),
        "shared_inputs": np.log1p(sent.T @ sent),
        "shared_outputs": np.log1p(sent @ sent.T),
        "shared_partners": np.log1p(any_way @ any_way),
        "minus_path_length_either_way": -_steps(any_way),
        "effective_either_way": np.log(effective_weights(sparse.csr_array(either)) + 1e-6),
    }
    if electrical.any():
        features["cosine_electrical"] = _cosine(np.log1p(electrical))
        features["effective_electrical"] = np.log(effective_weights(sparse.csr_array(electrical)) + 1e-6)
    return features


def _cosine(profile: Floats) -> Floats:
    length = np.linalg.norm(profile, axis=1, keepdims=True)
    unit = np.divide(profile, length, out=np.zeros_like(profile), where=length > 0)
    return np.asarray(unit @ unit.T)


def _steps(there: Floats) -> Floats:
    """Fewest connections [n, n], ``FARTHEST`` + 1 beyond that."""
    steps = csgraph.shortest_path(there, unweighted=True)
    return np.asarray(np.minimum(steps, FARTHEST + 1))

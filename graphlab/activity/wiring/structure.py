"""What the wiring says about an ordered pair of neurons: counts, hops, distance, reciprocity, motif role, class.

Tests: tests/graphlab/activity/wiring/test_structure_function.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphlab.activity.sessions.session import Floats
from ingest.schema.ids import rows_of
from queries.snapshot import Snapshot

FARTHEST = 6
"""Path lengths beyond this count as not connected."""


@dataclass(frozen=True)
class PairStructure:
    """Matrices [n, n], row = pre, column = post, over the same n neurons."""

    numbers: dict[str, Floats]
    """Quantities of which more should mean more function: ``weight``, ``minus_path_length``, ``minus_distance_nm``"""
    groups: dict[str, np.ndarray]
    """Named classes of pairs, as text."""
    distance: Floats | None = None
    notes: list[str] = field(default_factory=list)


def pair_structure(
    chemical: Snapshot,
    electrical: Snapshot | None,
    root_ids: np.ndarray,
    position_nm: Floats | None = None,
    cell_type: list[Any] | None = None,
) -> PairStructure:
    """Structure of all ordered pairs of ``root_ids``.

    Args:
        position_nm: [n, 3], NaN where unknown. cell_type: [n], None where unknown.
    """
    everyone = np.union1d(root_ids, chemical.root_ids)
    if electrical is not None:
        everyone = np.union1d(everyone, electrical.root_ids)
    forward = _dense(chemical, everyone)
    gap = _dense(electrical, everyone) if electrical is not None else np.zeros_like(forward)
    gap = np.maximum(gap, gap.T)
    own = rows_of(everyone, root_ids)
    both = np.ix_(own, own)
    edges = (forward + gap) > 0
    hops = _hops(edges, own)[:, own]
    numbers = {
        "weight": forward[both],
        "weight_electrical": gap[both],
        "weight_all": (forward + gap)[both],
        "weight_reversed": forward[both].T,
        "minus_path_length": -np.where(hops < 0, FARTHEST + 1, hops).astype(np.float64),
    }
    distance = None
    notes = []
    if position_nm is not None and np.isfinite(position_nm).all(axis=1).sum() > 2:
        distance = np.linalg.norm(position_nm[:, None] - position_nm[None], axis=2)
        numbers["minus_distance_nm"] = -distance
        lost = int((~np.isfinite(position_nm).all(axis=1)).sum())
        if lost:
            notes.append(f"{lost:,} neurons have no position; their pairs have no distance")
    chemical_edges = forward > 0
    there, back = chemical_edges[both], chemical_edges[both].T
    two = (chemical_edges.astype(np.float64) @ chemical_edges.astype(np.float64))[both]
    groups = {
        "path_length": np.where(hops < 0, "none", np.minimum(hops, 4).astype(str)),
        "reciprocity": np.select([there & back, there, back], ["reciprocal", "forward", "backward"], "none"),
        "motif_role": np.select(
            [there & (two > 0), there, two > 0],
            ["closes feed-forward loop", "direct only", "two steps only"],
            "neither",
        ),
    }
    groups["path_length"] = np.where(groups["path_length"] == "4", "4 or more", groups["path_length"])
    if cell_type is not None and any(cell_type):
        kind = np.array([str(value) if value else "" for value in cell_type])
        same = (kind[:, None] == kind[None]) & (kind[:, None] != "")
        known = (kind[:, None] != "") & (kind[None] != "")
        groups["cell_type"] = np.where(same, "same", np.where(known, "different", "unknown"))
    return PairStructure(numbers, groups, distance, notes)


def _dense(view: Snapshot, everyone: np.ndarray) -> Floats:
    place = rows_of(everyone, view.root_ids)
    result = np.zeros((len(everyone), len(everyone)))
    result[place[view.sources()], place[view.out_target]] = view.weight
    return result


def _hops(edges: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """[sources, n] fewest connections from each source, -1 beyond FARTHEST."""
    step = edges.astype(np.float32)
    hops = np.full((len(sources), len(edges)), -1, dtype=np.int64)
    front = np.zeros(hops.shape, dtype=bool)
    front[np.arange(len(sources)), sources] = True
    hops[front] = 0
    for distance in range(1, FARTHEST + 1):
        front = ((front.astype(np.float32) @ step) > 0) & (hops < 0)
        hops[front] = distance
    return hops

"""Skeletons made from a segmentation, by kimimaro.

Tests: tests/ingest/skeletons/test_skeletons.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingest.schema.errors import MissingExtraError, SchemaError
from ingest.skeletons.skeleton import Skeleton, from_edges
from ingest.volumes.volume import Volume

TEASAR = {
    "scale": 1.5,
    "const": 300.0,
    "pdrf_scale": 100_000,
    "pdrf_exponent": 4,
    "soma_acceptance_threshold": 3500,
    "soma_detection_threshold": 750,
    "soma_invalidation_const": 300,
    "soma_invalidation_scale": 2,
}
"""Kimimaro's own defaults, nm."""
DUST_VOXELS = 1000


def skeletonise(
    volume: Volume,
    root_ids: Sequence[int] | None = None,
    *,
    dust_voxels: int = DUST_VOXELS,
    teasar: dict[str, Any] | None = None,
    box: tuple[Sequence[int], Sequence[int]] | None = None,
) -> list[Skeleton]:
    """Skeletons of segments by kimimaro's TEASAR, in order of root_id; the box is read in one call, into memory.

    Args:
        root_ids: which segments; all but 0 when None. One smaller than ``dust_voxels`` gets no skeleton.
        box: start and stop, ZYX voxels; the whole volume when None.

    Raises:
        SchemaError: a volume that holds no ids. MissingExtraError: kimimaro is not installed.
    """
    try:
        import kimimaro
    except ImportError:
        raise MissingExtraError("kimimaro", "volumes") from None
    if volume.dtype.kind not in "iu":
        raise SchemaError(f"{volume.name} holds {volume.dtype}; wanted whole numbers, the ids of segments")
    start, stop = box if box is not None else (volume.start, volume.stop)
    labels = np.asfortranarray(volume.read(start, stop).T)
    if labels.dtype.kind == "i" and labels.size and int(labels.min()) < 0:
        raise SchemaError(f"{volume.name} holds the id {int(labels.min())}; ids are 0 or more")
    size = np.array(volume.resolution.xyz)
    made = kimimaro.skeletonize(
        labels,
        teasar_params={**TEASAR, **(teasar or {})},
        anisotropy=volume.resolution.xyz,
        object_ids=None if root_ids is None else [int(i) for i in root_ids],
        dust_threshold=dust_voxels,
        progress=False,
        parallel=1,
    )
    corner = np.array(start, dtype=np.float64)[::-1]
    skeletons = []
    for root_id, skeleton in sorted(made.items()):
        voxels = np.rint(np.asarray(skeleton.vertices, dtype=np.float64) / size)
        radii = np.asarray(skeleton.radius, dtype=np.float64)
        points = (voxels + corner + 0.5) * size
        skeletons.append(from_edges(int(root_id), points, np.asarray(skeleton.edges, dtype=np.int64), radii))
    return skeletons

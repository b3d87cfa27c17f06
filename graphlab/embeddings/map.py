"""A map of embeddings: mean vectors of neurons in their first two principal components.

Tests: tests/graphlab/report/sections/test_embedding_map.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.charts.plots.points import PointsPlot

if TYPE_CHECKING:
    from graphlab.store.embeddings.files import EmbeddingSet

MAP_POINTS = 4_000
"""Neurons in the map; more are sampled, and the map says so."""
UNTYPED = "untyped"


def embedding_map(embeddings: EmbeddingSet, groups: Mapping[int, Any], most: int = MAP_POINTS) -> PointsPlot:
    """The map of a model, coloured by a value of each neuron.

    Args:
        embeddings: of three neurons or more. groups: root_id -> value; others are untyped.
        most: neurons in the map.
    """
    ids = embeddings.root_ids
    notes: tuple[str, ...] = (f"Model {embeddings.model}.",)
    if len(ids) > most:
        notes = (*notes, f"{most:,} of {len(ids):,} neurons, sampled.")
        ids = np.sort(np.random.default_rng(0).choice(ids, most, replace=False))
    points, explained = principal_components(embeddings.mean(ids).astype(np.float64))
    first, second = (f"PC {i + 1} ({share:.1%} of variance)" for i, share in enumerate(explained))
    named = [str(groups.get(int(root)) or UNTYPED) for root in ids]
    return PointsPlot(
        title=f"Embedding map, {embeddings.model}", notes=notes, root_ids=ids.tolist(), points=points, groups=named,
        axes=(first, second),
    )  # fmt: skip


def principal_components(
    vectors: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The first two principal components of centred vectors.

    Args:
        vectors: float64 [n, width], n >= 2.

    Returns:
        points float64 [n, 2]; the share of variance of each. Signs make the largest loading positive.
    """
    centred = vectors - vectors.mean(axis=0)
    _, sizes, loadings = np.linalg.svd(centred, full_matrices=False)
    loadings = loadings[:2] * np.sign(loadings[:2][np.arange(2), np.abs(loadings[:2]).argmax(axis=1)])[:, None]
    total = float((sizes**2).sum())
    shares = sizes[:2] ** 2 / total if total else np.zeros(2)
    return centred @ loadings.T, shares

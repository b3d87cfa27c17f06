"""A map of embeddings: mean vectors of neurons in two dimensions, by principal components or UMAP.

Tests: tests/graphlab/embeddings/test_map.py.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.charts.plots.points import PointsPlot
from ingest.schema.errors import AnalysisError, MissingExtraError, UnknownNameError

if TYPE_CHECKING:
    from graphlab.store.embeddings.files import EmbeddingSet

MAP_POINTS = 4_000
"""Neurons in the map; more are sampled, and the map says so."""
LEAST = 3
"""Neurons that a map needs."""
UNTYPED = "untyped"
METHODS = ("pca", "umap")
MOST_SEED = 2**31 - 1
"""umap-learn seeds a generator of 32 bits."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Neurons in a plane."""

    model: str
    method: str
    root_ids: npt.NDArray[np.uint64]
    """[n] ascending"""
    points: npt.NDArray[np.float64]
    """[n, 2]"""
    axes: tuple[str, str]
    notes: tuple[str, ...] = ()

    def sampled(self, most: int) -> Projection:
        """The same with at most so many neurons, chosen evenly at random from seed 0."""
        n = len(self.root_ids)
        if n <= most:
            return self
        kept = _sample(n, most)
        told = f"{most:,} of {n:,} neurons, sampled."
        return Projection(self.model, self.method, self.root_ids[kept], self.points[kept], self.axes,
                          (*self.notes, told))  # fmt: skip

    def plot(self, groups: Sequence[Any]) -> PointsPlot:
        """The figure, coloured by a value of each neuron; those without one are untyped."""
        named = [UNTYPED if one is None or one == "" else str(one) for one in groups]
        return PointsPlot(
            title=f"Embedding map, {self.model}", notes=(f"Model {self.model}.", *self.notes),
            root_ids=self.root_ids.tolist(), points=self.points, groups=named, axes=self.axes,
        )  # fmt: skip


def _sample(n: int, most: int) -> npt.NDArray[np.int64]:
    return np.sort(np.random.default_rng(0).choice(n, most, replace=False))


def by_components(embeddings: EmbeddingSet, most: int | None = None) -> Projection:
    """Principal components of the mean vectors.

    Args:
        most: neurons in the map; of more, so many are sampled before their components are found.

    Raises:
        AnalysisError: fewer than three neurons have vectors.
    """
    _require_some(embeddings)
    ids = embeddings.root_ids
    notes: tuple[str, ...] = ()
    if most is not None and len(ids) > most:
        notes = (f"{most:,} of {len(ids):,} neurons, sampled.",)
        ids = ids[_sample(len(ids), most)]
    points, explained = principal_components(embeddings.mean(ids).astype(np.float64))
    first, second = (f"PC {i + 1} ({share:.1%} of variance)" for i, share in enumerate(explained))
    return Projection(embeddings.model, "pca", ids, points, (first, second), notes)


def by_umap(embeddings: EmbeddingSet, neighbors: int, min_distance: float, seed: int) -> Projection:
    """UMAP of the mean vectors (McInnes, Healy, Melville 2018), by umap-learn: the same seed, the same map.

    Args:
        neighbors: of each neuron in the graph that the map follows. min_distance: between points, from 0 to 1.

    Raises:
        AnalysisError: too few neurons, or settings that are none. MissingExtraError: umap-learn is not installed.
    """
    _require_some(embeddings)
    n = len(embeddings.root_ids)
    if not 2 <= neighbors < n:
        raise AnalysisError(f"neighbors is {neighbors}; wanted 2 to {n - 1:,}, fewer than the {n:,} neurons")
    if not 0 <= min_distance <= 1:
        raise AnalysisError(f"min_distance is {min_distance:g}; wanted 0 to 1")
    if not 0 <= seed <= MOST_SEED:
        raise AnalysisError(f"seed is {seed}; wanted 0 to {MOST_SEED:,}")
    make = _umap()
    vectors = embeddings.mean(embeddings.root_ids)
    # Of few neurons a spectral start does not exist; umap-learn warns, and draws one at random.
    start = "spectral" if n > 2 * neighbors else "random"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = make(n_neighbors=neighbors, min_dist=min_distance, random_state=seed, n_jobs=1, init=start)
        points = made.fit_transform(vectors).astype(np.float64)
    if not np.isfinite(points).all():
        raise AnalysisError("UMAP gave places that are no numbers; try more neighbors")
    return umap_projection(embeddings.model, embeddings.root_ids, points, neighbors, min_distance, seed)


def _umap() -> Any:
    """UMAP without TensorFlow, which the package would load for a network that nobody asked for.

    Raises:
        MissingExtraError: umap-learn is not installed.
    """
    unwanted = "tensorflow"
    hidden = unwanted not in sys.modules
    try:
        if hidden:
            sys.modules[unwanted] = None  # type: ignore[assignment]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from umap import UMAP
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("umap", "pynndescent", "sklearn"):
            raise MissingExtraError("umap-learn", "umap") from None
        raise
    finally:
        if hidden:
            sys.modules.pop(unwanted, None)
    return UMAP


def umap_projection(
    model: str, root_ids: Any, points: npt.NDArray[np.float64], neighbors: int, min_distance: float, seed: int
) -> Projection:
    """A map of UMAP in words."""
    told = (
        f"UMAP, {neighbors} neighbors, least distance {min_distance:g}, seed {seed}: near is alike; sizes of "
        "groups and far distances mean nothing."
    )
    return Projection(model, "umap", root_ids, points, ("UMAP 1", "UMAP 2"), (told,))


def require_method(method: str) -> None:
    """Raises UnknownNameError for none of ``METHODS``."""
    if method not in METHODS:
        raise UnknownNameError("method of a map", method, METHODS)


def _require_some(embeddings: EmbeddingSet) -> None:
    if len(embeddings.root_ids) < LEAST:
        raise AnalysisError(f"{len(embeddings.root_ids)} neurons have vectors; a map needs three or more")


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
    if len(vectors) > 4 * vectors.shape[1]:  # many: of their covariance, which is small
        sizes, columns = np.linalg.eigh(centred.T @ centred)
        squares, loadings = np.maximum(sizes[::-1], 0.0), columns[:, ::-1].T
    else:
        _, sizes, loadings = np.linalg.svd(centred, full_matrices=False)
        squares = sizes**2
    loadings = loadings[:2]
    largest = loadings[np.arange(len(loadings)), np.abs(loadings).argmax(axis=1)]
    points = centred @ (loadings * np.sign(largest)[:, None]).T
    if points.shape[1] < 2:  # vectors of one number
        points, squares = np.column_stack([points, np.zeros(len(points))]), np.append(squares, 0.0)
    total = float(squares.sum())
    return points, squares[:2] / total if total else np.zeros(2)

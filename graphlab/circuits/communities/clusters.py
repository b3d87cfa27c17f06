"""Hierarchical clusters of neurons or types by the cosine of their connectivity, inputs and outputs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ingest.schema.errors import AnalysisError, UnknownNameError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST = 5_000
"""Items whose distances are held at once."""
MOST_ORDERED = 500
"""Items up to which leaves are put in the order that keeps neighbours most alike."""
LINKAGES: tuple[Literal["average", "complete", "single"], ...] = ("average", "complete", "single")


@dataclass(frozen=True, eq=False)
class Clusters:
    """A dendrogram over k items."""

    cosine: Floats
    """[k, k] in the order of the items."""
    order: Ints
    """[k] item of each leaf, from one end of the dendrogram to the other."""
    merges: Floats
    """[k - 1, 4] two nodes (items are 0 to k - 1, merge i is k + i), height (1 - cosine), items below it."""

    def cut(self, height: float) -> Ints:
        """[k] cluster of each item where the dendrogram is cut, numbered along the leaves."""
        from scipy.cluster.hierarchy import fcluster

        k = len(self.order)
        flat = fcluster(self.merges, height, "distance") if k > 1 else np.ones(k, np.int64)
        _, first = np.unique(flat[self.order], return_index=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        return rank[np.searchsorted(np.unique(flat), flat)]


def connectivity_clusters(profiles: sparse.csr_array, linkage: str = "average") -> Clusters:
    """Cluster the rows of ``profiles`` [k, features], none of which is empty.

    Raises:
        UnknownNameError: no such linkage. AnalysisError: no rows, or too many.
    """
    from scipy.cluster.hierarchy import leaves_list
    from scipy.cluster.hierarchy import linkage as link
    from scipy.spatial.distance import squareform

    how = next((one for one in LINKAGES if one == linkage), None)
    if how is None:
        raise UnknownNameError("linkage", str(linkage), LINKAGES)
    k = profiles.shape[0]
    if not 1 <= k <= MOST:
        raise AnalysisError(f"{k:,} items to cluster; wanted 1 to {MOST:,}: choose fewer neurons, or types with by=")
    cosine = cosines(profiles)
    if k == 1:
        return Clusters(cosine, np.zeros(1, np.int64), np.empty((0, 4)))
    distance = np.maximum(1.0 - cosine, 0.0)
    np.fill_diagonal(distance, 0.0)
    merges = link(squareform(distance, checks=False), how, optimal_ordering=k <= MOST_ORDERED)
    return Clusters(cosine, leaves_list(merges).astype(np.int64), np.asarray(merges, dtype=np.float64))


def cosines(profiles: sparse.csr_array) -> Floats:
    """[k, k] cosine of every two rows, exactly symmetric, 1 on the diagonal."""
    length = np.sqrt(np.asarray(profiles.multiply(profiles).sum(axis=1), dtype=np.float64).ravel())
    scaled = sparse.csr_array(sparse.diags_array(1.0 / length) @ profiles)
    found = np.asarray((scaled @ scaled.T).toarray(), dtype=np.float64)
    found = np.minimum((found + found.T) / 2, 1.0)
    np.fill_diagonal(found, 1.0)
    return found

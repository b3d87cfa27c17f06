"""The shortest tree over the places of windows, where no skeleton says how a cable runs.

Tests: tests/graphlab/predict/proofread/test_split_errors.py.
"""

from __future__ import annotations

import numpy as np

from graphlab.predict.inputs.examples import Floats, Ints
from ingest.schema.errors import AnalysisError

MOST_LOOSE = 8_000
"""Windows of a neuron without a skeleton: every two of them are measured."""


def loose_tree(cell: int, points: Floats) -> tuple[Ints, Ints]:
    """(place of each window among the nodes of the tree, parents, which come before their children).

    Raises:
        AnalysisError: more than ``MOST_LOOSE`` windows.
    """
    if len(points) > MOST_LOOSE:
        raise AnalysisError(
            f"neuron {cell} has {len(points):,} windows and no skeleton with their nodes; without one at most "
            f"{MOST_LOOSE:,} are joined by distance. Ingest skeletons (--as skeletons)"
        )
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
    from scipy.spatial.distance import pdist, squareform

    # A distance of 0 would be no edge.
    tree = minimum_spanning_tree(squareform(pdist(points) + 1e-3))
    reached = breadth_first_order(tree, 0, directed=False)
    order, before = (np.asarray(one, dtype=np.int64) for one in reached)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place, np.where(before[order] >= 0, place[np.maximum(before[order], 0)], -1)

"""Communities of dense wiring: Leiden (Traag, Waltman & van Eck 2019) on directed modularity (Leicht & Newman 2008).

Q = 1/w sum over neurons i, j of one community of (A_ij - resolution s_i r_j / w), with A_ij the weight from i to j, s_i
what i sends, r_j what j receives, and w the sum of all weights.
"""

from __future__ import annotations

import random
import threading

import numpy as np
import numpy.typing as npt

from queries.snapshot import Snapshot

Ints = npt.NDArray[np.int64]
_IGRAPH = threading.Lock()
"""igraph has one generator for the whole process."""


def leiden(graph: Snapshot, resolution: float, rng: np.random.Generator) -> Ints:
    """[n] community of each neuron.

    Args:
        resolution: higher for more, smaller communities.
    """
    import igraph

    drawn = igraph.Graph(n=graph.n, edges=np.stack([graph.sources(), graph.out_target], axis=1), directed=True)
    sent, received, total = strengths(graph)
    with _IGRAPH:
        state = random.getstate()
        try:
            igraph.set_random_number_generator(random.Random(int(rng.integers(2**63))))
            # igraph's own "modularity" weighs expected connections by degrees, whatever the weights are (1.0): the
            # same objective is spelled out here by strengths.
            found = drawn.community_leiden(
                "CPM", weights=graph.weight.tolist(), resolution=resolution / total, n_iterations=-1,
                node_weights=sent.tolist(), node_in_weights=received.tolist(),
            )  # fmt: skip
        finally:
            igraph.set_random_number_generator(random)
            random.setstate(state)
    return np.asarray(found.membership, dtype=np.int64)


def modularity(graph: Snapshot, community: Ints, resolution: float) -> float:
    """Directed modularity Q of a partition."""
    sent, received, total = strengths(graph)
    within = graph.weight[community[graph.sources()] == community[graph.out_target]].sum()
    expected = (np.bincount(community, sent) * np.bincount(community, received)).sum()
    return float(within / total - resolution * expected / total**2)


def strengths(graph: Snapshot) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """What each neuron sends and receives, [n] each, and the sum of all weights."""
    sent = np.bincount(graph.sources(), graph.weight, minlength=graph.n).astype(np.float64)
    received = np.bincount(graph.out_target, graph.weight, minlength=graph.n).astype(np.float64)
    return sent, received, float(sent.sum())

"""The network of a simulation from the weights of a graph.

Tests: tests/graphlab/verbs/circuits/test_simulation.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graphlab.circuits.simulation.spiking import Network
from graphlab.circuits.weights.policies import POLICIES
from graphlab.circuits.weights.weights import Weights
from ingest.schema.errors import AnalysisError


def network_of(weights: Weights, silenced: npt.NDArray[np.int64]) -> Network:
    """Signed counts by presynaptic neuron.

    Raises:
        AnalysisError: weights without signs.
    """
    require_signs(weights.signs)
    graph = weights.graph
    return Network(
        np.asarray(graph.out_start, np.int64),
        np.asarray(graph.out_target, np.int32),
        weights.signed(graph.weight),
        mask(silenced, weights.n),
    )


def mask(nodes: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.bool_]:
    """[n] True for ``nodes``."""
    marked = np.zeros(n, np.bool_)
    marked[nodes] = True
    return marked


def require_signs(signs: str | None) -> None:
    """AnalysisError where no policy of signs is named."""
    if signs is None:
        known = ", ".join(repr(name) for name in POLICIES)
        raise AnalysisError(
            f"a simulation needs to know who excites and who inhibits: name a policy of signs ({known}) with signs="
        )

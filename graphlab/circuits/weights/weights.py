"""Weights: one wiring with what is divided by and, where asked for, the sign of every connection.

Tests: tests/graphlab/circuits/weights/test_read.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    from scipy import sparse

Floats = npt.NDArray[np.float64]
Signs = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Weights:
    """What circuit analyses work on.

    The order is the same everywhere: the total of a pair over all neuropils, then the threshold, then autapses out,
    then connections that proofreading or signs leave out. Denominators do not change with the last step.
    """

    graph: Snapshot
    total_in: Floats
    """[n] what the input of each neuron is divided by."""
    denominator: str
    """``stored`` or ``in-graph``."""
    sign: Signs | None = None
    """[m] 1 or -1 of every connection; None where no policy was named."""
    signs: str | None = None
    """The policy."""
    compartment: str = "summed"
    notes: tuple[str, ...] = ()
    """What a reader of the result has to know, one sentence each."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Counts behind the notes."""

    @property
    def n(self) -> int:
        return self.graph.n

    @property
    def m(self) -> int:
        return self.graph.m

    @classmethod
    def in_graph(cls, graph: Snapshot, sign: npt.ArrayLike | None = None, signs: str | None = None) -> Weights:
        """Weights of a wiring by itself, such as a random graph: divided by what its own connections add up to.

        Args:
            sign: [m] or [n] (of the presynaptic neuron) 1 or -1.
        """
        signed = None if sign is None else np.asarray(sign, dtype=np.int8)
        if signed is not None and len(signed) == graph.n != graph.m:
            signed = signed[graph.sources()]
        return cls(graph, input_of(graph), "in-graph", signed, signs)

    def fractions(self) -> Floats:
        """float64 [m]: each connection's share of the input of its target, without sign."""
        into = self.total_in[self.graph.out_target]
        return np.divide(self.graph.weight, into, out=np.zeros(self.m), where=into > 0)

    def signed(self, values: Floats) -> Floats:
        """``values`` [m] with the signs of the connections; as they are where there are none."""
        return values if self.sign is None else values * self.sign

    def matrix(self, values: Floats) -> sparse.csr_array:
        """[n, n] with the value of a connection at [pre, post]."""
        from scipy import sparse

        graph = self.graph
        return sparse.csr_array((values, graph.out_target, graph.out_start), shape=(graph.n, graph.n))

    def incoming(self, values: Floats) -> sparse.csr_array:
        """[n, n] with the value of a connection at [post, pre]: a product gathers what each neuron receives."""
        from scipy import sparse

        graph = self.graph
        return sparse.csr_array((values[graph.in_edge], graph.in_source, graph.in_start), shape=(graph.n, graph.n))


def input_of(graph: Snapshot) -> Floats:
    """float64 [n]: summed weight into each neuron."""
    return np.bincount(graph.out_target, weights=graph.weight, minlength=graph.n).astype(np.float64)


def require_connections(weights: Weights) -> None:
    """AnalysisError where there is nothing for a signal to go along."""
    if not weights.m:
        kind, least = weights.graph.meta.get("kind", "chemical"), weights.graph.meta.get("min_weight", 0.0)
        raise AnalysisError(
            f"no {kind} connection of at least {least:g} is left among {weights.n:,} neurons; ingest connections, or "
            "take a smaller min_weight or other settings of weights"
        )

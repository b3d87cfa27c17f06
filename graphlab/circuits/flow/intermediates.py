"""Neurons between two groups, A -> ? -> B, by how much of their input comes from A and of B's input from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.circuits.weights.weights import Weights

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Intermediates:
    """Neurons with input from sources and output to targets, by node number; neither source nor target."""

    nodes: Ints
    from_sources: Floats
    """Share of the neuron's own input that comes from the sources."""
    to_targets: Floats
    """Share of all input of the targets that comes from the neuron."""
    weight_in: Floats
    weight_out: Floats

    @property
    def weaker(self) -> Floats:
        """The smaller of the two shares: a chain is as good as its weaker link."""
        return np.minimum(self.from_sources, self.to_targets)


def intermediates(weights: Weights, sources: Ints, targets: Ints) -> Intermediates:
    """All of them, by their weaker share, then by id."""
    graph = weights.graph
    from_, to = graph.sources(), graph.out_target
    is_source, is_target = np.zeros(graph.n, dtype=np.bool_), np.zeros(graph.n, dtype=np.bool_)
    is_source[sources], is_target[targets] = True, True
    coming, going = is_source[from_], is_target[to]
    weight_in = np.bincount(to[coming], weights=graph.weight[coming], minlength=graph.n)
    weight_out = np.bincount(from_[going], weights=graph.weight[going], minlength=graph.n)
    nodes = np.flatnonzero((weight_in > 0) & (weight_out > 0) & ~is_source & ~is_target)
    wanted = float(weights.total_in[targets].sum())
    found = Intermediates(
        nodes,
        weight_in[nodes] / weights.total_in[nodes],
        weight_out[nodes] / wanted if wanted > 0 else np.zeros(len(nodes)),
        weight_in[nodes].astype(np.float64),
        weight_out[nodes].astype(np.float64),
    )
    order = np.lexsort((graph.root_ids[nodes], -found.weaker))
    return Intermediates(*(values[order] for values in vars(found).values()))

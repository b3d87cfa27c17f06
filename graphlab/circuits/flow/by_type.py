"""A flow between neurons as a flow between their types, in layers from the sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.circuits.flow.max_flow import MaxFlow
from graphlab.circuits.weights.weights import Weights

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
OTHER = "other types"


@dataclass(frozen=True, eq=False)
class TypeFlow:
    """Types and what flows between them; types past the largest ones are one, ``other types``, in each layer."""

    names: list[str]
    layer: list[int]
    """Mean connections from the sources, weighted by flow, as a whole number."""
    through: list[float]
    """What enters or leaves a type, whichever is more."""
    links: list[tuple[int, int, float]]
    """From, to (numbers of types), flow; the largest first."""
    neurons: list[int]
    """Neurons of each type that carry anything."""


def flow_by_type(weights: Weights, found: MaxFlow, sources: Ints, types: Sequence[str], most: int) -> TypeFlow:
    """The largest ``most`` types of a flow.

    Args:
        types: [n] names, of every neuron.
    """
    graph = weights.graph
    carrying = np.flatnonzero(found.flow > 0)
    from_, to = graph.sources()[carrying].astype(np.int64), graph.out_target[carrying].astype(np.int64)
    flow = found.flow[carrying]
    depth = _depths(graph.n, from_, to, sources)
    nodes = np.unique(np.concatenate([from_, to]))
    into = np.bincount(to, flow, minlength=graph.n)
    out = np.bincount(from_, flow, minlength=graph.n)
    through = np.maximum(into, out)
    size: dict[str, float] = {}
    place: dict[str, float] = {}
    for node in nodes.tolist():
        size[types[node]] = size.get(types[node], 0.0) + through[node]
        place[types[node]] = place.get(types[node], 0.0) + through[node] * depth[node]
    layer_of = {name: round(place[name] / size[name]) for name in size}
    kept = set(sorted(size, key=lambda name: (-size[name], name))[:most])
    key_of = {name: (name if name in kept else OTHER, layer_of[name]) for name in size}
    keys = sorted(set(key_of.values()), key=lambda key: (key[1], key[0] == OTHER, -size.get(key[0], 0.0), key[0]))
    number = {key: at for at, key in enumerate(keys)}
    of_node = {node: number[key_of[types[node]]] for node in nodes.tolist()}
    links: dict[tuple[int, int], float] = {}
    for a, b, value in zip(from_.tolist(), to.tolist(), flow.tolist(), strict=True):
        pair = (of_node[a], of_node[b])
        links[pair] = links.get(pair, 0.0) + value
    totals, neurons = [0.0] * len(keys), [0] * len(keys)
    for node, at in of_node.items():
        totals[at] += float(through[node])
        neurons[at] += 1
    ordered = sorted(((a, b, value) for (a, b), value in links.items()), key=lambda link: (-link[2], link[0], link[1]))
    return TypeFlow([key[0] for key in keys], [key[1] for key in keys], totals, ordered, neurons)


def _depths(n: int, from_: Ints, to: Ints, sources: Ints) -> Ints:
    """[n] connections from the nearest source along what carries."""
    from scipy import sparse
    from scipy.sparse.csgraph import dijkstra

    carrying = sparse.csr_array((np.ones(len(from_)), (from_, to)), shape=(n, n))
    found = dijkstra(carrying, indices=sources, unweighted=True, min_only=True)
    return np.where(np.isfinite(found), found, 0).astype(np.int64)

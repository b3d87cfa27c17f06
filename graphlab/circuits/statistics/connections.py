"""How many neurons and connections, how unequal their degrees and weights, which connections are returned."""

from __future__ import annotations

import numpy as np

from graphlab.circuits.statistics.statistic import Floats, Ints, Measured, Told, Value, column_of, statistic
from queries.snapshot import Snapshot

STRONG_SHARE = 0.1
QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.99)
UNKNOWN = "unknown"


def degrees_of(graph: Snapshot) -> tuple[Ints, Ints]:
    """int64 [n] inputs and outputs of every neuron."""
    return np.diff(graph.in_start), np.diff(graph.out_start)


def strengths_of(graph: Snapshot) -> tuple[Floats, Floats]:
    """float64 [n] weight of all inputs and of all outputs."""
    into = np.bincount(graph.out_target, weights=graph.weight, minlength=graph.n)
    out = np.bincount(graph.sources(), weights=graph.weight, minlength=graph.n)
    return into.astype(np.float64), out.astype(np.float64)


def share(part: float, whole: float) -> float:
    """``part / whole``, NaN where there is no whole."""
    return part / whole if whole else float("nan")


@statistic(
    "size",
    "N: neurons of the graph, and those with a connection; E: connections, autapses left out; density E / (N (N - 1)).",
)
def size(graph: Snapshot, told: Told) -> Measured:
    """Neurons, connections, density."""
    into, out = degrees_of(graph)
    n = graph.n
    return Measured(
        (
            Value("neurons", n, n),
            Value("connected_neurons", int(((into + out) > 0).sum()), n),
            Value("connections", graph.m, n),
            Value("density", share(graph.m, n * (n - 1)), n * (n - 1), "pairs"),
        )
    )


@statistic(
    "degrees",
    "Degrees count partners, strengths add up weights; means and quantiles are over all neurons, isolated ones too.",
)
def degrees(graph: Snapshot, told: Told) -> Measured:
    """Degrees and strengths: spread over neurons, and those of each."""
    columns = dict(zip(("in_degree", "out_degree"), degrees_of(graph), strict=True))
    columns |= dict(zip(("in_strength", "out_strength"), strengths_of(graph), strict=True))  # type: ignore[arg-type]
    values = [
        Value(f"{name}_{word}", float(of(column)) if graph.n else float("nan"), graph.n)
        for name, column in columns.items()
        for word, of in (("mean", np.mean), ("sd", np.std), ("median", np.median), ("max", np.max))
    ]
    into, out = degrees_of(graph)
    apart = graph.n > 1 and into.std() > 0 and out.std() > 0
    values.append(
        Value("in_out_degree_correlation", float(np.corrcoef(into, out)[0, 1]) if apart else float("nan"), graph.n)
    )
    return Measured(tuple(values), {name: column.astype(np.float64) for name, column in columns.items()})


@statistic(
    "reciprocity",
    "Reciprocity: share of connections whose reverse is there. Weighted: the smaller of both weights of every such "
    "connection, over the whole weight.",
)
def reciprocity(graph: Snapshot, told: Told) -> Measured:
    """Connections that are returned."""
    from graphlab.circuits.statistics.kernels.pairs import returned

    partners = np.zeros(graph.n, np.int64)
    shared = returned(
        graph.out_start, graph.out_target, graph.in_start, graph.in_source, graph.in_edge, graph.weight, partners
    )
    both = int(partners.sum())
    return Measured(
        (
            Value("mutual_pairs", both // 2, graph.m, "connections"),
            Value("reciprocity", share(both, graph.m), graph.m, "connections"),
            Value("weighted_reciprocity", share(float(shared), float(graph.weight.sum())), graph.m, "connections"),
        ),
        {"mutual_partners": partners.astype(np.float64)},
    )


@statistic(
    "weights",
    "Weights of connections: sum, mean, quantiles, share of connections of weight 1, share of the weight that the "
    "strongest tenth of connections carries.",
)
def weights(graph: Snapshot, told: Told) -> Measured:
    """How weight is spread over connections."""
    weight = np.sort(graph.weight)
    m, total = graph.m, float(weight.sum())
    strong = max(1, round(STRONG_SHARE * m))
    values = [
        Value("total_weight", total, m, "connections"),
        Value("weight_mean", share(total, m), m, "connections"),
        Value("weight_max", float(weight[-1]) if m else float("nan"), m, "connections"),
        *(
            Value("weight_quantile", float(np.quantile(weight, at)) if m else float("nan"), m, "connections", at)
            for at in QUANTILES
        ),
        Value("weight_one_share", share(int((weight == 1).sum()), m), m, "connections"),
        Value("strongest_tenth_share", share(float(weight[m - strong :].sum()), total), m, "connections"),
    ]
    return Measured(tuple(values))


@statistic(
    "transmitters",
    "By transmitter of the presynaptic neuron (nt_type of neurons): neurons, and shares of connections and weight; "
    "neurons without one are the group 'unknown'.",
    "nt_type",
)
def transmitters(graph: Snapshot, told: Told) -> Measured:
    """What part of the wiring is of which transmitter."""
    named = [UNKNOWN if value is None else str(value) for value in column_of(told, "nt_type", graph)]
    names, group = np.unique(named, return_inverse=True)
    source = group[graph.sources()]
    neurons = np.bincount(group, minlength=len(names))
    connections = np.bincount(source, minlength=len(names))
    weight = np.bincount(source, weights=graph.weight, minlength=len(names))
    values: list[Value] = []
    for number, name in enumerate(names):
        counts: dict[str, tuple[float, int, str]] = {
            "transmitter_neurons": (int(neurons[number]), graph.n, "neurons"),
            "transmitter_connection_share": (share(int(connections[number]), graph.m), graph.m, "connections"),
            "transmitter_weight_share": (share(float(weight[number]), float(weight.sum())), graph.m, "connections"),
        }
        values += [Value(one, value, over, unit, group=str(name)) for one, (value, over, unit) in counts.items()]
    return Measured(tuple(values))

"""Hubs: rich club, cores, broadcasters and integrators, assortativity, centralities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphlab.circuits.statistics.components import largest
from graphlab.circuits.statistics.connections import degrees_of, share
from graphlab.circuits.statistics.statistic import Floats, Ints, Measured, Told, Value, column_of, statistic
from queries.snapshot import Snapshot

LOPSIDED = 5
"""Outputs for each input of a broadcaster, inputs for each output of an integrator."""
INTRINSIC = "intrinsic"
GRID_STEP = 1.05
NONE = float("nan")


def degree_grid(most: int) -> Ints:
    """Degrees that a rich club is looked at: every one to 60, then in steps of five percent."""
    grid = list(range(1, min(most, 60) + 1))
    while grid and grid[-1] < most:
        grid.append(min(most, max(grid[-1] + 1, int(grid[-1] * GRID_STEP))))
    return np.array(grid, dtype=np.int64)


def rich_club_curve(graph: Snapshot, degree: Ints, grid: Ints) -> tuple[Ints, Ints]:
    """(N_k, M_k): neurons of degree at least k and connections among them, for every k of ``grid``."""
    most = int(max(degree.max(initial=0), grid.max(initial=0)))
    neurons = np.bincount(degree, minlength=most + 1)[::-1].cumsum()[::-1]
    lower = np.minimum(degree[graph.sources()], degree[graph.out_target])
    inside = np.bincount(lower, minlength=most + 1)[::-1].cumsum()[::-1]
    return neurons[grid], inside[grid]


@statistic(
    "rich-club",
    "Rich club at k: Phi(k) = M_k / (N_k (N_k - 1)), N_k neurons whose total (in, out) degree is at least k, M_k the "
    "connections among them (Lin et al. 2024); with a null, the ratio is the relative coefficient Phi / mean Phi.",
)
def rich_club(graph: Snapshot, told: Told) -> Measured:
    """The density among neurons of at least a degree."""
    into, out = degrees_of(graph)
    values = []
    for word, degree in (("total", into + out), ("in", into), ("out", out)):
        grid = degree_grid(int(degree.max(initial=0)))
        neurons, inside = rich_club_curve(graph, degree, grid)
        for at, n, m in zip(grid.tolist(), neurons.tolist(), inside.tolist(), strict=True):
            values.append(Value(f"rich_club_{word}", share(m, n * (n - 1)), n, at=at))
    club = (into + out) >= told.club_degree
    values.append(Value("rich_club_neurons", int(club.sum()), graph.n, at=told.club_degree))
    return Measured(tuple(values), {"rich_club": club.astype(np.float64)})


@statistic(
    "cores",
    "k-core: what is left when neurons with fewer than k connections (in + out, those among the left) are taken away "
    "again and again; a neuron's core number is its largest k.",
)
def cores(graph: Snapshot, told: Told) -> Measured:
    """Core numbers."""
    core = np.array(as_igraph(graph).coreness(mode="all"), dtype=np.int64)
    most = int(core.max(initial=0))
    return Measured(
        (
            Value("core_max", most, graph.n),
            Value("core_max_neurons", int((core == most).sum()), graph.n),
            Value("core_mean", float(core.mean()) if graph.n else NONE, graph.n),
        ),
        {"core": core.astype(np.float64)},
    )


@statistic(
    "roles",
    "Among neurons whose flow is 'intrinsic' with in + out at least `at`: broadcasters have at least 5 times as many "
    "outputs as inputs, integrators 5 times as many inputs as outputs (Lin et al. 2024).",
    "flow",
)
def roles(graph: Snapshot, told: Told) -> Measured:
    """Broadcasters and integrators."""
    flow = column_of(told, "flow", graph)
    intrinsic = np.array([value == INTRINSIC for value in flow], dtype=np.bool_)
    into, out = degrees_of(graph)
    rich = intrinsic & ((into + out) >= told.club_degree)
    broadcaster, integrator = rich & (out >= LOPSIDED * into), rich & (into >= LOPSIDED * out)
    role = [
        "broadcaster" if b else "integrator" if i else None
        for b, i in zip(broadcaster.tolist(), integrator.tolist(), strict=True)
    ]
    over = int(rich.sum())
    return Measured(
        (
            Value("broadcasters", int(broadcaster.sum()), over, at=told.club_degree),
            Value("integrators", int(integrator.sum()), over, at=told.club_degree),
        ),
        labels={"role": role},
    )


@statistic(
    "assortativity",
    "Assortativity: Pearson correlation, over connections, of a degree of the presynaptic with one of the postsynaptic "
    "neuron (Newman 2003).",
)
def assortativity(graph: Snapshot, told: Told) -> Measured:
    """Whether neurons of high degree connect with each other."""
    into, out = degrees_of(graph)
    degree = {"in": into, "out": out, "total": into + out}
    source, target = graph.sources(), graph.out_target
    pairs = [("out", "in"), ("out", "out"), ("in", "in"), ("in", "out"), ("total", "total")]
    return Measured(
        tuple(
            Value(f"assortativity_{a}_{b}", _correlation(degree[a][source], degree[b][target]), graph.m, "connections")
            for a, b in pairs
        )
    )


def _correlation(a: Ints, b: Ints) -> float:
    if len(a) < 2 or a.min() == a.max() or b.min() == b.max():
        return NONE
    return float(np.corrcoef(a, b)[0, 1])


def label_assortativity(graph: Snapshot, labels: Sequence[str | None]) -> tuple[float, int]:
    """(Newman's assortativity by label, connections both of whose neurons have one); NaN with fewer than two labels."""
    known = np.array([label is not None for label in labels], dtype=np.bool_)
    _, number = np.unique([str(label) for label in labels], return_inverse=True)
    source, target = graph.sources(), graph.out_target
    both = known[source] & known[target]
    m = int(both.sum())
    if not m:
        return NONE, 0
    a, b = number[source[both]], number[target[both]]
    width = int(number.max()) + 1
    expected = float(np.bincount(a, minlength=width) / m @ (np.bincount(b, minlength=width) / m))
    return (float((a == b).mean()) - expected) / (1 - expected) if expected < 1 else NONE, m


@statistic(
    "type-assortativity",
    "Assortativity by cell type: (share of connections within a type - share expected from the types' outputs and "
    "inputs) / (1 - that), over connections both of whose neurons have a type (Newman 2003).",
    "cell_type",
)
def type_assortativity(graph: Snapshot, told: Told) -> Measured:
    """Whether neurons of a type connect with each other."""
    value, over = label_assortativity(graph, column_of(told, "cell_type", graph))
    return Measured((Value("assortativity_cell_type", value, over, "connections"),))


@statistic(
    "centralities",
    "PageRank with damping .85, by weight; the same with every connection turned round (reverse_pagerank: who drives "
    "rather than who is driven); eigenvector centrality by weight within the largest strong component, where it is "
    "unique, scaled to a largest of 1.",
)
def centralities(graph: Snapshot, told: Told) -> Measured:
    """Which neurons are central."""
    weighted = as_igraph(graph)
    found: dict[str, Floats] = {"pagerank": np.array(weighted.pagerank(weights="weight"), dtype=np.float64)}
    inside = largest(graph, True)
    found["eigenvector"] = np.full(graph.n, NONE)
    if len(inside) > 1:
        found["eigenvector"][inside] = leading_vector(graph.subset(inside))
    weighted.reverse_edges()
    found["reverse_pagerank"] = np.array(weighted.pagerank(weights="weight"), dtype=np.float64)
    values = [Value(f"{name}_max", float(np.nanmax(found[name])), graph.n) for name in ("pagerank", "reverse_pagerank")]
    return Measured(tuple(values), found)


def leading_vector(graph: Snapshot) -> Floats:
    """float64 [n]: the eigenvector of the largest eigenvalue of a strong component, in which v[post] gathers from pre.

    igraph begins its iteration at random; here it begins at equal numbers, so that the bytes are the same each time.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import eigs

    into = csr_array((graph.weight[graph.in_edge], graph.in_source, graph.in_start), shape=(graph.n, graph.n))
    if graph.n <= 16:
        roots, vectors = np.linalg.eig(into.toarray())
        found = vectors[:, np.argmax(roots.real)]
    else:
        found = eigs(into, k=1, which="LR", v0=np.ones(graph.n))[1][:, 0]
    # Perron and Frobenius: all of one sign, up to a complex factor.
    size = np.abs(found)
    return np.asarray(size / size.max())


def as_igraph(graph: Snapshot) -> Any:
    """The wiring as an igraph of node numbers, with its weights."""
    import igraph

    ends = np.column_stack([graph.sources(), graph.out_target]).astype(np.int64)
    made = igraph.Graph(n=graph.n, edges=ends, directed=True)
    made.es["weight"] = np.asarray(graph.weight)
    return made

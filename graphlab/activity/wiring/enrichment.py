"""Are motif roles, types or communities over-represented among neurons that encode a behaviour?

The background is the recorded and identified neurons, not the brain. Well-connected neurons sit in more motifs and are
more often active, so in- and out-degree are adjusted for, continuously: the chance to encode is a logistic function of
splines of both, draws are made from it (a conditional randomisation test; Candes et al. 2018), and what is compared is
the part of a label that the same splines do not explain, so that an error in either matters little.

Tests: tests/graphlab/activity/wiring/test_structure_function.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphlab.activity.sessions.session import Floats
from graphlab.statistics.p_values import benjamini_hochberg
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

KNOTS = (0.25, 0.5, 0.75)
"""Quantiles at which a degree may change what it does."""
SHRINK = 1e-2
"""Ridge of the logistic function, so that it exists where a degree separates all who encode."""


@dataclass(frozen=True)
class Enrichment:
    """One label."""

    label_kind: str
    label: str
    neurons: int
    """Background neurons with the label."""
    encoding: int
    """Of those, encoding ones."""
    value: float
    """Share of encoding neurons with the label (mean participation for motif roles)."""
    null_mean: float
    null_std: float
    ratio: float
    p: float
    q: float


def motif_roles(view: Snapshot) -> dict[str, Floats]:
    """Role -> [n] how often each neuron plays it: mutual pairs, positions in feed-forward loops, three-cycles."""
    from scipy import sparse

    edge = sparse.csr_array((np.ones(view.m), (view.sources(), view.out_target)), shape=(view.n, view.n))
    two = edge @ edge
    closed = two.multiply(edge)  # a -> b -> c with a -> c, at (a, c)
    middle = (edge @ edge.T).multiply(edge)  # at (a, b): c with a -> c and b -> c
    return {
        "reciprocal": np.asarray(edge.multiply(edge.T).sum(axis=1)).ravel(),
        "loop source": np.asarray(closed.sum(axis=1)).ravel(),
        "loop middle": np.asarray(middle.sum(axis=0)).ravel(),
        "loop target": np.asarray(closed.sum(axis=0)).ravel(),
        "cycle": np.asarray(two.multiply(edge.T).sum(axis=1)).ravel(),
    }


def communities(view: Snapshot, seed: int = 0) -> list[str]:
    """[n] community of each neuron by modularity (Leiden; Traag et al. 2019) of the undirected weighted wiring."""
    import random

    import igraph

    graph = igraph.Graph(n=view.n, edges=np.stack([view.sources(), view.out_target], axis=1), directed=True)
    graph.es["weight"] = view.weight
    graph = graph.as_undirected(combine_edges="sum")
    state = random.getstate()
    try:
        igraph.set_random_number_generator(random.Random(seed))
        clustering = graph.community_leiden("modularity", weights="weight", n_iterations=10)
    finally:
        igraph.set_random_number_generator(random)
        random.setstate(state)
    return [f"community {number}" for number in clustering.membership]


def enrich(
    view: Snapshot,
    background: np.ndarray,
    encoding: np.ndarray,
    labels: dict[str, list[str | None]],
    draws: int = 2000,
    seed: int = 0,
) -> list[Enrichment]:
    """Every motif role, and every value of every kind of label.

    Args:
        background: node numbers of recorded, identified neurons. encoding: those of them that encode the behaviour.
        labels: kind -> [n] label of each node of ``view``, None where unknown.

    Raises:
        AnalysisError: no encoding neuron, or nothing but encoding neurons.
    """
    background = np.unique(background)
    chosen = np.isin(background, encoding)
    if not chosen.any() or chosen.all():
        raise AnalysisError(
            f"{int(chosen.sum()):,} of {len(background):,} recorded, identified neurons of the graph encode the "
            "behaviour; enrichment needs some that do and some that do not"
        )
    basis = degree_basis(np.diff(view.in_start)[background], np.diff(view.out_start)[background])
    chance = encoding_chance(basis, chosen)
    rng = np.random.default_rng(seed)
    sets = (rng.random((draws, len(background))) < chance).astype(np.float64)
    adjust = _Adjusted(basis, chance, chosen, sets)
    rows = [
        _row("motif_role", role, counts[background], counts[background] > 0, adjust)
        for role, counts in motif_roles(view).items()
    ]
    for kind, names in labels.items():
        own = [names[node] for node in background]
        for label in sorted({name for name in own if name}):
            mine = np.array([name == label for name in own])
            if mine.sum() >= 2:
                rows.append(_row(kind, label, mine.astype(np.float64), mine, adjust))
    q = benjamini_hochberg(np.array([row.p for row in rows]))
    return [
        Enrichment(
            r.label_kind, r.label, r.neurons, r.encoding, r.value, r.null_mean, r.null_std, r.ratio, r.p, float(v)
        )
        for r, v in zip(rows, q, strict=True)
    ]


def degree_basis(in_degree: np.ndarray, out_degree: np.ndarray) -> Floats:
    """[neurons, k] smooth functions of both degrees: the constant, bent lines of log degree, their product."""
    columns = [np.ones(len(in_degree))]
    logs = []
    for degree in (in_degree, out_degree):
        x = np.log1p(degree.astype(np.float64))
        x = (x - x.mean()) / max(float(x.std()), 1e-9)
        logs.append(x)
        columns.append(x)
        columns += [np.maximum(x - knot, 0.0) for knot in np.unique(np.quantile(x, KNOTS))]
    columns += [logs[0] * logs[1], np.maximum(logs[0], 0) * np.maximum(logs[1], 0)]
    basis = np.stack(columns, axis=1)
    # Orthogonal columns without those that say nothing new.
    left, size, _ = np.linalg.svd(basis, full_matrices=False)
    return np.asarray(left[:, size > 1e-8 * size[0]] * np.sqrt(len(basis)))


def encoding_chance(basis: Floats, chosen: np.ndarray) -> Floats:
    """[neurons] logistic chance to encode given the degrees, by penalised Newton steps."""
    ridge = SHRINK * np.eye(basis.shape[1])
    weight = np.zeros(basis.shape[1])
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-np.clip(basis @ weight, -30, 30)))
        spread = np.maximum(chance * (1.0 - chance), 1e-9)
        gradient = basis.T @ (chosen - chance) - ridge @ weight
        step = np.linalg.solve((basis * spread[:, None]).T @ basis + ridge, gradient)
        weight = weight + step / max(1.0, float(np.abs(step).max()))
        if float(np.abs(step).max()) < 1e-8:
            break
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(basis @ weight, -30, 30))))


class _Adjusted:
    """Observed and drawn sets, and the part of a score that degrees do not explain."""

    def __init__(self, basis: Floats, chance: Floats, chosen: np.ndarray, sets: Floats) -> None:
        self._basis, self.chance, self.chosen, self.sets = basis, chance, chosen, sets
        weighted = basis * (chance * (1.0 - chance))[:, None]
        # A chance fitted to the same neurons is too sure of them, as residuals of a regression are too small.
        self.widen = np.sqrt(len(chosen) / max(1.0, len(chosen) - basis.shape[1]))
        self._hat = np.linalg.pinv(weighted.T @ basis) @ weighted.T

    def rest(self, score: Floats) -> Floats:
        """The efficient score of the logistic function: estimating the chance moves its sum only in second order."""
        return np.asarray(score - self._basis @ (self._hat @ score))


def _row(kind: str, label: str, score: Floats, having: np.ndarray, adjust: _Adjusted) -> Enrichment:
    chosen, sets = adjust.chosen, adjust.sets
    value = float(score[chosen].mean())
    drawn = sets @ score / np.maximum(sets.sum(axis=1), 1.0)
    mean = float(adjust.chance @ score / adjust.chance.sum())
    # Counts of a few hubs would decide alone: their logarithms are compared (a label of 0 and 1 stays what it is).
    rest = adjust.rest(np.log1p(score))
    expected = float(adjust.chance @ rest)
    own, null = float(rest[chosen].sum()) - expected, (sets @ rest - expected) * adjust.widen
    # Only more than expected is enrichment; the upper tail, with the observed set as one draw.
    p = float(((null >= own - 1e-9 * np.abs(rest).sum()).sum() + 1) / (len(null) + 1))
    return Enrichment(
        kind, label, int(having.sum()), int((having & chosen).sum()), value, mean, float(drawn.std()),
        value / mean if mean > 0 else float("nan"), p, float("nan"),
    )  # fmt: skip

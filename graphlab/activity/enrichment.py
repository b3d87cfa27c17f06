"""Are motif roles, types or communities over-represented among neurons that encode a behaviour?

The background is the recorded and identified neurons, not the brain; draws from it are matched on degree, since
well-connected neurons sit in more motifs and are more often active.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphlab.activity.session import Floats
from graphlab.motifs.p_values import benjamini_hochberg
from ingest.errors import AnalysisError
from queries.snapshot import Snapshot

DEGREE_BINS = 4


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
        found = graph.community_leiden("modularity", weights="weight", n_iterations=10)
    finally:
        igraph.set_random_number_generator(random)
        random.setstate(state)
    return [f"community {number}" for number in found.membership]


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
    degree = np.diff(view.out_start) + np.diff(view.in_start)
    cuts = np.unique(np.quantile(degree[background], np.linspace(0, 1, DEGREE_BINS + 1)[1:-1]))
    bins = np.searchsorted(cuts, degree[background], side="right")
    rng = np.random.default_rng(seed)
    sets = np.zeros((draws, len(background)), dtype=bool)
    for number in np.unique(bins):
        mine = np.flatnonzero(bins == number)
        wanted = int(chosen[mine].sum())
        order = rng.random((draws, len(mine))).argsort(axis=1)[:, :wanted]
        sets[np.arange(draws)[:, None], mine[order]] = True
    rows = [
        _row("motif_role", role, counts[background], counts[background] > 0, chosen, sets)
        for role, counts in motif_roles(view).items()
    ]
    for kind, names in labels.items():
        own = [names[node] for node in background]
        for label in sorted({name for name in own if name}):
            mine = np.array([name == label for name in own])
            if mine.sum() >= 2:
                rows.append(_row(kind, label, mine.astype(np.float64), mine, chosen, sets))
    q = benjamini_hochberg(np.array([row.p for row in rows]))
    return [
        Enrichment(
            r.label_kind, r.label, r.neurons, r.encoding, r.value, r.null_mean, r.null_std, r.ratio, r.p, float(v)
        )
        for r, v in zip(rows, q, strict=True)
    ]


def _row(kind: str, label: str, score: Floats, having: np.ndarray, chosen: np.ndarray, sets: np.ndarray) -> Enrichment:
    value = float(score[chosen].mean())
    null = sets @ score / chosen.sum()
    mean = float(null.mean())
    # Only more than expected is enrichment; the upper tail, with the observed set as one draw.
    p = float(((null >= value - 1e-12).sum() + 1) / (len(null) + 1))
    return Enrichment(
        kind, label, int(having.sum()), int((having & chosen).sum()), value, mean, float(null.std()),
        value / mean if mean > 0 else float("nan"), p, float("nan"),
    )  # fmt: skip

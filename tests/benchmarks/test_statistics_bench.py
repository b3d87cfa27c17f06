"""Statistics of a fly-sized graph: the table without nulls, nulls of reciprocity and clustering; their peers."""

from __future__ import annotations

from typing import Any

import igraph
import networkx as nx
import numpy as np
import pytest
from scipy.stats import binom

from graphlab.circuits.statistics.statistic import Told
from graphlab.circuits.statistics.table import against_null, chosen, measure_all
from graphlab.motifs.nulls.models import NullOptions, sample_seed
from graphlab.motifs.nulls.registered import null_model
from queries.snapshot import Snapshot

SAMPLES = 4
IN_IGRAPH = ["reciprocity", "clustering", "components", "cores", "centralities", "betweenness", "assortativity"]
LABELS = {"cell_type": 60, "nt_type": 6, "side": 2, "flow": 3}
"""Column -> different values."""


def told_of(graph: Snapshot, workers: int = 2) -> Told:
    words = {"side": ("left", "right"), "flow": ("intrinsic", "afferent", "efferent")}
    columns = {
        name: [words[name][k % many] if name in words else f"{name}{k % many}" for k in range(graph.n)]
        for name, many in LABELS.items()
    }
    return Told(columns, workers=workers)


@pytest.mark.parametrize("dense", [False, True], ids=["sparse blocks", "dense blocks"])
def test_table_without_nulls(brain: Any, side_by_side: Any, dense: bool) -> None:
    """Every statistic, and single ones beside their peers on the same graph; igraph's betweenness from our pivots."""
    graph = brain(dense_blocks=dense).snapshot()
    told = told_of(graph)
    names, left_out = chosen(None, list(told.columns))
    assert not left_out
    ends = np.column_stack([graph.sources(), graph.out_target]).astype(np.int64)
    peer = igraph.Graph(n=graph.n, edges=ends, directed=True)
    plain = peer.as_undirected()
    pivots = told.sources(graph.n, 0)

    def igraph_all() -> Any:
        return (
            peer.reciprocity(), plain.transitivity_undirected(), plain.transitivity_avglocal_undirected(mode="zero"),
            peer.connected_components(mode="strong"), peer.coreness(), peer.pagerank(),
            peer.betweenness(sources=pivots.tolist()), peer.assortativity_degree(),
        )  # fmt: skip

    measured = side_by_side(
        f"all statistics, 139k / 2.7M, {'dense' if dense else 'sparse'} blocks, 2 workers",
        {
            "graphlab, the whole table": lambda: measure_all(graph, names, told),
            "graphlab, what igraph has": lambda: measure_all(graph, IN_IGRAPH, told),
            "igraph": igraph_all,
        },
        rounds=1,
        rounds_of={"igraph": 1},
    )  # fmt: skip
    found, other = measured["graphlab, the whole table"].result, measured["igraph"].result
    assert found.value("reciprocity") == pytest.approx(other[0])
    assert found.value("transitivity") == pytest.approx(other[1])
    assert found.value("local_clustering") == pytest.approx(other[2])
    assert found.value("largest_strong_component") == max(other[3].sizes())
    assert found.measured["cores"].neurons["core"].tolist() == other[4]
    between = found.measured["betweenness"].neurons["betweenness"] * len(pivots) / graph.n
    assert between == pytest.approx(np.array(other[6]), rel=1e-6, abs=1e-6)
    side_by_side.note(f"{len(found.values)} numbers, equal to igraph's where it has them; pivots: {len(pivots)}")


def test_networkx_on_a_tenth(brain: Any, side_by_side: Any) -> None:
    """networkx keeps a dictionary an edge: a graph of a tenth of the size, three statistics."""
    graph = brain(13_926, 270_000).snapshot()
    other = nx.DiGraph(list(zip(graph.sources().tolist(), graph.out_target.tolist(), strict=True)))
    plain = other.to_undirected()
    measured = side_by_side(
        "reciprocity, transitivity, local clustering, 14k / 270k",
        {
            "graphlab": lambda: measure_all(graph, ["reciprocity", "clustering"], Told(workers=2)),
            "networkx": lambda: (nx.overall_reciprocity(other), nx.transitivity(plain)),
        },
        rounds=1,
    )
    ours, theirs = measured["graphlab"].result, measured["networkx"].result
    assert (ours.value("reciprocity"), ours.value("transitivity")) == pytest.approx(theirs)


@pytest.mark.parametrize(("null", "statistic"), [("configuration", "reciprocity"), ("reciprocal", "clustering")])
def test_nulls(fly: Snapshot, side_by_side: Any, null: str, statistic: str) -> None:
    """Samples on two workers, the diagnosis of mixing apart; a hundred are extrapolated from six."""
    told = Told()
    observed = measure_all(fly, [statistic], told)

    def run(samples: int) -> Any:
        return lambda: against_null(fly, observed, [statistic], told, null, samples=samples, workers=2)

    measured = side_by_side(
        f"{statistic} against {null}, 139k / 2.7M, 2 workers",
        {f"{2 + SAMPLES} samples": run(2 + SAMPLES), "2 samples": run(2)},
        rounds=1,
        warmup=0,
    )
    many, few = measured[f"{2 + SAMPLES} samples"], measured["2 samples"]
    for what, one, other in (("wall", many.median, few.median), ("processor", many.cpu[0], few.cpu[0])):
        per = (one - other) / SAMPLES
        side_by_side.note(
            f"{statistic} against {null}: {per:.2f} s of {what} time a sample, {(other - 2 * per):.0f} s for the hub "
            f"and the diagnosis of mixing; 100 samples: {(other + 98 * per) / 60:.1f} min of {what} time"
        )


def test_p_values_where_the_null_is_true(side_by_side: Any) -> None:
    """Graphs drawn from the null are the observed ones; what docs/validity.md prints."""
    rng = np.random.default_rng(3)
    there = rng.random((30, 30)) < np.outer(*(rng.lognormal(0, 0.7, 30) for _ in "oi")) * 0.08
    np.fill_diagonal(there, False)
    base = Snapshot.from_edges(np.arange(1, 31, dtype=np.uint64), *np.nonzero(there))
    names, sets, samples = ["reciprocity", "clustering", "assortativity", "rich-club"], 250, 99
    for null in ("configuration", "reciprocal", "er"):
        sampler = null_model(null).prepare(base, NullOptions(), 7)
        found: dict[Any, list[float]] = {}
        for number in range(sets):
            graph = sampler.draw(sample_seed(7, number))
            observed = measure_all(graph, names, Told(club_degree=5))
            one = against_null(graph, observed, names, Told(club_degree=5), null, samples=samples, seed=number)
            for key, row in one.columns.items():
                if not np.isnan(row["p"]):
                    found.setdefault(key, []).append(row["p"])
        for level in (0.02, 0.05, 0.1):
            rates = {key: np.mean(np.array(p) <= level + 1e-12) for key, p in found.items() if len(p) >= sets // 2}
            most = max(rates, key=lambda key: rates[key])
            side_by_side.note(
                f"null '{null}': P(p <= {level}) {np.mean(list(rates.values())):.4f} over {len(rates)} numbers of "
                f"{sets} graphs, at most {rates[most]:.4f} ({most[0]})"
            )
            assert rates[most] <= binom.ppf(1 - 1e-6, sets, level) / sets

"""Null models side by side: swaps against igraph's rewire, null samples with census on 1 and 2 workers."""

from __future__ import annotations

from typing import Any

import igraph
import numpy as np

from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.kernels.pair_classes import free_classes
from graphlab.motifs.kernels.swaps import copy_chain, run_chain
from graphlab.motifs.nulls.chains import prepare_chain
from graphlab.motifs.nulls.ensembles import sample_counts
from graphlab.motifs.nulls.models import NullOptions
from graphlab.motifs.nulls.registered import null_model
from queries.snapshot import Snapshot


def test_swaps_per_second(fly: Snapshot, side_by_side: Any) -> None:
    """One proposal an edge, refused ones counted, from the observed graph; tables and copies are part of it."""
    graph = fly
    states = np.random.SeedSequence(1)

    def ours(reciprocal: bool) -> Any:
        start = prepare_chain(graph, free_classes(), reciprocal)

        def run() -> np.ndarray:
            chain = copy_chain(start.chain)
            tally = np.zeros((3, 2), dtype=np.int64)
            run_chain(chain, start.classes, graph.m, states.generate_state(4, np.uint64), tally)
            return tally

        return run

    peer = igraph.Graph(n=graph.n, edges=np.column_stack([graph.sources(), graph.out_target]), directed=True)
    measured = side_by_side(
        "swap proposals, 139k neurons / 2.7M connections",
        {
            "graphlab configuration": ours(False),
            "graphlab reciprocal": ours(True),
            "igraph rewire": lambda: peer.rewire(n=graph.m),
        },
        work=graph.m,
        unit="proposals",
    )
    tally = measured["graphlab configuration"].result
    assert tally[:, 0].sum() == graph.m
    side_by_side.note(f"accepted: {tally[:, 1].sum() / graph.m:.2%} of the configuration proposals")
    assert peer.indegree() == np.diff(graph.in_start).tolist()


def test_reciprocal_samples_with_triad_census(fly: Snapshot, side_by_side: Any) -> None:
    """Four samples of 10 steps a connection with their census; a hundred are extrapolated from the median."""
    samples = 4
    sampler = null_model("reciprocal").prepare(fly, NullOptions(), 1)

    def run(workers: int) -> Any:
        return lambda: sample_counts(sampler, triad_counts, samples=samples, seed=1, workers=workers)

    triad_counts(sampler.draw(np.random.SeedSequence(0)))
    measured = side_by_side(
        "4 reciprocal null samples with triad census, 139k / 2.7M",
        {"2 workers": run(2), "1 worker": run(1)},
        rounds=2,
        warmup=0,
        work=samples,
        unit="samples",
    )
    two, one = measured["2 workers"], measured["1 worker"]
    assert two.result.tobytes() == one.result.tobytes()
    minutes = two.median / samples * 100 / 60
    side_by_side.note(
        f"100 samples: {minutes:.1f} min on 2 workers (extrapolated from {samples}); 2 workers are "
        f"{one.median / two.median:.2f}x as fast as 1; counts agree byte for byte"
    )

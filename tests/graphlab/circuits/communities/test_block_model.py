"""The block model against a plain formula, every single move, and planted blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.communities.block_model import block_model, k_means, likelihood
from graphlab.statistics.partitions import adjusted_rand_index
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def plain(graph: Snapshot, block: np.ndarray) -> float:
    """Connection by connection: sum of A_ij log(m_rs / (s_r t_s))."""
    edges = list(zip(graph.sources().tolist(), graph.out_target.tolist(), graph.weight.tolist(), strict=True))
    total = 0.0
    for i, j, w in edges:
        r, s = block[i], block[j]
        between = sum(v for a, b, v in edges if block[a] == r and block[b] == s)
        sent = sum(v for a, _, v in edges if block[a] == r)
        received = sum(v for _, b, v in edges if block[b] == s)
        total += w * math.log(between / (sent * received))
    return total


def some(seed: int, n: int = 12) -> Snapshot:
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero((rng.random((n, n)) < 0.3) & ~np.eye(n, dtype=bool))
    return Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post, rng.integers(1, 9, len(pre)) / 4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_likelihood_equals_the_formula(seed: int, parts: list[int]) -> None:
    graph, block = some(seed), np.array(parts)
    assert likelihood(graph, block) == pytest.approx(plain(graph, block), rel=1e-10, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 5))
def test_no_single_move_is_left_that_raises_it(seed: int, blocks: int) -> None:
    graph = some(seed)
    block = block_model(graph, blocks, np.random.default_rng(seed))
    ours = likelihood(graph, block)
    for i in range(graph.n):
        for s in range(blocks):
            moved = block.copy()
            moved[i] = s
            assert likelihood(graph, moved) <= ours + 1e-7


def test_planted_blocks_with_hubs_are_found() -> None:
    """A ring of blocks: each sends to the next, so that no block is dense; a tenth of the neurons are hubs."""
    rng = np.random.default_rng(3)
    n = 150
    part = np.arange(n) % 3
    busy = np.where(rng.random(n) < 0.1, 6.0, 1.0)
    rate = np.where((part[:, None] + 1) % 3 == part, 1.0, 0.08) * np.outer(busy, busy) * 0.3
    counts = rng.poisson(rate)
    np.fill_diagonal(counts, 0)
    pre, post = np.nonzero(counts)
    graph = Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post, counts[pre, post])
    found = [block_model(graph, 3, np.random.default_rng(seed)) for seed in (1, 1)]
    assert found[0].tobytes() == found[1].tobytes()
    assert adjusted_rand_index(found[0], part) > 0.95


def test_edges_of_the_range() -> None:
    graph = some(0)
    assert set(block_model(graph, 1, np.random.default_rng(0)).tolist()) == {0}
    pair = Snapshot.from_edges(np.array([1, 2], dtype=np.uint64), [0], [1], [3.0])
    assert len(block_model(pair, 2, np.random.default_rng(0))) == 2
    for blocks in (0, 13):
        with pytest.raises(AnalysisError, match="wanted 1 to the 12 neurons"):
            block_model(graph, blocks, np.random.default_rng(0))


def test_k_means_of_fewer_places_than_clusters() -> None:
    points = np.repeat([[0.0, 0.0], [5.0, 5.0]], 4, axis=0)
    found = k_means(points, 3, np.random.default_rng(0))
    assert len(set(found[:4].tolist())) == len(set(found[4:].tolist())) == 1
    assert found[0] != found[4]

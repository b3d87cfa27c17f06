"""Samples against the whole graph: every edge is one of its edges, fan-outs are kept, draws are even."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphlab.predict.learners.training.sampling import ALL, CSREdges, Sample, batch_key, part_of, sample
from ingest.schema.errors import AnalysisError


def made(n: int, seed: int, share: float = 0.2) -> sparse.csr_array:
    """Row i gathers from its columns."""
    rng = np.random.default_rng(seed)
    return sparse.csr_array(np.where(rng.random((n, n)) < share, rng.integers(1, 9, (n, n)), 0).astype(float))


def parts(found: Sample) -> bytes:
    return found.node.tobytes() + b"".join(e.receiver.tobytes() + e.sender.tobytes() for e in found.edges)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(0, 999), st.lists(st.sampled_from([1, 2, 3, 40, ALL]), min_size=1, max_size=3))
def test_samples_are_parts_of_the_graph(n: int, seed: int, fanouts: list[int]) -> None:
    kinds = [made(n, seed), made(n, seed + 1, 0.5)]
    rng = np.random.default_rng(seed)
    asked = rng.choice(n, rng.integers(1, n + 1), replace=False)
    found = sample([CSREdges.of(k) for k in kinds], asked, fanouts, batch_key(asked, seed))
    assert np.array_equal(found.node[: len(asked)], asked)
    assert len(np.unique(found.node)) == len(found.node) == sum(found.hops)
    bounds = np.cumsum(found.hops)
    reached = set(asked.tolist())
    for hop, fanout in enumerate(fanouts):
        senders = set()
        for kind, drawn in zip(kinds, found.edges, strict=True):
            ends = np.cumsum((0, *drawn.hops))
            here = slice(ends[hop], ends[hop + 1])
            receiver, sender = found.node[drawn.receiver[here]], found.node[drawn.sender[here]]
            frontier = found.node[bounds[hop] - found.hops[hop] : bounds[hop]]
            assert set(receiver.tolist()) <= set(frontier.tolist())
            for node in frontier:
                row = set(kind.indices[kind.indptr[node] : kind.indptr[node + 1]].tolist())
                drawn_row = sender[receiver == node].tolist()
                assert len(drawn_row) == len(set(drawn_row)) == (len(row) if fanout == ALL else min(fanout, len(row)))
                assert set(drawn_row) <= row
            assert np.array_equal(kind.indices[drawn.place[here]], sender)
            senders |= set(sender.tolist())
        reached |= senders
    assert reached == set(found.node.tolist())


def test_draws_hang_on_seed_epoch_and_nodes_only() -> None:
    rows = [CSREdges.of(made(60, 0, 0.5))]
    asked = np.arange(5, 15)
    first = parts(sample(rows, asked, [4, 4], batch_key(asked, 1)))
    assert first == parts(sample(rows, asked, [4, 4], batch_key(asked, 1)))
    for other in (batch_key(asked, 2), batch_key(asked, 1, 1), batch_key(asked[::-1], 1)):
        assert first != parts(sample(rows, asked, [4, 4], other))


def test_every_neighbour_is_drawn_as_often() -> None:
    """Chi-square of how often each of 20 senders is among 5 drawn, over 4,000 seeds."""
    rows = [CSREdges(np.array([0, 20] + [20] * 20, dtype=np.int64), np.arange(1, 21, dtype=np.int32))]
    asked = np.array([0])
    counts = np.zeros(21)
    for seed in range(4_000):
        counts[sample(rows, asked, [5], batch_key(asked, seed)).node[1:]] += 1
    assert counts.sum() == 20_000
    assert ((counts[1:] - 1_000) ** 2 / 750).sum() < 50  # 19 degrees of freedom: p < .0002


def test_a_part_of_a_row_is_its_mean() -> None:
    matrix = made(30, 3, 0.6)
    matrix = sparse.csr_array(sparse.diags_array(1.0 / matrix.sum(axis=1)) @ matrix)
    asked = np.array([4, 9])
    whole = sample([CSREdges.of(matrix)], asked, [ALL], 0)
    back = part_of(matrix, whole.edges[0], len(whole.node))
    np.testing.assert_allclose(back.toarray()[:2], matrix.toarray()[asked][:, whole.node])
    some = sample([CSREdges.of(matrix)], asked, [3], 0)
    np.testing.assert_allclose(part_of(matrix, some.edges[0], len(some.node)).toarray()[:2].sum(axis=1), 1.0)


def test_bad_requests() -> None:
    rows = [CSREdges.of(made(5, 0))]
    with pytest.raises(AnalysisError, match="a fan-out of 0; wanted 1 to 512, or -1 for every neighbour"):
        sample(rows, np.array([1]), [2, 0], 0)
    for nodes in ([1, 1], [5], [-1]):
        with pytest.raises(AnalysisError, match="different numbers of 0..4"):
            sample(rows, np.array(nodes), [2], 0)

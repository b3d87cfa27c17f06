"""Infomap: planted communities, and its code length by the map equation itself."""

from __future__ import annotations

import numpy as np
import pytest

from graphlab.circuits.communities.infomap import infomap
from queries.snapshot import Snapshot

pytest.importorskip("infomap")


def plogp(values: np.ndarray) -> float:
    there = values[values > 0]
    return float((there * np.log2(there)).sum())


def map_equation(flow: np.ndarray, module: np.ndarray) -> float:
    """Bits a step for flow [n, n] along connections: index and module codebooks (Rosvall & Bergstrom 2008)."""
    count = module.max() + 1
    between = np.zeros((count, count))
    np.add.at(between, (module[:, None], module[None, :]), flow)
    visits = flow.sum(axis=0)
    leaving = between.sum(axis=1) - np.diag(between)
    entering = between.sum(axis=0) - np.diag(between)
    within = np.bincount(module, visits)
    index = -plogp(entering / entering.sum()) * entering.sum() if entering.sum() else 0.0
    books = sum(
        -(plogp(np.append(visits[module == k], leaving[k])) - plogp(np.array([within[k] + leaving[k]])))
        for k in range(count)
    )
    return index + books


def test_planted_communities(three: Snapshot) -> None:
    found, bits = infomap(three, np.random.default_rng(0))
    again, _ = infomap(three, np.random.default_rng(0))
    assert found.tobytes() == again.tobytes()
    assert all(len(set(found[k::3].tolist())) == 1 for k in range(3))
    assert len(set(found.tolist())) == 3
    assert 0 < bits < np.log2(90)


def test_the_code_length_is_that_of_the_map_equation() -> None:
    """Where every connection is returned with the same weight, flow is weight and nothing else enters."""
    rng = np.random.default_rng(1)
    part = np.arange(40) % 4
    both = np.triu(rng.random((40, 40)) < np.where(part[:, None] == part, 0.6, 0.05), 1) * rng.integers(1, 9, (40, 40))
    both = both + both.T
    pre, post = np.nonzero(both)
    graph = Snapshot.from_edges(np.arange(1, 41, dtype=np.uint64), pre, post, both[pre, post])
    found, bits = infomap(graph, np.random.default_rng(0))
    module = np.unique(found, return_inverse=True)[1]
    assert bits == pytest.approx(map_equation(both / both.sum(), module), abs=1e-6)

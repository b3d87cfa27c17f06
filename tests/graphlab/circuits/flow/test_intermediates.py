"""Neurons between two groups against a loop over all of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphlab.circuits.flow.intermediates import intermediates
from graphlab.circuits.weights.weights import Weights


@pytest.mark.parametrize("seed", range(4))
def test_shares_are_those_of_a_plain_loop(random_weights: Callable[..., Weights], seed: int) -> None:
    weights = random_weights(30, 0.15, seed)
    sources, targets = np.arange(5), np.arange(25, 30)
    a = np.zeros((30, 30))
    a[weights.graph.sources(), weights.graph.out_target] = weights.graph.weight
    wanted = {}
    for v in range(5, 25):
        into, out = a[sources, v].sum(), a[v, targets].sum()
        if into and out:
            wanted[v] = (into / a[:, v].sum(), out / a[:, targets].sum())
    found = intermediates(weights, sources, targets)
    for side, shares in enumerate((found.from_sources, found.to_targets)):
        got = dict(zip(found.nodes.tolist(), shares.tolist(), strict=True))
        assert got == pytest.approx({node: both[side] for node, both in wanted.items()})
    weaker = [min(wanted[v]) for v in found.nodes.tolist()]
    assert weaker == sorted(weaker, reverse=True)
    assert found.weaker.tolist() == pytest.approx(weaker)


def test_there_may_be_none(random_weights: Callable[..., Weights]) -> None:
    weights = random_weights(6, 0.0, 0)
    assert not len(intermediates(weights, np.array([0]), np.array([5])).nodes)

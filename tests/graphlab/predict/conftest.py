"""Made examples: classes of left and right twins, pairs of neurons, and a label that hangs on both classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphlab.predict.examples import Examples


def made_pairs(classes: int = 20, seed: int = 0, share: float = 0.6) -> Examples:
    """A random ``share`` of ordered pairs of 2 x ``classes`` neurons; the label is a matter of the two classes."""
    rng = np.random.default_rng(seed)
    n = 2 * classes
    source, target = np.nonzero(~np.eye(n, dtype=bool) & (rng.random((n, n)) < share))
    group = np.arange(n) // 2
    positive = rng.random((classes, classes)) < 0.25
    label = positive[group[source], group[target]].astype(np.int64)
    side = np.tile(np.array([0, 1], dtype=np.int8), classes)
    return Examples(source, target, label, ("silent", "responds"), group, side, np.arange(n) % 3)


def made_nodes(classes: int = 30, kinds: int = 4, seed: int = 0) -> Examples:
    """2 x ``classes`` neurons, twins of one kind."""
    rng = np.random.default_rng(seed)
    group = np.arange(2 * classes) // 2
    kind = rng.permutation(np.arange(classes) % kinds)
    side = np.tile(np.array([0, 1], dtype=np.int8), classes)
    return Examples.of_nodes(["abcdefgh"[k] for k in kind[group]], group, side)


@pytest.fixture(scope="session")
def make_pairs() -> Callable[..., Examples]:
    return made_pairs


@pytest.fixture(scope="session")
def make_nodes() -> Callable[..., Examples]:
    return made_nodes


@pytest.fixture
def pairs() -> Examples:
    return made_pairs()


@pytest.fixture
def nodes() -> Examples:
    return made_nodes()

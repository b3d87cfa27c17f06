"""The network reads its partners' labels, never its own, and the same seed gives the same answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graphlab.predict.evaluate import macro_f1
from graphlab.predict.examples import Examples
from graphlab.predict.features import Inputs
from graphlab.predict.node_network import NodeNetwork
from graphlab.predict.splits import SPLITS
from ingest.errors import AnalysisError

pytest.importorskip("torch")
Make = Callable[..., Inputs]
SMALL = NodeNetwork(width=16, epochs=200, members=1, rounds=2, dropout=0.1)


def test_partners_labels_are_read(make_nodes: Callable[..., Examples], make_inputs: Make) -> None:
    """With features that say nothing, only labels of partners can tell the kinds apart."""
    nodes = make_nodes(60, 3)
    inputs = make_inputs(nodes)
    blank = replace(inputs, node=replace(inputs.node, values=np.zeros_like(inputs.node.values)))
    (fold,) = SPLITS.get("side")(nodes, 1, np.random.default_rng(0))
    found = SMALL.fit(blank, nodes.hidden(fold.train), 3, 0).predict(blank, fold.test)
    assert macro_f1(nodes.label[fold.test], found, np.ones(len(fold.test))) > 0.8
    shuffled = replace(nodes, label=np.random.default_rng(1).permutation(nodes.label))
    chance = SMALL.fit(blank, shuffled.hidden(fold.train), 3, 0).predict(blank, fold.test)
    assert macro_f1(shuffled.label[fold.test], chance, np.ones(len(fold.test))) < 0.55


def test_only_its_own_seed_matters(nodes: Examples, make_inputs: Make) -> None:
    import torch

    inputs = make_inputs(nodes)
    known = nodes.hidden(np.arange(0, nodes.m, 2))
    torch.manual_seed(1)
    one = SMALL.fit(inputs, known, 4, 5).predict(inputs, np.arange(nodes.m))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    again = SMALL.fit(inputs, known, 4, 5).predict(inputs, np.arange(nodes.m))
    assert np.array_equal(one, again)
    assert torch.equal(state, torch.get_rng_state()), "the caller's generator is left alone"
    other = SMALL.fit(inputs, known, 4, 6).predict(inputs, np.arange(nodes.m))
    assert not np.array_equal(one, other)


def test_too_few_labels(nodes: Examples, make_inputs: Make) -> None:
    with pytest.raises(AnalysisError, match="1 labelled neurons to train on"):
        SMALL.fit(make_inputs(nodes), nodes.hidden(np.array([3])), 4, 0)

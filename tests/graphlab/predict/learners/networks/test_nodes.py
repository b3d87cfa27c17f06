"""The network reads its partners' labels, never its own, and the same seed gives the same answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graphlab.predict.evaluation.evaluate import macro_f1
from graphlab.predict.evaluation.splits import SPLITS
from graphlab.predict.evaluation.uncertainty import disagreement
from graphlab.predict.inputs.examples import Examples
from graphlab.predict.inputs.features import FeatureColumns, Inputs
from graphlab.predict.learners.networks.nodes import Ensemble, NodeNetwork
from graphlab.predict.learners.training.journal import EpochLog
from ingest.schema.errors import AnalysisError

pytest.importorskip("torch")
Make = Callable[..., Inputs]
SMALL = NodeNetwork(width=16, epochs=200, members=1, rounds=2, dropout=0.1)
BRIEF = replace(SMALL, epochs=12, members=2)


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


@pytest.mark.parametrize("layers", ["sparse", "sage", "gine"])
def test_mini_batches_reach_the_score_of_the_whole_graph(
    layers: str, make_nodes: Callable[..., Examples], make_inputs: Make
) -> None:
    """Kinds told by partners' kinds alone; three partners of each neuron a step."""
    pytest.importorskip("torch_geometric")
    nodes = make_nodes(60, 3)
    inputs = make_inputs(nodes)
    (fold,) = SPLITS.get("side")(nodes, 1, np.random.default_rng(0))
    known, ones = nodes.hidden(fold.train), np.ones(len(fold.test))
    whole = replace(SMALL, layers=layers, epochs=60)
    for settings in (whole, replace(whole, batch=16, fanouts=(8, 5))):
        found = settings.fit(inputs, known, 3, 0).predict(inputs, fold.test)
        assert macro_f1(nodes.label[fold.test], found, ones) > 0.9, settings.sentence()


def test_a_restored_model_gives_the_same_answers(nodes: Examples, make_inputs: Make) -> None:
    inputs = make_inputs(nodes)
    rows = np.arange(nodes.m)
    model = BRIEF.fit(inputs, nodes.hidden(rows[::2]), 4, 1)
    assert isinstance(model, Ensemble)
    state = {name: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape) for name, a in model.state().items()}
    again = BRIEF.restore(state)
    assert np.array_equal(again.predict(inputs, rows), model.predict(inputs, rows))
    fewer = replace(inputs, node=inputs.node.of("wiring").rows(rows))
    with pytest.raises(AnalysisError, match="trained on 12 features of a neuron, the graph gives 13"):
        again.predict(
            replace(fewer, node=fewer.node.beside(FeatureColumns(np.ones((nodes.m, 1)), ("x",), ("wiring",)))), rows
        )
    with pytest.raises(AnalysisError, match="a graph with other kinds of connections"):
        again.predict(replace(inputs, layers={**inputs.layers, "electrical": inputs.layers["chemical"]}), rows)


def test_members_are_kept_and_their_mean_is_the_answer(nodes: Examples, make_inputs: Make) -> None:
    inputs, rows = make_inputs(nodes), np.arange(nodes.m)
    model = replace(BRIEF, members=3).fit(inputs, nodes.hidden(rows[::2]), 4, 1)
    assert isinstance(model, Ensemble)
    members = model.members(inputs, rows)
    assert members.shape == (3, nodes.m, 4)
    np.testing.assert_allclose(members.mean(axis=0), model.predict(inputs, rows))
    assert (disagreement(members) > 0).any()


def test_journal_and_checkpoints_of_members(nodes: Examples, make_inputs: Make, tmp_path: Path) -> None:
    inputs, known = make_inputs(nodes), nodes.hidden(np.arange(0, nodes.m, 2))
    rows = np.arange(nodes.m)
    settings = replace(BRIEF, validation=0.25, patience=1)
    journal = EpochLog(tmp_path / "a.jsonl")
    one = settings.fit(inputs, known, 4, 5, journal=journal, checkpoints=tmp_path).predict(inputs, rows)
    entries = journal.entries()
    assert {entry["run"] for entry in entries} == {"member 0", "member 1"}
    assert all(np.isfinite([entry["loss"], entry["metric"]]).all() for entry in entries)
    assert any("score" in entry for entry in entries)
    (tmp_path / "member-1.safetensors").unlink()
    again = settings.fit(inputs, known, 4, 5, journal=journal, checkpoints=tmp_path).predict(inputs, rows)
    assert np.array_equal(one, again)
    assert journal.entries() == entries


def test_too_few_labels(nodes: Examples, make_inputs: Make) -> None:
    with pytest.raises(AnalysisError, match="1 labelled neurons to train on"):
        SMALL.fit(make_inputs(nodes), nodes.hidden(np.array([3])), 4, 0)

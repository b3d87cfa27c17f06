"""The whole protocol: chance on shuffled labels, a leaky input stopped, one table on identical folds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest

from graphlab.predict.inputs.examples import Examples, Ints
from graphlab.predict.inputs.features import FeatureColumns, Inputs
from graphlab.predict.protocol import NOMINATED, Experiment, run
from ingest.schema.errors import AnalysisError, LeakError

pytest.importorskip("sklearn")
Make = Callable[..., Inputs]


def task_of(examples: Examples, make_inputs: Make, **changes: object) -> Experiment:
    made = Experiment(
        "made", examples, make_inputs, "neuron", ("logistic regression", "distance", "identity rates"), "distance",
        folds=4, bootstraps=50, notes=("labels are made",),
    )  # fmt: skip
    return replace(made, **changes)


@pytest.mark.slow
@pytest.mark.parametrize("split", ["neuron", "class"])
def test_shuffled_labels_give_chance(split: str, make_pairs: Callable[..., Examples], make_inputs: Make) -> None:
    examples = make_pairs(28, seed=3)
    names = ("logistic regression", "random forest", "identity rates", "distance")
    found: dict[str, list[float]] = {name: [] for name in names}
    # Several shuffles: in one, distance and labels go together by chance in training and test alike.
    for seed in range(4):
        shuffled = replace(examples, label=np.random.default_rng(seed).permutation(examples.label))
        scores = run(task_of(shuffled, make_inputs, split=split, predictors=names, folds=3, bootstraps=2)).scores
        for name in names:
            found[name].append(scores[name]["auroc"].value)
    for name, values in found.items():
        assert abs(np.mean(values) - 0.5) < 0.06, (name, values)


def test_a_planted_signal_is_found(make_pairs: Callable[..., Examples], make_inputs: Make) -> None:
    """Pairs respond when they are close: distance alone and the regression both know it, identity does not."""
    examples = make_pairs(24, seed=3)
    place = make_inputs(examples).pair
    near = place.values[:, place.names.index("minus_distance_um")]
    planted = replace(examples, label=(near > np.quantile(near, 0.8)).astype(np.int64))
    found = run(task_of(planted, make_inputs))
    assert found.scores["distance"]["auroc"].lo > 0.95
    assert found.scores["logistic regression"]["auroc"].value > 0.9
    assert found.scores["identity rates"]["auroc"].value == 0.5
    gap = found.differences["identity rates"]["auroc"]
    assert gap.hi < 0
    assert len(gap.folds) == 4


def test_inputs_built_from_held_out_labels_stop_the_run(pairs: Examples, make_inputs: Make) -> None:
    def leaky(examples: Examples, train: Ints) -> Inputs:
        made = make_inputs(examples)
        rate = np.bincount(examples.source, examples.label, minlength=len(examples.group))
        column = FeatureColumns(rate[examples.source][:, None], ("response_rate",), ("identity",))
        return replace(made, pair=made.pair.beside(column))

    with pytest.raises(LeakError, match="'pair' was computed from held-out labels"):
        run(task_of(pairs, make_inputs, build=leaky))

    def honest(examples: Examples, train: Ints) -> Inputs:
        made = make_inputs(examples)
        rate = np.bincount(examples.source[train], examples.label[train], minlength=len(examples.group))
        column = FeatureColumns(rate[examples.source][:, None], ("response_rate",), ("identity",))
        return replace(made, pair=made.pair.beside(column))

    assert run(task_of(pairs, make_inputs, build=honest)).card.features["response_rate"] == "identity"


def test_the_card_says_what_is_needed_to_judge(pairs: Examples, make_inputs: Make) -> None:
    told: list[tuple[int, int]] = []
    task = task_of(pairs, make_inputs, candidates=("logistic regression", "distance"))
    found = run(task, lambda done, total: told.append((done, total)))
    card = json.loads(json.dumps(asdict(found.card)))
    assert card["scores"].keys() == {*task.predictors, NOMINATED}
    assert len(card["nominated"]) == 4
    assert set(card["nominated"]) <= set(task.candidates)
    assert card["leaks"] == dict.fromkeys(card["promised_absent"], 0.0)
    assert sum(card["base_rates"].values()) == pytest.approx(1)
    assert card["notes"] == ["labels are made"]
    assert card["features"]["weight"] == "wiring"
    assert told[-1] == (36, 36), "three predictors, and two candidates on three inner folds, in each of four folds"
    assert run(task).card == found.card, "same seed, same card"
    other = run(replace(task, seed=1)).card
    assert other.split_hash != card["split_hash"]


def test_runs_that_cannot_be(pairs: Examples, make_inputs: Make) -> None:
    with pytest.raises(AnalysisError, match="'label propagation' does node tasks; this is a pair task"):
        run(task_of(pairs, make_inputs, predictors=("label propagation",)))
    with pytest.raises(AnalysisError, match="'hops' is not among the predictors of the run"):
        run(task_of(pairs, make_inputs, reference="hops"))

"""Entries of the card: everything JSON-ready, ways that do not suit a predictor said and not silently absent."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from graphlab.predict.explain import explained
from graphlab.predict.inputs.examples import Examples
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.protocol import Experiment, run

pytest.importorskip("sklearn")


def test_entries_of_a_card(make_pairs: Callable[..., Examples], make_inputs: Callable[..., Inputs]) -> None:
    names = ("logistic regression", "distance", "identity rates")
    examples = make_pairs(14, seed=2)
    task = Experiment(
        "made", examples, lambda some, train: make_inputs(some), "class", names, names[0], 2, bootstraps=10
    )
    found = run(task)
    assert set(explained(found)) == {"uncertainty"}
    card = json.loads(json.dumps(explained(found, "logistic regression", repeats=1), allow_nan=False))
    assert set(card["uncertainty"]) == set(names)
    assert {(row["way"], row["of"]) for row in card["importance"]} == {
        (way, family) for way in ("shuffled", "left out") for family in ("wiring", "distance")
    }
    assert card["importance_notes"] == []
    assert card["uncertainty"]["distance"]["most_common"]["value"] > 0.5
    of_one_quantity = explained(found, "distance", repeats=1)
    assert {row["way"] for row in of_one_quantity["importance"]} == {"shuffled"}
    (note,) = of_one_quantity["importance_notes"]
    assert "needs the pair feature 'minus_distance_um'" in note
    of_memory = explained(found, "identity rates", repeats=1)
    assert any("answers from what it saw" in note for note in of_memory["importance_notes"])
    assert all(row["loss"]["value"] == 0.0 for row in of_memory["importance"])

"""Three worlds whose makers were fixed first: doubt by distance wins, max-softmax wins, max-softmax misleads."""

from __future__ import annotations

import numpy as np
import pytest

from graphlab.predict.evaluation import doubts, unseen
from graphlab.predict.learners.linear import logistic
from graphlab.statistics.scores import auroc
from ingest.schema.errors import AnalysisError
from ingest.synthetic.embedded_cells import made_cells

pytest.importorskip("sklearn")


def scored(world: str) -> dict[str, unseen.Strangers]:
    """One score a cell: trained on 300 known cells, threshold from 150 others, a half of strangers in the test."""
    cells = made_cells(11, 900, world=world, strange=0.25, windows=8)
    label = np.array([int(name[1:]) if name[0] == "T" else -1 for name in cells.type])
    mean = np.add.reduceat(cells.vectors, cells.first[:-1], dtype=np.float64) / np.diff(cells.first)[:, None]
    rng = np.random.default_rng(0)
    known = rng.permutation(np.flatnonzero(label >= 0))
    train, held, test = np.split(known, [300, 450])
    asked = np.concatenate(unseen.mixed_half(test, np.flatnonzero(label < 0), rng))
    model = logistic(mean[train], label[train], 4)
    p = model.probability(mean[asked])
    both = {
        "max softmax": (doubts.max_softmax(p), doubts.max_softmax(model.probability(mean[held]))),
        "neighbours": tuple(doubts.neighbour_distance(mean[train], mean[k]) for k in (asked, held)),
        "mahalanobis": tuple(doubts.mahalanobis(mean[train], label[train], mean[k]) for k in (asked, held)),
    }
    found = {}
    for name, (doubt, validation) in both.items():
        found[name] = unseen.strangers(doubt, p, label[asked], validation, np.random.default_rng(5), bootstraps=100)
        assert found[name].auroc.value == pytest.approx(auroc(doubt, label[asked] < 0))
        assert found[name].auroc.lo <= found[name].auroc.value <= found[name].auroc.hi
        assert found[name].withheld_known < 0.15, "the threshold holds for known cells, whoever else is there"
    return found


def test_apart_distance_knows() -> None:
    found = scored("apart")
    assert found["neighbours"].auroc.lo > 0.95
    assert found["mahalanobis"].auroc.lo > 0.95


def test_between_max_softmax_wins() -> None:
    found = scored("between")
    assert found["max softmax"].auroc.lo > found["neighbours"].auroc.hi
    assert unseen.table_of(found)[0]["doubt"] == "max softmax"


def test_beyond_a_classifier_is_surest_of_what_it_should_not_be() -> None:
    found = scored("beyond")
    assert found["max softmax"].auroc.hi < 0.5
    assert found["mahalanobis"].auroc.lo > 0.95


def test_f1_counts_strangers_and_what_is_withheld() -> None:
    label, said = np.array([0, 0, 1, -1]), np.array([0, 1, 1, 0])
    everyone, weight = np.ones(4, dtype=bool), np.ones(4)
    # Label 0: one right of two, called twice; label 1: one right of one, called twice.
    assert unseen.selective_f1(said, label, everyone, weight, 2) == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert unseen.selective_f1(said, label, label == 0, weight, 2) == pytest.approx((2 / 3 + 0) / 2)
    p = np.eye(2)[said]
    curve = unseen.f1_by_rejection(np.array([0.1, 0.8, 0.2, 0.9]), p, label, (0.0, 0.25, 0.5))
    assert list(curve.values()) == pytest.approx([7 / 12, (2 / 3 + 2 / 3) / 2, 1.0])


def test_some_of_both_are_wanted() -> None:
    with pytest.raises(AnalysisError, match="3 known test cells, 0 of unlabelled types"):
        unseen.mixed_half(np.arange(3), np.empty(0, dtype=np.int64), np.random.default_rng(0))

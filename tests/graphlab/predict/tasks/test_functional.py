"""Pairs of a response atlas; the worm (Randi et al. 2023) with the bar that any model has to pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphlab.predict.protocol import run
from graphlab.predict.tasks import functional
from graphlab.predict.tasks.functional import FunctionalData, functional_task
from ingest.schema.errors import AnalysisError, SchemaError
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")


def made(n: int = 40, seed: int = 0) -> FunctionalData:
    """Whoever is wired, and near, responds; twins next to each other in the numbering."""
    rng = np.random.default_rng(seed)
    ids = np.arange(1, n + 1, dtype=np.uint64)
    wired = np.triu(rng.random((n, n)) < 0.3, 1) | np.tril(rng.random((n, n)) < 0.3, -1)
    place = rng.random((n, 3)) * 1e5
    near = np.linalg.norm(place[:, None] - place[None], axis=2) < 6e4
    chemical = Snapshot.from_edges(ids, *np.nonzero(wired))
    return FunctionalData(
        ids, {"chemical": chemical}, (wired & near).astype(np.int8), [str(k // 2) for k in range(n)], place
    )


def test_pairs_are_measured_placed_and_of_two_neurons() -> None:
    measured = made()
    responds = measured.responds.copy()
    responds[0, 1] = -1
    assert measured.position_nm is not None
    place = measured.position_nm.copy()
    place[5] = np.nan
    examples = functional.examples_of(replace(measured, responds=responds, position_nm=place))
    assert examples.m == 39 * 38 - 1
    assert (examples.source != examples.target).all()
    assert 5 not in examples.source
    assert np.array_equal(examples.label, responds[examples.source, examples.target])
    with pytest.raises(SchemaError, match=r"responses \(39, 39\)"):
        functional.examples_of(replace(measured, responds=responds[1:, 1:]))
    with pytest.raises(AnalysisError, match="no measured pair"):
        functional.examples_of(replace(measured, responds=np.full((40, 40), -1, dtype=np.int8)))


def test_made_responses_are_found_with_both_ends_unseen() -> None:
    task = functional_task(made(), folds=3, bootstraps=20)
    assert set(task.candidates) <= set(task.predictors)
    names = ("identity rates", "synapse count", "random forest", "random forest without distance")
    found = run(replace(task, predictors=names, reference="random forest", candidates=()))
    assert found.scores["random forest"]["auroc"].value > 0.95
    assert found.scores["random forest without distance"]["auroc"].value < found.scores["random forest"]["auroc"].value
    assert found.scores["identity rates"]["auroc"].value == 0.5
    assert 0.6 < found.scores["synapse count"]["auroc"].value < found.scores["random forest"]["auroc"].value
    bare = functional_task(replace(made(), position_nm=None))
    assert "distance" not in bare.predictors


@pytest.mark.slow
def test_randi_and_the_bar(randi_measured: FunctionalData) -> None:
    """Both ends unseen: synapse count says little, distance much, and no model is far ahead of it."""
    names = ("synapse count", "distance", "identity rates", "logistic regression", "random forest",
             "random forest without distance")  # fmt: skip
    task = functional_task(randi_measured, folds=4, bootstraps=100)
    task = replace(task, predictors=names, reference="random forest", candidates=())
    # All pairs with a kernel: AWC's two names are translated, so that none lacks wiring or a place.
    assert (task.examples.m, int(task.examples.label.sum())) == (24_320, 1_154)
    found = run(task)
    for name, scores in found.scores.items():
        print(name, {metric: f"{e.value:.3f} [{e.lo:.3f}, {e.hi:.3f}]" for metric, e in scores.items()})
    auroc = {name: scores["auroc"].value for name, scores in found.scores.items()}
    assert set(found.leaks.values()) == {0.0}
    assert auroc["identity rates"] == 0.5
    assert 0.5 < auroc["synapse count"] < 0.6
    assert 0.66 < auroc["distance"] < 0.77
    assert auroc["random forest without distance"] < auroc["random forest"]
    for name in ("random forest", "logistic regression"):
        assert 0.66 < auroc[name] < 0.82, name
    assert 1_000 < np.mean([fold["test"] for fold in found.card.folds]) < 2_500

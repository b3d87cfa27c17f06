"""Sizes and signs of responses: recovered where wiring makes them, and no better than the mean where nothing does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphlab.predict.controls.control_plan import NOT_AVAILABLE, ControlResult, ControlSetup
from graphlab.predict.controls.response_size import (
    AMONG,
    CLIP,
    SIGN,
    SIZE,
    size_and_sign,
    sizes_of,
)
from graphlab.predict.evaluation.evaluate import Estimate
from graphlab.predict.tasks.functional import FunctionalData
from ingest.schema.errors import SchemaError
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")


def made(gain: float = 0.3, n: int = 48, seed: int = 0) -> FunctionalData:
    """Joined pairs respond by what their weight says; a third of the neurons, known by their many inputs, go down."""
    rng = np.random.default_rng(seed)
    ids = np.arange(1, n + 1, dtype=np.uint64)
    down = np.arange(n) % 3 == 0
    there = rng.random((n, n)) < np.where(down, 0.5, 0.2)[None]
    np.fill_diagonal(there, False)
    weight = np.where(there, rng.integers(1, 9, (n, n)), 0)
    size = gain * np.log1p(weight) * np.where(down, -1, 1)[None] + rng.normal(0, 0.1, (n, n))
    snapshot = Snapshot.from_edges(ids, *np.nonzero(weight), weight[np.nonzero(weight)])
    return FunctionalData(ids, {"chemical": snapshot}, there.astype(np.int8), [str(k // 2) for k in range(n)],
                    rng.random((n, 3)) * 1e5, None, size)  # fmt: skip


def of(rows: list[ControlResult], question: str, what: str, metric: str) -> Estimate:
    (row,) = (r for r in rows if (r.control, r.what, r.metric) == (question, what, metric))
    assert row.estimate is not None
    return row.estimate


def test_sizes_and_signs_that_wiring_makes_are_recovered() -> None:
    rows = size_and_sign(ControlSetup.of(made(n=64), folds=4, bootstraps=50))
    for question in (SIZE, AMONG):
        for metric in ("pearson", "spearman", "r2"):
            assert of(rows, question, "random forest", metric).value > 0.6, (question, metric)
            # A draw of classes of one sign has next to no variance to explain: intervals of r2 are wide.
            if metric != "r2":
                assert of(rows, question, "random forest", metric).lo > 0.5, (question, metric)
                assert of(rows, question, "gain of random forest over distance", metric).lo > 0.4
        assert abs(of(rows, question, "distance", "pearson").value) < 0.15
        assert -0.2 < of(rows, question, "mean", "r2").value <= 0.0
        assert np.isnan(of(rows, question, "mean", "pearson").value)
        assert of(rows, question, "ridge", "pearson").lo > 0.4
    assert of(rows, SIGN, "mean", "auroc").value == 0.5
    assert of(rows, SIGN, "random forest", "auroc").lo > 0.9
    assert of(rows, SIGN, "gain of random forest over distance", "auroc").lo > 0.2
    assert abs(of(rows, SIGN, "identity rates", "auroc").value - 0.5) < 1e-9, "no class of a test pair was seen"


def test_noise_is_not_predicted() -> None:
    measured = made()
    noise = replace(measured, size=np.random.default_rng(1).normal(0, 0.2, (48, 48)))
    rows = size_and_sign(ControlSetup.of(noise, folds=4, bootstraps=50))
    for name in ("ridge", "random forest"):
        assert abs(of(rows, SIZE, name, "pearson").value) < 0.08
        assert of(rows, SIZE, name, "r2").value < 0.02
    assert abs(of(rows, SIGN, "random forest", "auroc").value - 0.5) < 0.12


def test_a_sign_is_scored_among_responders_only_and_on_the_same_folds() -> None:
    measured = made()
    size = measured.size
    assert size is not None
    changed = np.where(measured.responds == 1, size, -7.0 * size)
    plan, other = (ControlSetup.of(replace(measured, size=s), "logistic regression", folds=3, bootstraps=10)
                   for s in (size, changed))  # fmt: skip
    one, two = size_and_sign(plan, ("mean", "distance")), size_and_sign(other, ("mean", "distance"))
    for question in (AMONG, SIGN):
        # As text, in which an undefined number equals itself.
        assert str([r for r in one if r.control == question]) == str([r for r in two if r.control == question])
    assert str([r for r in one if r.control == SIZE]) != str([r for r in two if r.control == SIZE])


def test_sizes_follow_pairs_and_are_clipped() -> None:
    measured = made()
    assert measured.size is not None
    size = measured.size.copy()
    size[1, 2], size[2, 1], size[3, 4] = 5.0, -3.0, np.nan
    plan = ControlSetup.of(replace(measured, size=size), "distance", folds=2, bootstraps=0)
    found = sizes_of(plan)
    place = {
        (int(a), int(b)): k for k, (a, b) in enumerate(zip(plan.examples.source, plan.examples.target, strict=True))
    }
    assert (found[place[1, 2]], found[place[2, 1]]) == (CLIP, -CLIP)
    assert np.isnan(found[place[3, 4]])
    assert found[place[7, 9]] == np.clip(size[7, 9], -CLIP, CLIP)
    with pytest.raises(SchemaError, match=r"sizes of responses \(3, 3\) for 48 neurons"):
        sizes_of(ControlSetup.of(replace(measured, size=np.zeros((3, 3))), "distance", folds=2, bootstraps=0))


def test_what_cannot_be_asked_says_why() -> None:
    measured = made()
    for size in (None, np.full((48, 48), np.nan)):
        rows = size_and_sign(ControlSetup.of(replace(measured, size=size), "distance", folds=2, bootstraps=0))
        assert [row.control for row in rows] == [SIZE, AMONG, SIGN]
        assert {row.cells()[4] for row in rows} == {NOT_AVAILABLE}
    up = replace(measured, size=np.abs(measured.size))  # type: ignore[arg-type]
    (sign,) = (r for r in size_and_sign(ControlSetup.of(up, "distance", folds=2, bootstraps=0)) if r.control == SIGN)
    assert sign.note == "every responder has the same sign"
    few = np.where(np.arange(48)[:, None] < 2, measured.size, np.nan)
    rows = size_and_sign(ControlSetup.of(replace(measured, size=few), "distance", folds=3, bootstraps=0))
    assert "too few of these pairs" in rows[0].note


def test_randi_sizes_stand_at_the_pairs_of_the_atlas(randi_sized: FunctionalData) -> None:
    """Figure 2 and the atlas are two files; where both have a pair they agree, and most responses are increases."""
    size, responds = randi_sized.size, randi_sized.responds
    assert size is not None
    off = ~np.eye(len(size), dtype=bool)
    assert int((np.isfinite(size) & (responds == 1) & off).sum()) == 1_154
    assert int((np.isfinite(size) & (responds >= 0) & off).sum()) > 22_000
    up = size[(responds == 1) & off]
    assert int((up < 0).sum()) == 150
    assert np.abs(up).mean() > 3 * np.nanmean(np.abs(size[(responds == 0) & off]))

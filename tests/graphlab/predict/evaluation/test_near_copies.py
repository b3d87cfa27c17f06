"""One neuron under two names is found on both sides of a split, and no random graph has such."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graphlab.predict.evaluation import near_copies as module
from graphlab.predict.evaluation.leaks import unchecked
from graphlab.predict.evaluation.near_copies import NearCopies, near_copies
from graphlab.predict.evaluation.splits import SPLITS
from graphlab.predict.inputs.features import embedding_columns
from graphlab.predict.protocol import Experiment
from graphlab.predict.tasks.cell_type import CellTypeData, cell_type_task
from graphlab.statistics.folds import Fold
from queries.snapshot import Snapshot


def copied(typed: CellTypeData, share: float, noise: float = 0.0, seed: int = 0) -> CellTypeData:
    """Some neurons a second time: the same partners, a few of them left out where there is noise."""
    rng = np.random.default_rng(seed)
    n = len(typed.root_ids)
    view = typed.snapshots["chemical"]
    dense = np.zeros((n, n))
    dense[view.sources(), view.out_target] = view.weight
    again = rng.choice(n, round(share * n), replace=False)
    index = np.append(np.arange(n), again)
    whole = dense[np.ix_(index, index)]
    of_copies = (np.arange(len(index)) >= n)[:, None] | (np.arange(len(index)) >= n)
    whole[of_copies & (rng.random(whole.shape) < noise)] = 0
    ids = np.arange(1, len(whole) + 1, dtype=np.uint64)
    snapshot = Snapshot.from_edges(ids, *np.nonzero(whole), whole[np.nonzero(whole)])
    return CellTypeData(ids, {"chemical": snapshot}, [*typed.cell_type, *(typed.cell_type[k] for k in again)])


def fold_of(task: Experiment, train: int) -> Fold:
    rows = np.arange(task.examples.m)
    return Fold(rows[:train], rows[train:])


def looked(task: Experiment, folds: list[Fold], **more: object) -> NearCopies:
    return near_copies(replace(task.build(task.examples, folds[0].train), **more), task.examples, folds)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
def test_copied_neurons_are_found_by_partners_and_features(noise: float, typed_by: Callable[..., CellTypeData]) -> None:
    task = cell_type_task(copied(typed_by(0, 120), 0.25, noise))
    found = looked(task, [fold_of(task, 120)])
    assert found.looked_at == 30
    assert found.share["partners"] >= 0.8
    if not noise:
        assert found.share["features"] >= 0.8
    assert any("near copy in training by partners, and no twin is declared" in line for line in found.lines())
    copy, original = found.pairs["partners"][0]
    assert copy > 120 >= original


def test_declared_twins_are_not_counted(typed_by: Callable[..., CellTypeData]) -> None:
    typed = copied(typed_by(0, 120), 0.25)
    again = np.random.default_rng(0).choice(120, 30, replace=False)
    partner: list[int | None] = [None] * 120 + [int(k) + 1 for k in again]
    task = cell_type_task(replace(typed, partner=partner))
    found = looked(task, [fold_of(task, 120)])
    assert found.share["partners"] == found.share["features"] == 0.0
    assert found.lines() == []


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
def test_copied_embeddings_are_found(noise: float, typed_by: Callable[..., CellTypeData]) -> None:
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(100, 16))
    vectors[80:90] = vectors[:10] + noise * rng.normal(size=(10, 16))
    task = cell_type_task(replace(typed_by(0, 100), embeddings=vectors))
    found = looked(task, [fold_of(task, 80)])
    assert found.share == {"features": 0.0, "embeddings": 0.5, "partners": 0.0}


@pytest.mark.parametrize(
    ("seed", "informed", "n"), [(0, 0.0, 90), (1, 0.0, 300), (2, 1.0, 90), (3, 1.0, 300), (4, 0.5, 150)]
)
def test_random_graphs_have_no_copies(
    seed: int, informed: float, n: int, typed_by: Callable[..., CellTypeData]
) -> None:
    task = cell_type_task(typed_by(seed, n, informed))
    folds = SPLITS.get("class")(task.examples, 5, np.random.default_rng(0))
    found = looked(task, folds)
    assert found.looked_at == n
    assert set(found.share.values()) == {0.0}
    assert found.lines() == []


def test_neurons_without_partners_are_no_copies_of_each_other() -> None:
    ids = np.arange(1, 61, dtype=np.uint64)
    ring = Snapshot.from_edges(ids, np.arange(30), np.roll(np.arange(30), 1), np.ones(30))
    task = cell_type_task(CellTypeData(ids, {"chemical": ring}, ["a", "b"] * 30))
    found = looked(task, [fold_of(task, 40)])
    assert set(found.share.values()) == {0.0}


def test_the_search_is_bounded_and_says_so(
    typed_by: Callable[..., CellTypeData], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_NEURONS", 50)
    task = cell_type_task(copied(typed_by(0, 120), 0.25))
    found = looked(task, [fold_of(task, 120)])
    assert "looked for among 50 neurons" in found.note
    assert embedding_columns(np.eye(3)).families == ("embeddings",) * 3


def test_promises_that_nobody_can_check(typed_by: Callable[..., CellTypeData]) -> None:
    alone, twins = (cell_type_task(typed_by(0, twins=paired)).examples for paired in (False, True))
    assert set(unchecked(alone)) == {"shared class", "mirror pair", "reversed pair"}
    assert unchecked(twins) == {}
    pairs = replace(alone, source=alone.source[:-1], target=alone.source[1:], label=alone.label[1:])
    assert set(unchecked(pairs)) == {"shared class", "mirror pair"}

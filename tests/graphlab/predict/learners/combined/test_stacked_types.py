"""Partners' predicted types teach what a neuron's own features do not, and no label reaches its own prediction."""

from __future__ import annotations

import numpy as np
import pytest

from graphlab.predict.evaluation.evaluate import accuracy
from graphlab.predict.learners.class_weights import LARGEST, class_weights, example_weights
from graphlab.predict.learners.combined.stacked_types import PARTS, StackedTypes, _parts
from graphlab.predict.learners.trees.forest import RandomForest
from graphlab.predict.tasks.cell_type import CellTypeData, cell_type_task
from ingest.schema.errors import SchemaError
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")
SMALL = StackedTypes(rounds=1, trees=40)


def relays(n: int = 120, seed: int = 0) -> CellTypeData:
    """Sources of two kinds, told by their degree; every other neuron is of the kind of the sources it hears."""
    rng = np.random.default_rng(seed)
    sources = n // 3
    kind = rng.permutation(np.arange(n) % 2)
    matrix = np.zeros((n, n))
    for k in range(sources, n):
        alike = np.flatnonzero(kind[:sources] == kind[k])
        matrix[rng.choice(alike, min(4, len(alike)), replace=False), k] = 1
    # A degree that tells the kinds of sources apart, towards neurons of no label.
    rest = n + np.arange(30)
    whole = np.zeros((n + 30, n + 30))
    whole[:n, :n] = matrix
    for k in range(sources):
        whole[k, rng.choice(rest, 20 if kind[k] else 5, replace=False)] = 1
    ids = np.arange(1, n + 31, dtype=np.uint64)
    snapshot = Snapshot.from_edges(ids, *np.nonzero(whole), whole[np.nonzero(whole)])
    names: list[str | None] = [("x" if k < sources else "y") + "ab"[kind[k]] for k in range(n)]
    return CellTypeData(ids, {"chemical": snapshot}, [*names, *[None] * 30])


def test_partners_types_are_read() -> None:
    task = cell_type_task(relays(), "class", folds=3)
    examples = task.examples
    train = np.flatnonzero(np.arange(examples.m) % 3 != 0)
    test = np.setdiff1d(np.arange(examples.m), train)
    inputs = task.build(examples, train)
    # Without coordinates of the wiring a neuron knows its degrees and no partner.
    inputs.node.values[:, [k for k, name in enumerate(inputs.node.names) if "_spectral_" in name]] = 0.0
    known = examples.hidden(train)
    right = {
        one.name: accuracy(examples.label[test], one.fit(inputs, known, 4, 0).predict(inputs, test), np.ones(len(test)))
        for one in (RandomForest(), SMALL)
    }
    assert right["stacked types"] > right["random forest"] + 0.15, right


def test_no_label_reaches_what_is_said_of_its_own_class() -> None:
    """Every label of one homologue class changed: what is handed on of that class stays, to the byte."""
    task = cell_type_task(relays(60), "class")
    examples = task.examples
    inputs = task.build(examples, np.arange(examples.m))
    known = examples.hidden(np.arange(40))
    said = SMALL.fit(inputs, known, 4, 3).state()["said 0"]
    for changed in (0, 7, 21):
        other = known.copy()
        other[changed] = (other[changed] + 1) % 4
        again = SMALL.fit(inputs, other, 4, 3).state()["said 0"]
        assert np.array_equal(said[changed], again[changed])
        assert not np.array_equal(said, again), "others do hear of it"


def test_parts_never_divide_a_class() -> None:
    group = np.array([4, 4, 9, 9, 9, 2, 7, 1, 0, 3])
    part, parts = _parts(group, 0)
    assert parts == PARTS
    assert all(len(set(part[group == k].tolist())) == 1 for k in group)
    assert _parts(np.array([5, 5, 5]), 0)[1] == 1


def test_one_class_of_homologues_gives_a_plain_forest() -> None:
    task = cell_type_task(relays(45), "class")
    inputs = task.build(task.examples, np.arange(45))
    inputs.group[:] = 0
    fitted = SMALL.fit(inputs, task.examples.hidden(np.arange(20)), 4, 0)
    assert "said 0" not in fitted.state()
    assert fitted.predict(inputs, np.arange(45)).shape == (45, 4)


def test_states_of_something_else() -> None:
    task = cell_type_task(relays(45), "class")
    inputs = task.build(task.examples, np.arange(45))
    state = SMALL.fit(inputs, task.examples.hidden(np.arange(20)), 4, 0).state()
    with pytest.raises(SchemaError, match="predictions of some neurons are missing"):
        SMALL.restore({**state, "said 0": state["said 0"][:3]})


def test_weights_are_the_root_of_rarity() -> None:
    label = np.array([0] * 90 + [1] * 10 + [2])
    assert class_weights(label, 4).tolist() == [1.0, 3.0, LARGEST, LARGEST]
    assert example_weights(label, 4)[95] == 3.0

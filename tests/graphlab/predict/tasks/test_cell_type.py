"""Examples and homologues of a graph, and curves of labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphlab.predict.tasks import cell_type
from graphlab.predict.tasks.cell_type import CellTypeData, cell_type_task, label_curve
from ingest.schema.errors import SchemaError
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")
pytest.importorskip("torch")


def made(n: int = 40, seed: int = 0) -> CellTypeData:
    rng = np.random.default_rng(seed)
    ids = np.arange(10, 10 + n, dtype=np.uint64)
    kind = np.repeat(rng.integers(0, 3, n // 2), 2)
    kind[:6] = [0, 0, 1, 1, 2, 2]
    rate = rng.random((3, 3)) * 0.5 + 0.2 * np.eye(3)
    pre, post = np.nonzero(rng.random((n, n)) < rate[kind][:, kind])
    partner: list[int | None] = [int(ids[k ^ 1]) for k in range(n)]
    snapshot = Snapshot.from_edges(ids, pre, post, rng.integers(1, 9, len(pre)))
    return CellTypeData(ids, {"chemical": snapshot}, ["abc"[k] for k in kind], partner, ["left", "right"] * (n // 2))


def test_homologues_share_a_class() -> None:
    ids = np.array([5, 7, 9, 11], dtype=np.uint64)
    assert cell_type.homologue_groups(ids, None).tolist() == [0, 1, 2, 3]
    assert cell_type.homologue_groups(ids, [9, None, None, 99]).tolist() == [0, 1, 0, 3]
    assert cell_type.homologue_groups(ids, [9, 9, 5, None]).tolist() == [0, 0, 0, 3]
    assert cell_type.side_numbers(["L", "right", None, "C", "Left"]).tolist() == [0, 1, -1, -1, 0]


def test_a_list_of_another_length() -> None:
    with pytest.raises(SchemaError, match="39 cell types for 40 neurons"):
        cell_type_task(replace(made(), cell_type=["a"] * 20 + ["b"] * 19))


def test_embeddings_are_features_of_their_own_family() -> None:
    typed = replace(made(), embeddings=np.random.default_rng(0).normal(size=(40, 4)))
    task = cell_type_task(typed)
    node = task.build(task.examples, np.arange(5)).node
    assert len(node.of("embeddings").names) == 4
    assert len(node.without("embeddings").names) == 4 + 2 * cell_type.DIMENSIONS


def test_coordinates_opposite_on_both_sides_enter_by_size() -> None:
    """A brain of two mirrored halves that hardly talk: their contrast is a coordinate, and is folded."""
    rng = np.random.default_rng(0)
    half = (rng.random((60, 60)) < 0.2) * rng.integers(1, 9, (60, 60))
    matrix = np.block([[half, half * (rng.random((60, 60)) < 0.1)], [half * (rng.random((60, 60)) < 0.1), half]])
    ids = np.arange(1, 121, dtype=np.uint64)
    snapshot = Snapshot.from_edges(ids, *np.nonzero(matrix), matrix[np.nonzero(matrix)])
    typed = CellTypeData(ids, {"chemical": snapshot}, ["a", "b"] * 60, None, ["left"] * 60 + ["right"] * 60)
    task = cell_type_task(typed)
    inputs, plain = (
        cell_type.build_inputs(t.wiring)(task.examples, np.arange(3)) for t in (typed, replace(typed, side=None))
    )
    changed = (inputs.node.values != plain.node.values).any(axis=0)
    assert changed.any()
    assert all("_spectral_" in name for name, c in zip(inputs.node.names, changed, strict=True) if c)
    assert np.array_equal(inputs.node.values[:, changed], np.abs(plain.node.values[:, changed]))
    assert inputs.notes == [
        f"{changed.sum()} spectral coordinates are opposite on both sides and enter by their size alone"
    ]
    assert plain.notes == []
    twins = np.arange(60), np.arange(60, 120)
    contrast = [x.node.values[:, changed] for x in (inputs, plain)]
    apart = [np.abs(values[twins[0]] - values[twins[1]]).mean() for values in contrast]
    assert apart[0] < apart[1] / 2, "twins resemble each other again"


def test_label_curve_rises() -> None:
    task = replace(cell_type_task(made(80), bootstraps=20), predictors=("random forest",))
    curve = label_curve(task, (0.1, 0.6), repeats=2)["random forest"]
    assert curve[0.6].value > curve[0.1].value
    assert len(curve[0.1].folds) == 2

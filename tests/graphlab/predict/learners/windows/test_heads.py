"""Heads of windows: what is learned, that cells vote, ablations, and windows of another encoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from graphlab.predict.evaluation import doubts
from graphlab.predict.inputs.examples import HIDDEN
from graphlab.predict.inputs.features import Inputs, embedding_columns, no_columns
from graphlab.predict.inputs.windows import Windows, vote
from graphlab.predict.learners.windows.heads import A_CELL, FittedHead, WindowHead, _draw
from ingest.schema.errors import AnalysisError, VersionError
from ingest.synthetic.embedded_cells import made_cells

SMALL = {"hidden": 16, "features": 64, "steps": 200}


@pytest.fixture(scope="module")
def made() -> tuple[Inputs, np.ndarray]:
    cells = made_cells(2, 90, types=3, strange=0.2, windows=10, width=8)
    windows, n = Windows(cells.vectors, cells.first), len(cells.root_ids)
    everyone, nobody = np.arange(n), np.zeros(n)
    inputs = Inputs(
        cells.root_ids, {}, embedding_columns(windows.mean()), no_columns(n), everyone, everyone, everyone, nobody,
        windows=windows,
    )  # fmt: skip
    return inputs, np.array([int(name[1:]) if name[0] == "T" else HIDDEN for name in cells.type])


@pytest.mark.parametrize(
    "other", [{}, {"bound": 0.0}, {"features": 0}, {"features": 0, "laplace": True}, {"features": 0, "members": 2}]
)
def test_it_learns_types_and_doubts_strangers(made: tuple[Inputs, np.ndarray], other: dict[str, object]) -> None:
    inputs, label = made
    known = label.copy()
    known[::2] = HIDDEN
    fitted = replace(WindowHead(), **{**SMALL, **other}).fit(inputs, known, 3, 0)  # type: ignore[arg-type]
    assert isinstance(fitted, FittedHead)
    asked = np.flatnonzero((known == HIDDEN) & (label != HIDDEN))
    assert (fitted.predict(inputs, asked).argmax(axis=1) == label[asked]).mean() > 0.9
    strange = np.flatnonzero(label == HIDDEN)
    assert fitted.doubt(inputs, strange).mean() > fitted.doubt(inputs, asked).mean()
    assert len(fitted.members(inputs, asked)) == other.get("members", 1)


def test_a_cell_has_the_mean_of_its_windows(made: tuple[Inputs, np.ndarray]) -> None:
    inputs, label = made
    fitted = replace(WindowHead(), **{**SMALL, "steps": 8}).fit(inputs, label, 3, 0)  # type: ignore[arg-type]
    assert isinstance(fitted, FittedHead)
    assert inputs.windows is not None
    asked = np.array([5, 0, 40])
    at, place = inputs.windows.rows(asked)
    wanted = vote(doubts.softmax(fitted.window_logits(inputs.windows, at)[0]), place, 3)
    assert np.allclose(fitted.predict(inputs, asked), wanted)


def test_windows_of_another_encoder_are_refused(made: tuple[Inputs, np.ndarray]) -> None:
    inputs, label = made
    fitted = replace(WindowHead(), **{**SMALL, "steps": 8}).fit(inputs, label, 3, 0)  # type: ignore[arg-type]
    other = replace(inputs, windows=Windows.single(np.zeros((len(label), 5), dtype=np.float32)))
    with pytest.raises(VersionError, match=r"trained on windows of 8 numbers, these have 5"):
        fitted.predict(other, np.arange(3))
    with pytest.raises(AnalysisError, match="looks at windows of embeddings, and this task has none"):
        WindowHead().fit(replace(inputs, windows=None), label, 3, 0)
    with pytest.raises(AnalysisError, match="0 labelled cells"):
        WindowHead().fit(inputs, np.full(len(label), HIDDEN), 3, 0)


def test_a_long_cell_counts_for_no_more_than_others() -> None:
    windows = Windows(np.zeros((500, 2), dtype=np.float32), np.array([0, 10, 400, 500]))
    at, place = _draw(windows, np.array([1, 0]), np.random.default_rng(0))
    assert np.bincount(place).tolist() == [A_CELL, 10]
    assert len(set(at.tolist())) == len(at)
    assert ((at[place == 0] >= 10) & (at[place == 0] < 400)).all()

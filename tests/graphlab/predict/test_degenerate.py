"""Graphs and labels too thin to learn from: one clear error each, or a model; never a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.predict.inputs.features import layer, wiring_columns
from graphlab.statistics.spectral import GOLDEN, TIE, spectral_embedding
from ingest.schema.errors import AnalysisError, GraphlabError
from queries.snapshot import Snapshot

pytest.importorskip("sklearn")
pytest.importorskip("safetensors")
NAMES = [f"n{k}" for k in range(24)]
RING = [(NAMES[k], NAMES[(k + 1) % 24], 3) for k in range(24)]
STAR = [(NAMES[0], name, 3) for name in NAMES[1:]]
ALTERNATE = ["A", "B"] * 12


def train(path: Path, types: list[str | None], edges: list[tuple[str, str, int]], **options: Any) -> Any:
    with Graph.create(path / "g", dataset="t") as graph:
        graph.ingest(pd.DataFrame({"name": NAMES[: len(types)], "cell_type": types}), as_="neurons")
        graph.ingest(pd.DataFrame(edges, columns=["pre_name", "post_name", "weight"]), as_="connections")
        names = ["random forest", "logistic regression"]
        return graph.predict.train("cell-type", **{"predictors": names, "folds": 2, "bootstraps": 10, **options})


@pytest.mark.parametrize(
    ("types", "edges", "options", "words"),
    [
        (ALTERNATE, [(name, name, 3) for name in NAMES], {}, "no connection between two different neurons"),
        (ALTERNATE, [(a, b, 0) for a, b, _ in RING], {}, "no chemical connections"),
        (["A", "B"] + [None] * 22, RING, {"least": 1}, "of one label.*1 of 'A', 1 of 'B'"),
        (["A", "A", "B", *[None] * 21], RING, {"least": 1}, "of one label.*1 of 'B', 2 of 'A'"),
        (["A", "B", *[None] * 22], RING, {}, "no labels"),
        (["A"] * 24, RING, {}, "every example has the label 'A'"),
        (["A", "A", "B", "B"] + [None] * 20, RING, {"folds": 9}, "9 folds of 4 separable units"),
    ],
)  # fmt: skip
def test_one_clear_error(
    types: list[str | None], edges: list[tuple[str, str, int]], options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(AnalysisError, match=words):
        train(tmp_path, types, edges, **options)


def trained_or_told(path: Path, types: list[str | None], edges: list[tuple[str, str, int]], **options: Any) -> Any:
    """The card, or the words of the error."""
    try:
        return train(path, types, edges, **options).card
    except GraphlabError as error:
        return str(error)


@pytest.mark.parametrize("seed", range(4))
def test_few_labels_never_speak_of_folds_that_nobody_asked_for(seed: int, tmp_path: Path) -> None:
    """Two labels of two neurons each: either both folds know both labels, or the error tells of them."""
    found = trained_or_told(tmp_path, ["A", "A", "B", "B"] + [None] * 20, RING, seed=seed)
    if isinstance(found, str):
        assert "of 2, held out by class, would train on 2 examples of one label" in found
    else:
        assert found.recommended is None
        assert list(found.nominated) == ["random forest"] * 2


@pytest.mark.parametrize(
    ("types", "edges"),
    [
        (ALTERNATE, STAR),
        (ALTERNATE, [(NAMES[0], NAMES[1], 1)]),
        (ALTERNATE, [*RING, *((name, name, 2) for name in NAMES)]),
        (["A", "B"] * 4, [(NAMES[k], NAMES[k + 1], 2) for k in range(7)]),
        (["A", "B"] * 2, [(NAMES[0], NAMES[1], 2)]),
    ],
    ids=["star", "one connection", "ring with autapses", "eight neurons", "four neurons"],
)  # fmt: skip
def test_thin_graphs_are_trained_on_and_nothing_is_recommended(
    types: list[str | None], edges: list[tuple[str, str, int]], tmp_path: Path
) -> None:
    found = trained_or_told(tmp_path, types, edges)
    if isinstance(found, str):
        assert "of one label" in found
        assert len(types) == 4
    else:
        assert found.recommended is None


@pytest.mark.parametrize("edges", [[], [(0, 1)], [(0, k) for k in range(1, 30)], [(k, k + 1) for k in range(0, 28, 2)]])
def test_spectral_embedding_beyond_the_rank_is_zero(edges: list[tuple[int, int]]) -> None:
    ids = np.arange(1, 31, dtype=np.uint64)
    pre, post = (np.array([edge[k] for edge in edges], dtype=np.int64) for k in (0, 1))
    weight = layer(Snapshot.from_edges(ids, pre, post, np.ones(len(edges))), ids)
    found = spectral_embedding(weight, 6)
    assert np.isfinite(found).all()
    dense = np.log1p(weight.toarray())
    sent, received = dense.sum(axis=1), dense.sum(axis=0)
    regular = max(sent.mean(), 1e-12)
    scaled = dense / np.sqrt(sent + regular)[:, None] / np.sqrt(received + regular)
    values = np.linalg.svd(scaled)[1][:6]
    if (-np.diff(values[values > 1e-9]) < 1e-9).any():  # equal values have no vectors of their own
        apart = 1 + TIE * np.modf(np.arange(1, 31) * GOLDEN)[0]
        values = np.linalg.svd(apart[:, None] * scaled * apart)[1][:6]
    np.testing.assert_allclose((found[:, :6] ** 2).sum(axis=0), np.where(values > 1e-9, values, 0), atol=1e-8)


def test_a_small_graph_has_fewer_coordinates() -> None:
    ids = np.arange(1, 6, dtype=np.uint64)
    weight = layer(Snapshot.from_edges(ids, np.array([0, 1]), np.array([1, 2]), np.ones(2)), ids)
    assert sum("_spectral_" in name for name in wiring_columns({"chemical": weight}, 16).names) == 6

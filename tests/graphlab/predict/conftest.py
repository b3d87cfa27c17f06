"""Made examples: classes of left and right twins, pairs of neurons, and a label that hangs on both classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphlab import Graph
from graphlab.predict.inputs.examples import Examples, Ints
from graphlab.predict.inputs.features import Inputs, layer, no_columns, wiring_columns
from graphlab.predict.inputs.pair_features import pair_columns
from ingest.synthetic.embedded_cells import MadeCells
from queries.snapshot import Snapshot


def made_pairs(classes: int = 20, seed: int = 0, share: float = 0.6) -> Examples:
    """A random ``share`` of ordered pairs of 2 x ``classes`` neurons; the label is that of the two classes."""
    rng = np.random.default_rng(seed)
    n = 2 * classes
    source, target = np.nonzero(~np.eye(n, dtype=bool) & (rng.random((n, n)) < share))
    group = np.arange(n) // 2
    stimulates, responds = rng.random((2, classes))
    positive = rng.random((classes, classes)) < np.outer(stimulates, responds)
    label = positive[group[source], group[target]].astype(np.int64)
    side = np.tile(np.array([0, 1], dtype=np.int8), classes)
    return Examples(source, target, label, ("silent", "responds"), group, side, np.arange(n) % 3)


def made_nodes(classes: int = 30, kinds: int = 4, seed: int = 0) -> Examples:
    """2 x ``classes`` neurons, twins of one kind."""
    rng = np.random.default_rng(seed)
    group = np.arange(2 * classes) // 2
    kind = rng.permutation(np.arange(classes) % kinds)
    side = np.tile(np.array([0, 1], dtype=np.int8), classes)
    return Examples.of_nodes(["abcdefgh"[k] for k in kind[group]], group, side)


@pytest.fixture(scope="session")
def make_pairs() -> Callable[..., Examples]:
    return made_pairs


@pytest.fixture(scope="session")
def make_nodes() -> Callable[..., Examples]:
    return made_nodes


@pytest.fixture
def pairs() -> Examples:
    return made_pairs()


@pytest.fixture
def nodes() -> Examples:
    return made_nodes()


def made_inputs(examples: Examples, train: Ints | None = None, seed: int = 0) -> Inputs:
    """Wiring that follows homologue classes (in a node task: kinds, most within each); places at random."""
    rng = np.random.default_rng(seed)
    n = len(examples.group)
    block = examples.group if examples.is_pairs else examples.label
    rate = rng.random((block.max() + 1,) * 2) * 0.4 + 0.4 * np.eye(block.max() + 1)
    matrix = np.where(rng.random((n, n)) < rate[block][:, block], rng.integers(1, 9, (n, n)), 0)
    np.fill_diagonal(matrix, 0)
    ids = np.arange(1, n + 1, dtype=np.uint64)
    chemical = Snapshot.from_edges(ids, *np.nonzero(matrix), matrix[np.nonzero(matrix)])
    layers = {"chemical": layer(chemical, ids)}
    place = rng.random((n, 3)) * 1e5
    pair = no_columns(examples.m)
    if examples.is_pairs:
        pair = pair_columns({"chemical": chemical}, layers, ids, examples.source, examples.target, place)
    return Inputs(
        ids, layers, wiring_columns(layers, 4), pair, examples.source, examples.target, examples.group,
        matrix.sum(axis=0).astype(float), place,
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_inputs() -> Callable[..., Inputs]:
    return made_inputs


def embedded_graph(cells: MadeCells, path: Path, labelled: float = 1.0) -> Graph:
    """A graph with neurons, embeddings of model ``made`` and skeletons of made cells; no wiring."""
    graph = Graph.create(path, materialization="1")
    graph.ingest(cells.neurons(labelled), as_="neurons")
    graph.ingest(cells.embeddings(), as_="embeddings", model="made", segmentation_version="1")
    graph.ingest(cells.skeletons(0.5), as_="skeletons")
    graph.embeddings.join("made")
    return graph


@pytest.fixture(scope="session")
def make_embedded() -> Callable[..., Graph]:
    return embedded_graph

"""NTAC against a plain loop, and on wirings whose types are planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphlab.graph import Graph
from graphlab.predict.from_graph import UNKNOWN
from graphlab.predict.inputs.examples import HIDDEN
from graphlab.predict.learners.ntac import RATE, ROUNDS, partner_types, settled, similarity


def plain(weight: np.ndarray, types: list[int], classes: int) -> list[list[float]]:
    """Rounds over single numbers: similarity of every neuron to the best labelled one of each type."""
    n, known = len(types), [i for i, t in enumerate(types) if t != HIDDEN]

    def vectors(of: list[int]) -> list[list[float]]:
        return [
            [sum(weight[i, j] for j in range(n) if of[j] == t) for t in range(classes)]
            + [sum(weight[j, i] for j in range(n) if of[j] == t) for t in range(classes)]
            for i in range(n)
        ]

    def alike(a: list[float], b: list[float]) -> float:
        low = sum(map(min, a, b))
        both = sum(a) + sum(b) - low
        return low / both if both else 0.0

    def each(v: list[list[float]]) -> list[list[float]]:
        return [[max((alike(v[i], v[k]) for k in known if types[k] == t), default=0.0) for t in range(classes)]
                for i in range(n)]  # fmt: skip

    now, at = list(types), vectors(types)
    for _ in range(ROUNDS):
        scores = each(at)
        new = [types[i] if types[i] != HIDDEN else int(np.argmax(scores[i])) if max(scores[i]) > 0 else HIDDEN
               for i in range(n)]  # fmt: skip
        if new == now:
            break
        now = new
        at = [
            [(1 - RATE) * x + RATE * y for x, y in zip(a, b, strict=True)]
            for a, b in zip(at, vectors(now), strict=True)
        ]
    return each(at)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_it_equals_a_plain_loop(seed: int) -> None:
    """With weights that are powers of two, so that sums are exact in any order."""
    rng = np.random.default_rng(seed)
    n, classes = 9, 3
    weight = np.where(rng.random((n, n)) < 0.35, 2.0 ** rng.integers(0, 4, (n, n)), 0.0)
    types = rng.integers(0, classes, n)
    types[rng.random(n) < 0.5] = HIDDEN
    known = np.flatnonzero(types != HIDDEN)
    if not len(known):
        return
    vectors = settled([sparse.csr_array(weight)], types, known, classes)
    found = similarity(vectors, np.arange(n), known, types[known], classes)
    np.testing.assert_allclose(found, plain(weight, types.tolist(), classes), atol=1e-12)


def test_planted_types_from_few_labels() -> None:
    rng = np.random.default_rng(0)
    n, classes = 240, 6
    kind = np.arange(n) % classes
    rate = rng.random((classes, classes)) ** 3 * 3
    weight = rng.poisson(rate[kind][:, kind]).astype(float)
    types = np.where(np.arange(n) < 2 * classes, kind, HIDDEN)
    vectors = settled([sparse.csr_array(weight)], types, np.arange(2 * classes), classes)
    found = similarity(vectors, np.arange(n), np.arange(2 * classes), kind[: 2 * classes], classes).argmax(axis=1)
    assert (found == kind).mean() > 0.95
    assert partner_types([sparse.csr_array(weight)], types, classes).shape == (n, 2 * classes)


@pytest.mark.slow
def test_larva(tmp_path: Path, real_data: Path) -> None:
    """Winding et al. 2023: labels of the left hemisphere, asked of the right, and the other way round."""
    folder = real_data / "larva_winding2023"
    with Graph.create(tmp_path / "g", dataset="larva") as graph:
        columns = {"root_id": "column0", "cell_type": "simple_group", "side": "hemisphere"}
        graph.ingest(folder / "meta_data.csv", as_="neurons", columns=columns)
        graph.ingest(folder / "G_edgelist.txt", as_="connections", header=False)
        view = graph.snapshot()
        names, sides = (graph.neuron_values(view, name) for name in ("cell_type", "side"))
    words = sorted({name for name in names if name and name.lower() not in UNKNOWN})
    kind = np.array([words.index(name) if name in words else HIDDEN for name in names])
    weight = sparse.csr_array((view.weight, view.out_target, view.out_start), shape=(view.n, view.n))
    for train in ("left", "right"):
        here = (np.array([str(side).lower() for side in sides]) == train) & (kind != HIDDEN)
        known = np.flatnonzero(here)
        asked = np.flatnonzero(~here & (kind != HIDDEN))
        vectors = settled([weight], np.where(here, kind, HIDDEN), known, len(words))
        found = similarity(vectors, asked, known, kind[known], len(words)).argmax(axis=1)
        assert len(known) > 1_300
        assert (found == kind[asked]).mean() > 0.86

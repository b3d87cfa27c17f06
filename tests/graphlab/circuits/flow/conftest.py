"""Small random weights, and the larva's."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from graphlab.circuits.weights.weights import Weights
from queries.snapshot import Snapshot


def made(n: int, density: float, seed: int, signed: bool = False, acyclic: bool = False) -> Weights:
    rng = np.random.default_rng(seed)
    there = (rng.random((n, n)) < density) & ~np.eye(n, dtype=bool)
    if acyclic:
        there = np.triu(there)
    pre, post = np.nonzero(there)
    graph = Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), pre, post, rng.integers(1, 9, len(pre)))
    sign = np.where(rng.random(n) < 0.4, -1, 1)[graph.sources()] if signed else None
    return Weights.in_graph(graph, sign)


@pytest.fixture(scope="session")
def random_weights() -> Callable[..., Weights]:
    return made


@dataclass(frozen=True)
class Larva:
    """The larva's neurons of one column, or all, and their rows."""

    weights: Weights
    rows: list[dict[str, str]]

    def where(self, column: str, *values: str) -> np.ndarray:
        return np.flatnonzero([row[column] in values for row in self.rows])


@pytest.fixture(scope="session")
def larva(real_data: Path) -> Callable[[str], Larva]:
    folder = real_data / "larva_winding2023"
    with (folder / "meta_data.csv").open(newline="", encoding="utf-8") as file:
        everything = {int(row[""]): row for row in csv.DictReader(file)}
    edges = np.loadtxt(folder / "G_edgelist.txt")

    def of(column: str) -> Larva:
        ids = np.array(sorted(one for one, row in everything.items() if row[column] == "True"), dtype=np.uint64)
        kept = edges[np.isin(edges[:, :2].astype(np.uint64), ids).all(axis=1)]
        pre, post = np.searchsorted(ids, kept[:, :2].astype(np.uint64)).T
        return Larva(
            Weights.in_graph(Snapshot.from_edges(ids, pre, post, kept[:, 2])), [everything[int(i)] for i in ids]
        )

    return of

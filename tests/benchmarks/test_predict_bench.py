"""Predictors and baselines on identical folds: the whole table of the larva's cell types, with label curves."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlab.predict.cell_type import SHARES, Typed, cell_type_task, label_curve
from graphlab.predict.protocol import run
from queries.snapshot import Snapshot

SEEDS = 3


@pytest.fixture(scope="module")
def larva(real_data: Path) -> Typed:
    folder = real_data / "larva_winding2023"
    with (folder / "meta_data.csv").open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row[""]))
    ids = np.array([int(row[""]) for row in rows], dtype=np.uint64)
    edges = np.loadtxt(folder / "G_edgelist.txt")
    kept = np.isin(edges[:, :2].astype(np.uint64), ids).all(axis=1)
    pre, post = np.searchsorted(ids, edges[kept, :2].astype(np.uint64)).T
    kinds = [None if row["simple_group"] in ("", "unk") else row["simple_group"] for row in rows]
    partner = [int(row["pair"]) if int(row["pair"]) > 0 else None for row in rows]
    chemical = Snapshot.from_edges(ids, pre, post, edges[kept, 2])
    return Typed(ids, {"chemical": chemical}, kinds, partner, [row["hemisphere"] for row in rows])


@pytest.mark.parametrize(("split", "folds"), [("side", 2), ("class", 5)])
def test_cell_types_of_the_larva(larva: Typed, split: str, folds: int, side_by_side: Any) -> None:
    for seed in range(SEEDS):
        found = run(cell_type_task(larva, split, folds, seed, bootstraps=500))
        for name, scores in found.scores.items():
            numbers = ", ".join(f"{metric} {e.value:.3f} [{e.lo:.3f}, {e.hi:.3f}]" for metric, e in scores.items())
            side_by_side.note(f"larva, {split}, seed {seed}, {folds} folds: {name}: {numbers}")
        gap = found.differences["graph network"]["macro_f1"]
        side_by_side.note(
            f"larva, {split}, seed {seed}: graph network minus random forest, macro-F1: {gap.value:+.3f} "
            f"[{gap.lo:+.3f}, {gap.hi:+.3f}]; leaks {found.leaks}; split {found.card['split_hash']}"
        )


def test_label_curves_of_the_larva(larva: Typed, side_by_side: Any) -> None:
    task = cell_type_task(larva, bootstraps=500)
    for name, curve in label_curve(task, SHARES, repeats=SEEDS).items():
        shown = ", ".join(f"{share:.0%} {e.value:.3f} [{e.lo:.3f}, {e.hi:.3f}]" for share, e in curve.items())
        side_by_side.note(f"larva, macro-F1 with a share of homologue classes labelled, {SEEDS} draws: {name}: {shown}")

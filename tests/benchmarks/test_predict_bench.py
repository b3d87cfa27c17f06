"""Predictors and baselines on identical folds: cell types of the larva, label curves, responses of the worm."""

from __future__ import annotations

from typing import Any

import pytest

from graphlab.predict.cell_type import SHARES, Typed, cell_type_task, label_curve
from graphlab.predict.functional import Measured, functional_task
from graphlab.predict.protocol import run

SEEDS = 3


@pytest.mark.parametrize(("split", "folds"), [("side", 2), ("class", 5)])
def test_cell_types_of_the_larva(larva_typed: Typed, split: str, folds: int, side_by_side: Any) -> None:
    for seed in range(SEEDS):
        found = run(cell_type_task(larva_typed, split, folds, seed, bootstraps=500))
        for name, scores in found.scores.items():
            numbers = ", ".join(f"{metric} {e.value:.3f} [{e.lo:.3f}, {e.hi:.3f}]" for metric, e in scores.items())
            side_by_side.note(f"larva, {split}, seed {seed}, {folds} folds: {name}: {numbers}")
        gap = found.differences["graph network"]["macro_f1"]
        side_by_side.note(
            f"larva, {split}, seed {seed}: graph network minus random forest, macro-F1: {gap.value:+.3f} "
            f"[{gap.lo:+.3f}, {gap.hi:+.3f}]; leaks {found.leaks}; split {found.card['split_hash']}"
        )


def test_label_curves_of_the_larva(larva_typed: Typed, side_by_side: Any) -> None:
    task = cell_type_task(larva_typed, bootstraps=500)
    for name, curve in label_curve(task, SHARES, repeats=SEEDS).items():
        shown = ", ".join(f"{share:.0%} {e.value:.3f} [{e.lo:.3f}, {e.hi:.3f}]" for share, e in curve.items())
        side_by_side.note(f"larva, macro-F1 with a share of homologue classes labelled, {SEEDS} draws: {name}: {shown}")


@pytest.mark.parametrize(("split", "folds"), [("neuron", 10), ("class", 5)])
def test_responses_of_the_worm(randi_measured: Measured, split: str, folds: int, side_by_side: Any) -> None:
    """The bar: nominated minus the random forest that sees distance, pooled and paired, over classes."""
    found = run(functional_task(randi_measured, split, folds, bootstraps=500))
    for name, scores in found.scores.items():
        numbers = ", ".join(f"{metric} {e.value:.3f} [{e.lo:.3f}, {e.hi:.3f}]" for metric, e in scores.items())
        side_by_side.note(f"worm responses, {split}, {folds} folds: {name}: {numbers}")
    for metric in ("auroc", "average_precision"):
        gap = found.differences["nominated"][metric]
        side_by_side.note(
            f"worm responses, {split}: nominated ({', '.join(found.nominated)}) minus random forest, {metric}: "
            f"{gap.value:+.4f} [{gap.lo:+.4f}, {gap.hi:+.4f}]; base {found.card['base_rates']}; leaks {found.leaks}"
        )
    side_by_side.note("worm responses: trial counts, noise ceiling, unc-31 transfer, animal splits: not available")

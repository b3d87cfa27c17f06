"""Predictors and baselines on identical folds: cell types of the larva, label curves, responses of the worm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graphlab.predict.cell_type import SHARES, Typed, cell_type_task, label_curve
from graphlab.predict.evaluate import Estimate
from graphlab.predict.functional import Measured, functional_task
from graphlab.predict.protocol import run

SEEDS = 3


BASELINES = ("identity rates", "logistic regression", "random forest", "label propagation", "spectral logistic")
SEEDED = ("random forest", "graph network")
"""Predictors whose answer hangs on a seed; the others are fitted once."""


@pytest.mark.parametrize(
    ("split", "folds", "seed", "names"),
    [
        ("side", 2, 0, (*BASELINES, "graph network")),
        ("side", 1, 1, SEEDED),
        ("side", 1, 2, SEEDED),
        ("class", 5, 0, (*BASELINES, "graph network")),
        ("side", 1, 0, ("random forest", "sage", "gine")),
    ],
)
def test_cell_types_of_the_larva(
    larva_typed: Typed, split: str, folds: int, seed: int, names: tuple[str, ...], side_by_side: Any
) -> None:
    """The first fold of the split by side is the headline: trained on the left, tested on the right."""
    found = run(replace(cell_type_task(larva_typed, split, folds, seed, bootstraps=500), predictors=names))
    where = f"larva, {split}, seed {seed}"
    for name, scores in found.scores.items():
        numbers = ", ".join(f"{metric} {shown(e)}" for metric, e in scores.items())
        side_by_side.note(f"{where}, mean of {folds} folds: {name}: {numbers}")
    for name in names:
        gaps = found.differences.get(name, {})
        numbers = ", ".join(f"{metric} {e.value:+.3f} [{e.lo:+.3f}, {e.hi:+.3f}]" for metric, e in gaps.items())
        if numbers:
            side_by_side.note(f"{where}: {name} minus random forest: {numbers}")
        if split == "side" and folds == 2:
            first = ", ".join(f"{metric} {e.folds[0]:.3f}" for metric, e in found.scores[name].items())
            side_by_side.note(f"{where}, left to right alone: {name}: {first}")
    side_by_side.note(f"{where}: leaks {found.leaks}; split {found.card['split_hash']}; {found.card['notes'][-1]}")


def shown(score: Estimate) -> str:
    return f"{score.value:.3f} [{score.lo:.3f}, {score.hi:.3f}]"


def test_label_curves_of_the_larva(larva_typed: Typed, side_by_side: Any) -> None:
    task = cell_type_task(larva_typed, bootstraps=500)
    names = ("graph network", "random forest", "label propagation", "spectral logistic")
    for name, curve in label_curve(task, SHARES, names, repeats=SEEDS).items():
        numbers = ", ".join(f"{share:.0%} {shown(e)}" for share, e in curve.items())
        side_by_side.note(
            f"larva, macro-F1 with a share of homologue classes labelled, {SEEDS} draws: {name}: {numbers}"
        )


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

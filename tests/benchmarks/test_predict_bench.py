"""Predictors and baselines on identical folds: cell types of the larva, label curves, responses of the worm."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from graphlab.predict.cell_type import SHARES, Typed, cell_type_task, label_curve
from graphlab.predict.functional import Measured, functional_task
from graphlab.predict.judging import evaluate
from graphlab.predict.judging.evaluate import Estimate
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


BARS = ("random forest", "random forest on all features")
"""The forest with counts, likeness and distance, and the same one with every feature that others see."""
TABLE = (
    "synapse count", "hops", "distance", "profile cosine", "effective weight", "identity rates", "logistic regression",
    *BARS, "extra trees on pairs", "informed trees", "rate model", "pair network",
)  # fmt: skip


@pytest.mark.parametrize(("split", "folds"), [("neuron", 10), ("class", 5)])
def test_responses_of_the_worm(randi_measured: Measured, split: str, folds: int, side_by_side: Any) -> None:
    """The bar: nominated minus the random forest that sees distance, pooled and paired, over classes."""
    start = time.perf_counter(), time.process_time()
    task = replace(functional_task(randi_measured, split, folds), predictors=TABLE)
    found = run(task)
    took = time.perf_counter() - start[0], time.process_time() - start[1]
    side_by_side.note(
        f"worm responses, {split}, {folds} folds with nomination: {took[0]:.0f} s, {took[1]:.0f} s of CPU"
    )
    for name, scores in found.scores.items():
        numbers = ", ".join(f"{metric} {e.value:.3f} [{e.lo:.3f}, {e.hi:.3f}]" for metric, e in scores.items())
        side_by_side.note(f"worm responses, {split}, {folds} folds: {name}: {numbers}")
    weights = evaluate.class_weights(task.examples, 1_000, task.seed)
    for bar in BARS:
        for metric in ("auroc", "average_precision"):
            held, function = found.held["nominated"], evaluate.metrics_of(task.examples)[metric]
            gap = evaluate.paired_difference(task.examples, held, found.held[bar], function, weights)
            side_by_side.note(
                f"worm responses, {split}: nominated ({', '.join(found.nominated)}) minus {bar}, {metric}: "
                f"{gap.value:+.4f} [{gap.lo:+.4f}, {gap.hi:+.4f}], better in {sum(f > 0 for f in gap.folds)} of {folds}"
            )
    side_by_side.note(f"worm responses, {split}: base {found.card['base_rates']}; leaks {found.leaks}")
    side_by_side.note("worm responses: trial counts, noise ceiling, unc-31 transfer, animal splits: not available")

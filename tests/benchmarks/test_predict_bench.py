"""Predictors and baselines on identical folds: cell types of the larva, label curves, responses of the worm."""

from __future__ import annotations

import csv
import re
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlab.predict.evaluation import evaluate
from graphlab.predict.evaluation.evaluate import Estimate
from graphlab.predict.protocol import run
from graphlab.predict.tasks.cell_type import SHARES, CellTypeData, cell_type_task, label_curve
from graphlab.predict.tasks.functional import FunctionalData, functional_task
from queries.snapshot import Snapshot

SEEDS = 3


BASELINES = ("identity rates", "logistic regression", "random forest", "label propagation", "spectral logistic")
SEEDED = ("random forest", "stacked types", "graph network")
"""Predictors whose answer hangs on a seed; the others are fitted once."""
CANDIDATES = ("random forest", "logistic regression", "stacked types")
NOT_BY_WIRING = ("sensories", "KCs", "ascendings")
"""Groups of the larva that are known by origin (modality, lineage, nerve), not by their partners."""


@pytest.mark.parametrize(
    ("split", "folds", "seed", "names"),
    [
        ("side", 2, 0, (*BASELINES, "stacked types", "graph network")),
        ("side", 1, 1, SEEDED),
        ("side", 1, 2, SEEDED),
        ("class", 5, 0, (*BASELINES, "stacked types", "graph network")),
        ("side", 1, 0, ("random forest", "sage", "gine")),
    ],
)
def test_cell_types_of_the_larva(
    larva_typed: CellTypeData, split: str, folds: int, seed: int, names: tuple[str, ...], side_by_side: Any
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
    classes = found.task.examples.classes
    apart = [classes.index(name) for name in NOT_BY_WIRING]
    for what, chosen in (("not by wiring", apart), ("partly by wiring", [*{*range(len(classes))} - {*apart}])):
        for name in names:
            score = evaluate.estimate(found.task.examples, found.held[name], evaluate.macro_f1_among(chosen), [])
            side_by_side.note(f"{where}: {name}, groups defined {what}: macro-F1 {score.value:.3f} {score.folds}")
    if split == "side" and "identity rates" in names:
        assert found.leaks["shared class"] > 0.8, "left and right twins are the point of this split"
        assert found.scores["identity rates"]["macro_f1"].value > 0.9
    if "stacked types" in names:
        gap = found.differences["stacked types"]
        assert gap["macro_f1"].lo > 0 > gap["brier"].hi
    side_by_side.note(f"{where}: leaks {found.leaks}; split {found.card.split_hash}; {found.card.notes[-1]}")


def test_nomination_within_one_side_of_the_larva(larva_typed: CellTypeData, side_by_side: Any) -> None:
    """Candidates are compared on inner folds of the training side; the other side is scored once."""
    task = cell_type_task(larva_typed, "side", 2, 0, bootstraps=200)
    found = run(replace(task, predictors=CANDIDATES, candidates=CANDIDATES))
    assert found.verdict is not None
    side_by_side.note(f"larva, left to right and right to left: {found.nominated}; {found.verdict.because}")
    assert found.verdict.recommended == "stacked types"


def labels_of_the_larva(real_data: Path, column: str, least: int, group: str | None = None) -> list[str | None]:
    """Another label of its neurons, by id: lineages without their side, or kinds of one group; rare ones left out."""
    with (real_data / "larva_winding2023" / "meta_data.csv").open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row[""]))
    values = [re.sub(r"_[lr]$", "", row[column].strip()) for row in rows]
    known = [
        value if value not in ("", "unk") and group in (None, row["simple_group"]) else None
        for value, row in zip(values, rows, strict=True)
    ]
    count = Counter(known)
    return [value if value and count[value] >= least else None for value in known]


@pytest.mark.parametrize(("column", "least", "group"), [("lineage", 10, None), ("class2", 6, "sensories")])
def test_labels_of_the_larva_that_wiring_did_not_define(
    column: str, least: int, group: str | None, larva_typed: CellTypeData, real_data: Path, side_by_side: Any
) -> None:
    typed = replace(larva_typed, cell_type=labels_of_the_larva(real_data, column, least, group))
    task = cell_type_task(typed, "side", 2, 0, bootstraps=100)
    found = run(replace(task, predictors=CANDIDATES, candidates=()))
    for name, scores in found.scores.items():
        numbers = ", ".join(f"{metric} {shown(e)} {e.folds}" for metric, e in scores.items())
        side_by_side.note(f"larva, {column}, {task.examples.m} neurons, both directions: {name}: {numbers}")


def test_cell_types_of_the_fly(real_data: Path, side_by_side: Any) -> None:
    """Projection neurons, Kenyon cells and mushroom-body output neurons of FlyWire; no homologue is known."""
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = real_data / "flywire_783_olfactory_mb_subset"
    table = parquet.read_table(folder / "edges.parquet")
    pre, post, weight = (table[name].to_numpy() for name in EDGES)
    ids = np.unique(np.concatenate([pre, post]).astype(np.uint64))
    types = parquet.read_table(folder / "nodes.parquet", columns=["node_id", "cell_type"]).to_pylist()
    of = {int(row["node_id"]): row["cell_type"] for row in types}
    known = [of.get(int(root_id)) for root_id in ids]
    count = Counter(known)
    labels = [value if value and count[value] >= 10 else None for value in known]
    both = pre != post
    at = (np.searchsorted(ids, end[both].astype(np.uint64)) for end in (pre, post))
    typed = CellTypeData(ids, {"chemical": Snapshot.from_edges(ids, *at, weight[both])}, labels)
    task = cell_type_task(typed, "class", 2, 0, bootstraps=100)
    found = run(replace(task, predictors=CANDIDATES, candidates=()))
    for name, scores in found.scores.items():
        numbers = ", ".join(f"{metric} {shown(e)}" for metric, e in scores.items())
        side_by_side.note(f"FlyWire subset, {task.examples.m} neurons, {len(count)} types: {name}: {numbers}")
    side_by_side.note(f"FlyWire subset: near copies {found.near.share if found.near else None}; {found.card.notes}")


EDGES = ("source_id", "target_id", "synapse_weight")


def shown(score: Estimate) -> str:
    return f"{score.value:.3f} [{score.lo:.3f}, {score.hi:.3f}]"


def test_label_curves_of_the_larva(larva_typed: CellTypeData, side_by_side: Any) -> None:
    task = cell_type_task(larva_typed, bootstraps=500)
    names = ("stacked types", "graph network", "random forest", "label propagation", "spectral logistic")
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
def test_responses_of_the_worm(randi_measured: FunctionalData, split: str, folds: int, side_by_side: Any) -> None:
    """The bar: nominated minus the random forest that sees all features, paired, over classes."""
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
    side_by_side.note(f"worm responses, {split}: base {found.card.base_rates}; leaks {found.leaks}")
    side_by_side.note("worm responses: trial counts, noise ceiling, unc-31 transfer, animal splits: not available")

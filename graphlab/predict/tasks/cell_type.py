"""Cell type from wiring: examples of a graph's labelled neurons, their homologues, and label curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.predict.evaluation.evaluate import Estimate, Held, class_weights, estimate, macro_f1
from graphlab.predict.inputs.design import SPECTRAL
from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.features import (
    Columns,
    Inputs,
    RootIds,
    embedding_columns,
    layer,
    no_columns,
    wiring_columns,
)
from graphlab.predict.predictors import predictors_of
from graphlab.predict.protocol import Build, Task
from graphlab.statistics.scores import auroc
from ingest.running.progress import Progress
from ingest.schema.errors import SchemaError
from queries.snapshot import Snapshot

DIMENSIONS = 16
"""Of the spectral embedding, for senders and for receivers."""
OPPOSITE = 0.06
"""How far from half the chance is that a left neuron outranks a right one, for a coordinate that tells sides."""
FEWEST_OF_A_SIDE = 20
SHARES = (0.02, 0.1, 0.5)
REFERENCE = "random forest"
ON_REQUEST = ("sage", "gine")
"""Predictors that take minutes where others take seconds: run when they are named."""


@dataclass(frozen=True, eq=False)
class Typed:
    """Neurons of a graph with what is known of them; every list is [n], in the order of ``root_ids``."""

    root_ids: RootIds
    snapshots: dict[str, Snapshot]
    cell_type: Sequence[str | None]
    partner: Sequence[int | None] | None = None
    """root_id of the homologue on the other side; neurons without one are a class of their own."""
    side: Sequence[str | None] | None = None
    embeddings: Floats | None = None
    """[n, width], NaN rows where there are none."""


def homologue_groups(root_ids: RootIds, partner: Sequence[int | None] | None) -> Ints:
    """Class numbers [n]: a neuron and the partner it names share one, whichever of both names the other."""
    n = len(root_ids)
    group = np.arange(n, dtype=np.int64)
    if partner is None:
        return group
    place = {int(root_id): k for k, root_id in enumerate(root_ids.tolist())}
    for k, other in enumerate(partner):
        at = place.get(int(other)) if other is not None else None
        if at is not None:
            low, high = sorted((int(group[k]), int(group[at])))
            group[group == high] = low
    return group


def side_numbers(side: Sequence[str | None]) -> npt.NDArray[np.int8]:
    """0 left, 1 right, -1 neither, from ``left``/``right``/``L``/``R`` in any case."""
    known = {"l": 0, "left": 0, "r": 1, "right": 1}
    return np.array([known.get(str(value).strip().lower(), -1) for value in side], dtype=np.int8)


def without_side(node: Columns, side: npt.NDArray[np.int8]) -> tuple[Columns, int]:
    """Spectral coordinates by their size alone where they are opposite on both sides; how many these are.

    A bilateral graph is nearly its own mirror image, so that a singular vector keeps its sign in the mirror or turns
    it. One that turns says which side a neuron is on, and what is learned of it on the left is wrong on the right.
    Opposite: left neurons outrank right ones in its values far from half of the time, and not in their sizes.
    """
    left, right = side == 0, side == 1
    both = left | right
    if min(left.sum(), right.sum()) < FEWEST_OF_A_SIDE:
        return node, 0
    chance = np.sqrt((both.sum() + 1) / (12 * left.sum() * right.sum()))
    values, turned = node.values.copy(), 0
    for k, name in enumerate(node.names):
        column, even = values[both, k], np.ones(int(both.sum()))
        if SPECTRAL not in name:
            continue
        apart, apart_in_size = (abs(auroc(part, left[both], even) - 0.5) for part in (column, np.abs(column)))
        if apart > max(OPPOSITE, 4 * chance) and apart_in_size < apart:
            values[:, k] = np.abs(values[:, k])
            turned += 1
    return Columns(values, node.names, node.families), turned


def build_inputs(typed: Typed, dimensions: int = DIMENSIONS) -> Build:
    """Inputs of any of the neurons' examples; made once, since they look at no label."""
    if len(typed.cell_type) != len(typed.root_ids):
        raise SchemaError(f"{len(typed.cell_type)} cell types for {len(typed.root_ids)} neurons")
    layers = {kind: layer(snapshot, typed.root_ids) for kind, snapshot in typed.snapshots.items()}
    node = wiring_columns(layers, dimensions)
    if typed.embeddings is not None:
        node = node.beside(embedding_columns(typed.embeddings))
    notes = []
    if typed.side is not None:
        node, turned = without_side(node, side_numbers(typed.side))
        if turned:
            notes.append(f"{turned} spectral coordinates are opposite on both sides and enter by their size alone")
    received: Floats = np.asarray(layers["chemical"].sum(axis=0), dtype=np.float64).ravel()

    def build(examples: Examples, train: Ints) -> Inputs:
        pair = no_columns(examples.m)
        return Inputs(
            typed.root_ids, layers, node, pair, examples.source, examples.target, examples.group, received,
            notes=list(notes),
        )  # fmt: skip

    return build


def examples_of(typed: Typed) -> Examples:
    """The labelled neurons, twins in one class."""
    side = None if typed.side is None else side_numbers(typed.side)
    return Examples.of_nodes(typed.cell_type, homologue_groups(typed.root_ids, typed.partner), side)


def cell_type_task(typed: Typed, split: str = "side", folds: int = 5, seed: int = 0, bootstraps: int = 200) -> Task:
    """Node predictors on the same folds, compared with the random forest; those ``ON_REQUEST`` are left out."""
    names = tuple(name for name in predictors_of("node") if name not in ON_REQUEST)
    notes = (
        "the wiring is seen whole, test neurons too; labels of test neurons are not",
        "cell types of connectomes are often defined with connectivity in view: scores may be partly circular",
    )
    return Task(
        "cell type", examples_of(typed), build_inputs(typed), split, names, REFERENCE,
        folds=folds, seed=seed, bootstraps=bootstraps, notes=notes,
    )  # fmt: skip


def label_curve(
    task: Task,
    shares: Sequence[float] = SHARES,
    names: Sequence[str] | None = None,
    repeats: int = 3,
    progress: Progress | None = None,
) -> dict[str, dict[float, Estimate]]:
    """Macro-F1 of each predictor when only a share of the homologue classes is labelled; twins together.

    Everything else labelled is the test set. Returns predictor -> share -> estimate over ``repeats`` draws.
    """
    examples = task.examples
    weights = class_weights(examples, task.bootstraps, task.seed)
    chosen = list(names or task.predictors)
    found: dict[str, dict[float, Estimate]] = {name: {} for name in chosen}
    present = np.unique(examples.group[examples.source])
    done, total = 0, len(shares) * len(chosen) * repeats
    for share in shares:
        held: dict[str, list[Held]] = {name: [] for name in chosen}
        for repeat in range(repeats):
            rng = np.random.default_rng([task.seed, repeat, round(share * 1e6)])
            labelled = rng.choice(present, max(2, round(share * len(present))), replace=False)
            inside = np.isin(examples.group[examples.source], labelled)
            train, test = np.flatnonzero(inside), np.flatnonzero(~inside)
            inputs = task.build(examples, train)
            for name in chosen:
                fitted = task.predictor(name).fit(inputs, examples.hidden(train), len(examples.classes), task.seed)
                held[name].append(Held(test, fitted.predict(inputs, test)))
                done += 1
                if progress:
                    progress(done, total)
        for name in chosen:
            found[name][share] = estimate(examples, held[name], macro_f1, weights)
    return found

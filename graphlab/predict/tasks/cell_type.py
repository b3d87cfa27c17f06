"""Cell type from wiring: examples of a graph's labelled neurons, their homologues, and label curves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.predict.evaluation.evaluate import Estimate, FoldPredictions, class_weights, estimate, macro_f1
from graphlab.predict.from_graph import UNKNOWN, WiringData, some
from graphlab.predict.inputs.design import SPECTRAL
from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.features import (
    FeatureColumns,
    Inputs,
    RootIds,
    embedding_columns,
    layer,
    no_columns,
    wiring_columns,
)
from graphlab.predict.inputs.homologues import homologue_groups, side_numbers
from graphlab.predict.inputs.wiring import SIDES, Wiring
from graphlab.predict.predictors import default_predictors
from graphlab.predict.protocol import Build, Experiment
from graphlab.predict.tasks.kinds import NodeTask
from graphlab.predict.tasks.task import Design, Labels
from graphlab.statistics.scores import auroc
from graphlab.store import tables
from graphlab.store.folder import Folder
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, SchemaError
from queries.snapshot import Snapshot

DIMENSIONS = 16
"""Of the spectral embedding, for senders and for receivers."""
OPPOSITE = 0.06
"""How far from half the chance is that a left neuron outranks a right one, for a coordinate that tells sides."""
FEWEST_OF_A_SIDE = 20
SHARES = (0.02, 0.1, 0.5)
REFERENCE = "random forest"
CANDIDATES = ("random forest", "logistic regression", "stacked types", "graph network")
NOTES = (
    "the wiring is seen whole, test neurons too; labels of test neurons are not",
    "cell types of connectomes are often defined with connectivity in view: scores may be partly circular",
)


@dataclass(frozen=True, eq=False)
class CellTypeData:
    """Neurons of a graph with what is known of them; every list is [n], in the order of ``root_ids``."""

    root_ids: RootIds
    snapshots: Mapping[str, Snapshot]
    cell_type: Sequence[str | None]
    partner: Sequence[int | None] | None = None
    """root_id of the homologue on the other side; neurons without one are a class of their own."""
    side: Sequence[str | None] | None = None
    embeddings: Floats | None = None
    """[n, width], NaN rows where there are none."""

    @property
    def wiring(self) -> Wiring:
        """Without the labels."""
        return Wiring(self.root_ids, self.snapshots, side=self.side, vectors=self.embeddings)


def without_side(node: FeatureColumns, side: npt.NDArray[np.int8]) -> tuple[FeatureColumns, int]:
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
    return FeatureColumns(values, node.names, node.families), turned


def build_inputs(wiring: Wiring, dimensions: int = DIMENSIONS) -> Build:
    """Inputs of any of the neurons' examples; made once, since they look at no label."""
    layers = {kind: layer(snapshot, wiring.root_ids) for kind, snapshot in wiring.snapshots.items()}
    node = wiring_columns(layers, dimensions)
    if wiring.vectors is not None:
        node = node.beside(embedding_columns(wiring.vectors))
    notes = []
    if wiring.side is not None:
        node, turned = without_side(node, side_numbers(wiring.side))
        if turned:
            notes.append(f"{turned} spectral coordinates are opposite on both sides and enter by their size alone")
    received: Floats = np.asarray(layers["chemical"].sum(axis=0), dtype=np.float64).ravel()

    def build(examples: Examples, train: Ints) -> Inputs:
        pair = no_columns(examples.m)
        return Inputs(
            wiring.root_ids, layers, node, pair, examples.source, examples.target, examples.group, received,
            notes=list(notes),
        )  # fmt: skip

    return build


def examples_of(typed: CellTypeData) -> Examples:
    """The labelled neurons, twins in one class."""
    if len(typed.cell_type) != len(typed.root_ids):
        raise SchemaError(f"{len(typed.cell_type)} cell types for {len(typed.root_ids)} neurons")
    side = None if typed.side is None else side_numbers(typed.side)
    return Examples.of_nodes(typed.cell_type, homologue_groups(typed.root_ids, typed.partner), side)


def cell_type_task(
    typed: CellTypeData, split: str = "side", folds: int = 5, seed: int = 0, bootstraps: int = 200
) -> Experiment:
    """Node predictors on the same folds, compared with the random forest; none is nominated."""
    return Experiment(
        "cell type", examples_of(typed), build_inputs(typed.wiring), split, default_predictors("node", typed.wiring),
        REFERENCE, folds=folds, seed=seed, bootstraps=bootstraps, notes=NOTES,
    )  # fmt: skip


@dataclass(frozen=True)
class CellType(NodeTask):
    """The cell type of neurons, or what another column says of them, from wiring and embeddings."""

    name = "cell-type"
    title = "cell type"
    needs = frozenset({SIDES})
    label: str = "cell_type"
    """Column of neurons with the labels."""
    unknown: Sequence[str] = UNKNOWN
    """Labels that count as none, in any case."""
    least: int = 2
    """Labels of fewer neurons are left out: they cannot be both learned and tested."""

    def model_name(self) -> str:
        """``cell-type``, or ``cell-type-super_class``."""
        other = "" if self.label == "cell_type" else f"-{re.sub(r'[^A-Za-z0-9_-]', '_', self.label)}"
        return f"{self.name}{other}"[:64]

    def build(self, wiring: Wiring) -> Build:
        return build_inputs(wiring)

    def design(self, wiring: Wiring, examples: Examples) -> Design:
        """By side where both sides have labels (train left, test right), else by homologue class."""
        side = examples.side
        both = side is not None and {0, 1} <= set(side[examples.source].tolist())
        return Design("side" if both else "class", 5, REFERENCE, CANDIDATES, NOTES)

    def labels(self, folder: Folder, seen: WiringData) -> Labels:
        typed, notes = self.typed(folder, seen)
        return Labels(examples_of(typed), tuple(notes))

    def typed(self, folder: Folder, seen: WiringData) -> tuple[CellTypeData, list[str]]:
        """The neurons with their labels, and what was left out.

        Raises:
            UnknownNameError: no such column. AnalysisError: no labels.
        """
        chemical = seen.snapshots["chemical"]
        values = [None if v is None else str(v).strip() for v in tables.neuron_values(folder, chemical, self.label)]
        nobody = {name.lower() for name in self.unknown}
        known = [None if value is None or value.lower() in nobody else value for value in values]
        found: dict[str, int] = {}
        for value in known:
            if value is not None:
                found[value] = found.get(value, 0) + 1
        rare = {name for name, count in found.items() if count < self.least}
        labels = [None if value in rare else value for value in known]
        notes = [
            f"labels are the column {self.label!r}: {sum(v is not None for v in labels):,} of {len(labels):,} neurons "
            f"have one of {len(found) - len(rare):,} labels"
        ]
        if unsaid := sum(a is not None and b is None for a, b in zip(values, known, strict=True)):
            notes.append(f"{unsaid:,} neurons have a label that says unknown, and count as unlabelled")
        if rare:
            notes.append(f"{len(rare):,} labels of fewer than {self.least} neurons were left out: {some(sorted(rare))}")
        if not any(value is not None for value in labels):
            raise AnalysisError(
                f"no labels: no neuron of the graph has a usable value in the column {self.label!r} ({len(values):,} "
                f"neurons: {unsaid:,} unknown, {len(rare):,} labels of fewer than {self.least} neurons). Ingest some "
                "with that column, or name another with --label"
            )
        partner = None
        if seen.classes is not None:
            first: dict[str, int] = {}
            ids = seen.root_ids.tolist()
            partner = [int(first.setdefault(name, root_id)) for name, root_id in zip(seen.classes, ids, strict=True)]
        return CellTypeData(seen.root_ids, seen.snapshots, labels, partner, seen.side, seen.vectors), notes


def label_curve(
    task: Experiment,
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
    curves: dict[str, dict[float, Estimate]] = {name: {} for name in chosen}
    present = np.unique(examples.group[examples.source])
    done, total = 0, len(shares) * len(chosen) * repeats
    for share in shares:
        predictions: dict[str, list[FoldPredictions]] = {name: [] for name in chosen}
        for repeat in range(repeats):
            rng = np.random.default_rng([task.seed, repeat, round(share * 1e6)])
            labelled = rng.choice(present, max(2, round(share * len(present))), replace=False)
            inside = np.isin(examples.group[examples.source], labelled)
            train, test = np.flatnonzero(inside), np.flatnonzero(~inside)
            inputs = task.build(examples, train)
            for name in chosen:
                fitted = task.predictor(name).fit(inputs, examples.hidden(train), len(examples.classes), task.seed)
                predictions[name].append(FoldPredictions(test, fitted.predict(inputs, test)))
                done += 1
                if progress:
                    progress(done, total)
        for name in chosen:
            curves[name][share] = estimate(examples, predictions[name], macro_f1, weights)
    return curves

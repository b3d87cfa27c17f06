"""What a column says of cells, from their embeddings alone: cell type, excitatory or inhibitory, any label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphlab.predict.from_graph import UNKNOWN, WiringData
from graphlab.predict.inputs.examples import Examples, Ints
from graphlab.predict.inputs.features import Inputs, embedding_columns, no_columns
from graphlab.predict.inputs.homologues import named_groups
from graphlab.predict.inputs.wiring import WINDOWS, Wiring
from graphlab.predict.protocol import Build
from graphlab.predict.tasks.embedded_cells import EmbeddedCells, labels_of_column, require_several_cells
from graphlab.predict.tasks.kinds import NodeTask
from graphlab.predict.tasks.task import Design, Labels
from graphlab.store.folder import Folder

REFERENCE = "conformal logistic regression"
CANDIDATES = (REFERENCE, "conformal sngp")
PREDICTORS = ("identity rates", "logistic regression", *CANDIDATES)
APART = frozenset({"same example", "shared class"})
NOTES = ("embeddings are of single windows; a cell has the mean of what is said of its windows",)


def build_inputs(cells: EmbeddedCells) -> Build:
    """Inputs of any examples: standardised mean vectors, and the windows; looks at no label."""
    node = embedding_columns(cells.windows.mean())
    nobody = np.zeros(len(cells.root_ids))

    def build(examples: Examples, train: Ints) -> Inputs:
        return Inputs(
            cells.root_ids, {}, node, no_columns(examples.m), examples.source, examples.target, examples.group, nobody,
            windows=cells.windows,
        )  # fmt: skip

    return build


def embedded(seen: Wiring) -> EmbeddedCells:
    """What tasks of embeddings are handed."""
    assert isinstance(seen, EmbeddedCells), "a task that needs windows or nodes reads embeddings"
    return seen


@dataclass(frozen=True)
class Classifier(NodeTask):
    """A label of cells from the windows of their embeddings; wiring is not looked at."""

    name = "classifier"
    title = "label of cells from embeddings"
    needs = frozenset({WINDOWS})
    label: str = "cell_type"
    """Column of neurons with the labels: cell_type, nt_type, super_class or another one."""
    unknown: Sequence[str] = UNKNOWN
    """Labels that count as none, in any case."""
    least: int | None = None
    """Labels of fewer cells are left out; None refuses a label of a single cell."""

    def model_name(self) -> str:
        return f"{self.name}-{re.sub(r'[^A-Za-z0-9_-]', '_', self.label)}"[:64]

    def build(self, wiring: Wiring) -> Build:
        return build_inputs(embedded(wiring))

    def design(self, wiring: Wiring, examples: Examples) -> Design:
        return Design("class", 5, REFERENCE, CANDIDATES, NOTES, PREDICTORS, APART)

    def labels(self, folder: Folder, seen: WiringData) -> Labels:
        cells = embedded(seen)
        label, notes = labels_of_column(folder, cells.root_ids, self.label, tuple(self.unknown))
        names = cells.class_names()
        label, left_out = require_several_cells(label, names, self.least)
        examples = Examples.of_nodes(label, named_groups(names))
        return Labels(examples, (*notes, *([left_out] if left_out else [])))

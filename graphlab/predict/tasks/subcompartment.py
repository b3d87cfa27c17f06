"""Which compartment an embedded node lies in (axon, dendrite, soma, ...), from its embedding alone.

Tests: tests/graphlab/predict/tasks/test_classifier.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from graphlab.predict.from_graph import WiringData
from graphlab.predict.inputs.examples import Examples
from graphlab.predict.inputs.homologues import named_groups
from graphlab.predict.inputs.wiring import NODES, Wiring
from graphlab.predict.protocol import Build
from graphlab.predict.tasks.classifier import APART, CANDIDATES, PREDICTORS, REFERENCE, build_inputs, embedded
from graphlab.predict.tasks.embedded_cells import EmbeddedCells, require_several_cells
from graphlab.predict.tasks.kinds import NodeTask
from graphlab.predict.tasks.task import Answered, Design, Labels
from graphlab.store.database import arrow
from graphlab.store.folder import Folder
from ingest.schema.errors import AnalysisError, SchemaError

WITHIN_NM = 500.0
NOTES = ("examples are single nodes; all nodes of a cell and of its twins stand on one side of a split",)


@dataclass(frozen=True)
class Subcompartment(NodeTask):
    """The compartment of embedded nodes, learned from skeletons whose nodes have one."""

    name = "subcompartment"
    title = "compartment of nodes from embeddings"
    needs = frozenset({NODES})
    within_nm: float = WITHIN_NM
    """An embedded node has the label of the nearest labelled node of its neuron's skeleton, this near or nearer."""
    least: int | None = None
    """Labels that occur in fewer cells are left out; None refuses a label of a single cell."""

    def model_name(self) -> str:
        return self.name

    def build(self, wiring: Wiring) -> Build:
        return build_inputs(embedded(wiring))

    def design(self, wiring: Wiring, examples: Examples) -> Design:
        return Design("class", 5, REFERENCE, CANDIDATES, NOTES, PREDICTORS, APART)

    def labels(self, folder: Folder, seen: WiringData) -> Labels:
        if not (np.isfinite(self.within_nm) and self.within_nm > 0):
            raise SchemaError(f"within_nm is {self.within_nm}; wanted a length above 0 nm")
        nodes = embedded(seen)
        label, far = node_labels(folder, nodes, self.within_nm)
        names = nodes.class_names()
        label, left_out = require_several_cells(label, names, self.least)
        known = sum(value is not None for value in label)
        notes = [f"labels are the compartments of skeleton nodes within {self.within_nm:g} nm: {known:,} of "
                 f"{len(label):,} nodes have one"]  # fmt: skip
        if far:
            notes.append(f"{far:,} nodes of labelled skeletons are farther from any labelled node, and have none")
        return Labels(Examples.of_nodes(label, named_groups(names)), (*notes, *([left_out] if left_out else [])))

    def answers(self, said: Answered) -> pa.Table:
        """As of neurons, with the node beside its neuron."""
        rows = super().answers(said)
        node = pa.array(np.repeat(said.target, len(said.classes)), pa.uint64())
        return rows.add_column(1, "node_id", node)


def node_labels(folder: Folder, nodes: EmbeddedCells, within_nm: float) -> tuple[list[str | None], int]:
    """(compartment of each node, how many of labelled skeletons are too far from a labelled node).

    Raises:
        AnalysisError: no skeleton of an embedded neuron has compartments.
    """
    from scipy.spatial import KDTree

    assert nodes.points_nm is not None, "nodes have places"
    cells, first = np.unique(nodes.root_ids, return_index=True)
    cursor = folder.cursor()
    cursor.register("wanted", pa.table({"root_id": pa.array(cells, pa.uint64())}))
    rows = arrow(
        cursor,
        "SELECT root_id, x_nm, y_nm, z_nm, compartment FROM skeletons SEMI JOIN wanted USING (root_id) "
        "WHERE compartment IS NOT NULL ORDER BY root_id, node_id",
    )
    if not rows.num_rows:
        raise AnalysisError(
            "no labels: no skeleton of an embedded neuron has compartments. Ingest skeletons with labels "
            "(--as skeletons; in SWC files the type of a node)"
        )
    owner = rows["root_id"].to_numpy()
    places = np.stack([rows[f"{axis}_nm"].to_numpy() for axis in "xyz"], axis=1).astype(np.float64)
    names = np.array(rows["compartment"].to_pylist(), dtype=object)
    label: list[str | None] = [None] * len(nodes.root_ids)
    far = 0
    for cell, begin, end in zip(cells, first, np.append(first[1:], len(nodes.root_ids)), strict=True):
        low, high = np.searchsorted(owner, cell), np.searchsorted(owner, cell, side="right")
        if low == high:
            continue
        tree = KDTree(places[low:high])
        distance, nearest = map(np.asarray, tree.query(nodes.points_nm[begin:end].astype(np.float64)))
        for k, (apart, at) in enumerate(zip(distance.tolist(), nearest.tolist(), strict=True)):
            if apart <= within_nm:
                label[begin + k] = str(names[low + at])
            else:
                far += 1
    return label, far

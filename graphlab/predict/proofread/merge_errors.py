"""Neurons that may be two cells: a classifier's labels of windows along the cable, best explained by a cut.

Tests: tests/graphlab/predict/proofread/test_cuts.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphlab.predict import models
from graphlab.predict.ask_model import accepted_changes, require_embeddings, weights_input
from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.homologues import named_groups
from graphlab.predict.inputs.wiring import WINDOWS
from graphlab.predict.predictors import predictor_named
from graphlab.predict.proofread.cuts import LEAST, label_cut
from graphlab.predict.proofread.queue import ErrorQueue, kept_queue, links_to
from graphlab.predict.proofread.seen_runs import start_seen_run
from graphlab.predict.proofread.trees import loose_tree
from graphlab.predict.tasks.classifier import build_inputs
from graphlab.predict.tasks.embedded_cells import EmbeddedCells, embedded_cells
from graphlab.predict.tasks.question import Question
from graphlab.store.database import arrow
from graphlab.store.folder import Folder
from graphlab.store.runs.results import Repetition
from ingest.schema.errors import AnalysisError

if TYPE_CHECKING:
    from graphlab.predict.inputs.features import RootIds

VERB = "merge errors"
STORED = "merge_errors"
AT_A_TIME = 100_000
CutRow = tuple[int, float, int, tuple[float, float, float], int, int, int, int]
"""Neuron, gain, node, its place, labels on both sides, windows on both sides."""


def merge_errors(
    folder: Folder,
    name: str,
    *,
    most: int = 100,
    least: int = LEAST,
    allow_changed: bool = False,
    repetition: Repetition | None = None,
) -> ErrorQueue:
    """The neurons that are most likely two cells, the likeliest first.

    Windows of one cell have one label; where two labels on the two sides of a cut of its cable explain them better than
    one, the gain in log likelihood is the score. Nothing is decided: it is an order to look at neurons in.

    Args:
        name: a saved model of the task ``classifier`` that looks at windows. most: rows. least: windows on either side.

    Returns:
        rank, root_id, score, node_id, x_nm, y_nm, z_nm (the first node beyond the cut), label, other_label, windows,
        other_windows, was_training, link (Neuroglancer; null where nothing can be shown).

    Raises:
        AnalysisError: a model of another task or of mean vectors, no neuron with windows enough. Others as of ``ask``.
    """
    model = models.load(folder.path, name)
    question = Question.on_card(model.card)
    predictor = predictor_named(model.card.predictor)
    if WINDOWS not in question.task.needs or WINDOWS not in predictor.needs:
        raise AnalysisError(
            f"model {name!r} ({model.card.predictor}, task {question.task.name}) does not say what single windows are; "
            "train one that does: graphlab train classifier GRAPH --keep 'conformal sngp'"
        )
    if least < 1 or most < 1:
        raise AnalysisError(f"least is {least} and most is {most}; wanted 1 or more of both")
    require_embeddings(model, folder)
    notes = accepted_changes(folder, model, question.read(folder), question, allow_changed)
    nodes = embedded_cells(folder, nodes=True, homologues=question.homologues, embeddings=question.embeddings)
    run = start_seen_run(
        folder, VERB,
        {"model": name, "most": most, "least": least, "allow_changed": allow_changed, "seen": dict(nodes.hashes)},
        weights_input(model), repetition,
    )  # fmt: skip
    everyone = np.arange(len(nodes.root_ids))
    inputs = build_inputs(nodes)(
        Examples.unlabelled(everyone, everyone, named_groups(nodes.class_names())), np.empty(0, dtype=np.int64)
    )
    fitted = predictor.restore(model.state)
    parts = [fitted.predict(inputs, everyone[at : at + AT_A_TIME]) for at in range(0, len(everyone), AT_A_TIME)]
    rows = _cut_rows(folder, nodes, np.concatenate(parts), least)
    if not rows:
        raise AnalysisError(f"no neuron has {2 * least} windows, {least} on either side of a cut")
    rows = sorted(rows, key=lambda row: (-row[1], row[0]))[:most]
    classes = model.card.classes
    links = links_to(folder, (([row[0]], [row[3]], f"{classes[row[4]]} | {classes[row[5]]}") for row in rows))
    return kept_queue(run, STORED, _table(rows, classes, set(model.trained.source.tolist())), links, notes)


def _table(rows: Sequence[CutRow], labels: Sequence[str], trained: set[int]) -> pa.Table:
    column = list(zip(*rows, strict=True))
    classes = np.array(labels, dtype=object)
    return pa.table(
        {
            "rank": pa.array(np.arange(1, len(rows) + 1), pa.int64()),
            "root_id": pa.array(column[0], pa.uint64()),
            "score": pa.array(column[1], pa.float64()),
            "node_id": pa.array(column[2], pa.uint64()),
            **{f"{axis}_nm": pa.array([point[k] for point in column[3]], pa.float64()) for k, axis in enumerate("xyz")},
            "label": pa.array(classes[list(column[4])].tolist(), pa.string()),
            "other_label": pa.array(classes[list(column[5])].tolist(), pa.string()),
            "windows": pa.array(column[6], pa.int64()),
            "other_windows": pa.array(column[7], pa.int64()),
            "was_training": pa.array([root_id in trained for root_id in column[0]], pa.bool_()),
        }
    )


def _cut_rows(folder: Folder, nodes: EmbeddedCells, probability: Floats, least: int) -> list[CutRow]:
    assert nodes.points_nm is not None, "nodes have places"
    assert nodes.node_ids is not None, "things are nodes"
    cells, first = np.unique(nodes.root_ids, return_index=True)
    parents_of = _parents(folder, cells)
    rows = []
    for cell, begin, end in zip(cells.tolist(), first, np.append(first[1:], len(nodes.root_ids)), strict=True):
        own = slice(int(begin), int(end))
        if end - begin < 2 * least:
            continue
        ids, points = nodes.node_ids[own], nodes.points_nm[own].astype(np.float64)
        known = parents_of.get(cell)
        at, parents = _tree(cell, ids, points, known)
        said = np.full((len(parents), probability.shape[1]), np.nan)
        said[at] = probability[own]
        cut = label_cut(parents, said, least)
        if cut.node < 0:
            continue
        inside = _inside(parents, cut.node)[at]
        middle = points[inside].mean(axis=0)
        other = points[~inside]
        near = np.linalg.norm(points[inside] - other[np.linalg.norm(other - middle, axis=1).argmin()], axis=1).argmin()
        point = points[inside][near]
        rows.append(
            (
                cell, cut.gain, int(ids[inside][near]), (float(point[0]), float(point[1]), float(point[2])), cut.inside,
                cut.outside, int(inside.sum()), int((~inside).sum()),
            )
        )  # fmt: skip
    return rows


def _parents(folder: Folder, cells: RootIds) -> dict[int, tuple[RootIds, Ints]]:
    """(node ids, index of each parent) of the skeleton of each cell, parents before their children."""
    cursor = folder.cursor()
    cursor.register("wanted", pa.table({"root_id": pa.array(cells, pa.uint64())}))
    rows = arrow(
        cursor,
        "SELECT root_id, node_id, parent FROM skeletons SEMI JOIN wanted USING (root_id) ORDER BY root_id, node_id",
    )
    owner, node = rows["root_id"].to_numpy(), rows["node_id"].to_numpy()
    parent = rows["parent"].to_pylist()
    found = {}
    for cell in np.unique(owner):
        low, high = np.searchsorted(owner, cell), np.searchsorted(owner, cell, side="right")
        ids = node[low:high]
        index = {int(one): k for k, one in enumerate(ids.tolist())}
        up = np.array([-1 if one is None else index[int(one)] for one in parent[low:high]], dtype=np.int64)
        order = _parents_first(up)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        found[int(cell)] = (ids[order], np.where(up[order] >= 0, place[up[order]], -1))
    return found


def _tree(cell: int, ids: RootIds, points: Floats, known: tuple[RootIds, Ints] | None) -> tuple[Ints, Ints]:
    """(place of each window among the nodes of a tree, parents): its skeleton, or the shortest tree over its points."""
    if known is not None:
        order = np.argsort(known[0], kind="stable")
        at = order[np.minimum(np.searchsorted(known[0][order], ids), len(order) - 1)]
        if np.array_equal(known[0][at], ids):
            return at, known[1]
    return loose_tree(cell, points)


def _parents_first(parents: Ints) -> Ints:
    """Nodes in an order in which each comes after its parent."""
    depth = np.full(len(parents), -1)
    for node in range(len(parents)):
        path = []
        while node >= 0 and depth[node] < 0:
            path.append(node)
            node = int(parents[node])
        base = -1 if node < 0 else int(depth[node])
        for step, one in enumerate(reversed(path), start=1):
            depth[one] = base + step
    return np.argsort(depth, kind="stable")


def _inside(parents: Ints, node: int) -> np.ndarray:
    """Whether each node lies in the subtree of one."""
    inside = np.zeros(len(parents), dtype=bool)
    inside[node] = True
    for one in range(node + 1, len(parents)):
        inside[one] = parents[one] >= 0 and inside[parents[one]]
    return inside

"""What classifiers of embeddings see: the windows of every embedded cell, or every embedded node by itself; no wiring.

Tests: tests/graphlab/predict/tasks/test_classifier.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graphlab.predict.from_graph import NOTHING, UNKNOWN, WiringData, homologue_classes, some
from graphlab.predict.inputs.examples import Ints
from graphlab.predict.inputs.features import RootIds
from graphlab.predict.inputs.windows import Windows
from graphlab.predict.inputs.wiring import WINDOWS
from graphlab.store.database import arrow, first_row
from graphlab.store.embeddings.models import model_names, open_embeddings
from graphlab.store.folder import Folder
from graphlab.store.tables import neuron_values
from ingest.schema.errors import AnalysisError, SchemaError

if TYPE_CHECKING:
    from graphlab.store.embeddings.files import EmbeddingSet

MOST_WINDOWS = 20_000_000
"""Of a graph whose embeddings are classified in memory: some 5 GB at 64 numbers each."""


@dataclass(frozen=True, eq=False)
class _Cells:
    root_ids: RootIds


@dataclass(frozen=True, eq=False, kw_only=True)
class EmbeddedCells(WiringData):
    """Things to classify, [n]: cells with their windows, or single nodes, each beside the nodes of its cell."""

    windows: Windows
    node_ids: npt.NDArray[np.uint64] | None = None
    """[n] of single nodes; None where things are cells. ``root_ids`` then repeat, a node a row."""
    points_nm: npt.NDArray[np.float32] | None = None
    """[windows, 3] where each window is."""

    @property
    def parts(self) -> frozenset[str]:
        return super().parts | {WINDOWS}

    def named(self, source: Ints, target: Ints) -> tuple[RootIds, RootIds]:
        """Ids of examples: the cell twice, or the cell and the node."""
        if self.node_ids is None:
            return super().named(source, target)
        return self.root_ids[source], self.node_ids[target]

    def single_nodes(self, node_ids: npt.NDArray[np.uint64]) -> EmbeddedCells:
        """Every window a thing of its own; those of one cell, or of twins, share a class."""
        owner = self.windows.owner
        names = self.class_names()
        return replace(
            self, root_ids=self.root_ids[owner], windows=Windows.single(self.windows.vectors), node_ids=node_ids,
            classes=[names[k] for k in owner.tolist()],
        )  # fmt: skip


def embedded_cells(
    folder: Folder, *, nodes: bool = False, homologues: str | None = None, embeddings: str | None = None
) -> EmbeddedCells:
    """Read the windows of all neurons that are joined to embeddings, in order of root_id and node_id.

    Args:
        nodes: whether every embedded node is a thing of its own. homologues, embeddings: as of ``wiring_data``.

    Raises:
        SchemaError: no embeddings, several models and none named. UnknownNameError: no such model or column.
        AnalysisError: none joined, ``none`` named, more windows than fit.
    """
    known = model_names(folder)
    if embeddings == NOTHING:
        raise AnalysisError("this task looks at embeddings alone; name a model of them, not none")
    if embeddings is None and len(known) > 1:
        raise SchemaError(
            f"this graph has embeddings of {len(known)} models ({', '.join(known)}), whose vectors live in different "
            "spaces and are never mixed; name one with --embeddings"
        )
    there = open_embeddings(folder, embeddings)
    joined = arrow(
        folder.cursor(),
        "SELECT root_id, embedded_root_id FROM neuron_embeddings JOIN neurons USING (root_id) "
        "WHERE model = ? AND embedded_root_id IS NOT NULL AND in_graph ORDER BY root_id",
        [there.model],
    )
    embedded = joined["embedded_root_id"].to_numpy().astype(np.uint64)
    with_rows = np.isin(embedded, there.root_ids)
    root_ids = joined["root_id"].to_numpy().astype(np.uint64)[with_rows]
    embedded = embedded[with_rows]
    if not len(root_ids):
        raise AnalysisError(
            f"embeddings of model {there.model!r} are here, and no neuron is joined to them; join them first "
            "(`graphlab join-embeddings`, graph.embeddings.join())"
        )
    _require_once(root_ids, embedded)
    node_ids, points, offsets = _nodes(there, embedded)
    vectors, _ = there.lookup(embedded)
    windows = Windows(vectors, offsets)
    classes, note = homologue_classes(folder, _Cells(root_ids), homologues)
    without = int(first_row(folder.cursor(), "SELECT count(*) FROM neurons WHERE in_graph")[0])
    notes = (
        note,
        f"embeddings are of model {there.model!r}, segmentation {there.segmentation_version}: {len(vectors):,} windows "
        f"of {len(root_ids):,} cells",
        *([f"{without - len(root_ids):,} neurons have no embedding and are not classified"]
          if without > len(root_ids) else []),
    )  # fmt: skip
    hashes = {"neurons": _hash(root_ids), "embeddings": _hash(vectors, node_ids, offsets)}
    cells = EmbeddedCells(
        root_ids, {}, classes=classes, hashes=hashes, counts={"neurons": len(root_ids), "embeddings": len(vectors)},
        embeddings={"model": there.model, "segmentation_version": there.segmentation_version, "width": there.width},
        notes=notes, windows=windows, points_nm=points,
    )  # fmt: skip
    return cells.single_nodes(node_ids) if nodes else cells


def labels_of_column(
    folder: Folder, root_ids: RootIds, column: str, unknown: tuple[str, ...] = UNKNOWN
) -> tuple[list[str | None], list[str]]:
    """(label of each cell by a column of ``neurons``, notes); labels that say unknown are none.

    Raises:
        UnknownNameError: no such column. AnalysisError: no usable label.
    """
    read = neuron_values(folder, _Cells(root_ids), column)
    values = [None if value is None else str(value).strip() for value in read]
    nobody = {name.lower() for name in unknown}
    labels = [None if value is None or value.lower() in nobody else value for value in values]
    if not any(value is not None for value in labels):
        raise AnalysisError(
            f"no labels: none of the {len(values):,} embedded neurons has a usable value in the column {column!r}. "
            "Ingest some with that column, or name another with --label"
        )
    known = sum(value is not None for value in labels)
    notes = [f"labels are the column {column!r}: {known:,} of {len(labels):,} cells have one"]
    if unsaid := sum(a is not None and b is None for a, b in zip(values, labels, strict=True)):
        notes.append(f"{unsaid:,} cells have a label that says unknown, and count as unlabelled")
    return labels, notes


def require_several_cells(label: list[str | None], cell: list[str], least: int | None) -> tuple[list[str | None], str]:
    """Labels, those of too few cells left out where ``least`` says so; and what was left out.

    Twins count once: a label is learned from one class of cells and tested on another.

    Raises:
        AnalysisError: a label of a single cell, and no ``least``.
    """
    cells: dict[str, set[str]] = {}
    for value, owner in zip(label, cell, strict=True):
        if value is not None:
            cells.setdefault(value, set()).add(owner)
    rare = sorted(name for name, owners in cells.items() if len(owners) < max(least or 2, 2))
    if rare and least is None:
        have = "label has" if len(rare) == 1 else "labels have"
        raise AnalysisError(
            f"{len(rare):,} {have} a single cell ({some(rare)}), which cannot be both learned and tested; label "
            "more cells, or leave such labels out with --least 2"
        )
    if not rare:
        return label, ""
    kept = [None if value in set(rare) else value for value in label]
    return kept, f"{len(rare):,} labels of fewer than {max(least or 2, 2)} cells were left out: {some(rare)}"


def _nodes(there: EmbeddingSet, embedded: RootIds) -> tuple[RootIds, npt.NDArray[np.float32], Ints]:
    node_ids, points, offsets = there.nodes(embedded)
    if len(node_ids) > MOST_WINDOWS:
        raise AnalysisError(
            f"{len(node_ids):,} windows; at most {MOST_WINDOWS:,} are classified at once. Take a part of the graph "
            "(graph.subset), or aggregate the embeddings first"
        )
    return node_ids, points, offsets


def _require_once(root_ids: RootIds, embedded: RootIds) -> None:
    """Two neurons that are one embedded segment would stand on both sides of a split."""
    order = np.argsort(embedded, kind="stable")
    same = np.flatnonzero(np.diff(embedded[order]) == 0)
    if len(same):
        one, other = root_ids[order[same[0]]], root_ids[order[same[0] + 1]]
        raise AnalysisError(
            f"{len(same):,} embedded segments are two neurons at once, {one} and {other} first: their windows would "
            "stand on both sides of a split. Join each neuron to a segment of its own"
        )


def _hash(*arrays: npt.NDArray[np.generic]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for values in arrays:
        digest.update(f"{values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()

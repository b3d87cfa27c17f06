"""What predictors see, from a graph folder: wiring of every kind, homologue classes, embeddings, labels.

The same reading serves training and, later, prediction; hashes of its parts tell whether the graph is still the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.predict.inputs.examples import Floats
from graphlab.predict.inputs.features import RootIds
from graphlab.predict.inputs.homologues import homologue_groups, side_numbers
from graphlab.predict.inputs.pair_features import MOST_NEURONS
from graphlab.predict.inputs.wiring import POSITIONS, SIDES, Wiring
from graphlab.predict.inputs.worm_names import worm_class
from graphlab.store import tables
from graphlab.store.database import arrow
from graphlab.store.embeddings.models import model_names, open_embeddings
from graphlab.store.folder import Folder
from graphlab.store.tables import NeuronList
from graphlab.store.wiring.snapshots import snapshot
from ingest.schema.errors import AnalysisError, SchemaError
from ingest.schema.ids import rows_of
from ingest.schema.words import KINDS
from queries.snapshot import Snapshot

UNKNOWN = ("", "?", "na", "n/a", "nan", "none", "null", "unk", "unknown", "unassigned", "undefined", "unclassified")
"""Labels, in lower case, that say that nobody knows."""
HOMOLOGUES = ("homologue_class", "homologue", "homologue_root_id", "pair", "partner")
"""Columns of neurons that are looked for when none is named."""
WORM, NOTHING = "worm", "none"
COVERED = 0.5
"""Share of a column's values that name other neurons, from which on it is one of partners and not of classes."""


@dataclass(frozen=True, eq=False)
class WiringData(Wiring):
    """The graph without any label, and what tells later whether it is still the same."""

    classes: list[str] | None = None
    """[n] homologue classes, None where nobody knows."""
    hashes: dict[str, str] = field(default_factory=dict)
    """Part -> hash of what predictors see of it."""
    counts: dict[str, int] = field(default_factory=dict)
    """Part -> neurons, connections, vectors."""
    embeddings: dict[str, Any] | None = None
    """Model and segmentation version."""
    notes: tuple[str, ...] = ()

    def class_names(self) -> list[str]:
        """[n] homologue classes; a neuron whose twins nobody knows stands alone."""
        return self.classes if self.classes is not None else [str(root_id) for root_id in self.root_ids.tolist()]


def wiring_data(
    folder: Folder,
    needs: Collection[str] = (),
    *,
    pairs: bool = False,
    homologues: str | None = None,
    embeddings: str | None = None,
) -> WiringData:
    """Read the graph.

    Args:
        needs: ``positions``, ``sides``: read where there are such. pairs: whether pairs of neurons are looked at.
        homologues: column with the partner (root_id or name) or the class of each neuron; ``worm``: C. elegans names;
            ``none``. embeddings: model; ``none``; by default the one model there is.

    Raises:
        AnalysisError: no neurons, no chemical connections, embeddings that are not joined, too many neurons for pairs.
        SchemaError: several models of embeddings and none named. UnknownNameError: no such column or model.
    """
    kinds = {str(row[0]) for row in folder.connection.execute("SELECT DISTINCT kind FROM connections").fetchall()}
    if "chemical" not in kinds:
        raise AnalysisError("this graph has no chemical connections; ingest some (--as synapses or connections) first")
    snapshots = {kind: snapshot(folder, kind) for kind in KINDS if kind in kinds}
    _require_connected(snapshots)
    root_ids = np.asarray(snapshots["chemical"].root_ids)
    if pairs and len(root_ids) > MOST_NEURONS:
        raise AnalysisError(
            f"{len(root_ids):,} neurons; functional connectivity is of all pairs, and of at most {MOST_NEURONS:,} "
            "neurons. Make a graph of the measured part (ingest with --keep)"
        )
    parts: dict[str, list[npt.NDArray[Any]]] = {"neurons": [root_ids]}
    counts = {"neurons": len(root_ids)}
    for kind, view in snapshots.items():
        parts[f"{kind} connections"] = [view.out_start, view.out_target, view.weight]
        counts[f"{kind} connections"] = len(view.out_target)
    place = _positions(folder, snapshots["chemical"]) if POSITIONS in needs else None
    if place is not None:
        parts["positions"], counts["positions"] = [place], int(np.isfinite(place).all(axis=1).sum())
    side = _sides(folder, snapshots["chemical"]) if SIDES in needs else None
    if side is not None:
        numbers = side_numbers(side)
        parts["sides"], counts["sides"] = [numbers], int((numbers >= 0).sum())
    classes, class_note = homologue_classes(folder, snapshots["chemical"], homologues)
    vectors, about, vector_notes = _vectors(folder, root_ids, embeddings)
    if vectors is not None:
        parts["embeddings"], counts["embeddings"] = [vectors], int(np.isfinite(vectors).all(axis=1).sum())
    hashes = {name: _hash(*values) for name, values in parts.items()}
    notes = (class_note, *vector_notes)
    return WiringData(root_ids, snapshots, place, side, vectors, classes, hashes, counts, about, notes)


def _require_connected(snapshots: Mapping[str, Snapshot]) -> None:
    """Raises AnalysisError where no neuron is connected to another one, by any kind of connection."""
    if any((view.weight > 0).any() for view in snapshots.values()):
        return
    edges = sum(len(view.out_target) for view in snapshots.values())
    what = f"{edges:,} connections, all of weight 0" if edges else "no connection between two different neurons"
    raise AnalysisError(
        f"this graph has {what} (autapses say nothing of partners and are left out): there is no wiring to predict "
        "from. Ingest connections between its neurons"
    )


def homologue_classes(folder: Folder, view: NeuronList, wanted: str | None) -> tuple[list[str] | None, str]:
    """(class of every neuron, in words where from); twins are one class, others stand alone.

    Raises:
        UnknownNameError: no such column. AnalysisError: worm names asked of neurons without names.
    """
    ids = view.root_ids.tolist()
    if wanted == WORM:
        names = [None if v is None else str(v) for v in tables.neuron_values(folder, view, "name")]
        there = {name for name in names if name}
        if not there:
            raise AnalysisError("homologues by worm names, but no neuron has a name; ingest neurons with names")
        classes = [worm_class(name, there) if name else f"#{i}" for name, i in zip(names, ids, strict=True)]
        return classes, f"homologue classes from C. elegans names: {len(set(classes)):,} of {len(ids):,} neurons"
    column = wanted
    if column is None:
        rows = folder.connection.execute("DESCRIBE neurons").fetchall()
        column = next((name for name in HOMOLOGUES if name in {str(row[0]) for row in rows}), NOTHING)
    if column == NOTHING:
        return None, (
            "no homologue classes are known: left and right twins may stand on both sides of a split, and scores are "
            "too good then. Name a column with --homologues"
        )
    values = [None if v is None else str(v).strip() for v in tables.neuron_values(folder, view, column)]
    classes = _classes(folder, view, values)
    return classes, f"homologue classes from the column {column!r}: {len(set(classes)):,} of {len(ids):,} neurons"


def _classes(folder: Folder, view: NeuronList, values: Sequence[str | None]) -> list[str]:
    """Values are partners, by root_id or name, where most name another neuron; else names of classes."""
    ids = view.root_ids.tolist()
    at = {str(v): k for k, v in enumerate(tables.neuron_values(folder, view, "name")) if v is not None}
    at |= {str(root_id): k for k, root_id in enumerate(ids)}
    other = [at.get(value, -1) if value else -1 for value in values]
    named = sum(place not in (-1, k) for k, place in enumerate(other))
    if named and named >= COVERED * sum(bool(value) and not _is_nobody(value) for value in values):
        partner = [None if place < 0 else ids[place] for place in other]
        return [f"#{number}" for number in homologue_groups(view.root_ids, partner).tolist()]
    return [value if value and not _is_nobody(value) else f"#{k}" for k, value in enumerate(values)]


def _is_nobody(value: str | None) -> bool:
    return value is None or value.lower() in UNKNOWN or value.startswith("-")


def _positions(folder: Folder, view: Snapshot) -> Floats | None:
    axes = [tables.neuron_values(folder, view, f"{axis}_nm") for axis in "xyz"]
    positions = np.array([[np.nan if v is None else float(v) for v in axis] for axis in axes]).T
    return positions if np.isfinite(positions).all(axis=1).any() else None


def _sides(folder: Folder, view: Snapshot) -> list[str | None] | None:
    sides = [None if v is None else str(v) for v in tables.neuron_values(folder, view, "side")]
    return sides if any(value is not None for value in sides) else None


def _vectors(
    folder: Folder, root_ids: RootIds, wanted: str | None
) -> tuple[Floats | None, dict[str, Any] | None, list[str]]:
    """Mean vector of each joined neuron, about which model it is, and how many have none."""
    known = model_names(folder)
    if wanted == NOTHING or (wanted is None and not known):
        return None, None, []
    if wanted is None and len(known) > 1:
        raise SchemaError(
            f"this graph has embeddings of {len(known)} models ({', '.join(known)}), whose vectors live in different "
            "spaces and are never mixed; name one with --embeddings, or --embeddings none"
        )
    there = open_embeddings(folder, wanted)
    rows = arrow(
        folder.cursor(),
        "SELECT root_id, embedded_root_id FROM neuron_embeddings WHERE model = ? AND embedded_root_id IS NOT NULL "
        "ORDER BY root_id",
        [there.model],
    )
    if not rows.num_rows:
        raise AnalysisError(
            f"embeddings of model {there.model!r} are here, and no neuron is joined to them; join them first "
            "(`graphlab join-embeddings`, graph.embeddings.join()), or go without: --embeddings none"
        )
    at = rows_of(rows["root_id"].to_numpy(), root_ids)
    vectors = np.full((len(root_ids), there.width), np.nan)
    vectors[at >= 0] = there.mean(rows["embedded_root_id"].to_numpy()[at[at >= 0]])
    missing = int((~np.isfinite(vectors).all(axis=1)).sum())
    notes = [f"embeddings are of model {there.model!r}, segmentation {there.segmentation_version}, a mean a neuron"]
    if missing:
        notes.append(
            f"{missing:,} of {len(root_ids):,} neurons have no embedding: they get the mean of the others, and a "
            "feature says so"
        )
    about = {"model": there.model, "segmentation_version": there.segmentation_version, "width": there.width}
    return vectors, about, notes


def _hash(*arrays: npt.NDArray[Any]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for values in arrays:
        digest.update(f"{values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def some(values: Sequence[Any]) -> str:
    """The first few of them, for a message."""
    return ", ".join(map(str, values[:3])) + (" ..." if len(values) > 3 else "")

"""What predictors see, from a graph folder: wiring of every kind, homologue classes, embeddings, labels.

The same reading serves training and, later, prediction; hashes of its parts tell whether the graph is still the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.predict.inputs.examples import Floats
from graphlab.predict.inputs.features import RootIds
from graphlab.predict.inputs.pair_features import MOST_NEURONS
from graphlab.predict.tasks.cell_type import Typed, homologue_groups, side_numbers
from graphlab.predict.tasks.functional import Measured
from graphlab.predict.tasks.worm_names import worm_class
from graphlab.store import tables
from graphlab.store.database import arrow, first_row
from graphlab.store.embeddings.models import model_names, open_embeddings
from graphlab.store.folder import Folder
from graphlab.store.wiring.snapshots import snapshot
from ingest.schema.errors import AnalysisError, SchemaError, UnknownNameError
from ingest.schema.ids import rows_of
from ingest.schema.words import KINDS
from queries.snapshot import Snapshot

FUNCTIONAL, CELL_TYPE = "functional", "cell-type"
TASKS = (FUNCTIONAL, CELL_TYPE)
UNKNOWN = ("", "?", "na", "n/a", "nan", "none", "null", "unk", "unknown", "unassigned", "undefined", "unclassified")
"""Labels, in lower case, that say that nobody knows."""
HOMOLOGUES = ("homologue_class", "homologue", "homologue_root_id", "pair", "partner")
"""Columns of neurons that are looked for when none is named."""
WORM, NOTHING = "worm", "none"
OUTSIDERS = ("refuse", "leave-out")
COVERED = 0.5
"""Share of a column's values that name other neurons, from which on it is one of partners and not of classes."""


@dataclass(frozen=True)
class Question:
    """What is to be learned from a graph; kept on the card, so that prediction reads the same."""

    task: str
    label: str = "cell_type"
    """Column of neurons with the labels of a cell-type task."""
    unknown: tuple[str, ...] = UNKNOWN
    """Labels that count as none, in any case."""
    least: int = 2
    """Labels of fewer neurons are left out: they cannot be both learned and tested."""
    homologues: str | None = None
    """Column with the partner (root_id or name) or the class of each neuron; ``worm``: C. elegans names; ``none``."""
    embeddings: str | None = None
    """Model; ``none``; by default the one model there is."""
    responses: str | None = None
    """Run of measured responses; the latest by default."""
    outsiders: str = OUTSIDERS[0]
    """What becomes of responses of neurons that are not in the graph."""

    def __post_init__(self) -> None:
        for what, value, known in (("task", self.task, TASKS), ("way with outsiders", self.outsiders, OUTSIDERS)):
            if value not in known:
                raise UnknownNameError(what, value, known)


@dataclass(frozen=True, eq=False)
class Wired:
    """The graph without any label."""

    root_ids: RootIds
    """[n] ascending."""
    snapshots: dict[str, Snapshot]
    classes: list[str] | None
    """[n] homologue classes, None where nobody knows."""
    position_nm: Floats | None
    side: list[str | None] | None
    """[n], None where no neuron has one, and in a functional task."""
    vectors: Floats | None
    """[n, width] mean embeddings, NaN rows where there are none."""
    hashes: dict[str, str] = field(default_factory=dict)
    """Part -> hash of what predictors see of it."""
    counts: dict[str, int] = field(default_factory=dict)
    """Part -> neurons, connections, vectors."""
    embeddings: dict[str, Any] | None = None
    """Model and segmentation version."""
    notes: tuple[str, ...] = ()


def wired(folder: Folder, question: Question) -> Wired:
    """Read the graph.

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
    functional = question.task == FUNCTIONAL
    if functional and len(root_ids) > MOST_NEURONS:
        raise AnalysisError(
            f"{len(root_ids):,} neurons; functional connectivity is of all pairs, and of at most {MOST_NEURONS:,} "
            "neurons. Make a graph of the measured part (ingest with --keep)"
        )
    parts: dict[str, list[npt.NDArray[Any]]] = {"neurons": [root_ids]}
    counts = {"neurons": len(root_ids)}
    for kind, view in snapshots.items():
        parts[f"{kind} connections"] = [view.out_start, view.out_target, view.weight]
        counts[f"{kind} connections"] = len(view.out_target)
    place = _positions(folder, snapshots["chemical"]) if functional else None
    if place is not None:
        parts["positions"], counts["positions"] = [place], int(np.isfinite(place).all(axis=1).sum())
    side = None if functional else _sides(folder, snapshots["chemical"])
    if side is not None:
        numbers = side_numbers(side)
        parts["sides"], counts["sides"] = [numbers], int((numbers >= 0).sum())
    classes, told = homologue_classes(folder, snapshots["chemical"], question.homologues)
    vectors, about, said = _vectors(folder, root_ids, question.embeddings)
    if vectors is not None:
        parts["embeddings"], counts["embeddings"] = [vectors], int(np.isfinite(vectors).all(axis=1).sum())
    hashes = {name: _hash(*values) for name, values in parts.items()}
    notes = (told, *said)
    return Wired(root_ids, snapshots, classes, place, side, vectors, hashes, counts, about, notes)


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


def typed(folder: Folder, seen: Wired, question: Question) -> tuple[Typed, list[str]]:
    """A cell-type task's neurons, and what was left out.

    Raises:
        UnknownNameError: no such column. AnalysisError: no labels.
    """
    chemical = seen.snapshots["chemical"]
    values = [None if v is None else str(v).strip() for v in tables.neuron_values(folder, chemical, question.label)]
    nobody = {name.lower() for name in question.unknown}
    known = [None if value is None or value.lower() in nobody else value for value in values]
    found: dict[str, int] = {}
    for value in known:
        if value is not None:
            found[value] = found.get(value, 0) + 1
    rare = {name for name, count in found.items() if count < question.least}
    labels = [None if value in rare else value for value in known]
    notes = [
        f"labels are the column {question.label!r}: {sum(v is not None for v in labels):,} of {len(labels):,} neurons "
        f"have one of {len(found) - len(rare):,} labels"
    ]
    if unsaid := sum(a is not None and b is None for a, b in zip(values, known, strict=True)):
        notes.append(f"{unsaid:,} neurons have a label that says unknown, and count as unlabelled")
    if rare:
        notes.append(
            f"{len(rare):,} labels of fewer than {question.least} neurons were left out: {_some(sorted(rare))}"
        )
    if not any(value is not None for value in labels):
        raise AnalysisError(
            f"no labels: no neuron of the graph has a usable value in the column {question.label!r} ({len(values):,} "
            f"neurons: {unsaid:,} unknown, {len(rare):,} labels of fewer than {question.least} neurons). Ingest some "
            "with that column, or name another with --label"
        )
    partner = None
    if seen.classes is not None:
        first: dict[str, int] = {}
        ids = seen.root_ids.tolist()
        partner = [int(first.setdefault(name, root_id)) for name, root_id in zip(seen.classes, ids, strict=True)]
    return Typed(seen.root_ids, seen.snapshots, labels, partner, seen.side, seen.vectors), notes


def measured(folder: Folder, seen: Wired, question: Question) -> tuple[Measured, list[str]]:
    """A functional task's pairs: with a verdict, so that a silent pair is one that was measured.

    Raises:
        AnalysisError: no measured responses, none with a verdict, or responses of neurons outside the graph.
        UnknownNameError: no such run.
    """
    run_id = response_run(folder, question.responses)
    rows = arrow(
        folder.cursor(),
        "SELECT pre_root_id, post_root_id, avg(CAST(connected AS DOUBLE)) > 0.5 AS connected "
        "FROM functional_connections WHERE run_id = ? AND kind = 'response' AND pre_root_id <> post_root_id "
        "GROUP BY pre_root_id, post_root_id ORDER BY pre_root_id, post_root_id",
        [run_id],
    )
    pre, post = (rows_of(seen.root_ids, rows[f"{end}_root_id"].to_numpy()) for end in ("pre", "post"))
    verdict = np.array([-1 if v is None else int(v) for v in rows["connected"].to_pylist()], dtype=np.int8)
    if not (verdict >= 0).any():
        raise AnalysisError(
            f"no labels: none of the {rows.num_rows:,} responses of run {run_id} says whether there was one; ingest "
            "them with a column 'connected' (true or false) or 'q', so that measured but silent pairs are known"
        )
    inside = (pre >= 0) & (post >= 0)
    notes = [f"responses are those of run {run_id}: {int((verdict[inside] == 1).sum()):,} responses and "
             f"{int((verdict[inside] == 0).sum()):,} measured, silent pairs"]  # fmt: skip
    if not inside.all():
        ends = (rows[f"{end}_root_id"].to_numpy()[at < 0] for end, at in (("pre", pre), ("post", post)))
        strangers = np.unique(np.concatenate(list(ends)))
        what = f"{int((~inside).sum()):,} responses are of {len(strangers):,} neurons that are not in the graph"
        if question.outsiders != "leave-out":
            raise AnalysisError(
                f"{what} ({_some(strangers.tolist())}): add them (ingest neurons or connections that name them), or "
                "leave their pairs out with --outsiders leave-out"
            )
        notes.append(f"{what}, and were left out")
    if silent := int((verdict[inside] < 0).sum()):
        notes.append(f"{silent:,} responses have no verdict, and were left out")
    n = len(seen.root_ids)
    responds = np.full((n, n), -1, dtype=np.int8)
    responds[pre[inside], post[inside]] = verdict[inside]
    names = seen.classes if seen.classes is not None else [str(root_id) for root_id in seen.root_ids.tolist()]
    return Measured(seen.root_ids, seen.snapshots, responds, names, seen.position_nm, seen.vectors), notes


def homologue_classes(folder: Folder, view: Snapshot, wanted: str | None) -> tuple[list[str] | None, str]:
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
        found = [worm_class(name, there) if name else f"#{i}" for name, i in zip(names, ids, strict=True)]
        return found, f"homologue classes from C. elegans names: {len(set(found)):,} of {len(ids):,} neurons"
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
    found = _classes(folder, view, values)
    return found, f"homologue classes from the column {column!r}: {len(set(found)):,} of {len(ids):,} neurons"


def _classes(folder: Folder, view: Snapshot, values: Sequence[str | None]) -> list[str]:
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
    found = np.array([[np.nan if v is None else float(v) for v in axis] for axis in axes]).T
    return found if np.isfinite(found).all(axis=1).any() else None


def _sides(folder: Folder, view: Snapshot) -> list[str | None] | None:
    found = [None if v is None else str(v) for v in tables.neuron_values(folder, view, "side")]
    return found if any(value is not None for value in found) else None


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
            "(`graphlab join-embeddings`, Graph.join_embeddings), or go without: --embeddings none"
        )
    at = rows_of(rows["root_id"].to_numpy(), root_ids)
    found = np.full((len(root_ids), there.width), np.nan)
    found[at >= 0] = there.mean(rows["embedded_root_id"].to_numpy()[at[at >= 0]])
    missing = int((~np.isfinite(found).all(axis=1)).sum())
    told = [f"embeddings are of model {there.model!r}, segmentation {there.segmentation_version}, a mean a neuron"]
    if missing:
        told.append(
            f"{missing:,} of {len(root_ids):,} neurons have no embedding: they get the mean of the others, and a "
            "feature says so"
        )
    about = {"model": there.model, "segmentation_version": there.segmentation_version, "width": there.width}
    return found, about, told


def response_run(folder: Folder, run_id: str | None) -> str:
    """The named run of measured responses; the latest when None."""
    rows = folder.connection.execute(
        "SELECT DISTINCT f.run_id, r.started FROM functional_connections f JOIN runs r USING (run_id) "
        "WHERE f.kind = 'response' ORDER BY r.started, f.run_id"
    ).fetchall()
    known = [str(row[0]) for row in rows]
    if run_id is not None and run_id not in known:
        raise UnknownNameError("run of measured responses", run_id, known)
    if not known:
        other = first_row(folder.connection, "SELECT count(*) FROM functional_connections")
        more = f" ({other[0]:,} functional edges of other kinds are here; they are correlations)" if other[0] else ""
        raise AnalysisError(
            f"no labels: this graph has no measured responses{more}; bring them with `graphlab correlate GRAPH --what "
            "response --source FILE`"
        )
    return run_id or known[-1]


def _hash(*arrays: npt.NDArray[Any]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for values in arrays:
        digest.update(f"{values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _some(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values[:3])) + (" ..." if len(values) > 3 else "")

"""Null tests and mining from plain settings: what a null is told about a graph, and runs done once and again.

Tests: tests/graphlab/verbs/motifs/test_namespace.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.nulls.models import LABELS, NEARNESS, POSITIONS, NullModel, NullOptions, default_null
from graphlab.motifs.nulls.registered import null_model, null_names
from graphlab.store import tables
from graphlab.store.folder import Folder
from graphlab.store.runs import runs
from graphlab.verbs.open_graph import OpenGraph
from ingest.schema.errors import AnalysisError, ReadError, SchemaError, UnknownNameError
from ingest.schema.proofreading import seen
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from graphlab.motifs.mining.typed import Mined
    from graphlab.motifs.significance.motifs import Significance

NEAR = ("soma", "neuropil")


@dataclass(frozen=True)
class NullSettings:
    """Choices of a person, all of them plain values, so that a run can be written down and done again."""

    by: str | None = None
    """Column of ``neurons`` that names the blocks of ``block``; cell_type when absent."""
    kind: str = "chemical"
    min_weight: float = 0.0
    compartment: str | None = None
    """Only what pairs have there, as ``snapshot`` takes it."""
    steps_per_edge: float = 10.0
    """Steps of the swap chain per connection and sample."""
    near: str = "soma"
    """What ``spatial`` keeps: bins of soma distance, or the number of neuropils two neurons share (neuropil)."""
    proximity: str | None = None
    """File of pre_root_id, post_root_id, class (whole numbers): arbor proximity of pairs, for ``spatial``."""
    keep_reciprocity: bool = False
    """Whether ``block`` and ``spatial`` keep the mutual partners of every neuron, too."""
    observable: bool = True
    """Whether only pairs count whose axon and dendrite were proofread, where the graph knows it."""

    def plain(self) -> dict[str, Any]:
        plain = asdict(self)
        if self.compartment is None:
            del plain["compartment"]  # a run without one is the run that it was before there were any
        return plain


def null_options(folder: Folder, view: Snapshot, model: NullModel, settings: NullSettings) -> NullOptions:
    """What a null needs to be told, read from the graph's tables.

    Raises:
        UnknownNameError: no such column. AnalysisError: a choice that does not fit the null.
        SchemaError, ReadError: a table of proximity that cannot be used.
    """
    if settings.near not in NEAR:
        raise UnknownNameError("place to be near (near=)", settings.near, NEAR)
    if settings.by is not None and LABELS not in model.needs:
        raise AnalysisError(
            f"by={settings.by!r} names the labels of the null {_needing(LABELS)}, and {model.name!r} has none; leave "
            "it out, or count per group with graph.motifs.census(size, by=...)"
        )
    if settings.proximity is not None and NEARNESS not in model.needs:
        raise AnalysisError(
            f"a table of proximity belongs to the null {_needing(NEARNESS)}; the null is {model.name!r}"
        )
    options = NullOptions(steps_per_edge=settings.steps_per_edge, keep_reciprocity=settings.keep_reciprocity)
    if settings.observable:
        options = replace(
            options,
            observable_pre=seen(tables.neuron_values(folder, view, "status_axon")),
            observable_post=seen(tables.neuron_values(folder, view, "status_dendrite")),
        )
    given: dict[str, Any] = {}
    for need in sorted(model.needs):
        if need not in NEEDED:
            raise UnknownNameError(f"need of the null {model.name!r}", need, NEEDED)
        given |= NEEDED[need](folder, view, settings)
    return replace(options, **given)


def _needing(need: str) -> str:
    return " or ".join(repr(name) for name in null_names() if need in null_model(name).needs)


def _labels(folder: Folder, view: Snapshot, settings: NullSettings) -> dict[str, Any]:
    labels = tables.neuron_values(folder, view, settings.by or "cell_type")
    return {"labels": [None if x is None or x == "" else str(x) for x in labels]}


def _positions(folder: Folder, view: Snapshot, settings: NullSettings) -> dict[str, Any]:
    return {"position_nm": positions(folder, view)}


def _nearness(folder: Folder, view: Snapshot, settings: NullSettings) -> dict[str, Any]:
    if settings.proximity is not None:
        return {"close_pairs": close_pairs(Path(settings.proximity), view)}
    if settings.near == "neuropil":
        return {"neuropils": tables.neuropils_of(folder, view, settings.kind)}
    return _positions(folder, view, settings)


NEEDED: dict[str, Callable[[Folder, Snapshot, NullSettings], dict[str, Any]]] = {
    LABELS: _labels, POSITIONS: _positions, NEARNESS: _nearness,
}  # fmt: skip
"""Need -> what is read from the graph for it, as options."""


def positions(folder: Folder, view: Snapshot) -> npt.NDArray[np.float64]:
    """float64 [n, 3] nm, NaN where unknown."""
    columns = [tables.neuron_values(folder, view, f"{axis}_nm") for axis in "xyz"]
    return np.array(columns, dtype=np.float64).reshape(3, view.n).T.copy()


def close_pairs(
    path: Path, view: Snapshot
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Node numbers and class of the ordered pairs of a table; rows of neurons the graph lacks are left out."""
    import pyarrow as pa
    from pyarrow import csv

    from ingest.columnar.files import read_columns

    try:
        table = read_columns(path) if path.suffix == ".parquet" else csv.read_csv(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ReadError(f"{path}: the table of proximity cannot be read ({error}); wanted .csv or .parquet") from None
    wanted = ("pre_root_id", "post_root_id", "class")
    missing = [name for name in wanted if name not in table.schema.names]
    if missing:
        raise SchemaError(f"{path}: no column {', '.join(missing)}; wanted {', '.join(wanted)}")
    columns = []
    for name, kind in zip(wanted, (pa.uint64(), pa.uint64(), pa.int64()), strict=True):
        column = table.column(name)
        if not pa.types.is_integer(column.type) or column.null_count:
            raise SchemaError(f"{path}: column {name} holds {column.type}, wanted whole numbers in every row")
        columns.append(column.cast(kind).to_numpy())
    nodes = [view.indices_of(ids) for ids in columns[:2]]
    keep = (nodes[0] >= 0) & (nodes[1] >= 0)
    return nodes[0][keep], nodes[1][keep], columns[2][keep]


def inputs_of(settings: NullSettings) -> dict[str, str]:
    """Files that take part in a result: name -> SHA-256. One that is not there is found missing when it is read."""
    path = Path(settings.proximity or "")
    return {path.name: runs.hash_source(path)} if path.is_file() else {}


def plain_settings(opened: OpenGraph, given: Mapping[str, Any]) -> NullSettings:
    chosen = settings_of(given)
    return replace(chosen, kind=opened.kind_of(chosen.kind), compartment=opened.compartment_of(chosen.compartment))


def significance_of(opened: OpenGraph, parameters: Mapping[str, Any], **how: Any) -> Significance:
    from graphlab.motifs.significance.motifs import motif_significance

    given = dict(parameters)
    size, null, samples, seed, sequential = (
        given.pop(name) for name in ("size", "null", "samples", "seed", "sequential")
    )
    chosen = settings_of(given)
    if size not in (2, 3, 4):
        raise AnalysisError(f"motifs of {size} neurons are not counted; the sizes are 2, 3 and 4")
    view = opened.snapshot(chosen.kind, chosen.min_weight, chosen.compartment)
    name = null or default_null(size)
    options = null_options(opened.folder, view, null_model(name), chosen)
    return motif_significance(
        view, size, null=name, samples=samples, seed=seed, sequential=sequential, options=options, **how
    )


def mined(opened: OpenGraph, parameters: Mapping[str, Any], **how: Any) -> Mined:
    from graphlab.motifs.mining.typed import mine

    given = dict(parameters)
    names = ("size", "null", "samples", "seed", "split", "top", "min_count", "by")
    size, null, samples, seed, split, top, min_count, by = (given.pop(name) for name in names)
    chosen = settings_of(given)
    view = opened.snapshot(chosen.kind, chosen.min_weight, chosen.compartment)
    options = null_options(opened.folder, view, null_model(null), chosen)
    labels = [None if x is None or x == "" else str(x) for x in opened.neuron_values(view, by)]
    half: str | npt.NDArray[np.bool_] | None = split
    rule = ""
    if split == "hemisphere":
        half, rule, labels = hemispheres(opened, view, labels)
    elif split not in (None, "random"):
        raise UnknownNameError("split", str(split), ("random", "hemisphere"))
    return mine(
        view, labels, size, null=null, samples=samples, seed=seed, options=replace(options, labels=labels),
        split=half, split_rule=rule, top=top, min_count=min_count, **how,
    )  # fmt: skip


def hemispheres(
    opened: OpenGraph, view: Snapshot, labels: list[str | None]
) -> tuple[npt.NDArray[np.bool_], str, list[str | None]]:
    """Left neurons, the rule in words, and the types of the neurons on one of the two sides."""
    side = [str(x or "").strip().lower() for x in opened.neuron_values(view, "side")]
    left, right = (np.array([x in words for x in side]) for words in (("left", "l"), ("right", "r")))
    if not left.any() or not right.any():
        raise AnalysisError(
            f"a split by hemisphere needs neurons with side left and right, and found {int(left.sum())} and "
            f"{int(right.sum())}; ingest neurons with a column side, or split at random"
        )
    kept = [label if sided else None for label, sided in zip(labels, left | right, strict=True)]
    return left, f"left hemisphere mined ({int(left.sum())} neurons), right held out ({int(right.sum())})", kept


def settings_of(given: Mapping[str, Any]) -> NullSettings:
    """The settings of these names; UnknownNameError with the nearest ones for another."""
    known = [field.name for field in fields(NullSettings)]
    for name in given:
        if name not in known:
            raise UnknownNameError("setting of a null", name, known)
    plain: dict[str, Any] = {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
    return NullSettings(**plain)


def significance_rows(result: Significance) -> pa.Table:
    """The rows of a significance as columns of ``motif_counts``."""
    import pyarrow as pa

    table = result.to_arrow()
    table = table.append_column("null_model", pa.array([result.null] * len(table), pa.string()))
    return table.append_column("samples", pa.array([result.samples] * len(table), pa.int64()))


def counted(result: Significance) -> pa.Table:
    """The whole numbers of a significance: what a rerun must give byte for byte."""
    import pyarrow as pa

    return pa.table(
        {
            "motif": list(result.classes),
            "count": result.observed,
            "null_counts": pa.array(list(result.counts.T), pa.list_(pa.int64())),
        }
    )


def mined_counts(mined: Mined) -> pa.Table:
    """What a rerun of a mining must give byte for byte: motifs in order, counts, and p, a ratio of two of them."""
    return mined.to_arrow().select(["pattern", "motif", "code", "types", "count", "p", "test_count"])

"""Means of a model's embeddings along skeletons, filed as a model of their own beside it.

``<model>-within-10um`` has one vector an embedded node, under the node's own id and place, so that whatever joins the
model joins it. ``<model>-compartment-mixtures`` and ``<model>-neuron-mixtures`` have one a compartment (node_id is the
SWC type) or a neuron (node_id 0), at the middle of the cable that they stand for. How many nodes, how much cable and
how far apart they were lies in ``aggregates/<name>.parquet``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphlab.store.embeddings.intake import origin_key, require_own_relation
from graphlab.store.embeddings.models import model_names
from graphlab.store.files import checksums, places
from graphlab.store.folder import Folder
from graphlab.store.intake import Policy, ingest
from ingest.reader import ReadRequest
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError
from ingest.schema.words import EMBEDDINGS

if TYPE_CHECKING:
    from graphlab.store.embeddings.files import EmbeddingSet
    from ingest.skeletons.skeleton import Skeleton

WAYS = ("path", "compartment", "neuron")
STATISTICS = ("root_id", "node_id", "compartment", "count", "cable_nm", "dispersion")


@dataclass(frozen=True)
class AggregateSummary:
    """What was filed."""

    model: str
    of: str
    rows: int
    neurons: int
    without: int
    """Skeletons that have no embeddings."""
    run_id: str
    already_there: bool


def aggregated_name(model: str, by: str, radius_nm: float) -> str:
    return f"{model}-within-{radius_nm / 1000:g}um" if by == "path" else f"{model}-{by}-mixtures"


def aggregate(
    folder: Folder, of: EmbeddingSet, skeletons: Iterable[Skeleton], *, by: str, radius_nm: float, name: str | None
) -> AggregateSummary:
    """See ``graph.embeddings.aggregate``."""
    if by not in WAYS:
        raise UnknownNameError("way to aggregate", by, WAYS)
    chosen = places.checked_name(name or aggregated_name(of.model, by, radius_nm), "name of a model")
    if chosen == of.model:
        raise SchemaError(f"model {chosen!r} is what is aggregated; its means need another name")
    _require_own(folder, chosen, of.model)
    table, without = means(of, skeletons, by, radius_nm)
    table = table.sort_by([("root_id", "ascending"), ("node_id", "ascending")])
    rows = table.select([column.name for column in EMBEDDINGS.columns if column.name in table.column_names])
    options = {"model": chosen, "segmentation_version": of.segmentation_version, "replace": True}

    def alongside() -> None:
        folder.set_meta(origin_key(chosen), {"means of": of.model, "by": by, "radius_nm": radius_nm})
        _write_statistics(folder, chosen, table)

    done = ingest(folder, rows, ReadRequest("embeddings", options=options), Policy(), alongside=alongside)
    if done.already_there and not _statistics_path(folder, chosen).is_file():
        with folder.transaction():
            alongside()
    neurons = len(table.column("root_id").unique())
    return AggregateSummary(chosen, of.model, table.num_rows, neurons, without, done.run_id, done.already_there)


def means(of: EmbeddingSet, skeletons: Iterable[Skeleton], by: str, radius_nm: float) -> tuple[pa.Table, int]:
    """The rows, and how many skeletons have no embeddings.

    Raises:
        SchemaError: none of them has, or no skeleton knows compartments.
    """
    from gpu_embed.aggregate import WHOLE, mixtures, within_path

    tables, without = [], 0
    for skeleton in skeletons:
        vectors, _ = of.lookup([skeleton.root_id])
        if not len(vectors):
            without += 1
            continue
        ids = of.nodes([skeleton.root_id])[0]
        if by == "path":
            tables.append(within_path(skeleton, ids, vectors, radius_nm).to_arrow())
            continue
        table = mixtures(skeleton, ids, vectors).rename_columns({"mixture": "vector"})
        whole = pa.array([name == WHOLE for name in table.column("compartment").to_pylist()])
        tables.append(table.filter(whole if by == "neuron" else pa.array([not one.as_py() for one in whole])))
    if not tables:
        raise SchemaError(f"none of the skeletons has embeddings of model {of.model!r}")
    table = pa.concat_tables(tables)
    if table.num_rows == 0:
        raise SchemaError("none of the skeletons knows compartments; wanted SWC types, or --by neuron")
    return table, without


def statistics(folder: Folder, model: str) -> pa.Table:
    """root_id, node_id, (compartment,) count, cable_nm and dispersion of each mean of a model.

    Raises:
        ReadError: the model is no aggregate of this graph.
    """
    path = _statistics_path(folder, model)
    if not path.is_file():
        raise ReadError(f"model {model!r} has no statistics of means here; graphlab aggregate-embeddings writes them")
    return checksums.read_parquet(path, "the file of statistics", "aggregate the embeddings again")


def _require_own(folder: Folder, name: str, of: str) -> None:
    """Refuse to replace a model that is something else than means of this one, before anything is computed.

    Raises:
        SchemaError: it is.
    """
    require_own_relation(folder, name)
    if name not in model_names(folder):
        return
    origin = folder.meta(origin_key(name))
    earlier = origin is None and _statistics_path(folder, name).is_file()  # of a version that did not say
    if not earlier and (origin or {}).get("means of") != of:
        what = f"the means of {origin['means of']!r}" if origin and "means of" in origin else "no means of embeddings"
        raise SchemaError(f"model {name!r} of this graph is {what} and is not replaced; choose another --name")


def _write_statistics(folder: Folder, model: str, table: pa.Table) -> None:
    with folder.arriving(_statistics_path(folder, model)) as new:
        checksums.write_parquet(table.select([name for name in STATISTICS if name in table.column_names]), new)


def _statistics_path(folder: Folder, model: str) -> Path:
    return places.place(folder.path, places.AGGREGATES, f"{model}.parquet")


def skeletons_of(source: Any, unit_nm: Any) -> Iterable[Skeleton]:
    """A path to SWC files or precomputed skeletons, or skeletons themselves."""
    from ingest.nodes import read_skeletons

    if isinstance(source, str | Path):
        path = Path(source)
        if not path.exists():
            raise ReadError(f"{path} does not exist; wanted .swc files or precomputed skeletons")
        return read_skeletons(path, unit_nm)
    skeletons: Iterable[Skeleton] = source
    return skeletons

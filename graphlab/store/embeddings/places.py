"""Embeddings joined to the graph and kept there: neurons to embedded segments, synapses to embedded nodes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.store.database import arrow, first_row
from graphlab.store.embeddings.files import EmbeddingSet
from graphlab.store.embeddings.joins import join_by_id, join_by_place, nodes_of_side, require_version
from graphlab.store.folder import Folder
from graphlab.store.runs import runs
from graphlab.store.runs.results import start_run
from graphlab.store.wiring.predicted.labels import forget_labels
from ingest.running.progress import Progress
from ingest.schema.errors import SchemaError, VersionError
from ingest.schema.ids import RootIds, rows_of
from ingest.schema.words import ID

SYNAPSES_AT_A_TIME = 1_000_000
JOIN, PLACE = "join embeddings", "place synapses"


@dataclass(frozen=True, slots=True)
class NeuronJoin:
    """What a join of neurons and embeddings found."""

    run_id: str
    model: str
    how: str
    """id, map or place."""
    neurons: int
    joined: int
    ambiguous_ids: RootIds
    """Neurons with several answers; they got none."""
    notes: tuple[str, ...] = ()
    """What rested on an earlier join and went with it."""

    @property
    def coverage(self) -> float:
        """Share of the graph's neurons with embeddings; NaN without neurons."""
        return self.joined / self.neurons if self.neurons else float("nan")

    def __str__(self) -> str:
        some = ", ".join(map(str, self.ambiguous_ids[:3].tolist()))
        unclear = f"; {len(self.ambiguous_ids):,} ambiguous ones got none ({some})" if some else ""
        return (
            f"{self.joined:,} of {self.neurons:,} neurons ({self.coverage:.1%}) have embeddings of model "
            f"{self.model}, joined by {self.how}{unclear}{_told(self.notes)} (run {self.run_id})"
        )


@dataclass(frozen=True, slots=True)
class SynapsePlaces:
    """How many synapses found an embedded node."""

    run_id: str
    model: str
    radius_nm: float
    synapses: int
    pre: int
    post: int
    notes: tuple[str, ...] = ()
    """What rested on earlier places and went with them."""

    def __str__(self) -> str:
        return (
            f"of {self.synapses:,} synapses, {self.pre:,} have a node of model {self.model} of their pre- and "
            f"{self.post:,} of their postsynaptic neuron within {self.radius_nm:g} nm{_told(self.notes)} "
            f"(run {self.run_id})"
        )


def _told(notes: tuple[str, ...]) -> str:
    return "".join(f"; {note}" for note in notes)


def join_neurons(
    folder: Folder,
    embeddings: EmbeddingSet,
    *,
    id_map: pa.Table | None = None,
    radius_nm: float | None = None,
    segmentation_version: str | None = None,
) -> NeuronJoin:
    """Find the segment of the embeddings that each neuron of the graph is, and keep it in ``neuron_embeddings``.

    Args:
        id_map: columns root_id, embedded_root_id, where versions differ.
        radius_nm: instead: the segment of the node nearest to the neuron's own point; ambiguous where another
            segment has a node within the radius, too.
        segmentation_version: of the graph's ids, where the graph names no materialization.

    Raises:
        VersionError: versions differ, or are not known, and neither a map nor a radius is given.
        SchemaError: a map and a radius, a radius that is no length, no neuron with a position.
    """
    if id_map is not None and radius_nm is not None:
        raise SchemaError("give either an id map or a radius: both say which segment a neuron is")
    how = "place" if radius_nm is not None else "id" if id_map is None else "map"
    inputs = {} if id_map is None else {"id map": runs.hash_table(id_map)}
    run = start_run(folder, JOIN, {"model": embeddings.model, "how": how, "radius_nm": radius_nm}, inputs)
    neurons = arrow(folder.cursor(), "SELECT root_id, x_nm, y_nm, z_nm FROM neurons ORDER BY root_id")
    root_ids: RootIds = neurons["root_id"].combine_chunks().to_numpy()
    distance = np.full(len(root_ids), np.nan)
    if radius_nm is not None:
        _require_length(radius_nm)
        points = np.stack([neurons[f"{axis}_nm"].to_numpy() for axis in "xyz"], axis=1).astype(np.float64)
        placed = np.isfinite(points).all(axis=1)
        if not placed.any():
            raise SchemaError("no neuron has a position (x_nm, y_nm, z_nm); join by an id map instead")
        embedded_ids = np.zeros(len(root_ids), dtype=np.uint64)
        ambiguous = np.zeros(len(root_ids), dtype=np.bool_)
        near = join_by_place(embeddings, points[placed], radius_nm)
        embedded_ids[placed], distance[placed], ambiguous[placed] = near.embedded_ids, near.distance_nm, near.ambiguous
    else:
        version = _version(folder, embeddings, segmentation_version) if id_map is None else ""
        joined = join_by_id(embeddings, root_ids, version, id_map)
        embedded_ids, ambiguous = joined.embedded_ids, joined.ambiguous
    kept = (embedded_ids != 0) | ambiguous
    table = pa.table(
        {
            "root_id": pa.array(root_ids[kept], ID),
            "embedded_root_id": pa.array(embedded_ids[kept], ID, mask=ambiguous[kept]),
            "how": pa.array([how] * int(kept.sum()), pa.string()),
            "distance_nm": pa.array(distance[kept], mask=~np.isfinite(distance[kept])),
        }
    )
    result = NeuronJoin(
        run.run_id,
        embeddings.model,
        how,
        len(root_ids),
        int(((embedded_ids != 0) & ~ambiguous).sum()),
        root_ids[ambiguous],
    )
    with folder.transaction() as connection:
        # Synapses were placed by the earlier join; they would contradict this one.
        for stale in ("neuron_embeddings", "synapse_embeddings"):
            connection.execute(f"DELETE FROM {stale} WHERE model = ?", [embeddings.model])
        result = replace(result, notes=tuple(forget_labels(folder, embeddings.model)))
        connection.register("joined", table)
        connection.execute(
            "INSERT INTO neuron_embeddings BY NAME SELECT ? AS run_id, ? AS model, * FROM joined",
            [run.run_id, embeddings.model],
        )
        connection.unregister("joined")
        run.finish_in(connection, str(result), runs.hash_table(table))
    return result


def place_synapses(
    folder: Folder, embeddings: EmbeddingSet, radius_nm: float, progress: Progress | None = None
) -> SynapsePlaces:
    """Keep the nearest embedded node of the pre- and of the postsynaptic neuron of every synapse.

    Follows the join of ``join_neurons`` for this model. Rows go to ``synapse_embeddings``, replacing earlier ones
    of the model; synapses without a position, or without a node within the radius, get none.

    Args:
        radius_nm: reach, from the synapse to the centre of the embedded crop.

    Raises:
        SchemaError: no synapse with a position, neurons not joined, a radius that is no length.
    """
    _require_length(radius_nm)
    counted = first_row(folder.connection, "SELECT count(*), count(x_nm) FROM synapses")
    if not counted[1]:
        raise SchemaError(
            f"none of the {counted[0]:,} synapses has a position; ingest synapses with x_nm, y_nm, z_nm "
            "(or voxel positions and --resolution)"
        )
    run = start_run(folder, PLACE, _place_parameters(folder, embeddings, radius_nm))
    digest, tally = hashlib.sha256(), {"pre": 0, "post": 0}
    with folder.transaction() as connection:
        connection.execute("DELETE FROM synapse_embeddings WHERE model = ?", [embeddings.model])
        notes = tuple(forget_labels(folder, embeddings.model))
        for side, table in _placed(folder, embeddings, radius_nm, 2 * int(counted[0]), progress):
            digest.update(_bytes(table))
            tally[side] += table.num_rows
            connection.register("placed", table)
            connection.execute(
                "INSERT INTO synapse_embeddings BY NAME SELECT ? AS run_id, ? AS model, * FROM placed",
                [run.run_id, embeddings.model],
            )
            connection.unregister("placed")
        result = SynapsePlaces(
            run.run_id, embeddings.model, radius_nm, int(counted[0]), tally["pre"], tally["post"], notes
        )
        run.finish_in(connection, str(result), digest.hexdigest())
    return result


def is_joined(folder: Folder, model: str) -> bool:
    """Whether neurons of the graph are joined to embeddings of ``model``."""
    row = first_row(
        folder.connection,
        "SELECT count(*) FROM neuron_embeddings WHERE model = ? AND embedded_root_id IS NOT NULL",
        [model],
    )
    return bool(row[0])


def place_again(folder: Folder, embeddings: EmbeddingSet, parameters: dict[str, Any]) -> str:
    """The hash that placing the synapses gives now, nothing kept; what ``graphlab rerun`` compares."""
    now = _place_parameters(folder, embeddings, parameters["radius_nm"])
    if now != parameters:
        raise VersionError("neurons were joined to the embeddings in another way since; place the synapses anew")
    digest = hashlib.sha256()
    for _, table in _placed(folder, embeddings, parameters["radius_nm"], 0, None):
        digest.update(_bytes(table))
    return digest.hexdigest()


def _placed(
    folder: Folder, embeddings: EmbeddingSet, radius_nm: float, total: int, progress: Progress | None
) -> Iterator[tuple[str, pa.Table]]:
    """(side, rows) in the order of neurons, so that the nodes of one neuron are looked up together."""
    joined = arrow(
        folder.cursor(),
        "SELECT root_id, embedded_root_id FROM neuron_embeddings "
        "WHERE model = ? AND embedded_root_id IS NOT NULL ORDER BY root_id",
        [embeddings.model],
    )
    known, embedded = (joined[name].combine_chunks().to_numpy() for name in ("root_id", "embedded_root_id"))
    done = 0
    for side in ("pre", "post"):
        rows = folder.cursor().sql(
            f"SELECT synapse_id, {side}_root_id, x_nm, y_nm, z_nm FROM synapses ORDER BY {side}_root_id, synapse_id"
        )
        for batch in rows.to_arrow_reader(SYNAPSES_AT_A_TIME):
            roots = batch.column(f"{side}_root_id").to_numpy()
            at = rows_of(known, roots)
            ids = np.where(at >= 0, embedded[at], np.uint64(0)).astype(np.uint64)
            yield side, nodes_of_side(embeddings, pa.Table.from_batches([batch]), side, ids, radius_nm)
            done += batch.num_rows
            if progress:
                progress(done, total)


def _place_parameters(folder: Folder, embeddings: EmbeddingSet, radius_nm: float) -> dict[str, Any]:
    row = first_row(
        folder.connection,
        "SELECT run_id FROM neuron_embeddings WHERE model = ? AND embedded_root_id IS NOT NULL LIMIT 1",
        [embeddings.model],
    )
    if row is None:
        raise SchemaError(
            f"no neuron of the graph is joined to embeddings of model {embeddings.model!r}; "
            "join them first (graph.embeddings.join(), `graphlab join-embeddings`)"
        )
    return {"model": embeddings.model, "radius_nm": float(radius_nm), "join": row[0]}


def _bytes(table: pa.Table) -> bytes:
    """Rows one after another, so that a hash of them does not depend on how they were cut."""
    kind = np.dtype([("synapse", "u8"), ("root", "u8"), ("segment", "u8"), ("node", "u8"), ("distance", "f8")])
    rows = np.empty(table.num_rows, dtype=kind)
    names = ("synapse_id", "root_id", "embedded_root_id", "node_id", "distance_nm")
    for field, name in zip(("synapse", "root", "segment", "node", "distance"), names, strict=True):
        rows[field] = table[name].to_numpy()
    return rows.tobytes()


def _version(folder: Folder, embeddings: EmbeddingSet, given: str | None) -> str:
    known = folder.meta("materialization")
    if known is not None and given is not None and str(known) != given:
        raise VersionError(f"the graph is of materialization {known}, not {given}")
    version = str(known if known is not None else given or "")
    if not version:
        raise VersionError(
            f"the graph names no materialization, so it is not known whether its ids are those of segmentation "
            f"{embeddings.segmentation_version}. Say which version they are of (segmentation_version=...), or join "
            "by an id map or by place"
        )
    require_version(embeddings, version)
    return version


def _require_length(radius_nm: float) -> None:
    if not (np.isfinite(radius_nm) and radius_nm > 0):
        raise SchemaError(f"radius_nm is {radius_nm}; wanted a length above 0 nm")

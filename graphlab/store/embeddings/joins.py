"""Embeddings meet synapses: by id within one segmentation, through an id map, or by place.

Segment ids mean something within one segmentation only. An id join across versions would be silently wrong,
so it is refused; the nearest embedded node within a radius, or a table old id -> new id, is the way across.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.store.embeddings.files import EmbeddingSet
from ingest.schema.errors import SchemaError, VersionError
from ingest.schema.ids import RootIds, as_root_ids, rows_of
from ingest.schema.words import ID

Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class IdJoin:
    """Which neurons found embeddings under which id."""

    root_ids: RootIds
    """Ids of the graph, uint64 [k]."""
    embedded_ids: RootIds
    """Ids in the embeddings' segmentation, uint64 [k]; 0 where there are none."""
    ambiguous: npt.NDArray[np.bool_]
    """[k] whether the id maps to several; such a one gets none."""

    @property
    def coverage(self) -> float:
        """Share of neurons with embeddings; NaN without neurons."""
        return float((self.embedded_ids != 0).mean()) if len(self.embedded_ids) else float("nan")


def join_by_id(
    embeddings: EmbeddingSet, root_ids: RootIds, segmentation_version: str, id_map: pa.Table | None = None
) -> IdJoin:
    """Find the embeddings of neurons by id.

    Args:
        root_ids: ids at ``segmentation_version``.
        id_map: columns root_id, embedded_root_id (both uint64), for other versions; several rows of one root_id
            are ambiguous.

    Raises:
        VersionError: versions differ and there is no map.
    """
    if id_map is None:
        require_version(embeddings, segmentation_version)
        wanted = root_ids
        ambiguous = np.zeros(len(root_ids), dtype=np.bool_)
    else:
        old, new = map_columns(id_map)
        order = np.lexsort((new, old))
        old, new = old[order], new[order]
        if not len(old):
            raise SchemaError("the id map is empty; wanted rows of root_id, embedded_root_id")
        first = np.append(True, (old[1:] != old[:-1]) | (new[1:] != new[:-1]))
        old, new = old[first], new[first]
        unique, at, counts = np.unique(old, return_index=True, return_counts=True)
        place = rows_of(unique, root_ids)
        here = place >= 0
        single = here & (counts[place] == 1)
        wanted = np.where(single, new[at[place]], np.uint64(0)).astype(np.uint64)
        ambiguous = here & ~single
    known = np.isin(wanted, embeddings.root_ids)
    return IdJoin(root_ids, np.where(known, wanted, np.uint64(0)).astype(np.uint64), ambiguous)


def map_columns(id_map: pa.Table) -> tuple[RootIds, RootIds]:
    """The columns root_id and embedded_root_id of an id map.

    Raises:
        SchemaError: one of them is missing or has empty cells. IdError: they are no unsigned 64-bit integers.
    """
    columns = []
    for name in ("root_id", "embedded_root_id"):
        if name not in id_map.column_names:
            raise SchemaError(
                f"the id map has the columns {', '.join(map(repr, id_map.column_names))}; wanted 'root_id' (the "
                "graph's) and 'embedded_root_id' (the embeddings')"
            )
        column = id_map[name]
        if column.null_count:
            raise SchemaError(f"the id map has {column.null_count:,} empty cells in {name!r}; leave those rows out")
        columns.append(as_root_ids(column.combine_chunks().to_numpy(zero_copy_only=False), name))
    return columns[0], columns[1]


def require_version(embeddings: EmbeddingSet, segmentation_version: str) -> None:
    """VersionError unless the embeddings are of this segmentation version."""
    if embeddings.segmentation_version != segmentation_version:
        raise VersionError(
            f"embeddings of model {embeddings.model} belong to segmentation {embeddings.segmentation_version}, the ids "
            f"to {segmentation_version}; an id join would be wrong. Use an id map or the nearest node within a radius"
        )


def nearest_in_neuron(
    embeddings: EmbeddingSet, root_ids: RootIds, points_nm: Points, radius_nm: float
) -> tuple[npt.NDArray[np.uint64], Points]:
    """For each point, the nearest embedded node of its own neuron.

    Args:
        root_ids: uint64 [n], the neuron of each point. points_nm: float64 [n, 3]. radius_nm: reach.

    Returns:
        node ids uint64 [n], and distances float64 [n] in nm, infinite where no node lies within the radius.
    """
    from scipy.spatial import KDTree

    bound = float(np.nextafter(radius_nm, np.inf))  # the tree looks strictly below its bound
    node = np.zeros(len(root_ids), dtype=np.uint64)
    distance = np.full(len(root_ids), np.inf)
    order = np.argsort(root_ids, kind="stable")
    unique, starts = np.unique(root_ids[order], return_index=True)
    ids, xyz, offsets = embeddings.nodes(unique)
    for i, (first, last) in enumerate(zip(starts, np.append(starts[1:], len(order)), strict=True)):
        low, high = offsets[i], offsets[i + 1]
        rows = order[first:last]
        rows = rows[np.isfinite(points_nm[rows]).all(axis=1)]
        if low == high or not len(rows):
            continue
        tree = KDTree(xyz[low:high].astype(np.float64))
        nearest, index = map(np.asarray, tree.query(points_nm[rows], distance_upper_bound=bound))
        near = np.isfinite(nearest)
        node[rows[near]] = ids[low + index[near]]
        distance[rows] = nearest
    return node, distance


@dataclass(frozen=True)
class PlaceJoin:
    """Which embedded neuron lies nearest to each point."""

    embedded_ids: RootIds
    """uint64 [n]; 0 where no node lies within the radius."""
    distance_nm: Points
    ambiguous: npt.NDArray[np.bool_]
    """[n] whether a node of another neuron lies within the radius, too."""

    @property
    def coverage(self) -> float:
        return float((self.embedded_ids != 0).mean()) if len(self.embedded_ids) else float("nan")


def join_by_place(embeddings: EmbeddingSet, points_nm: Points, radius_nm: float) -> PlaceJoin:
    """For each point, the neuron of the nearest embedded node: the way across segmentation versions.

    Args:
        points_nm: float64 [n, 3]. radius_nm: reach.
    """
    from scipy.spatial import KDTree

    _, xyz, offsets = embeddings.nodes(embeddings.root_ids)
    owner = np.repeat(embeddings.root_ids, np.diff(offsets))
    tree = KDTree(xyz.astype(np.float64))
    ids = np.zeros(len(points_nm), dtype=np.uint64)
    distance = np.full(len(points_nm), np.inf)
    ambiguous = np.zeros(len(points_nm), dtype=bool)
    within: list[list[int]] = list(map(list, np.atleast_1d(tree.query_ball_point(points_nm, radius_nm))))
    for i, near in enumerate(within):
        if near:
            lengths = np.linalg.norm(xyz[near].astype(np.float64) - points_nm[i], axis=1)
            best = int(np.argmin(lengths))
            ids[i], distance[i] = owner[near[best]], lengths[best]
            ambiguous[i] = bool((owner[near] != ids[i]).any())
    return PlaceJoin(ids, distance, ambiguous)


def nodes_of_side(
    embeddings: EmbeddingSet, synapses: pa.Table, side: str, embedded_root_ids: RootIds, radius_nm: float
) -> pa.Table:
    """The nearest embedded node of one neuron of each synapse.

    Args:
        synapses: synapse_id, the column ``<side>_root_id``, x_nm, y_nm, z_nm.
        side: ``pre`` or ``post``.
        embedded_root_ids: uint64 [n], that neuron's id in the embeddings; 0 where it has none.
        radius_nm: synapses without a node within it get no row.

    Returns:
        synapse_id, side, root_id, embedded_root_id, node_id, distance_nm, in the order of ``synapses``.
    """
    points = np.stack(
        [synapses[f"{axis}_nm"].combine_chunks().to_numpy(zero_copy_only=False) for axis in "xyz"], axis=1
    ).astype(np.float64)
    node, distance = nearest_in_neuron(embeddings, embedded_root_ids, points, radius_nm)
    near = np.isfinite(distance)
    numbers = synapses["synapse_id"].combine_chunks().to_numpy()
    roots = synapses[f"{side}_root_id"].combine_chunks().to_numpy()
    return pa.table(
        {
            "synapse_id": pa.array(numbers[near], ID),
            "side": pa.array([side] * int(near.sum()), pa.string()),
            "root_id": pa.array(roots[near], ID),
            "embedded_root_id": pa.array(embedded_root_ids[near], ID),
            "node_id": pa.array(node[near], ID),
            "distance_nm": distance[near],
        }
    )

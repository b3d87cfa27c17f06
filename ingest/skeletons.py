"""Skeletons: SWC, precomputed, or made from segments by kimimaro; nodes in nm, path length along the cable.

A forest of nodes with parents. Node ids are kept; without ids of their own (precomputed, kimimaro) nodes are numbered
from 0. Points are XYZ in nm, those of a made skeleton in the middle of their voxel.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.packed import PACKED, bare_name, unpack, unpacked
from ingest.schema.errors import MissingExtraError, ReadError, SchemaError
from ingest.volumes.volume import Volume

Points = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
TEASAR = {
    "scale": 1.5,
    "const": 300.0,
    "pdrf_scale": 100_000,
    "pdrf_exponent": 4,
    "soma_acceptance_threshold": 3500,
    "soma_detection_threshold": 750,
    "soma_invalidation_const": 300,
    "soma_invalidation_scale": 2,
}
"""Kimimaro's own defaults, nm."""
DUST_VOXELS = 1000


@dataclass(frozen=True, eq=False)
class Skeleton:
    """One segment's cable.

    Args:
        root_id: of the segment.
        node_ids: uint64 [n], each once.
        points_nm: [n, 3] XYZ.
        parents: int64 [n], the index (not the id) of the parent, -1 at a root.
        types: int64 [n] SWC structure (1 soma, 2 axon, 3 dendrite, 0 unknown), or None.
        radii_nm: [n], or None.

    Raises:
        SchemaError: arrays of different lengths, a node id twice, a position that is not finite, a cycle.
    """

    root_id: int
    node_ids: npt.NDArray[np.uint64]
    points_nm: Points
    parents: Indices
    types: Indices | None = None
    radii_nm: npt.NDArray[np.float64] | None = None
    order: Indices = field(init=False, repr=False)
    """All nodes, each after its parent."""

    def __post_init__(self) -> None:
        n = len(self.node_ids)
        others = [len(a) for a in (self.points_nm, self.parents, self.types, self.radii_nm) if a is not None]
        if any(size != n for size in others):
            raise SchemaError(f"skeleton {self.root_id}: {n} nodes, but arrays of {others}")
        if np.unique(self.node_ids).size != n:
            raise SchemaError(f"skeleton {self.root_id}: a node id is there twice")
        if not np.isfinite(self.points_nm).all():
            raise SchemaError(f"skeleton {self.root_id}: a position is not finite")
        if n and (self.parents.min() < -1 or self.parents.max() >= n):
            raise SchemaError(f"skeleton {self.root_id}: a parent is not among its nodes")
        object.__setattr__(self, "order", _parents_first(self.root_id, self.parents))

    def __len__(self) -> int:
        return len(self.node_ids)

    @property
    def edge_nm(self) -> npt.NDArray[np.float64]:
        """[n] straight length from each node to its parent, 0 at a root."""
        apart = np.linalg.norm(self.points_nm - self.points_nm[self.parents], axis=1)
        lengths: npt.NDArray[np.float64] = np.where(self.parents >= 0, apart, 0.0)
        return lengths

    @property
    def cable_nm(self) -> npt.NDArray[np.float64]:
        """[n] the cable that belongs to each node: half of every edge at it; the sum is the path length."""
        edges = self.edge_nm
        cable = edges / 2
        inner = self.parents >= 0
        np.add.at(cable, self.parents[inner], edges[inner] / 2)
        return cable

    @property
    def path_length_nm(self) -> float:
        return float(self.edge_nm.sum())

    def spaced(self, spacing_nm: float) -> Indices:
        """Indices of nodes ``spacing_nm`` of cable apart: roots, and whatever lies that far from the last one."""
        if not spacing_nm >= 0:
            raise SchemaError(f"spacing of {spacing_nm} nm; wanted 0 (all nodes) or more")
        since = np.zeros(len(self))
        edges = self.edge_nm
        kept = np.zeros(len(self), dtype=bool)
        for node in self.order.tolist():
            parent = self.parents[node]
            since[node] = np.inf if parent < 0 else since[parent] + edges[node]
            if since[node] >= spacing_nm:
                kept[node], since[node] = True, 0.0
        return np.flatnonzero(kept)


def read_swc(path: str | Path, unit_nm: float | Sequence[float], root_id: int | None = None) -> Skeleton:
    """One SWC file, also a packed one: lines of ``id type x y z radius parent``, ``#`` for comments.

    Whole numbers may be written as decimals (``1.0``); a parent below 0, or 0 where no node is 0, is none.

    Args:
        unit_nm: nm of one unit of the file (8 for hemibrain voxels, 1000 for um), or three of them, XYZ.
        root_id: of the neuron; the file's name when None.

    Raises:
        ReadError: missing file. SchemaError: another layout, naming the line; a parent that is no node; a cycle.
    """
    path = Path(path)
    unit = np.broadcast_to(np.asarray(unit_nm, dtype=np.float64), (3,))
    if not (np.isfinite(unit).all() and (unit > 0).all()):
        raise SchemaError(f"{path}: unit of {unit_nm} nm; wanted a positive length")
    if root_id is None:
        root_id = root_id_of_file(path)
        if root_id is None:
            raise SchemaError(f"{path}: the name is no root_id; say it")
    ids, types, points, radii, parents = [], [], [], [], []
    for number, line in enumerate(_text(unpacked(path)).splitlines(), 1):
        cells = line.split("#", 1)[0].split()
        if not cells:
            continue
        try:
            node, kind, x, y, z, radius, parent = cells[:7]
            ids.append(_whole(node))
            types.append(_whole(kind))
            points.append((float(x), float(y), float(z)))
            radii.append(float(radius))
            parents.append(_whole(parent))
        except ValueError:
            raise SchemaError(f"{path}, line {number}: {line[:80]!r}; wanted id type x y z radius parent") from None
        if not 0 <= ids[-1] < 2**64:
            raise SchemaError(f"{path}, line {number}: node id {ids[-1]}; wanted 0 to 2^64-1")
        if abs(types[-1]) >= 2**31:
            raise SchemaError(f"{path}, line {number}: structure type {types[-1]}; wanted a small whole number")
    at = {node: index for index, node in enumerate(ids)}
    # Without a node 0, files that count from 1 say 0 for the parent that a root has not.
    missing = [parent for parent in parents if parent >= 0 and parent not in at and parent != 0]
    if missing:
        raise SchemaError(f"{path}: parent {missing[0]} is no node of the file")
    return Skeleton(
        root_id,
        np.array(ids, dtype=np.uint64),
        np.array(points, dtype=np.float64).reshape(-1, 3) * unit,
        np.array([at.get(parent, -1) for parent in parents], dtype=np.int64),
        np.array(types, dtype=np.int64),
        np.array(radii, dtype=np.float64) * float(np.cbrt(unit.prod())),
    )


def read_precomputed(folder: str | Path, root_id: int, file: Path | None = None) -> Skeleton:
    """One skeleton of a Neuroglancer skeleton folder (unsharded), its transform applied.

    Args:
        file: where it lies, packed perhaps (``5.gz``); found by its name when None.

    Raises:
        ReadError: missing or truncated. SchemaError: no skeleton folder, shards, edges that close a ring.
    """
    folder = Path(folder)
    info = _info(folder)
    matrix = _transform(info, folder)
    each = _attribute_bytes(info, folder)
    places = [folder / f"{root_id}{ending}" for ending in ("", *PACKED)]
    path = file or next((place for place in places if place.is_file()), places[0])
    data = unpacked(path)
    if data[:3] == b"\x1f\x8b\x08" and len(data) < _expected(data, each):
        data = unpack(data, "gzip", str(path))  # as buckets keep files that they serve packed
    if len(data) < _expected(data, each):
        raise ReadError(f"{path} is cut short: {len(data)} bytes; wanted at least {_expected(data, each)}")
    nodes, edges = (int(value) for value in np.frombuffer(data[:8], dtype="<u4"))
    points = np.frombuffer(data, dtype="<f4", count=3 * nodes, offset=8).reshape(-1, 3).astype(np.float64)
    pairs = np.frombuffer(data, dtype="<u4", count=2 * edges, offset=8 + 12 * nodes).reshape(-1, 2)
    return _from_edges(root_id, points @ matrix[:, :3].T + matrix[:, 3], pairs.astype(np.int64))


def precomputed_files(folder: Path) -> dict[int, Path]:
    """root_id -> file of every skeleton of a folder, packed ones too, in order of root_id.

    Raises:
        SchemaError: one skeleton is there twice.
    """
    files = _files_by_id(item for item in folder.iterdir() if item.is_file() and bare_name(item.name).isdigit())
    return dict(sorted(files.items()))


def swc_files(folder: Path) -> dict[int, Path]:
    """root_id -> file of every SWC of a folder, packed and upper-case ones too, in order of their names.

    Raises:
        SchemaError: a name that is no root_id, or a neuron that is there twice.
    """
    return _files_by_id(item for item in folder.iterdir() if item.is_file() and is_swc(item))


def is_swc(path: Path) -> bool:
    """Whether a file is called like an SWC: ``5.swc``, ``5.SWC``, ``5.swc.gz``."""
    return bare_name(path.name).lower().endswith(".swc") and path.name[0] != "."


def root_id_of_file(path: Path) -> int | None:
    """The root_id that a file is named by, None where its name is no integer below 2^64."""
    stem = bare_name(path.name)
    stem = stem[:-4] if stem.lower().endswith(".swc") else stem
    return int(stem) if stem.isascii() and stem.isdigit() and int(stem) < 2**64 else None


def skeletonise(
    volume: Volume,
    root_ids: Sequence[int] | None = None,
    *,
    dust_voxels: int = DUST_VOXELS,
    teasar: dict[str, Any] | None = None,
    box: tuple[Sequence[int], Sequence[int]] | None = None,
) -> list[Skeleton]:
    """Skeletons of segments by kimimaro's TEASAR, in order of root_id; the box is read in one call, into memory.

    Args:
        root_ids: which segments; all but 0 when None. One smaller than ``dust_voxels`` gets no skeleton.
        box: start and stop, ZYX voxels; the whole volume when None.

    Raises:
        SchemaError: a volume that holds no ids. MissingExtraError: kimimaro is not installed.
    """
    try:
        import kimimaro
    except ImportError:
        raise MissingExtraError("kimimaro", "volumes") from None
    if volume.dtype.kind not in "iu":
        raise SchemaError(f"{volume.name} holds {volume.dtype}; wanted whole numbers, the ids of segments")
    start, stop = box if box is not None else (volume.start, volume.stop)
    labels = np.asfortranarray(volume.read(start, stop).T)
    if labels.dtype.kind == "i" and labels.size and int(labels.min()) < 0:
        raise SchemaError(f"{volume.name} holds the id {int(labels.min())}; ids are 0 or more")
    size = np.array(volume.resolution.xyz)
    made = kimimaro.skeletonize(
        labels,
        teasar_params={**TEASAR, **(teasar or {})},
        anisotropy=volume.resolution.xyz,
        object_ids=None if root_ids is None else [int(i) for i in root_ids],
        dust_threshold=dust_voxels,
        progress=False,
        parallel=1,
    )
    corner = np.array(start, dtype=np.float64)[::-1]
    skeletons = []
    for root_id, skeleton in sorted(made.items()):
        voxels = np.rint(np.asarray(skeleton.vertices, dtype=np.float64) / size)
        radii = np.asarray(skeleton.radius, dtype=np.float64)
        points = (voxels + corner + 0.5) * size
        skeletons.append(_from_edges(int(root_id), points, np.asarray(skeleton.edges, dtype=np.int64), radii))
    return skeletons


def is_precomputed(folder: Path) -> bool:
    """Whether a folder holds Neuroglancer skeletons."""
    try:
        return bool(json.loads((folder / "info").read_text()).get("@type") == "neuroglancer_skeletons")
    except (OSError, ValueError, AttributeError, RecursionError):
        return False


def _files_by_id(files: Iterable[Path]) -> dict[int, Path]:
    by_id: dict[int, Path] = {}
    for path in sorted(files):
        root_id = root_id_of_file(path)
        if root_id is None:
            raise SchemaError(f"{path}: the name is no root_id (an integer from 0 to 2^64-1); rename or move the file")
        if root_id in by_id:
            both = f"{by_id[root_id].name} and {path.name}"
            raise SchemaError(f"{path.parent}: {both} are one skeleton; keep one of them")
        by_id[root_id] = path
    return by_id


def _text(data: bytes) -> str:
    """Text in UTF-8 or, where it begins so, UTF-16; a byte order mark is no part of it."""
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return data.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")


def _whole(text: str) -> int:
    """An integer, also one written as a decimal; ValueError for anything else."""
    try:
        return int(text)
    except ValueError:
        value = float(text)
        if not value.is_integer() or abs(value) > 2**53:
            raise ValueError(text) from None
        return int(value)


def _info(folder: Path) -> dict[str, Any]:
    try:
        info = json.loads((folder / "info").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReadError(f"{folder / 'info'}: {error}") from None
    if not isinstance(info, dict) or info.get("@type") != "neuroglancer_skeletons":
        raise SchemaError(f"{folder} holds no skeletons: its info is not of type neuroglancer_skeletons")
    if info.get("sharding"):
        raise SchemaError(f"{folder} keeps skeletons in shards, which are not read; wanted one file a skeleton")
    return info


def _transform(info: dict[str, Any], folder: Path) -> Points:
    """[3, 4] from stored points to nm; the identity where the info has none or null."""
    transform = info.get("transform")
    if transform is None:
        return np.eye(3, 4)
    try:
        values = np.array(transform, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        values = np.empty(0)
    if values.size == 16 and values[12:].tolist() == [0, 0, 0, 1]:
        values = values[:12]
    if values.size != 12 or not np.isfinite(values).all():
        raise SchemaError(f"{folder / 'info'}: transform {str(transform)[:100]}; wanted 12 numbers, three rows of four")
    return values.reshape(3, 4)


def _attribute_bytes(info: dict[str, Any], folder: Path) -> int:
    """Bytes that the attributes of one node take behind the edges."""
    try:
        return sum(
            np.dtype(str(item["data_type"])).itemsize * int(item["num_components"])
            for item in info.get("vertex_attributes") or ()
        )
    except (KeyError, TypeError, ValueError):
        raise SchemaError(
            f"{folder / 'info'}: vertex_attributes need id, data_type and num_components each, as the format says"
        ) from None


def _expected(data: bytes, attribute_bytes: int) -> int:
    """How many bytes a skeleton has that begins so."""
    if len(data) < 8:
        return 8
    nodes, edges = (int(value) for value in np.frombuffer(data[:8], dtype="<u4"))
    return 8 + 12 * nodes + 8 * edges + attribute_bytes * nodes


def _from_edges(root_id: int, points: Points, edges: Indices, radii: npt.NDArray[np.float64] | None = None) -> Skeleton:
    """Edges to parents, from the lowest node of each piece; a ring is an error."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    n = len(points)
    if edges.size and int(edges.max()) >= n:
        raise SchemaError(f"skeleton {root_id}: edge to node {int(edges.max())}, it has {n}")
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n)).tocsr()
    count, piece = connected_components(graph, directed=False)
    if len(np.unique(np.sort(edges, axis=1), axis=0)) != n - count:
        raise SchemaError(f"skeleton {root_id}: its edges close a ring (or a node is joined to itself)")
    parents = np.full(n, -1, dtype=np.int64)
    for first in np.unique(piece, return_index=True)[1].tolist():
        reached, before = breadth_first_order(graph, first, directed=False)
        parents[reached[1:]] = before[reached[1:]]
    return Skeleton(root_id, np.arange(n, dtype=np.uint64), points, parents, None, radii)


def _parents_first(root_id: int, parents: Indices) -> Indices:
    """Breadth-first order of a forest; SchemaError for a cycle."""
    by_parent = np.argsort(parents, kind="stable")
    firsts = np.searchsorted(parents[by_parent], np.arange(-1, len(parents) + 1))
    order: list[int] = by_parent[: firsts[1]].tolist()
    for node in order:  # grows while it is walked
        order += by_parent[firsts[node + 1] : firsts[node + 2]].tolist()
    if len(order) != len(parents):
        raise SchemaError(f"skeleton {root_id}: {len(parents) - len(order)} nodes are their own ancestors (a ring)")
    return np.array(order, dtype=np.int64)

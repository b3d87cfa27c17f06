"""Neuroglancer's precomputed skeletons, one file each.

Tests: tests/ingest/skeletons/test_skeletons.py.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ingest.packed import PACKED, unpack, unpacked
from ingest.running import whole_files
from ingest.schema.errors import ReadError, SchemaError
from ingest.skeletons.skeleton import Points, Skeleton, from_edges


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
    return from_edges(root_id, points @ matrix[:, :3].T + matrix[:, 3], pairs.astype(np.int64))


def write_precomputed(folder: str | Path, skeletons: Iterable[Skeleton]) -> int:
    """Write a new folder of skeletons, in nm, with radii (-1 where unknown); all of it or nothing. Returns how many.

    The format keeps 32-bit positions, and nodes in the order that they have here; node ids are not kept.

    Raises:
        ReadError: something is there already, or the place cannot be written. SchemaError: a skeleton without nodes.
    """
    folder = Path(folder)
    require_new(folder)
    new = whole_files.temporary_path(folder)
    count = 0
    try:
        new.mkdir()
        about = {"@type": "neuroglancer_skeletons", "transform": np.eye(3, 4).reshape(-1).tolist()}
        radius = {"id": "radius", "data_type": "float32", "num_components": 1}
        (new / "info").write_text(json.dumps({**about, "vertex_attributes": [radius]}), encoding="utf-8")
        for skeleton in skeletons:
            (new / str(skeleton.root_id)).write_bytes(_packed(skeleton))
            count += 1
        new.replace(folder)
    except OSError as error:
        raise ReadError(f"cannot write {folder}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return count


def require_new(folder: Path) -> None:
    """ReadError where something is already: said before the work as well."""
    if folder.exists():
        raise ReadError(f"{folder} exists; remove it, or name another folder")


def _packed(skeleton: Skeleton) -> bytes:
    if not len(skeleton):
        raise SchemaError(f"skeleton {skeleton.root_id} has no nodes; nothing is written")
    children = np.flatnonzero(skeleton.parents >= 0)
    edges = np.stack([children, skeleton.parents[children]], axis=1)
    radii = np.full(len(skeleton), np.nan) if skeleton.radii_nm is None else skeleton.radii_nm
    return b"".join(
        (
            np.array([len(skeleton), len(edges)], dtype="<u4").tobytes(),
            skeleton.points_nm.astype("<f4").tobytes(),
            edges.astype("<u4").tobytes(),
            np.where(np.isnan(radii), -1, radii).astype("<f4").tobytes(),
        )
    )


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

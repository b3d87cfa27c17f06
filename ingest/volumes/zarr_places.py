"""What zarr and N5 folders say beside their arrays: names of axes, sizes and beginnings, and which arrays there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.space import Resolution
from ingest.volumes.ome_zarr import NANOMETRES, WHOLE
from ingest.volumes.sources import is_local, local_path

ARRAYS = (".zarray", "zarr.json", "attributes.json")


@dataclass(frozen=True, slots=True)
class ArrayMetadata:
    """What an array says of itself, as far as it does; offset in voxels XYZ."""

    axes: str | None = None
    resolution: Resolution | None = None
    offset: tuple[int, int, int] | None = None


def document(place: str, file: str, data: bytes | None) -> Mapping[str, Any]:
    """A JSON object beside an array; empty where there is none.

    Raises:
        ReadError: no JSON object.
    """
    if data is None:
        return {}
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{place}/{file} is no JSON: {error}") from None
    if not isinstance(parsed, Mapping):
        raise ReadError(f"{place}/{file} is {type(parsed).__name__}; wanted a JSON object")
    return parsed


def refuse_group(name: str, place: str, driver: str, read: Callable[[str], bytes | None]) -> None:
    """Raises SchemaError where a place is a group of arrays and no array, naming those that lie in it."""
    if driver == "zarr":
        group = read(".zarray") is None and (read(".zgroup") is not None or read(".zattrs") is not None)
    elif driver == "zarr3":
        group = document(place, "zarr.json", read("zarr.json")).get("node_type") == "group"
    else:
        attributes = document(place, "attributes.json", read("attributes.json"))
        group = bool(attributes) and "dimensions" not in attributes
    if not group:
        return
    inside = ""
    if is_local(place):
        folder = local_path(place)
        names = sorted(str(item.parent.relative_to(folder)) for item in _arrays(folder))
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        inside = f"; it holds {', '.join(names[:8])}{more}" if names else "; it holds none"
    raise SchemaError(f"{name} is a group and no array or image{inside}. Name one, like {name.rstrip('/')}/0")


def zarr_metadata(place: str, read: Callable[[str], bytes | None]) -> ArrayMetadata:
    """What the attributes of a zarr 2 array say: xarray's names of its dimensions."""
    dimensions = document(place, ".zattrs", read(".zattrs")).get("_ARRAY_DIMENSIONS")
    if isinstance(dimensions, list) and all(isinstance(item, str) for item in dimensions):
        letters = "".join(item.lower() if len(item) == 1 else "c" for item in dimensions)
        if sorted(set(letters) & set("xyz")) == list("xyz"):
            return ArrayMetadata(letters)
    return ArrayMetadata()


def n5_metadata(
    name: str, read: Callable[[str], bytes | None], wanted: Resolution | None, begun: bool
) -> ArrayMetadata:
    """What the attributes of an N5 array say in the words of its writers.

    ``transform`` (axes, scale, translate, units, ordering), ``pixelResolution`` (dimensions, unit), ``resolution`` with
    ``units``; ``offset`` and ``downsamplingFactors`` have no defined unit or base and are refused unless the caller
    says what they would.

    Args:
        wanted: the voxel size that the caller says. begun: whether the caller says the first voxel.

    Raises:
        SchemaError: numbers whose meaning would have to be guessed.
    """
    about = document(name, "attributes.json", read("attributes.json"))
    axes, resolution, offset = None, None, None
    listed = about.get("axes")
    if isinstance(listed, list) and all(isinstance(item, str) for item in listed):
        axes = "".join(item.lower() if len(item) == 1 else "c" for item in listed)
    try:
        if isinstance(about.get("transform"), Mapping):
            axes, resolution, offset = _transform(name, about["transform"])
        elif about.get("pixelResolution") is not None:
            resolution = _pixels(name, about["pixelResolution"], wanted)
        moved = [float(value) for value in about.get("offset") or about.get("translate") or ()]
        factors = [float(value) for value in about.get("downsamplingFactors") or ()]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, SchemaError):
            raise
        raise SchemaError(f"{name}/attributes.json is not understood: {error!r}") from None
    if any(moved) and offset is None and not begun:
        raise SchemaError(
            f"{name}/attributes.json has an offset of {moved}, whose unit N5 does not define; say the first voxel, "
            "like --offset 0,0,0 (--segmentation-offset)"
        )
    if any(factor != 1 for factor in factors) and about.get("transform") is None:
        if wanted is None:
            raise SchemaError(
                f"{name}/attributes.json says it is downsampled by {factors}; say the size of its voxels in nm, like "
                "--resolution 16,16,16"
            )
        resolution = None  # of the full size or of this one: the caller says it
    return ArrayMetadata(axes, resolution, offset)


def _arrays(folder: Path) -> list[Path]:
    arrays = []
    for pattern in ("*", "*/*"):
        arrays += [item for sign in ARRAYS for item in folder.glob(f"{pattern}/{sign}") if _is_array(item)]
    return arrays


def _is_array(path: Path) -> bool:
    if path.name == ".zarray":
        return True
    try:
        about = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(about, dict) and ("dimensions" in about or about.get("node_type") == "array")


def _transform(name: str, stated: Mapping[str, Any]) -> tuple[str, Resolution, tuple[int, int, int]]:
    """Axes as N5 stores them, voxel size and first voxel of COSEM's ``transform``, listed from slow to fast."""
    axes = [str(axis).lower() for axis in stated["axes"]]
    if str(stated.get("ordering", "C")) not in ("C", "F"):
        raise SchemaError(f"{name}: ordering {stated['ordering']!r} of its transform; wanted C or F")
    size, begin = {}, {}
    rows = zip(axes, stated["scale"], stated.get("translate") or [0] * len(axes), stated["units"], strict=True)
    for axis, scale, shift, unit in rows:
        if axis in "xyz":
            if unit not in NANOMETRES:
                raise SchemaError(f"{name}: axis {axis} is in {unit!r}; wanted a unit of length, like nm")
            size[axis], begin[axis] = float(scale) * NANOMETRES[unit], float(shift) * NANOMETRES[unit]
    if sorted(size) != list("xyz"):
        raise SchemaError(f"{name}: its transform has axes {axes}; wanted x, y and z among them")
    resolution = Resolution(size["x"], size["y"], size["z"])
    voxels = [begin[axis] / size[axis] for axis in "xyz"]
    if any(abs(voxel - round(voxel)) > WHOLE for voxel in voxels):
        raise SchemaError(f"{name} begins at {[begin[axis] for axis in 'xyz']} nm (XYZ), between two of its voxels")
    stored = axes if str(stated.get("ordering", "C")) == "F" else axes[::-1]
    return "".join(stored), resolution, (round(voxels[0]), round(voxels[1]), round(voxels[2]))


def _pixels(name: str, stated: Any, wanted: Resolution | None) -> Resolution | None:
    """N5 viewers' ``pixelResolution``: numbers XYZ, with a unit where it is an object."""
    numbers = stated["dimensions"] if isinstance(stated, Mapping) else stated
    unit = stated.get("unit") if isinstance(stated, Mapping) else None
    x, y, z = (float(value) for value in numbers)
    if unit in NANOMETRES:
        factor = NANOMETRES[str(unit)]
        return Resolution(x * factor, y * factor, z * factor)
    if unit is not None and not (x == y == z == 1):
        raise SchemaError(f"{name}: its pixelResolution is in {unit!r}; wanted a unit of length, like nm")
    if wanted is None:
        raise SchemaError(f"{name} says pixelResolution {x:g},{y:g},{z:g} without a unit; say --resolution in nm")
    return None

"""OME-Zarr's ``multiscales`` (0.4 in zarr 2, 0.5 in zarr 3): which array has which voxels, and where they begin.

Transforms of an array come first, those of the whole multiscale after them. The finest array begins where its
translation says. Writers give the coarser ones either the same corner or, as the translation is of a voxel's middle,
one further in by half of what their voxels are larger; both are understood as the same corner.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.errors import ReadError, SchemaError, VersionError
from ingest.space import Resolution

NANOMETRES = {
    "angstrom": 0.1, "nanometer": 1.0, "micrometer": 1e3, "millimeter": 1e6, "centimeter": 1e7, "meter": 1e9,
    "nm": 1.0, "um": 1e3, "µm": 1e3, "mm": 1e6, "m": 1e9,
}  # fmt: skip
NEAR = 1e-6
WHOLE = 0.01
"""A beginning may be off a whole voxel by this part of one."""


@dataclass(frozen=True, slots=True)
class Scale:
    """One array of a multiscale: where it lies, names of its axes, voxels in nm XYZ, first voxel XYZ."""

    path: str
    driver: str
    axes: str
    resolution: Resolution
    offset: tuple[int, int, int]


def multiscale(name: str, read: Callable[[str], bytes | None]) -> list[Scale] | None:
    """The scales of a group in the order written; None where it is no OME-Zarr.

    Args:
        read: gives the bytes of a file of the group, or None where there is none.

    Raises:
        ReadError: metadata that is no JSON. SchemaError: axes or transforms that say no voxel size in nm.
    """
    found = _attributes(name, read)
    if found is None:
        return None
    attributes, driver = found
    several = attributes.get("ome", attributes).get("multiscales")
    if not several:
        return None
    image = several[0]
    try:
        axes = "".join(str(axis["name"]).lower() for axis in image["axes"])
        units = [axis.get("unit") for axis in image["axes"]]
        datasets = [(str(entry["path"]), _transform(entry, len(axes))) for entry in image["datasets"]]
        whole = _transform(image, len(axes))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SchemaError(f"{name}: its multiscales are not those of OME-Zarr 0.4 or 0.5: {error!r}") from None
    if not set("xyz") <= set(axes) or not datasets:
        raise SchemaError(f"{name}: its multiscales have axes {axes!r}; wanted x, y and z among them")
    per_unit = []
    for axis in "xyz":
        unit = units[axes.index(axis)]
        if unit not in NANOMETRES:
            raise SchemaError(f"{name}: axis {axis} is in {unit!r}; wanted a unit of length, like nanometer")
        per_unit.append(NANOMETRES[unit])
    sizes, begins = [], []
    for _, (scale, shift) in datasets:
        of_axis = [axes.index(axis) for axis in "xyz"]
        sizes.append([scale[i] * whole[0][i] * nm for i, nm in zip(of_axis, per_unit, strict=True)])
        begins.append([(shift[i] * whole[0][i] + whole[1][i]) * nm for i, nm in zip(of_axis, per_unit, strict=True)])
    return [
        Scale(path, driver, axes, Resolution(*size), _offset(name, path, size, begin, sizes, begins))
        for (path, _), size, begin in zip(datasets, sizes, begins, strict=True)
    ]


def chosen(name: str, sizes: Sequence[Resolution], wanted: Resolution | None, prefer: Resolution | None) -> int:
    """Which of several voxel sizes: the one that is wanted, or the only one, or the nearest to ``prefer``.

    Raises:
        VersionError: none has it. SchemaError: several, and none was asked for.
    """
    listed = "; ".join(map(str, sizes))
    if wanted is None and prefer is None and len(sizes) > 1:
        raise SchemaError(f"{name} has scales of {listed} nm; say which --resolution")

    def apart(at: int) -> float:
        of = wanted or prefer or sizes[0]
        return max(abs(math.log(a / b)) for a, b in zip(sizes[at].xyz, of.xyz, strict=True))

    nearest = min(range(len(sizes)), key=apart)
    if wanted is None or apart(nearest) <= NEAR:
        return nearest
    raise VersionError(f"{name} has no voxels of {wanted} nm; its scales: {listed}")


def _attributes(name: str, read: Callable[[str], bytes | None]) -> tuple[Mapping[str, Any], str] | None:
    for file, driver in ((".zattrs", "zarr"), ("zarr.json", "zarr3")):
        data = read(file)
        if data is not None:
            try:
                document = json.loads(data)
            except ValueError as error:
                raise ReadError(f"{name}/{file} is no JSON: {error}") from None
            found = document if driver == "zarr" else document.get("attributes", {})
            return (found, driver) if isinstance(found, Mapping) else None
    return None


def _transform(entry: Mapping[str, Any], rank: int) -> tuple[list[float], list[float]]:
    scale, shift = [1.0] * rank, [0.0] * rank
    for step in entry.get("coordinateTransformations", ()):
        if step["type"] == "scale":
            values = [float(value) for value in step["scale"]]
            scale = [a * b for a, b in zip(scale, values, strict=True)]
            shift = [a * b for a, b in zip(shift, values, strict=True)]
        elif step["type"] == "translation":
            shift = [a + float(b) for a, b in zip(shift, step["translation"], strict=True)]
        elif step["type"] != "identity":
            raise ValueError(f"transform {step['type']!r}; wanted scale and translation")
    return scale, shift


def _offset(
    name: str, path: str, size: list[float], begin: list[float], sizes: list[list[float]], begins: list[list[float]]
) -> tuple[int, int, int]:
    """First voxel XYZ of an array."""
    found = []
    for i, axis in enumerate("xyz"):
        fine = min(range(len(sizes)), key=lambda j: sizes[j][i])
        # Middles of coarser voxels lie further in, by half of what they are larger.
        middles = any(
            abs(b[i] - begins[fine][i] - (s[i] - sizes[fine][i]) / 2) < WHOLE * s[i] and s[i] > sizes[fine][i]
            for s, b in zip(sizes, begins, strict=True)
        )
        corner = begin[i] - (size[i] - sizes[fine][i]) / 2 if middles else begin[i]
        voxel = corner / size[i]
        if abs(voxel - round(voxel)) > WHOLE:
            raise SchemaError(
                f"{name}/{path} begins at {begin[i]:g} nm along {axis}, which is no whole number of its voxels of "
                f"{size[i]:g} nm; wanted scales that lie on one grid"
            )
        found.append(round(voxel))
    return found[0], found[1], found[2]

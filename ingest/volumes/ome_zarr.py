"""OME-Zarr's ``multiscales`` (0.1 to 0.4 in zarr 2, 0.5 in zarr 3): which array has which voxels, where they begin.

Transforms of an array come first, those of the whole multiscale after them. The finest array begins where its
translation says. Writers give the coarser ones either the same corner or, as the translation is of a voxel's middle,
one further in by half of what their voxels are larger; both are understood as the same corner. Where a group says no
scale or no unit, the size of a voxel has to be said, and the group must not contradict it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest.schema.errors import ReadError, SchemaError, VersionError
from ingest.schema.space import Resolution

NANOMETRES = {
    "angstrom": 0.1, "picometer": 1e-3, "nanometer": 1.0, "micrometer": 1e3, "micron": 1e3, "millimeter": 1e6,
    "centimeter": 1e7, "decimeter": 1e8, "meter": 1e9, "inch": 2.54e7,
    "pm": 1e-3, "nm": 1.0, "um": 1e3, "µm": 1e3, "mm": 1e6, "cm": 1e7, "m": 1e9,
}  # fmt: skip
NEAR = 1e-6
WHOLE = 0.01
"""A beginning may be off a whole voxel by this part of one."""
NO_UNIT = "axis x is in None; wanted a unit of length, like nanometer"
FIRST_AXES = "tczyx"
"""Those of versions 0.1 and 0.2, which do not name them."""


@dataclass(frozen=True, slots=True)
class Scale:
    """One array of a multiscale: where it lies, names of its axes, voxels in nm XYZ, first voxel XYZ.

    Sizes without a unit, or none at all, have ``resolution`` None.
    """

    path: str
    driver: str
    axes: str
    resolution: Resolution | None
    offset: tuple[int, int, int]
    numbers: tuple[float, float, float] | None
    """Size XYZ as written; None where none is."""


def multiscale(name: str, read: Callable[[str], bytes | None], asked_axes: str | None = None) -> list[Scale] | None:
    """The scales of a group in the order written; None where it is no OME-Zarr.

    Args:
        read: gives the bytes of a file of the group, or None where there is none.
        asked_axes: names of the axes, for a group that calls them otherwise than x, y and z.

    Raises:
        ReadError: metadata that is no JSON. SchemaError: axes or transforms that are not understood, several images.
    """
    group = _attributes(name, read)
    if group is None:
        return None
    attributes, driver = group
    home = attributes.get("ome", attributes)
    several = home.get("multiscales") if isinstance(home, Mapping) else None
    if not several:
        return None
    try:
        if len(several) > 1:
            named = "; ".join(f"{image.get('name')}: {image['datasets'][0]['path']}" for image in several)
            raise SchemaError(f"{name} holds {len(several)} images ({named}); open an array of one of them by its path")
        image = several[0]
        axes, units = _axes(name, image, asked_axes)
        datasets = [(str(entry["path"]), *_transform(entry, len(axes))) for entry in image["datasets"]]
        whole_scale, whole_shift, whole_said = _transform(image, len(axes))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, SchemaError):
            raise
        raise SchemaError(f"{name}: its multiscales are not those of OME-Zarr 0.1 to 0.5: {error!r}") from None
    if sorted(set(axes) & set("xyz")) != list("xyz") or not datasets:
        raise SchemaError(f"{name}: its multiscales have axes {axes!r}; wanted x, y and z among them")
    for axis, unit in units.items():
        if unit is not None and unit not in NANOMETRES:
            raise SchemaError(f"{name}: axis {axis} is in {unit!r}; wanted a unit of length, like nanometer")
    at = [axes.index(axis) for axis in "xyz"]
    nm = [NANOMETRES.get(units[axis] or "", 1.0) for axis in "xyz"]
    known = all(units[axis] is not None for axis in "xyz")
    sizes, begins, saids = [], [], []
    for path, scale, shift, has_scale in datasets:
        size = [scale[i] * whole_scale[i] * f for i, f in zip(at, nm, strict=True)]
        begin = [(shift[i] * whole_scale[i] + whole_shift[i]) * f for i, f in zip(at, nm, strict=True)]
        if not all(math.isfinite(value) and value > 0 for value in size) or not all(map(math.isfinite, begin)):
            raise SchemaError(f"{name}/{path}: voxels of {size} from {begin}; wanted positive, finite lengths")
        sizes.append(size)
        begins.append(begin)
        saids.append(has_scale or whole_said)
    found_scales = []
    for (path, *_), size, begin, has_scale in zip(datasets, sizes, begins, saids, strict=True):
        numbers = (size[0], size[1], size[2]) if has_scale else None
        resolution = Resolution(*size) if has_scale and known else None
        offset = _offset(name, path, size, begin, sizes, begins)
        found_scales.append(Scale(path, driver, axes, resolution, offset, numbers))
    return found_scales


def scale_of(name: str, scales: Sequence[Scale], wanted: Resolution | None, prefer: Resolution | None) -> Scale:
    """The scale that is asked for, with a voxel size: its own, or the one asked for where it has no unit or none.

    Raises:
        SchemaError: several and none asked for, no size said. VersionError: none has that size.
    """
    known = [scale.resolution for scale in scales if scale.resolution is not None]
    if len(known) == len(scales):
        return scales[chosen(name, known, wanted, prefer)]
    if wanted is None:
        lacks = "has no scale" if any(scale.numbers is None for scale in scales) else NO_UNIT
        raise SchemaError(f"{name}: {lacks}; give its voxel size in nm, like --resolution 8,8,40")
    fitting = [scale for scale in scales if _may_be(scale, wanted)]
    if not fitting:
        listed = "; ".join(",".join(f"{n:g}" for n in scale.numbers or ()) for scale in scales)
        raise VersionError(f"{name} has no voxels of {wanted} nm; its scales, without a unit: {listed}")
    if len(fitting) > 1:
        paths = ", ".join(scale.path for scale in fitting)
        raise SchemaError(
            f"{name}: which of its arrays ({paths}) has voxels of {wanted} nm is not said; open one by its path, like "
            f"{name.rstrip('/')}/{fitting[0].path}, with --resolution and --axes"
        )
    return replace(fitting[0], resolution=wanted)


def chosen(name: str, sizes: Sequence[Resolution], wanted: Resolution | None, prefer: Resolution | None) -> int:
    """Which of several voxel sizes: the one that is wanted, or the only one, or the nearest to ``prefer``.

    Raises:
        VersionError: none has it. SchemaError: several, and none was asked for, or two of the same size.
    """
    listed = "; ".join(map(str, sizes))
    if wanted is None and prefer is None and len(sizes) > 1:
        raise SchemaError(f"{name} has scales of {listed} nm; say which --resolution")

    def apart(at: int) -> float:
        of = wanted or prefer or sizes[0]
        return max(abs(math.log(a / b)) for a, b in zip(sizes[at].xyz, of.xyz, strict=True))

    nearest = min(range(len(sizes)), key=apart)
    if wanted is not None and apart(nearest) > NEAR:
        raise VersionError(f"{name} has no voxels of {wanted} nm; its scales: {listed}")
    if sum(apart(at) <= apart(nearest) for at in range(len(sizes))) > 1:
        raise SchemaError(f"{name} has several scales of {sizes[nearest]} nm ({listed}); open one by its own path")
    return nearest


def _may_be(scale: Scale, wanted: Resolution) -> bool:
    """Whether numbers without a unit can be this size: ones, or the same length in one unit on all axes."""
    if scale.numbers is None or all(number == 1 for number in scale.numbers):
        return True
    factors = [size / number for size, number in zip(wanted.xyz, scale.numbers, strict=True)]
    return any(all(abs(factor / unit - 1) <= NEAR for factor in factors) for unit in set(NANOMETRES.values()))


def _axes(name: str, image: Mapping[str, Any], asked: str | None) -> tuple[str, dict[str, str | None]]:
    """One letter an axis, and the unit of x, y and z (None where none is said)."""
    listed = image.get("axes")
    if listed is None:
        if str(image.get("version")) not in ("0.1", "0.2"):
            raise SchemaError(f"{name}: its multiscales name no axes, as OME-Zarr from 0.3 on does")
        listed = list(FIRST_AXES)
    entries = [{"name": axis} if isinstance(axis, str) else axis for axis in listed]
    names = [str(entry["name"]).lower() for entry in entries]
    letters = "".join(one if len(one) == 1 else "c" for one in names)
    if asked and sorted(set(letters) & set("xyz")) != list("xyz") and len(asked) == len(letters):
        letters = asked.lower()
    units = {letter: entry.get("unit") for letter, entry in zip(letters, entries, strict=True) if letter in "xyz"}
    return letters, {axis: str(units[axis]) if units.get(axis) else None for axis in "xyz"}


def _attributes(name: str, read: Callable[[str], bytes | None]) -> tuple[Mapping[str, Any], str] | None:
    for file, driver in ((".zattrs", "zarr"), ("zarr.json", "zarr3")):
        data = read(file)
        if data is not None:
            try:
                document = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise ReadError(f"{name}/{file} is no JSON: {error}") from None
            attributes = document
            if driver == "zarr3":
                attributes = document.get("attributes", {}) if isinstance(document, Mapping) else None
            return (attributes, driver) if isinstance(attributes, Mapping) else None
    return None


def _transform(entry: Mapping[str, Any], rank: int) -> tuple[list[float], list[float], bool]:
    """Scale and shift of each axis, and whether a scale is said."""
    scale, shift, has_scale = [1.0] * rank, [0.0] * rank, False
    for step in entry.get("coordinateTransformations") or ():
        if step["type"] == "scale":
            values = [float(value) for value in step["scale"]]
            scale, has_scale = [a * b for a, b in zip(scale, values, strict=True)], True
            shift = [a * b for a, b in zip(shift, values, strict=True)]
        elif step["type"] == "translation":
            shift = [a + float(b) for a, b in zip(shift, step["translation"], strict=True)]
        elif step["type"] != "identity":
            raise ValueError(f"transform {step['type']!r}; wanted scale and translation")
    return scale, shift, has_scale


def _offset(
    name: str, path: str, size: list[float], begin: list[float], sizes: list[list[float]], begins: list[list[float]]
) -> tuple[int, int, int]:
    """First voxel XYZ of an array."""
    offset = []
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
        offset.append(round(voxel))
    return offset[0], offset[1], offset[2]

"""Policies that propose first voxels: where objects are likely, in the order in which they are tried."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gpu_embed.ffn.architecture import Zyx
from gpu_embed.ffn.loop.movement import Mask, Restrictor, as_places
from gpu_embed.ffn.settings import Floats
from ingest.registry import Registry
from ingest.schema.errors import MissingExtraError, SchemaError, UnknownNameError

SMOOTHED = 49.0 / 6.0
"""Deviation of the Gaussian that edges are compared with, in voxels."""
NOISE = 1e-4
NOISE_SEED = 42
"""As published: ties between maxima are broken by this noise, the same wherever it is asked for."""
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scene:
    """What a policy sees.

    Args:
        image: normalised [Z, Y, X].
        segmentation: labels so far [Z, Y, X]; above 0 where there is an object.
        voxel: size ZYX, in any unit: distances are measured with it.
    """

    image: Floats
    segmentation: npt.NDArray[np.int32]
    restrictor: Restrictor
    voxel: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def excluded(self) -> Mask:
        taken: Mask = self.segmentation > 0
        return taken | self.restrictor.excluded(self.image.shape)


class SeedPolicy(Protocol):
    """Proposes first voxels [n, 3] ZYX, in the order in which they are tried.

    Options are arguments by name with a default: a number, a truth value, several whole numbers.
    """

    def __call__(self, scene: Scene, /) -> Places:
        """MissingExtraError: a library that it needs is not installed."""


SEED_POLICIES: Registry[SeedPolicy] = Registry("policy of seeds")
REVERSED = "reversed:"
"""Before the name of a policy: its places in the opposite order."""
TERM = re.compile(r"(reversed:)?([^()+]*)(?:\(([^()]*)\))?")
JOINED = re.compile(r"\+(?![^(]*\))")


def seeds_of(policy: str, scene: Scene, margin: Zyx) -> list[Zyx]:
    """First voxels that have room for the field of view.

    Args:
        policy: a name, ``NAME(option=value,...)``, ``reversed:NAME``, or several joined by ``+``: the places of one
            after those of the other. Values: ``3``, ``0.5``, ``true``, ``0/8/4``.
        margin: voxels that must be on every side.

    Raises:
        UnknownNameError: no policy, or no option, of that name. SchemaError: a value of another kind.
    """
    found: list[Places] = []
    for backwards, propose in _policies(policy):
        places = propose(scene).reshape(-1, 3)
        found.append(places[::-1] if backwards else places)
    places = np.concatenate(found)
    room = np.all((places >= margin) & (places + margin < scene.image.shape), axis=1)
    return as_places(places[room])


def check_policy(policy: str) -> None:
    """Raises UnknownNameError or SchemaError where ``seeds_of`` would."""
    _policies(policy)


def _policies(policy: str) -> list[tuple[bool, SeedPolicy]]:
    """Each policy with its options, and whether its places are taken backwards."""
    found = []
    for term in JOINED.split(policy):
        match = TERM.fullmatch(term.strip())
        if match is None:
            raise SchemaError(f"policy of seeds {term!r}; wanted NAME, NAME(option=value,...) or reversed:NAME")
        backwards, name, options = match.groups()
        propose = SEED_POLICIES.get(name)
        if options:
            propose = partial(propose, **_options(name, propose, options))
        found.append((backwards is not None, propose))
    return found


def _options(name: str, propose: SeedPolicy, text: str) -> dict[str, Any]:
    parameters = inspect.signature(propose).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    given: dict[str, Any] = {}
    for pair in text.split(","):
        option, _, value = (part.strip() for part in pair.partition("="))
        if option not in defaults:
            raise UnknownNameError(f"option of {name}", option, defaults)
        given[option] = _value(f"{name}({option}={value})", value, defaults[option])
    return given


def _value(what: str, text: str, default: Any) -> Any:
    """What a text means, of the kind of the default."""
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(default, tuple):
            return tuple(int(part) for part in text.split("/"))
        number = type(default)(text)
    except (KeyError, ValueError):
        kind = {bool: "true or false", tuple: "whole numbers like 0/8/4", int: "a whole number"}
        raise SchemaError(f"{what}: wanted {kind.get(type(default), 'a number')}") from None
    if not np.isfinite(number):
        raise SchemaError(f"{what}: wanted a number")
    return number


def peaks(scene: Scene) -> Places:
    """Voxels farthest from edges, which are where the Sobel gradient is above its own Gaussian mean."""
    edges = _edges(scene.image.astype(np.float32))
    for mask in (scene.restrictor.mask, scene.restrictor.seed_mask):
        if mask is not None:
            edges[mask] = True
    if edges.all():
        return np.zeros((0, 3), dtype=np.int64)
    distance = _distance(1 - edges, scene.voxel)
    distance[scene.excluded()] = -1
    distance[~np.isfinite(distance)] = -1
    return _ordered(_maxima(distance, min_distance=3, threshold_abs=0, threshold_rel=0))


def peaks_2d(scene: Scene, *, min_distance: int = 7, threshold_abs: float = 2.5) -> Places:
    """The same slice by slice, farther apart."""
    found = []
    for z, plane in enumerate(scene.image.astype(np.float32)):
        edges = _edges(plane)
        if scene.restrictor.mask is not None:
            edges[scene.restrictor.mask[z]] = True
        limits = {"min_distance": _least(min_distance, 0), "threshold_abs": threshold_abs, "threshold_rel": 0}
        at = _maxima(_distance(1 - edges), **limits)
        found.append(np.column_stack([np.full(len(at), z), at]))
    return _ordered(np.concatenate(found))


def fill(scene: Scene) -> Places:
    """The middle of what is not segmented yet."""
    return _ordered(_maxima(_distance(scene.segmentation == 0), min_distance=2, threshold_abs=0.5, threshold_rel=0))


def brightest(scene: Scene) -> Places:
    """Every voxel, the brightest first."""
    # Stable: processors sort equal values in different orders otherwise.
    order = np.argsort(scene.image.reshape(-1), kind="stable")[::-1]
    return np.column_stack(np.unravel_index(order, scene.image.shape)).astype(np.int64)


def bright_peaks(
    scene: Scene, *, min_distance: int = 3, threshold_abs: float = 0.0, threshold_rel: float = 0.0
) -> Places:
    """Maxima of the image."""
    image = scene.image.astype(np.float32).copy()
    image[scene.excluded()] = 0
    limits = {"min_distance": _least(min_distance, 0), "threshold_abs": threshold_abs, "threshold_rel": threshold_rel}
    return _ordered(_maxima(image, **limits))


def image_peaks(scene: Scene, *, min_distance_2d: int = 2, min_distance_3d: int = 4) -> Places:
    """Maxima of the image in space, then of every slice, the brightest first; a distance below 0 leaves one out."""
    found = [np.zeros((0, 3), dtype=np.int64)]
    if min_distance_3d >= 0:
        found.append(_peaks(scene.image, min_distance=min_distance_3d))
    if min_distance_2d >= 0:
        found += _slices(scene, min_distance=min_distance_2d)
    return np.concatenate(found)


def image_peaks_disk(
    scene: Scene, *, min_distance_2d: int = 3, threshold_rel: float = 0.5, disk_radius: int = 1
) -> Places:
    """Maxima of every slice of the image within a disk, above a part of the slice's highest value."""
    side = np.arange(-_least(disk_radius, 0), disk_radius + 1)
    disk = (side[:, None] ** 2 + side**2 <= disk_radius**2).astype(np.uint8)
    limits = {"min_distance": _least(min_distance_2d, 0), "threshold_rel": threshold_rel}
    return np.concatenate(_slices(scene, **limits, p_norm=2, exclude_border=True, footprint=disk))


def grid_3d(scene: Scene, *, step: int = 16, offsets: tuple[int, ...] = (0, 8, 4, 12, 2, 10, 14)) -> Places:
    """A grid of 16 voxels, then grids between it."""
    step = _least(step, 1)
    return np.concatenate([_grid(scene, (step, step, step), (at, at, at)) for at in offsets])


def grid_2d(scene: Scene, *, step: int = 16, offsets: tuple[int, ...] = (0, 8, 4, 12, 2, 6, 10, 14)) -> Places:
    """A grid of 16 voxels in every slice, then grids between it."""
    step = _least(step, 1)
    return np.concatenate([_grid(scene, (1, step, step), (0, at, at)) for at in offsets])


def dense(scene: Scene, *, threshold: float = 0.5, num_erosions: int = 0, invert: bool = False) -> Places:
    """Every voxel above a value of the normalised image (``invert``: not above), away from the edge of that."""
    there = (scene.image > threshold) ^ invert
    if _least(num_erosions, 0):
        there = ndimage.binary_erosion(there, iterations=num_erosions, border_value=1)
    return np.column_stack(np.nonzero(there)).astype(np.int64)


def read_places(content: Any, what: str) -> list[Zyx]:
    """Places that somebody lists: rows of three whole numbers ZYX.

    Raises:
        SchemaError: other rows.
    """
    try:
        rows = np.asarray(content)
        whole = (
            rows.ndim == 2 and rows.shape[1] == 3 and rows.dtype.kind in "iuf" and bool((rows == np.floor(rows)).all())
        )
    except (TypeError, ValueError):
        whole = False
    if not whole:
        raise SchemaError(f"{what} wanted rows of three whole numbers, ZYX")
    return as_places(rows)


POLICIES: dict[str, Callable[..., Places]] = {
    "peaks": peaks,
    "peaks-2d": peaks_2d,
    "fill": fill,
    "brightest": brightest,
    "bright-peaks": bright_peaks,
    "image-peaks": image_peaks,
    "image-peaks-disk": image_peaks_disk,
    "grid-3d": grid_3d,
    "grid-2d": grid_2d,
    "dense": dense,
}
for _name, _policy in POLICIES.items():
    SEED_POLICIES.register(_name, _policy)


def _edges(image: Floats) -> Mask:
    gradient = ndimage.generic_gradient_magnitude(image, ndimage.sobel)
    mean = np.zeros(gradient.shape, dtype=np.float32)
    ndimage.gaussian_filter(gradient, SMOOTHED, output=mean, mode="reflect")
    edges: Mask = gradient > mean
    return edges


def _distance(inside: npt.NDArray[Any], voxel: tuple[float, ...] | None = None) -> Floats:
    try:
        import edt
    except ImportError:
        raise MissingExtraError("edt", "ffn") from None
    distance: Floats = edt.edt(inside, **({} if voxel is None else {"anisotropy": voxel})).astype(np.float32)
    return distance


def _maxima(values: Floats, **limits: float) -> Places:
    noise = np.random.RandomState(NOISE_SEED).rand(*values.shape)
    return _peaks(values + noise * NOISE, **limits)


def _peaks(values: npt.NDArray[Any], **limits: Any) -> Places:
    try:
        from skimage import feature
    except ImportError:
        raise MissingExtraError("scikit-image", "ffn") from None
    find: Any = feature.peak_local_max
    return np.asarray(find(values, **limits), dtype=np.int64)


def _slices(scene: Scene, **limits: Any) -> list[Places]:
    """Maxima of each slice."""
    planes = (_peaks(plane, **limits) for plane in scene.image)
    return [np.column_stack([np.full(len(at), z), at]) for z, at in enumerate(planes)]


def _least(value: int, least: int) -> int:
    """A value of an option that is large enough."""
    if value < least:
        raise SchemaError(f"{value} as an option of a policy of seeds; wanted {least} or more")
    return value


def _ordered(places: Places) -> Places:
    return places[np.lexsort(places.T[::-1])]


def _grid(scene: Scene, steps: Zyx, first: Zyx) -> Places:
    sides: Iterator[range] = (range(a, n, s) for a, n, s in zip(first, scene.image.shape, steps, strict=True))
    return np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.int64)

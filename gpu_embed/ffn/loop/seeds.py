"""Policies that propose first voxels: where objects are likely, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gpu_embed.ffn.architecture import Zyx
from gpu_embed.ffn.loop.movement import Mask, Restrictor, as_places
from gpu_embed.ffn.settings import Floats
from ingest.registry import Registry
from ingest.schema.errors import MissingExtraError, SchemaError

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
    """Proposes first voxels [n, 3] ZYX, in the order in which they are tried."""

    def __call__(self, scene: Scene, /) -> Places:
        """MissingExtraError: a library that it needs is not installed."""


SEED_POLICIES: Registry[SeedPolicy] = Registry("policy of seeds")
REVERSED = "reversed:"
"""Before the name of a policy: its places in the opposite order."""


def seeds_of(policy: str, scene: Scene, margin: Zyx) -> list[Zyx]:
    """First voxels that have room for the field of view.

    Args:
        policy: a name, ``reversed:NAME``, or several joined by ``+``: the places of one after those of the other.
        margin: voxels that must be on every side.

    Raises:
        UnknownNameError: no policy of that name.
    """
    found: list[Places] = []
    for name in policy.split("+"):
        places = SEED_POLICIES.get(name.removeprefix(REVERSED))(scene).reshape(-1, 3)
        found.append(places[::-1] if name.startswith(REVERSED) else places)
    places = np.concatenate(found)
    room = np.all((places >= margin) & (places + margin < scene.image.shape), axis=1)
    return as_places(places[room])


def check_policy(policy: str) -> None:
    """Raises UnknownNameError where ``seeds_of`` would."""
    for name in policy.split("+"):
        SEED_POLICIES.get(name.removeprefix(REVERSED))


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


def peaks_2d(scene: Scene) -> Places:
    """The same slice by slice, farther apart."""
    found = []
    for z, plane in enumerate(scene.image.astype(np.float32)):
        edges = _edges(plane)
        if scene.restrictor.mask is not None:
            edges[scene.restrictor.mask[z]] = True
        at = _maxima(_distance(1 - edges), min_distance=7, threshold_abs=2.5, threshold_rel=0)
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


def bright_peaks(scene: Scene) -> Places:
    """Maxima of the image."""
    image = scene.image.astype(np.float32).copy()
    image[scene.excluded()] = 0
    return _ordered(_maxima(image, min_distance=3, threshold_abs=0, threshold_rel=0))


def grid_3d(scene: Scene) -> Places:
    """A grid of 16 voxels, then grids between it."""
    return np.concatenate([_grid(scene, (16, 16, 16), (at, at, at)) for at in (0, 8, 4, 12, 2, 10, 14)])


def grid_2d(scene: Scene) -> Places:
    """A grid of 16 voxels in every slice, then grids between it."""
    return np.concatenate([_grid(scene, (1, 16, 16), (0, at, at)) for at in (0, 8, 4, 12, 2, 6, 10, 14)])


def dense(scene: Scene) -> Places:
    """Every voxel above 0.5 of the normalised image."""
    return np.column_stack(np.nonzero(scene.image > 0.5)).astype(np.int64)


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


POLICIES: dict[str, Callable[[Scene], Places]] = {
    "peaks": peaks,
    "peaks-2d": peaks_2d,
    "fill": fill,
    "brightest": brightest,
    "bright-peaks": bright_peaks,
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
    try:
        from skimage import feature
    except ImportError:
        raise MissingExtraError("scikit-image", "ffn") from None
    find: Any = feature.peak_local_max
    noise = np.random.RandomState(NOISE_SEED).rand(*values.shape)
    return np.asarray(find(values + noise * NOISE, **limits), dtype=np.int64)


def _ordered(places: Places) -> Places:
    return places[np.lexsort(places.T[::-1])]


def _grid(scene: Scene, steps: Zyx, first: Zyx) -> Places:
    sides: Iterator[range] = (range(a, n, s) for a, n, s in zip(first, scene.image.shape, steps, strict=True))
    return np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.int64)

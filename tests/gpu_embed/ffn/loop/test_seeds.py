"""Against the places that Google's policies propose in the same image (tests/data/ffn/google_loop.py)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gpu_embed.ffn.loop.movement import Restrictor
from gpu_embed.ffn.loop.seeds import POLICIES, Scene, check_policy, read_places, seeds_of
from gpu_embed.ffn.settings import Floats
from ingest.schema.errors import SchemaError, UnknownNameError

MARGIN = (4, 5, 6)


@pytest.fixture
def scene(balls: Floats) -> Scene:
    return Scene(balls, np.zeros(balls.shape, dtype=np.int32), Restrictor())


CHANGED = [
    "peaks-2d(min_distance=3,threshold_abs=1)",
    "bright-peaks(min_distance=1,threshold_rel=0.5)",
    "image-peaks(min_distance_2d=-1,min_distance_3d=2)",
    "image-peaks-disk(threshold_rel=0.2,disk_radius=2)",
    "grid-3d(step=9,offsets=0/4)",
    "grid-2d(step=20,offsets=10/0)",
    "dense(threshold=0.2,num_erosions=2)",
    "dense(invert=true,num_erosions=3)",
]
"""With options, as ``google_loop.py`` tells them Google's."""


@pytest.mark.parametrize("policy", [*POLICIES, *CHANGED])
def test_places_are_googles(policy: str, scene: Scene, google: dict[str, np.ndarray]) -> None:
    if policy == "fill":
        scene = replace(scene, segmentation=google["plain/segmentation"].astype(np.int32))
    found, wanted = np.array(seeds_of(policy, scene, MARGIN)), google[f"seeds/{policy}"]
    some = found if len(found) <= 2000 else found[::7]
    assert len(wanted) > 10
    if policy != "brightest":
        np.testing.assert_array_equal(some, wanted)
        return
    # Theirs has voxels of one grey value in whatever order the processor at hand sorts them.
    grey = scene.image[tuple(found.T)]
    np.testing.assert_array_equal(scene.image[tuple(some.T)], scene.image[tuple(wanted.T)])
    order = np.lexsort((*found.T[::-1], grey))[::-1]
    np.testing.assert_array_equal(order, np.arange(len(found)))


def test_masks_keep_peaks_away(scene: Scene, google: dict[str, np.ndarray]) -> None:
    mask = np.zeros(scene.image.shape, dtype=bool)
    mask[:20] = True
    for restrictor in (Restrictor(mask), Restrictor(seed_mask=mask)):
        found = seeds_of("peaks", replace(scene, restrictor=restrictor), MARGIN)
        assert found
        assert all(z >= 20 for z, _, _ in found)
    assert seeds_of("peaks", replace(scene, restrictor=Restrictor(np.ones_like(mask))), MARGIN) == []


def test_policies_after_each_other_and_reversed(scene: Scene) -> None:
    one, other = (seeds_of(name, scene, MARGIN) for name in ("peaks", "bright-peaks"))
    assert seeds_of("peaks+reversed:bright-peaks", scene, MARGIN) == one + other[::-1]
    with pytest.raises(UnknownNameError, match="policy of seeds 'peak'; did you mean 'peaks'"):
        seeds_of("peaks+peak", scene, MARGIN)


@pytest.mark.parametrize(
    ("policy", "error", "said"),
    [
        ("grid-3d(steps=3)", UnknownNameError, "option of grid-3d 'steps'; did you mean 'step'"),
        ("peaks(step=3)", UnknownNameError, "option of peaks 'step'"),
        ("grid-3d(step=3.5)", SchemaError, r"grid-3d\(step=3.5\): wanted a whole number"),
        ("grid-3d(offsets=0/x)", SchemaError, "wanted whole numbers like 0/8/4"),
        ("dense(invert=1)", SchemaError, "wanted true or false"),
        ("dense(threshold=nan)", SchemaError, "wanted a number"),
        ("dense(threshold=)", SchemaError, "wanted a number"),
        ("peaks+grid-3d(step=3", SchemaError, r"wanted NAME, NAME\(option=value,...\)"),
        ("", UnknownNameError, "policy of seeds ''"),
    ],
)
def test_policies_that_mean_nothing(policy: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        check_policy(policy)


def test_options_out_of_range(scene: Scene) -> None:
    for policy in ("grid-3d(step=0)", "dense(num_erosions=-1)", "image-peaks-disk(disk_radius=-1)"):
        with pytest.raises(SchemaError, match="as an option of a policy of seeds; wanted"):
            seeds_of(policy, scene, MARGIN)


def test_places_that_somebody_lists() -> None:
    assert read_places([[1, 2, 3], [4.0, 5.0, 6.0]], "x") == [(1, 2, 3), (4, 5, 6)]
    for wrong in ([[1, 2]], [1, 2, 3], [[1, 2, 3.5]], "seeds", [["1", "2", "3"]]):
        with pytest.raises(SchemaError, match="x wanted rows of three whole numbers"):
            read_places(wrong, "x")

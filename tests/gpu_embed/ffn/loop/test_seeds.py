"""Against the places that Google's policies propose in the same image (tests/data/ffn/google_loop.py)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gpu_embed.ffn.loop.movement import Restrictor
from gpu_embed.ffn.loop.seeds import POLICIES, Scene, read_places, seeds_of
from gpu_embed.ffn.settings import Floats
from ingest.schema.errors import SchemaError, UnknownNameError

MARGIN = (4, 5, 6)


@pytest.fixture
def scene(balls: Floats) -> Scene:
    return Scene(balls, np.zeros(balls.shape, dtype=np.int32), Restrictor())


@pytest.mark.parametrize("policy", POLICIES)
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


def test_places_that_somebody_lists() -> None:
    assert read_places([[1, 2, 3], [4.0, 5.0, 6.0]], "x") == [(1, 2, 3), (4, 5, 6)]
    for wrong in ([[1, 2]], [1, 2, 3], [[1, 2, 3.5]], "seeds", [["1", "2", "3"]]):
        with pytest.raises(SchemaError, match="x wanted rows of three whole numbers"):
            read_places(wrong, "x")

"""Examples: the voxels around a coordinate, turned alike in image and target; the same from any step on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gpu_embed.ffn.settings import FfnSettings
from gpu_embed.ffn.training.coordinates import Coordinate, Coordinates
from gpu_embed.ffn.training.examples import ExampleBatches, TrainingCube, Turning, cropped
from gpu_embed.ffn.training.fill import fill_classes
from ingest.schema.errors import SchemaError

SIZE = (5, 7, 7)


def batches(cube: TrainingCube, seed: int = 3, turning: Turning | None = None) -> ExampleBatches:
    classes = fill_classes(cube.labels, (1, 1, 1), least_voxels=1)
    coordinates = Coordinates([classes], (2, 3, 3), seed)
    return ExampleBatches([cube], coordinates, SIZE, FfnSettings(), 3, turning or Turning(), seed)


def test_a_crop_is_the_voxels_around_and_one_object(bars: TrainingCube) -> None:
    for place in ((4, 4, 4), (6, 4, 4), (10, 20, 12)):
        image, target = cropped([bars], Coordinate(0, place, 1), SIZE)
        for at in np.ndindex(SIZE):
            there = tuple(p - n // 2 + a for p, n, a in zip(place, SIZE, at, strict=True))
            on = bars.labels[place] > 0 and bars.labels[there] == bars.labels[place]
            assert target[at] == np.float32(0.95 if on else 0.05)
            assert image[at] == bars.em[there]


def test_examples_are_turned_and_normalised_alike(bars: TrainingCube) -> None:
    made = batches(bars)
    seen = set()
    for number in range(60):
        image, target = made.example(number)
        plain_image, plain_target = cropped([bars], made._coordinates.at(number), SIZE)
        wanted = FfnSettings().normalised(plain_image)
        fits = [
            (order, flips)
            for order in ((0, 1, 2), (0, 2, 1))
            for flips in itertools.chain.from_iterable(itertools.combinations(range(3), k) for k in range(4))
            if np.array_equal(np.flip(wanted.transpose(order), flips), image)
        ]
        assert len(fits) == 1
        order, flips = fits[0]
        assert np.array_equal(np.flip(plain_target.transpose(order), flips), target)
        seen.add(fits[0])
    assert len(seen) == 16, "every way to turn it, with y and x changing places"
    still = batches(bars, turning=Turning((), ()))
    assert np.array_equal(
        still.example(1)[0], FfnSettings().normalised(cropped([bars], still._coordinates.at(1), SIZE)[0])
    )


def test_a_batch_depends_on_its_step_alone(bars: TrainingCube) -> None:
    one, two = batches(bars).from_step(0), batches(bars).from_step(2)
    later = [next(one) for _ in range(3)][2]
    assert all(a.equal(b) for a, b in zip(later, next(two), strict=True))
    assert later[0].shape == (3, *SIZE)


def test_what_is_no_cube(bars: TrainingCube) -> None:
    with pytest.raises(SchemaError, match=r"x: EM of \(24, 24, 24\) voxels and labels of \(24, 24, 23\)"):
        TrainingCube("x", bars.em, bars.labels[:, :, 1:])
    broken = bars.em.astype(np.float32)
    broken[3, 4, 5] = np.nan
    with pytest.raises(SchemaError, match=r"not finite at voxel \[3, 4, 5\]"):
        TrainingCube("x", broken, bars.labels)
    with pytest.raises(SchemaError, match="volume of labels holds float64"):
        TrainingCube("x", bars.em, bars.labels.astype(float))
    with pytest.raises(SchemaError, match="x holds bool; wanted uint8 grey values, or floats"):
        TrainingCube("x", bars.em > 3, bars.labels)
    with pytest.raises(SchemaError, match=r"axes \(0, 1\) cannot change places"):
        batches(bars, turning=Turning((0, 1), ()))
    with pytest.raises(SchemaError, match="wanted some of 0, 1, 2"):
        Turning((1, 1), ())

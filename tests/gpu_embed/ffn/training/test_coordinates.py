"""Voxels to train from: those of Google's list, every class as often, from any place of the list on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from gpu_embed.ffn.training.coordinates import Coordinates
from ingest.schema.errors import SchemaError

GOOGLES = Path(__file__).parents[3] / "data" / "ffn_training.npz"


def test_voxels_and_balance_are_googles() -> None:
    with np.load(GOOGLES, allow_pickle=False) as kept:
        classes, theirs = kept["partitions_0"], kept["coordinates"].astype(int)[:, ::-1]
        z, y, x = kept["margin"].tolist()
    made = Coordinates([classes], (z, y, x), seed=1)
    of_class = Counter(classes[tuple(theirs.T)].tolist())
    assert len(set(of_class.values())) == 1, "Google has as many of each class"
    assert made.counts == {
        k: len({tuple(p) for p in theirs.tolist() if classes[tuple(p)] == k}) for k in sorted(of_class)
    }
    count = 40 * len(of_class)
    drawn = [made.at(k) for k in range(count)]
    assert Counter(one.fill for one in drawn) == dict.fromkeys(of_class, 40)
    everyone = {tuple(place) for place in theirs.tolist()}
    assert all(one.place in everyone and classes[one.place] == one.fill for one in drawn)
    assert all(len({one.fill for one in drawn[k : k + len(of_class)]}) == len(of_class) for k in (0, len(of_class)))


def test_every_voxel_of_a_class_is_as_likely_in_any_cube() -> None:
    """Two cubes hold 1 and 3 voxels of a class: each of the four is a quarter of the draws."""
    first, second = np.full((3, 3, 3), 255, np.uint8), np.full((3, 3, 5), 255, np.uint8)
    first[1, 1, 1], second[1, 1, 1:4] = 4, 4
    made = Coordinates([first, second], (1, 1, 1), seed=0)
    times = Counter((one.cube, one.place) for one in map(made.at, range(4000)))
    assert set(times) == {(0, (1, 1, 1)), (1, (1, 1, 1)), (1, (1, 1, 2)), (1, (1, 1, 3))}
    # Four standard deviations of a binomial of 4,000 at 1/4.
    assert all(abs(n - 1000) < 4 * 27.4 for n in times.values())


def test_the_list_does_not_depend_on_where_one_begins() -> None:
    classes = np.random.default_rng(0).integers(0, 5, (6, 6, 6), dtype=np.uint8)
    one, two = (Coordinates([classes], (0, 0, 0), seed=9) for _ in range(2))
    assert [one.at(k) for k in range(20)][13:] == [two.at(k) for k in range(13, 20)]
    other = Coordinates([classes], (0, 0, 0), seed=10)
    assert [one.at(k) for k in range(20)] != [other.at(k) for k in range(20)]


def test_no_voxel_is_left() -> None:
    with pytest.raises(SchemaError, match=r"cubes of \(6, 6, 6\) voxels \(ZYX\), of which \(3, 2, 2\)"):
        Coordinates([np.zeros((6, 6, 6), np.uint8)], (3, 2, 2), seed=0)
    with pytest.raises(SchemaError, match="no voxel to train from"):
        Coordinates([np.zeros((3, 3, 3), np.uint8)], (5, 5, 5), seed=0)

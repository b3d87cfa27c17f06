"""Classes of fill: Google's own, voxel for voxel, and what a count around each voxel gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_embed.ffn.training.fill import THRESHOLDS, fill_classes
from ingest.schema.errors import SchemaError

GOOGLES = Path(__file__).parents[3] / "data" / "ffn_training.npz"


def test_classes_are_googles() -> None:
    with np.load(GOOGLES, allow_pickle=False) as kept:
        assert tuple(kept["thresholds"]) == THRESHOLDS
        for number, radius in enumerate(kept["radii"].tolist()):
            z, y, x = radius[::-1]
            found = fill_classes(kept["labels"], (z, y, x), THRESHOLDS, int(kept["least"]))
            wanted = kept[f"partitions_{number}"]
            assert len(np.unique(wanted)) > 8, "most classes are there"
            assert np.array_equal(found, wanted)


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.tuples(*[st.integers(0, 2)] * 3), st.integers(0, 30))
def test_classes_are_those_of_a_count_around_each_voxel(seed: int, radius: tuple[int, int, int], least: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, (6, 5, 7)).astype(np.uint64) * np.uint64(2**62)
    steps = (0.2, 0.5, 1.0)
    found = fill_classes(labels, radius, steps, least)
    for place in np.ndindex(labels.shape):
        low = [p - r for p, r in zip(place, radius, strict=True)]
        high = [p + r + 1 for p, r in zip(place, radius, strict=True)]
        if min(low) < 0 or any(b > n for b, n in zip(high, labels.shape, strict=True)):
            assert found[place] == 255
            continue
        label = labels[place]
        if not label or (labels == label).sum() < least:
            assert found[place] == 0
            continue
        around = labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        assert found[place] == 1 + sum((around == label).mean() >= step for step in steps)


def test_what_has_no_classes_is_refused() -> None:
    labels = np.ones((9, 9, 9), dtype=np.uint8)
    with pytest.raises(SchemaError, match=r"labels of \(9, 9, 9\) voxels .* wanted more than twice the radius"):
        fill_classes(labels, (4, 5, 4))
    with pytest.raises(SchemaError, match="that rise to 1 at most"):
        fill_classes(labels, (1, 1, 1), (0.5, 0.5))
    with pytest.raises(SchemaError, match="labels holds float32"):
        fill_classes(labels.astype(np.float32), (1, 1, 1))

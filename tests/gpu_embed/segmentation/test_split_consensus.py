"""Against Google's ``split_segmentation_by_intersection`` (tests/data/ffn/google_loop.py) and against counting."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gpu_embed.segmentation.split_consensus import split_consensus
from ingest.schema.errors import SchemaError

STORED = Path(__file__).parents[2] / "data" / "ffn" / "google_rule.npz"


@pytest.mark.parametrize(
    ("name", "least", "first", "second"),
    [("cut", 0, "plain", "strict"), ("small", 40, "never-frozen", "plain"), ("long", 5, "plain", "grid")],
)
def test_the_consensus_is_googles(name: str, least: int, first: str, second: str) -> None:
    with np.load(STORED, allow_pickle=False) as stored:
        labels, others = (stored[f"{case}/segmentation"].astype(np.int64) for case in (first, second))
        wanted = stored[f"consensus/{name}"]
    labels, others = np.maximum(labels, 0).astype(np.uint64), np.maximum(others, 0).astype(np.uint64)
    if name == "long":
        labels[labels > 0] += np.uint64(2**40)
        others[others % 2 == 1] += np.uint64(2**50)
    found, parts = split_consensus(labels, others, least)
    assert len(parts) > len(np.unique(labels)) - 1 or least
    np.testing.assert_array_equal(found, wanted)


def counted(first: np.ndarray, second: np.ndarray, least: int) -> np.ndarray:
    """Pair by pair."""
    pairs = Counter(zip(map(int, first.flat), map(int, second.flat), strict=True))
    best: dict[int, tuple[int, int]] = {}
    for (a, b), count in pairs.items():
        best[a] = min(best.get(a, (0, 0)), (-count, b))
    named, following = {}, int(first.max())
    for (a, b), count in sorted(pairs.items(), key=lambda item: item[0][::-1]):
        named[a, b] = 0
        if a and count >= least:
            if best[a][1] == b:
                named[a, b] = a
            else:
                following += 1
                named[a, b] = following
    return np.array([named[int(a), int(b)] for a, b in zip(first.flat, second.flat, strict=True)]).reshape(first.shape)


labels = arrays(np.uint64, (3, 3, 4), elements=st.sampled_from([0, 1, 2, 3, 2**40]))


@settings(max_examples=60, deadline=None)
@given(labels, labels, st.integers(0, 4))
def test_every_pair_of_labels_counts(first: np.ndarray, second: np.ndarray, least: int) -> None:
    found, parts = split_consensus(first, second, least)
    np.testing.assert_array_equal(found, counted(first, second, least))
    assert set(parts) == {int(label) for label in np.unique(found)} - {0}
    for label, origin in parts.items():
        assert set(first[found == label]) == {origin}


def test_segmentations_that_do_not_fit() -> None:
    one = np.ones((2, 2, 2), dtype=np.uint64)
    with pytest.raises(SchemaError, match="shapes differ"):
        split_consensus(one, one[1:])
    with pytest.raises(SchemaError, match="whole numbers"):
        split_consensus(one.astype(float), one)
    cut = one.copy()
    cut[0] = 2
    with pytest.raises(SchemaError, match="leaves no room for 1 new ones"):
        split_consensus(one * np.uint64(2**64 - 1), cut)
    assert split_consensus(one[:0], one[:0])[1] == {}

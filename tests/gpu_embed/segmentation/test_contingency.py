"""Pairs of labels: counted block by block as one voxel after another would be, labels to 2^64-1 exact."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gpu_embed.segmentation import contingency as module
from gpu_embed.segmentation.contingency import Contingency, PairCounter, contingency, renumbered
from ingest.schema.errors import SchemaError

BIG = 2**64 - 1
LABELS = st.sampled_from([0, 1, 2, 2**53, 2**53 + 1, BIG - 1, BIG])
VOXELS = arrays.arrays(np.uint64, st.tuples(*[st.integers(1, 5)] * 3), elements=LABELS)


def brute(truth: np.ndarray, segmentation: np.ndarray) -> dict[tuple[int, int], int]:
    return dict(sorted(Counter(zip(truth.ravel().tolist(), segmentation.ravel().tolist(), strict=True)).items()))


def as_dict(table: Contingency) -> dict[tuple[int, int], int]:
    return {(int(a), int(b)): int(n) for a, b, n in zip(table.truth, table.segmentation, table.voxels, strict=True)}


@given(VOXELS, st.randoms(use_true_random=False), st.integers(1, 3), st.sampled_from([1, 3, 10**6]), st.booleans())
def test_blocks_add_up_to_what_voxel_after_voxel_counts(
    truth: np.ndarray, random: object, cut: int, waiting: int, dense: bool
) -> None:
    segmentation = np.random.default_rng(random.getrandbits(32)).permutation(truth.ravel()).reshape(truth.shape)  # type: ignore[attr-defined]
    counter = PairCounter(waiting)
    with pytest.MonkeyPatch.context() as patch:
        if not dense:
            patch.setattr(module, "DENSE", -1)
        for low in range(0, truth.shape[0], cut):
            counter.add(truth[low : low + cut], segmentation[low : low + cut])
    found, wanted = as_dict(counter.table()), brute(truth, segmentation)
    assert found == wanted
    assert list(found) == list(wanted), "the order is that of the labels, whatever the blocks"


def test_a_mask_leaves_voxels_out() -> None:
    rng = np.random.default_rng(0)
    truth, segmentation = rng.integers(0, 4, (2, 6, 6, 6))
    counted = rng.integers(0, 2, truth.shape, dtype=np.uint8)
    assert as_dict(contingency(truth, segmentation, counted)) == brute(truth[counted > 0], segmentation[counted > 0])
    assert len(contingency(truth, segmentation, np.zeros(truth.shape, bool))) == 0


def test_labels_become_ranks_and_back() -> None:
    labels = np.array([[[BIG, 0, 2**53 + 1, 2**53, BIG]]], dtype=np.uint64)
    dense, names = renumbered(labels)
    assert names.tolist() == [0, 2**53, 2**53 + 1, BIG]
    assert np.array_equal(names[dense], labels)


def test_what_holds_no_labels_is_refused() -> None:
    good = np.zeros((2, 2, 2), dtype=np.uint32)
    with pytest.raises(SchemaError, match=r"shapes differ: truth \(2, 2, 2\), segmentation \(2, 2, 1\)"):
        contingency(good, good[..., :1])
    with pytest.raises(SchemaError, match=r"mask \(1, 2, 2\)"):
        contingency(good, good, good[:1])
    with pytest.raises(SchemaError, match="segmentation holds float32; wanted whole numbers"):
        contingency(good, np.full(good.shape, np.nan, np.float32))
    with pytest.raises(SchemaError, match="truth holds the label -1"):
        contingency(good.astype(np.int64) - 1, good)
    with pytest.raises(SchemaError, match="mask holds float64"):
        contingency(good, good, np.full(good.shape, np.nan))
    assert len(contingency(good[:0], good[:0])) == 0

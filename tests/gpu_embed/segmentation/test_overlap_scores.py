"""Variation of information and adapted Rand: as scikit-image says, and on a cube of FIB-25 as published."""

from __future__ import annotations

import gzip
import io
import itertools
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.metrics import adapted_rand_error, variation_of_information

from gpu_embed.segmentation.contingency import contingency
from gpu_embed.segmentation.overlap_scores import MASKS, coverage, masked, overlap_scores, without, worst
from ingest.schema.errors import UnknownNameError

SHAPES = st.tuples(*[st.integers(2, 6)] * 3)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(SHAPES)
    kind = draw(st.sampled_from([np.uint8, np.int32, np.uint64]))
    made = arrays.arrays(kind, shape, elements=st.integers(0, draw(st.integers(0, 5))))
    return draw(made), draw(made)


@given(pairs())
def test_scores_are_those_of_scikit_image(both: tuple[np.ndarray, np.ndarray]) -> None:
    truth, segmentation = both
    for mask in MASKS:
        kept = np.ones(truth.shape, dtype=bool)
        kept &= (truth > 0) | (mask not in ("truth", "both"))
        kept &= (segmentation > 0) | (mask not in ("segmentation", "both"))
        found = overlap_scores(contingency(truth, segmentation), mask)
        assert found.voxels == kept.sum()
        if not kept.any():
            assert found.voi_split is None
            assert found.voi is None
            continue
        t, s = truth[kept], segmentation[kept]
        assert (found.voi_split, found.voi_merge) == pytest.approx(variation_of_information(t, s), abs=1e-12)
        with np.errstate(invalid="ignore"):
            error, *parts = adapted_rand_error(t.astype(int), s.astype(int), ignore_labels=())
        # scikit-image divides by the pairs of the truth for its first part, against its own words; see the next test.
        for mine, theirs in zip(
            (found.rand_error, found.rand_recall, found.rand_precision), (error, *parts), strict=True
        ):
            assert (mine is None and np.isnan(theirs)) or mine == pytest.approx(theirs, abs=1e-12)


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 2), min_size=2, max_size=9))
def test_rand_is_over_pairs_of_voxels(voxels: list[tuple[int, int]]) -> None:
    pairs = list(itertools.combinations(voxels, 2))
    same = [(a[0] == b[0], a[1] == b[1]) for a, b in pairs]
    right, true, said = sum(t and s for t, s in same), sum(t for t, _ in same), sum(s for _, s in same)
    found = overlap_scores(contingency(*np.array(voxels).T))
    assert found.rand_precision == (right / said if said else None)
    assert found.rand_recall == (right / true if true else None)


@given(pairs())
def test_what_is_worst_adds_up(both: tuple[np.ndarray, np.ndarray]) -> None:
    table = contingency(*both)
    scores = overlap_scores(table, "all")
    splits, mergers = worst(table, "all", 10**6)
    assert sum(share.bits for share in splits) == pytest.approx(scores.voi_split)
    assert sum(share.bits for share in mergers) == pytest.approx(scores.voi_merge)
    assert all(a.bits >= b.bits for a, b in itertools.pairwise(splits))


def test_a_split_and_a_merger_by_hand() -> None:
    truth = np.array([1, 1, 1, 1, 2, 2, 3, 3])
    table = contingency(truth, np.array([5, 5, 6, 6, 7, 7, 7, 7]))
    found = overlap_scores(table, "both")
    # Half of the voxels are one object in two equal parts, half are two equal objects in one segment.
    assert (found.voi_split, found.voi_merge) == (0.5, 0.5)
    # Ordered pairs: right 2+2+2+2, of segments 2+2+12, of objects 12+2+2.
    assert (found.rand_precision, found.rand_recall, found.rand_error) == (0.5, 0.5, 0.5)
    splits, mergers = worst(table, "both", 5)
    assert [(s.label, s.bits, s.voxels, s.pieces) for s in splits] == [(1, 0.5, 4, 2)]
    assert [(s.label, s.bits, s.voxels, s.pieces) for s in mergers] == [(7, 0.5, 4, 2)]
    assert len(without(table, [1])) == 2
    with pytest.raises(UnknownNameError, match="did you mean 'truth'"):
        masked(table, "trutj")


def test_coverage_is_of_what_the_truth_labels() -> None:
    assert coverage(contingency(np.array([1, 1, 0, 2]), np.array([1, 0, 1, 1]))) == 2 / 3
    assert coverage(contingency(np.array([0]), np.array([1]))) is None


def fib25(real_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Bodies of the ground truth, and the authors' segmentation."""
    folder = real_data / "ffn_fib25_training_sample2"
    with h5py.File(io.BytesIO(gzip.decompress((folder / "groundtruth.h5.gz").read_bytes()))) as file:
        supervoxels, bodies = file["stack"][...], file["transforms"][...]
    with np.load(folder / "google_ffn" / "sample-training2.npz", allow_pickle=False) as kept:
        segmentation = kept["segmentation"]
    order = np.argsort(bodies[:, 0])
    return bodies[order, 1][np.searchsorted(bodies[order, 0], supervoxels)], segmentation


def test_the_authors_segmentation_of_fib25(real_data: Path) -> None:
    """.61 split and .26 merge where they labelled; .90 and .92 with their label 0 counted."""
    truth, segmentation = fib25(real_data)
    table = contingency(truth, segmentation)
    found = {mask: overlap_scores(table, mask) for mask in MASKS}
    shown = {mask: (f"{s.voi_split:.4f}", f"{s.voi_merge:.4f}") for mask, s in found.items()}
    assert shown["segmentation"] == ("0.6126", "0.2632")
    assert shown["both"] == ("0.6126", "0.2632"), "250 voxels of the truth are 0, and none of theirs is elsewhere"
    assert shown["all"] == ("0.8986", "0.9186")
    assert f"{coverage(table):.4f}" == "0.8875"

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gpu_embed.ffn.subvolumes.consensus import Controls, consensus
from gpu_embed.ffn.subvolumes.files import read_probability
from gpu_embed.ffn.subvolumes.segment import SegmentPlan, segment
from gpu_embed.segmentation.split_consensus import split_consensus
from ingest.schema.errors import AnalysisError, ReadError, SchemaError, VersionError


@pytest.fixture
def runs(plan: SegmentPlan, tmp_path: Path) -> tuple[SegmentPlan, SegmentPlan]:
    """A run, and one that starts where its objects did, the last first, with a stricter threshold."""
    first = replace(plan, box=((3, 20, 100), (43, 50, 150)), probabilities=True, size=(40, 30, 32))
    segment(first)
    strict = replace(first.used, segment=0.8, least_voxels=1)
    second = replace(first, folder=tmp_path / "back", settings=strict, seeds_from=first.folder)
    segment(second)
    return first, second


def test_objects_start_where_anothers_did_the_last_first(runs: tuple[SegmentPlan, SegmentPlan]) -> None:
    first, second = runs
    most = 0
    for one, other in zip(segment(first).pieces, segment(second).pieces, strict=True):
        starts = [found.start for found in one.objects()][::-1]
        again = [found.start for found in other.objects()]
        assert again == [place for place in starts if place in again]
        most = max(most, len(again))
    assert most > 1
    with pytest.raises(VersionError, match="is a run of another pieces; its first voxels mean nothing here"):
        segment(replace(second, size=(40, 30, 34)))
    with pytest.raises(AnalysisError, match="those of another run are wanted, too; choose one"):
        segment(replace(second, seeds=((10, 30, 110),)))
    next(first.folder.rglob("*.npz")).unlink()
    with pytest.raises(ReadError, match="is not there; finish that run first"):
        segment(replace(second, folder=second.folder / "new"))
    with pytest.raises(ReadError, match="holds no run of `segment`"):
        segment(replace(second, seeds_from=second.folder / "nowhere"))


def test_what_two_runs_agree_on(runs: tuple[SegmentPlan, SegmentPlan], tmp_path: Path) -> None:
    first, second = runs
    done = consensus(first.folder, second.folder, tmp_path / "both", least_voxels=30)
    assert done.objects > done.objects_before > 2
    assert 0 < done.voxels <= done.voxels_before
    for piece, one, other in zip(done.pieces, segment(first).pieces, segment(second).pieces, strict=True):
        wanted, parts = split_consensus(one.labels(), other.labels(), 30)
        np.testing.assert_array_equal(piece.labels(), wanted)
        known = {found.label: found for found in one.objects()}
        for found in piece.objects():
            assert parts[found.label] == found.label
            assert (found.start, found.steps) == (known[found.label].start, known[found.label].steps)
            assert found.voxels == np.count_nonzero(wanted == found.label)
    assert consensus(first.folder, second.folder, tmp_path / "both", least_voxels=30) == done
    with pytest.raises(VersionError, match="holds a run of another least_voxels"):
        consensus(first.folder, second.folder, tmp_path / "both")


def test_controls_take_voxels_away_and_cut(runs: tuple[SegmentPlan, SegmentPlan]) -> None:
    piece = segment(runs[0]).pieces[0]
    before, probability = piece.labels(), read_probability(piece)
    np.testing.assert_array_equal(np.isnan(probability), before == 0)
    labels, whose = Controls(threshold=0.9).read(piece)
    np.testing.assert_array_equal(labels > 0, (before > 0) & (probability >= np.float32(0.9)))
    assert all(label == origin for label, origin in whose.items())
    cut, whose = Controls(threshold=0.9, components=True, least_voxels=5).read(piece)
    assert len(whose) > len(np.unique(labels)) - 1
    for label, origin in whose.items():
        assert np.count_nonzero(cut == label) >= 5
        assert set(before[cut == label]) == {origin}
    assert not (cut[labels == 0] > 0).any()
    piece.path.with_suffix(".prob").unlink()
    with pytest.raises(ReadError, match=r"kept no probabilities \(`segment` keeps them with --probabilities\)"):
        Controls(threshold=0.9).read(piece)


def test_runs_that_make_no_consensus(runs: tuple[SegmentPlan, SegmentPlan], tmp_path: Path) -> None:
    first, second = runs
    with pytest.raises(ReadError, match="holds no run of `segment`"):
        consensus(first.folder, tmp_path / "nowhere", tmp_path / "x")
    with pytest.raises(AnalysisError, match="holds one of the two runs; name another folder"):
        consensus(first.folder, second.folder, first.folder)
    other = replace(first, folder=tmp_path / "other", size=None)
    segment(other)
    with pytest.raises(VersionError, match="are of different pieces; a consensus needs the same voxels"):
        consensus(first.folder, other.folder, tmp_path / "x")
    next(second.folder.rglob("*.npz")).unlink()
    with pytest.raises(ReadError, match="is not there; finish the run first"):
        consensus(first.folder, second.folder, tmp_path / "x")
    assert not (tmp_path / "x").exists()
    for wrong, said in (({"threshold": 1.5}, "threshold is 1.5"), ({"least_voxels": -1}, "least_voxels is -1")):
        with pytest.raises(SchemaError, match=said):
            Controls(**wrong)  # type: ignore[arg-type]

"""graphlab evaluate-segmentation: numbers and their mask in words, JSON with labels as text, one error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

PLACE = ("--resolution", "10,10,10", "--offset", "0,0,0", "--truth-offset", "0,0,0")


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    """Two true bars of 8 voxels; one is cut in half, and label 2^64-1 holds all of the other."""
    truth = np.zeros((4, 4, 8), dtype=np.uint64)
    truth[0, 0], truth[2, 2] = 1, 2
    segmentation = np.where(truth == 2, np.uint64(2**64 - 1), truth)
    segmentation[0, 0, 4:] = 7
    with h5py.File(tmp_path / "cube.h5", "w") as file:
        file["truth"], file["seg"], file["floats"] = truth, segmentation, truth.astype(np.float32)
    bar = "".join(f"{k + 1} 0 {k}.5 0.5 0.5 1 {k or -1}\n" for k in range(8))
    (tmp_path / "swc").mkdir()
    (tmp_path / "swc" / "1.swc").write_text(bar)
    return tmp_path


def test_scores_of_a_file(cube: Path, document: Callable[..., Any], graphlab: Callable[..., Any]) -> None:
    asked = ("evaluate-segmentation", f"{cube}/cube.h5:seg", "--truth", f"{cube}/cube.h5:truth", *PLACE)
    asked = (*asked, "--skeletons", cube / "swc", "--unit", "10")
    found = document(*asked)
    both = {score["mask"]: score for score in found["scores"]}["both"]
    assert (both["voxels"], both["voi_split"], both["voi_merge"], both["rand_precision"]) == (16, 0.5, 0.0, 1.0)
    assert found["coverage"] == 1.0
    assert found["worst_splits"] == [{"label": "1", "bits": 0.5, "voxels": 8, "pieces": 2}]
    assert found["worst_mergers"] == []
    # Two runs of 30 nm, and 10 nm between them.
    assert (found["run_length"]["erl_nm"], found["run_length"]["split_nm"]) == (1800 / 70, 10.0)
    told = graphlab(*asked, "--merge-tolerance", "50").stdout
    assert "merge tolerance 50 nodes" in told
    assert "mask: none" in told
    assert "split is H(segmentation | truth)" in told
    assert "split 1: 0.5000 bits, 8 voxels, 2 segments" in told
    ignored = document(*asked, "--ignore", "2,18446744073709551615")
    assert (ignored["ignored"], ignored["scores"][1]["voxels"]) == (["2", "18446744073709551615"], 8)


def test_faults_are_one_line(cube: Path, refusal: Callable[..., str]) -> None:
    place = f"{cube}/cube.h5"
    said = refusal("evaluate-segmentation", f"{place}:seg", "--truth", f"{place}:floats", *PLACE)
    assert "floats holds float32; wanted whole numbers, the labels of segments" in said
    assert "--truth), true skeletons, or both" in refusal("evaluate-segmentation", f"{place}:seg", *PLACE[:4])
    said = refusal("evaluate-segmentation", f"{place}:seg", "--truth", f"{place}:truth", *PLACE, "--ignore", "-1")
    assert "wanted labels between commas" in said

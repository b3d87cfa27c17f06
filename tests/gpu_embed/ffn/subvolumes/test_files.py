from __future__ import annotations

import collections
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gpu_embed.ffn.loop.canvas import FoundObject
from gpu_embed.ffn.subvolumes.files import origins_pickle, overlaps_pickle, reduced, subvolume_path
from gpu_embed.ffn.subvolumes.segment import SegmentPlan, segment
from ingest.schema.errors import ReadError

OBJECTS = [FoundObject(1, (5, 70000, 7), 31, 1200), FoundObject(300, (-1, 2, 3), 9, 10, ((1, 44), (2, 5)))]


@pytest.fixture
def google_storage(monkeypatch: pytest.MonkeyPatch) -> type:
    """The class that Google's code unpickles into, where Google's code has it."""
    kind = collections.namedtuple("OriginInfo", ["start_zyx", "iters", "walltime_sec"])
    for name in ("ffn", "ffn.inference", "ffn.inference.storage"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["ffn.inference.storage"].OriginInfo = kind  # type: ignore[attr-defined]
    return kind


def test_paths_are_googles() -> None:
    assert subvolume_path(Path("out"), (3, 20, 100)) == Path("out/100/20/seg-100_20_3.npz")
    assert subvolume_path(Path("out"), (3, 20, 100), "prob") == Path("out/100/20/seg-100_20_3.prob")


def test_pickles_are_what_googles_code_expects(google_storage: type) -> None:
    import pickle

    origins = pickle.loads(origins_pickle(OBJECTS))
    assert origins == {1: ((5, 70000, 7), 31, 0.0), 300: ((-1, 2, 3), 9, 0.0)}
    assert all(type(info) is google_storage for info in origins.values())
    assert pickle.loads(overlaps_pickle(OBJECTS)) == {1: ((), ()), 300: ((1, 2), (44, 5))}
    assert pickle.loads(origins_pickle([])) == {}


def test_files_as_google_reads_them_and_as_we_do(plan: SegmentPlan, google_storage: type) -> None:
    (piece,) = segment(replace(plan, size=None, probabilities=True)).pieces
    with np.load(piece.path, allow_pickle=True) as stored:
        origins, overlaps = stored["origins"].item(), stored["overlaps"].item()
        np.testing.assert_array_equal(stored["segmentation"], piece.labels())
        assert stored["segmentation"].dtype == np.uint8
    objects = piece.objects()
    assert {label: (tuple(info.start_zyx), info.iters) for label, info in origins.items()} == {
        o.label: (o.start, o.steps) for o in objects
    }
    assert overlaps.keys() == origins.keys()
    assert [o.voxels for o in objects] == list(np.bincount(piece.labels().reshape(-1))[1:])
    with np.load(piece.path.with_suffix(".prob"), allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["qprob"] > 0, piece.labels() > 0)
        assert stored["qprob"][piece.labels() > 0].min() > 0.55 * 254


@pytest.mark.parametrize(("largest", "kind"), [(0, np.uint8), (255, np.uint8), (256, np.uint16), (65536, np.uint32)])
def test_labels_take_as_little_room_as_they_can(largest: int, kind: type) -> None:
    labels = np.array([[[0, largest]]], dtype=np.int32)
    assert reduced(labels).dtype == kind
    np.testing.assert_array_equal(reduced(labels), labels)


def test_damaged_files_are_named(plan: SegmentPlan) -> None:
    (piece,) = segment(replace(plan, size=None)).pieces
    with pytest.raises(ReadError, match=r"is \[40, 48, 52\], wanted \[1, 2, 3\]"):
        replace(piece, shape=(1, 2, 3)).labels()
    content = piece.path.read_bytes()
    piece.path.write_bytes(content[: len(content) // 2])
    for read in (piece.labels, piece.objects):
        with pytest.raises(ReadError, match=r"seg-100_20_3.npz is damaged .* remove it: it is computed again"):
            read()
    state = piece.path.with_suffix(".cpoint")
    state.write_bytes(b"PK")
    piece.path.unlink()
    with pytest.raises(ReadError, match=r"seg-100_20_3.cpoint is damaged"):
        segment(replace(plan, size=None))

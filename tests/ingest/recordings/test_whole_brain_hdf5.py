"""Whole-brain files as their authors store them: splits, clocks, labels, links."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ingest.recordings.readers import open_recordings
from ingest.schema.errors import GraphlabError, ReadError, SchemaError

FRAMES = 40
TRACES = np.random.default_rng(0).normal(size=(FRAMES, 3))
TIME = np.arange(FRAMES) * 0.5


def written(path: Path, **changed: Any) -> Path:
    parts = {"gcamp/trace_array": TRACES, "timing/timestamp_confocal": TIME, **changed}
    with h5py.File(path, "w") as file:
        for name, values in parts.items():
            if values is not None:
                file[name] = values
    return path


def read(path: Path, **options: Any) -> Any:
    (found,) = open_recordings(path, options)
    return found


@pytest.mark.parametrize(
    ("splits", "lengths", "word"),
    [
        ([[1, 21], [20, 40]], [20, 20], None),
        ([[1, 21], [20, 45]], [20, 20], "ends at frame 45, past the last of 40 frames"),
        ([[1, 21, 41], [20, 40, 60]], [20, 20], "1 of 3 segments of idx_splits lie past the last"),
        ([[1, 20], [21, 40]], [20, 20], None),
        ([[1, 11], [11, 21], [21, 40]], [10, 10, 20], None),
        ([[0, 20], [20, 40]], [20, 20], None),
        ([[1], [40]], [40], None),
        ([[1], [41]], [40], "past the last"),
    ],
)
def test_splits_as_authors_store_them(
    splits: list[list[int]], lengths: list[int], word: str | None, tmp_path: Path
) -> None:
    found = read(written(tmp_path / "a.h5", **{"gcamp/idx_splits": np.array(splits)}))
    assert np.bincount(found.segment).tolist() == lengths
    assert word is None or any(word in note for note in found.notes)


@pytest.mark.parametrize(
    "splits", [[[5, 21], [20, 40]], [[1, 5], [20, 40]], [[1.5], [40]], [[np.nan], [40]], [1, 2, 3], [[[1]]]]
)
def test_splits_that_are_not_understood_are_refused(splits: Any, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="idx_splits"):
        read(written(tmp_path / "a.h5", **{"gcamp/idx_splits": np.array(splits)}))


def test_timestamps_of_a_longer_clock_give_way_to_a_rate(tmp_path: Path) -> None:
    path = written(tmp_path / "a.h5", **{"timing/timestamp_confocal": np.arange(90) * 0.5})
    with pytest.raises(SchemaError, match="40 frames and 90 timestamps.*--option rate_hz"):
        read(path)
    assert read(path, rate_hz="2").time_s.tolist() == TIME.tolist()
    path = written(tmp_path / "b.h5", **{"timing/timestamp_confocal": np.where(TIME == 3, np.nan, TIME)})
    assert read(path, rate_hz=2).time_s.tolist() == TIME.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trace,name,confidence\n0,AVAL,high\n", "confidence 'high'"),
        ("name,trace\nAVAL\n", "trace number None"),
        ("trace,root_id\n0,1.5\n", "root_id: found '1.5'"),
        ("trace,root_id\n0,18446744073709551616\n", "2\\^64"),
        ("trace,name\n0,AVAL\n0,AVAR\n", "two labels for trace 0"),
        ("trace,name\n\u00b2,AVAL\n", "trace number"),
        ("trace,name\n7,AVAL\n", "a label for trace 7"),
        ("", "no rows"),
    ],
)
def test_labels_of_other_shapes_are_one_error(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(SchemaError, match=message):
        read(written(tmp_path / "a.h5"), labels=str(tmp_path / "l.csv"))
    (tmp_path / "l.csv").write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    with pytest.raises(GraphlabError):
        read(written(tmp_path / "b.h5"), labels=str(tmp_path / "l.csv"))


def test_links_are_followed_inside_the_folder_only(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    written(inside / "raw.h5")
    written(tmp_path / "out.h5")
    for name, target in (("good", "raw.h5"), ("bad", "../out.h5")):
        with h5py.File(inside / f"{name}.h5", "w") as file:
            file["timing/timestamp_confocal"] = TIME
            file["x"] = TRACES[:, 0]
            file["behavior/velocity"] = h5py.SoftLink("/x")
            file["gcamp/trace_array"] = h5py.ExternalLink(target, "/gcamp/trace_array")
    found = read(inside / "good.h5")
    np.testing.assert_allclose(found.block(0, 3).T, TRACES, rtol=1e-6)
    np.testing.assert_allclose(found.behaviors["velocity"], TRACES[:, 0])
    with pytest.raises(ReadError, match="outside of the file's folder"):
        read(inside / "bad.h5")


def test_what_is_no_behaviour_frame_by_frame_is_told(tmp_path: Path) -> None:
    more = {"behavior/body_angle": np.zeros((FRAMES, 5)), "behavior/text": np.full(FRAMES, b"x")}
    found = read(written(tmp_path / "a.h5", **{**more, "behavior/velocity": TIME}))
    assert list(found.behaviors) == ["velocity"]
    assert any("left out: body_angle, text" in note for note in found.notes)


@pytest.mark.parametrize("parts", [{"gcamp": 1}, {"gcamp/trace_array": [b"x"]}, {"gcamp/trace_array": TRACES[0]},
                                   {"gcamp/trace_array": None, "gcamp/trace_array/x": 1},
                                   {"timing/timestamp_confocal": [b"x"]}])  # fmt: skip
def test_files_of_other_shapes_are_one_error(parts: dict[str, Any], tmp_path: Path) -> None:
    base = {} if "gcamp" not in parts else {"gcamp/trace_array": None}
    with pytest.raises(SchemaError):
        read(written(tmp_path / "a.h5", **{**base, **parts}))


@pytest.mark.parametrize("options", [{"series": "x"}, {"resample": "mean"}])
def test_options_of_other_formats_are_refused(options: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="do not use the option"):
        read(written(tmp_path / "a.h5"), **options)

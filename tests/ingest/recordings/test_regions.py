"""A bare matrix of traces: its orientation and its rate are said, never guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.recordings.readers import open_recordings
from ingest.schema.errors import GraphlabError

VALUES = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)


@pytest.mark.parametrize("rows", ["frames", "traces"])
def test_both_ways_it_may_lie(tmp_path: Path, rows: str) -> None:
    np.save(tmp_path / "worm1.npy", VALUES if rows == "frames" else VALUES.T)
    (tmp_path / "labels.csv").write_text("trace,name\n1,AVAL\n")
    options = {"rows": rows, "rate_hz": "4", "labels": str(tmp_path / "labels.csv")}
    (found,) = open_recordings(tmp_path / "worm1.npy", options)
    assert found.animal == "worm1"
    assert np.array_equal(found.block(0, 3), VALUES.T)
    assert [identity.name for identity in found.identities] == [None, "AVAL", None]
    assert found.time_s[4] == 1.0


@pytest.mark.parametrize(
    ("values", "options", "told"),
    [
        (VALUES, {"rate_hz": "4"}, "20 x 3 numbers. Are its rows frames or traces"),
        (VALUES, {"rows": "frames"}, "no timestamps for 20 frames"),
        (VALUES, {"rows": "pre", "rate_hz": "4"}, "value of the option rows 'pre'; known: frames, traces"),
        (VALUES[0], {"rows": "frames", "rate_hz": "4"}, r"found float32 of shape \(3,\)"),
        (VALUES.astype("U8"), {"rows": "frames", "rate_hz": "4"}, "found <U8"),
        (VALUES.astype(object), {"rows": "frames", "rate_hz": "4"}, "holds Python objects, a pickle"),
        (VALUES, {"rows": "frames", "rate_hz": "4", "rois": "all"}, "matrices of traces do not use the option 'rois'"),
    ],
)
def test_what_is_not_said_or_no_recording(tmp_path: Path, values: Any, options: dict[str, str], told: str) -> None:
    np.save(tmp_path / "a.npy", values, allow_pickle=True)
    with pytest.raises(GraphlabError, match=told):
        open_recordings(tmp_path / "a.npy", options)

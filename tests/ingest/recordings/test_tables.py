"""Tables of recordings: no frame, animal or column is lost without a word, nothing infinite comes in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ingest.recordings.readers import open_behavior, open_recordings
from ingest.schema.errors import GraphlabError, SchemaError


@pytest.mark.parametrize("value", ["inf", "-inf", "1e39"])
def test_infinite_values_of_a_trace_are_refused_and_empty_ones_are_missing(value: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"time_s,AVAL,AVAR\n0,1,2\n1,{value},3\n2,4,5\n")
    with pytest.raises(SchemaError, match=r"trace 1 \(AVAL\) of animal a is infinite at frame 2"):
        open_recordings(path, {})
    for gap in ("", "nan", "NaN"):
        path.write_text(f"time_s,AVAL,AVAR\n0,1,2\n1,{gap},3\n2,4,5\n")
        (found,) = open_recordings(path, {})
        np.testing.assert_array_equal(found.block(0, 1)[0], [1, np.nan, 4])
    long = pa.table({"time_s": [0.0, 1, 0, 1], "name": list("AABB"), "activity": [1, float(value), 2, 3]})
    with pytest.raises(SchemaError, match="infinite at frame 2"):
        open_recordings(long, {})


@pytest.mark.parametrize("value", ["inf", "-inf"])
def test_infinite_behaviour_is_refused(value: str) -> None:
    with pytest.raises(SchemaError, match="'speed' is infinite at frame 2"):
        open_behavior(pa.table({"time_s": [0.0, 1, 2], "speed": [0, float(value), 1]}), {})


@pytest.mark.parametrize("text", ["0.0,1.5,2.5\n0.5,3,4\n1,5,6\n", "0,1,2\n1,3,4\n2,5,6\n", "0,-1.5,2\n1,3,4\n2,5,6\n"])
@pytest.mark.parametrize("options", [{}, {"rate_hz": 2}])
def test_a_matrix_without_a_header_loses_no_frame(text: str, options: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(SchemaError, match="its first line is numbers"):
        open_recordings(tmp_path / "a.csv", options)


def test_columns_named_by_ids_are_no_frame(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("720575940,720575941\n0.5,1.5\n0.25,2\n")
    (found,) = open_recordings(tmp_path / "a.csv", {"rate_hz": 2})
    assert [identity.root_id for identity in found.identities] == [720575940, 720575941]
    (tmp_path / "b.csv").write_text("time_s,18446744073709551616\n0,1.5\n1,2\n")
    with pytest.raises(SchemaError, match="no root_id"):
        open_recordings(tmp_path / "b.csv", {})


def test_columns_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text in (",time_s,A\n0,0,1\n1,1,2\n", "time_s,A,\n0,1,\n1,2,\n", "Unnamed: 0,time_s,A\n1,0,1\n2,1,2\n"):
        path.write_text(text)
        (found,) = open_recordings(path, {})
        assert [identity.name for identity in found.identities] == ["A"]
        assert any("has no name (row numbers, or empty): left out" in note for note in found.notes)
    path.write_text("time_s,A,\n0,1,0.5\n1,2,0.7\n")
    with pytest.raises(SchemaError, match="column 3 has no name and holds more than row numbers"):
        open_recordings(path, {})


def test_names_are_trimmed_and_normalised(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time_s, AVAL ,e\u0301\n0,1,2\n1,2,3\n")
    (found,) = open_recordings(tmp_path / "a.csv", {})
    assert [identity.name for identity in found.identities] == ["AVAL", "\u00e9"]


@pytest.mark.parametrize(
    "source",
    [
        pd.DataFrame({"time_s": [0, 1], "A": [1, "x"]}),
        pd.DataFrame({"time_s": [0, 1], "A": [object(), object()]}),
        pd.DataFrame({"time_s": [0, 1], "A": [[1], [2]]}),
        [1, 2, 3],
        None,
        pa.table({"time_s": [0.0, 1], "timestamp": [0.0, 1], "A": [1.0, 2]}),
        pa.table({"time_s": [0.0, 1], "\u00b2": ["a", "b"]}),
    ],
)
def test_sources_of_other_shapes_are_one_error(source: Any) -> None:
    with pytest.raises(GraphlabError):
        open_recordings(source, {})


def test_one_animal_that_fails_does_not_stop_the_others() -> None:
    table = pa.table(
        {
            "animal": ["a", "a", "b", "b", "c", "c"],
            "time_s": [0.0, 1, 1, 0, 0, 1],
            "A": [1.0, 2, 3, 4, 5, 6],
        }
    )
    failed: list[str] = []
    assert [found.animal for found in open_recordings(table, {}, failed)] == ["a", "c"]
    assert len(failed) == 1
    assert "does not ascend" in failed[0]
    with pytest.raises(SchemaError, match="does not ascend"):
        open_recordings(table, {})
    with pytest.raises(SchemaError, match="does not ascend"):
        open_recordings(table, {"animal": "b"}, [])
    failed = []
    assert [animal for animal, *_ in open_behavior(table, {}, failed)] == ["a", "c"]
    assert len(failed) == 1


def test_columns_that_a_long_recording_has_no_place_for_are_told() -> None:
    table = pa.table({"time_s": [0.0, 1], "name": ["A", "A"], "activity": [1.0, 2], "colour": ["r", "g"]})
    (found,) = open_recordings(table, {})
    assert any("no place for: colour: left out" in note for note in found.notes)
    with pytest.raises(SchemaError, match="rate_hz would not be used"):
        open_recordings(table, {"rate_hz": 1})


@pytest.mark.parametrize("options", [{"labels": "x.csv"}, {"series": "x"}, {"traces": "x"}, {"resample": "mean"}])
def test_options_of_other_formats_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(SchemaError, match="do not use the option"):
        open_recordings(pa.table({"time_s": [0.0, 1], "A": [1.0, 2]}), options)


@pytest.mark.parametrize("text", [b"time_s,ca\xe9\n0,1\n1,2\n", b"time_s,name,activity\n0,\xe9,1\n1,\xe9,2\n"])
def test_text_that_is_no_utf8_has_one_error(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text)
    with pytest.raises(GraphlabError, match="text in UTF-8; save it as UTF-8"):
        open_recordings(path, {})

"""Every format gives the same recording: NWB, HDF5, matrix, long table, synthetic files."""

from __future__ import annotations

import datetime
import pickle
import warnings
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from ingest.recordings.readers import open_behavior, open_recordings
from ingest.schema.errors import ReadError, SchemaError
from ingest.synthetic.connectome import make

RNG = np.random.default_rng(3)
TRACES = RNG.normal(size=(4, 60)).astype(np.float32)
TIME = np.arange(60) * 0.5
SPEED = RNG.normal(size=60)
NAMES = ["AVAL", "AVAR", "RIBL", "SAAVL"]


def whole_brain(path: Path, **changed: np.ndarray | None) -> Path:
    parts = {
        "gcamp/trace_array_original": TRACES.T,
        "gcamp/idx_splits": np.array([[1, 31], [30, 60]]),
        "behavior/velocity": SPEED,
        "behavior/reversal_vec": (SPEED < 0).astype(int),
        "behavior/pumping": np.full(60, np.nan),
        "behavior/reversal_events": np.zeros((2, 3), int),
        "timing/timestamp_confocal": TIME,
    } | changed
    with h5py.File(path, "w") as file:
        for name, values in parts.items():
            if values is not None:
                file[name] = values
    return path


def test_whole_brain_hdf5_with_labels(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    rows = ["uid,trace_idx_1based,label,neuron_class,confidence"]
    rows += ["a1,1,AVAL,AVA,5", "a1,3,RIB?,RIB,2", "other,2,AVAR,AVA,4"]
    labels.write_text("\n".join(rows))
    path = whole_brain(tmp_path / "a1-data.h5")
    (found,) = open_recordings(path, {"labels": str(labels)})
    assert found.animal == "a1"
    np.testing.assert_array_equal(found.block(0, 4), TRACES)
    assert [(i.name, i.neuron_class, i.confidence) for i in found.identities[:3]] == [
        ("AVAL", "AVA", 5.0),
        (None, None, None),
        (None, "RIB", 2.0),
    ]
    assert sorted(found.behaviors) == ["reversal", "velocity"]
    assert found.segment.tolist() == [0] * 30 + [1] * 30
    assert any("'pumping' was not measured" in note for note in found.notes)


def test_hdf5_that_does_not_fit_is_one_error(tmp_path: Path) -> None:
    path = whole_brain(tmp_path / "a.h5", **{"timing/timestamp_confocal": None})
    with pytest.raises(SchemaError, match="no timestamps for 60 frames"):
        open_recordings(path, {})
    assert len(open_recordings(path, {"rate_hz": 2})[0].time_s) == 60
    with pytest.raises(SchemaError, match="unequal lengths: 60 frames and 59 values of behavior/velocity"):
        open_recordings(whole_brain(tmp_path / "b.h5", **{"behavior/velocity": SPEED[:-1]}), {})
    with pytest.raises(SchemaError, match="no data set 'trace_aray'; did you mean 'trace_array_original'"):
        open_recordings(path, {"traces": "trace_aray"})
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(SchemaError, match="found x; wanted the groups gcamp"):
        open_recordings(tmp_path / "c.h5", {})
    (tmp_path / "d.h5").write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ReadError, match=r"d\.h5: no readable HDF5"):
        open_recordings(tmp_path / "d.h5", {})


def test_pickles_are_never_read(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"x": 1}))
    with pytest.raises(ReadError, match="a pickle runs code"):
        open_recordings(tmp_path / "a.pkl", {})


def test_matrices_and_long_tables_agree(tmp_path: Path) -> None:
    wide = pa.table({"time_s": TIME, **{name: TRACES[i] for i, name in enumerate(NAMES)}})
    csv.write_csv(wide, tmp_path / "wide.csv")
    parquet.write_table(wide, tmp_path / "wide.parquet")
    shuffle = RNG.permutation(240)
    long = pa.table(
        {"time_s": np.tile(TIME, 4), "name": np.repeat(NAMES, 60).tolist(), "activity": TRACES.ravel()}
    ).take(shuffle)
    for source in (wide, tmp_path / "wide.csv", tmp_path / "wide.parquet", long, wide.to_pandas()):
        (found,) = open_recordings(source, {"animal": "w"})
        assert [i.name for i in found.identities] == NAMES
        np.testing.assert_allclose(found.block(0, 4), TRACES, rtol=1e-6)
        np.testing.assert_allclose(found.time_s, TIME)


def test_several_animals_segments_and_holes_of_a_long_table() -> None:
    part = pa.table(
        {
            "animal": ["a"] * 5 + ["b"] * 4,
            "time_s": [0, 1, 2, 0, 2, 0, 1, 0, 1.0],
            "root_id": pa.array([7, 7, 7, 8, 8, 7, 7, 9, 9], pa.uint64()),
            "activity": np.arange(9.0),
        }
    )
    a, b = open_recordings(part, {})
    assert (a.animal, b.animal) == ("a", "b")
    assert [i.root_id for i in b.identities] == [7, 9]
    np.testing.assert_array_equal(np.isnan(a.block(0, 2)), [[False] * 3, [False, True, False]])
    assert any("1 of 6 values are missing" in note for note in a.notes)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"time_s": [0.0, 1.0], "A": ["x", "y"]}, "column 'A' holds string"),
        ({"A": [0.0, 1.0]}, "no timestamps for 2 frames"),
        ({"time_s": [1.0, 0.0], "A": [0.0, 1.0]}, "does not ascend"),
        ({"time_s": [1.0, 2.0], "A": [3.0, 3.0]}, "every one of the 1 traces is constant"),
        ({"time_s": [1.0, 1.0], "name": ["A", "A"], "activity": [1.0, 2.0]}, "duplicated row: name A twice at 1 s"),
        ({"time_s": [1.0, 2.0], "neuron": ["A", "B"], "activity": [1.0, 2.0]}, "needs time_s, root_id or name"),
        ({"time_s": []}, "no traces"),
    ],
)
def test_bad_tables_are_one_clear_error(table: dict[str, list[object]], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        open_recordings(pa.table(table), {})


def test_duplicated_columns_and_unknown_options(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time_s,AVAL,AVAL\n0,1,2\n1,2,3\n")
    with pytest.raises(SchemaError, match="duplicated name: 'AVAL'"):
        open_recordings(tmp_path / "a.csv", {})
    with pytest.raises(SchemaError, match="no option 'rate'; did you mean 'rate_hz'"):
        open_recordings(tmp_path / "a.csv", {"rate": 2})
    with pytest.raises(ReadError, match="does not exist"):
        open_recordings(tmp_path / "none.csv", {})


def test_behaviour_tables() -> None:
    ((animal, time, columns),) = open_behavior(pa.table({"time_s": TIME, "speed": SPEED}), {})
    assert animal is None
    np.testing.assert_array_equal(columns["speed"], SPEED)
    np.testing.assert_array_equal(time, TIME)
    with pytest.raises(SchemaError, match="no behaviour"):
        open_behavior(pa.table({"time_s": TIME}), {})


def test_the_made_recording_reads_back(tmp_path: Path) -> None:
    made = make(tmp_path, neurons=60, synapses=4000, frames=50, recorded=20)
    (found,) = open_recordings(made.recordings, {})
    assert len(found.identities) == 20
    assert len(found.time_s) == 50
    table = parquet.read_table(made.recordings)
    first = table.filter(pa.compute.equal(table["root_id"], found.identities[3].root_id))
    np.testing.assert_array_equal(found.block(3, 4)[0], first["activity"].to_numpy())


def test_nwb_with_identities_and_behaviour(tmp_path: Path) -> None:
    path = write_nwb(tmp_path / "s.nwb")
    (found,) = open_recordings(path, {})
    assert found.animal == "worm7"
    assert [i.name for i in found.identities] == ["AVAL", "AVAR", None, "SAAVL"]
    assert found.identities[2].neuron_class == "RIB"
    np.testing.assert_allclose(found.block(0, 4), TRACES)
    np.testing.assert_allclose(found.time_s, TIME)
    np.testing.assert_allclose(found.behaviors["velocity"], SPEED)
    with pytest.raises(SchemaError, match="no series 'x'"):
        open_recordings(path, {"series": "x"})
    (tmp_path / "t.nwb").write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ReadError, match="no readable NWB"):
        open_recordings(tmp_path / "t.nwb", {})


def write_nwb(path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pynwb import NWBHDF5IO, NWBFile, TimeSeries
        from pynwb.behavior import BehavioralTimeSeries
        from pynwb.file import Subject
        from pynwb.ophys import Fluorescence, ImageSegmentation, OpticalChannel, RoiResponseSeries

        start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
        file = NWBFile("test", "id1", start, subject=Subject(subject_id="worm7", species="C. elegans", sex="O"))
        device = file.create_device("scope")
        channel = OpticalChannel("green", "GCaMP", 520.0)
        plane = file.create_imaging_plane(
            name="plane", optical_channel=channel, description="x", device=device, excitation_lambda=488.0,
            indicator="GCaMP", location="head",
        )  # fmt: skip
        segmentation = ImageSegmentation()
        table = segmentation.create_plane_segmentation("neurons", plane, "neurons")
        table.add_column("label", "name")
        table.add_column("neuron_class", "class")
        for label, kind in (("AVAL", "AVA"), ("AVAR", "AVA"), ("RIB?", "RIB"), ("SAAVL", "SAA")):
            table.add_roi(pixel_mask=[(1, 1, 1.0)], label=label, neuron_class=kind)
        module = file.create_processing_module("ophys", "x")
        module.add(segmentation)
        region = table.create_roi_table_region("all", region=[0, 1, 2, 3])
        series = RoiResponseSeries(name="dff", data=TRACES.T, rois=region, unit="1", timestamps=TIME)
        module.add(Fluorescence(roi_response_series=[series]))
        behavior = file.create_processing_module("behavior", "x")
        velocity = TimeSeries(name="velocity", data=SPEED, unit="mm/s", rate=2.0, starting_time=0.0)
        behavior.add(BehavioralTimeSeries(time_series=[velocity]))
        with NWBHDF5IO(str(path), "w") as io:
            io.write(file)
    return path

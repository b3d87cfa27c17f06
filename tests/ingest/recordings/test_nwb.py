"""NWB files: which series, in which units, which way round, and what of the behaviour is none frame by frame."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ingest.recordings.readers import open_recordings
from ingest.schema.errors import GraphlabError, SchemaError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pynwb = pytest.importorskip("pynwb")
    from pynwb import NWBHDF5IO, NWBFile, TimeSeries
    from pynwb.behavior import BehavioralEpochs, BehavioralEvents, BehavioralTimeSeries, Position, SpatialSeries
    from pynwb.epoch import TimeIntervals
    from pynwb.image import ImageSeries
    from pynwb.misc import AnnotationSeries, IntervalSeries
    from pynwb.ophys import Fluorescence, ImageSegmentation, OpticalChannel, RoiResponseSeries

FRAMES, ROIS = 20, 3
DATA = np.random.default_rng(0).normal(size=(FRAMES, ROIS)).astype(np.float32)
CLOCK: dict[str, Any] = {"unit": "x", "rate": 10.0}


class Made:
    """An NWB file under way: ``series`` adds fluorescence, ``behave`` behaviour."""

    def __init__(self) -> None:
        self.file = NWBFile("s", "id", datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        device = self.file.create_device("d")
        channel = OpticalChannel(name="o", description="x", emission_lambda=500.0)
        plane = self.file.create_imaging_plane(
            name="p", optical_channel=channel, description="x", device=device, excitation_lambda=488.0, indicator="g",
            location="h",
        )  # fmt: skip
        self.module = self.file.create_processing_module("ophys", "x")
        segmentation = ImageSegmentation()
        self.module.add(segmentation)
        self.rois = segmentation.create_plane_segmentation("x", plane, "ps")
        self.rois.add_column("root_id", "id")
        for i in range(ROIS):
            self.rois.add_roi(pixel_mask=[(i, i, 1.0)], root_id=0)
        self.behavior: Any = None

    def series(self, data: Any = DATA, container: str = "Fluorescence", name: str = "plane0", **more: Any) -> None:
        region = self.rois.create_roi_table_region("r", region=list(range(ROIS)))
        inside = RoiResponseSeries(name=name, data=data, rois=region, **{**CLOCK, **more})
        there = self.module.data_interfaces.get(container)
        if there is None:
            there = Fluorescence(name=container)
            self.module.add(there)
        there.add_roi_response_series(inside)

    def behave(self, item: Any) -> None:
        if self.behavior is None:
            self.behavior = self.file.create_processing_module("behavior", "x")
        self.behavior.add(item)


@pytest.fixture
def made(tmp_path: Path) -> tuple[Made, Callable[..., Any]]:
    making = Made()

    def read(**options: Any) -> Any:
        path = tmp_path / "a.nwb"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not path.exists():
                with NWBHDF5IO(str(path), "w") as io:
                    io.write(making.file)
        (found,) = open_recordings(path, options)
        return found

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield making, read  # type: ignore[misc]


def test_series_of_one_name_are_told_apart_by_their_container(made: tuple[Made, Callable[..., Any]]) -> None:
    making, read = made
    for k, container in enumerate(("Fluorescence", "Neuropil", "Deconvolved")):
        making.series(DATA * (k + 1), container)
    with pytest.raises(SchemaError, match="3 series: Deconvolved/plane0, Fluorescence/plane0, Neuropil/plane0"):
        read()
    with pytest.raises(SchemaError, match="3 series are called 'plane0'"):
        read(series="plane0")
    for k, container in enumerate(("Fluorescence", "Neuropil", "Deconvolved")):
        np.testing.assert_allclose(read(series=f"{container}/plane0").block(0, ROIS).T, DATA * (k + 1), rtol=1e-6)
        np.testing.assert_allclose(read(series=f"ophys/{container}/plane0").block(0, 1)[0], DATA[:, 0] * (k + 1))
    with pytest.raises(SchemaError, match="no series 'Neuropill/plane0'; did you mean 'Neuropil/plane0'"):
        read(series="Neuropill/plane0")


@pytest.mark.parametrize(("conversion", "offset"), [(0.5, 10.0), (2.0, 0.0), (-1.0, 1.0)])
def test_conversion_and_offset_are_applied(
    conversion: float, offset: float, made: tuple[Made, Callable[..., Any]]
) -> None:
    making, read = made
    raw = np.arange(FRAMES * ROIS, dtype=np.int16).reshape(FRAMES, ROIS)
    making.series(raw, conversion=conversion, offset=offset)
    making.behave(TimeSeries(name="speed", data=raw[:, 0], conversion=conversion, offset=offset, **CLOCK))
    making.behave(TimeSeries(name="pose", data=raw, conversion=conversion, **CLOCK))
    found = read()
    np.testing.assert_allclose(found.block(0, ROIS).T, raw * conversion + offset)
    np.testing.assert_allclose(found.behaviors["speed"], raw[:, 0] * conversion + offset)
    np.testing.assert_allclose(found.behaviors["pose_2"], raw[:, 2] * conversion)


def test_regions_by_frames_are_turned_by_the_length_of_the_region(made: tuple[Made, Callable[..., Any]]) -> None:
    making, read = made
    making.series(DATA.T)
    found = read()
    np.testing.assert_allclose(found.block(0, ROIS).T, DATA)
    assert len(found.time_s) == FRAMES
    assert "plane0 is stored regions x frames: turned" in found.notes


def test_as_many_frames_as_regions_are_frames_first_and_others_are_refused(
    made: tuple[Made, Callable[..., Any]],
) -> None:
    making, read = made
    making.series(DATA[:ROIS], name="square")
    making.series(DATA[:, :2], name="other")
    np.testing.assert_allclose(read(series="square").block(0, ROIS).T, DATA[:ROIS])
    with pytest.raises(SchemaError, match=r"other has shape \(20, 2\) and names 3 regions"):
        read(series="other")


THINGS: dict[str, Callable[[], Any]] = {
    "moving": lambda: BehavioralEpochs(
        interval_series=IntervalSeries(name="moving", data=[1, -1, 1, -1], timestamps=[0.5, 1.0, 1.2, 1.4])
    ),
    "notes": lambda: AnnotationSeries(name="notes", data=["a", "b"], timestamps=[0.5, 1.2]),
    "video": lambda: ImageSeries(
        name="video",
        external_file=["v.avi"],
        format="external",
        rate=30.0,
        starting_frame=[0],
        unit="n.a.",
        num_samples=60,
    ),
    "pose": lambda: TimeSeries(name="pose", data=np.zeros((FRAMES, 5, 2)), **CLOCK),
    "licks": lambda: BehavioralEvents(
        time_series=TimeSeries(name="licks", data=[1.0, 1.0], unit="x", timestamps=[0.3, 0.9])
    ),
    "bouts": lambda: TimeIntervals(name="bouts", description="x"),
}


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("resample", ["refuse", "linear"])
def test_what_is_no_behaviour_frame_by_frame_is_left_out_with_a_word(
    thing: str, resample: str, made: tuple[Made, Callable[..., Any]]
) -> None:
    making, read = made
    making.series()
    making.behave(THINGS[thing]())
    making.behave(TimeSeries(name="speed", data=np.arange(FRAMES), **CLOCK))
    found = read(resample=resample)
    np.testing.assert_allclose(found.block(0, ROIS).T, DATA)
    assert list(found.behaviors) == ["speed"]
    assert any(f"left out: {thing} (" in note for note in found.notes)


def test_behaviours_of_one_name_are_both_kept(made: tuple[Made, Callable[..., Any]]) -> None:
    making, read = made
    making.series()
    for name in ("Nose", "Tail"):
        series = SpatialSeries(name="xy", data=np.full((FRAMES, 2), len(name)), reference_frame="x", rate=10.0)
        making.behave(Position(name=name, spatial_series=series))
    making.behave(BehavioralTimeSeries(time_series=TimeSeries(name="speed", data=np.arange(FRAMES), **CLOCK)))
    assert sorted(read().behaviors) == ["Nose_xy_0", "Nose_xy_1", "Tail_xy_0", "Tail_xy_1", "speed"]


def test_a_rate_helps_where_timestamps_are_not_those_of_the_frames(
    made: tuple[Made, Callable[..., Any]], tmp_path: Path
) -> None:
    making, read = made
    making.series(name="long", rate=None, timestamps=np.arange(FRAMES) / 10)
    making.series(name="right")
    with pytest.raises(SchemaError, match="say 10 frames a second, rate_hz 5"):
        read(series="right", rate_hz=5)
    with h5py.File(tmp_path / "a.nwb", "a") as file:
        place = file["processing/ophys/Fluorescence/long"]
        about = dict(place["timestamps"].attrs)
        del place["timestamps"]
        place["timestamps"] = np.arange(2 * FRAMES) / 10
        place["timestamps"].attrs.update(about)
    with pytest.raises(SchemaError, match="20 frames and 40 timestamps.*rate_hz=FRAMES_PER_SECOND"):
        read(series="long")
    found = read(series="long", rate_hz=5)
    assert found.time_s.tolist() == (np.arange(FRAMES) / 5).tolist()
    assert any("time is counted by frames, 5 a second" in note for note in found.notes)


@pytest.mark.parametrize("options", [{"labels": "x.csv"}, {"traces": "trace_array"}])
def test_options_of_other_formats_are_refused(options: dict[str, str], made: tuple[Made, Callable[..., Any]]) -> None:
    making, read = made
    making.series()
    with pytest.raises(GraphlabError, match="do not use the option"):
        read(**options)

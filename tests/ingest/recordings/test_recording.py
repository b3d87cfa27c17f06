"""Checks every recording passes: time, names, clocks; and how behaviour gets onto a recording's clock."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.recordings.recording import Identity, Recording, checked, checked_time, on_clock, segments_of
from ingest.schema.errors import SchemaError


def recording(traces: np.ndarray, names: list[str], **more: object) -> Recording:
    frames = traces.shape[1]
    time = np.arange(frames) * 0.5
    return Recording(
        "worm", time, segments_of(time), [Identity(name, "A") for name in names], lambda a, b: traces[a:b], **more
    )  # type: ignore[arg-type]


def test_missing_timestamps_ask_for_a_rate() -> None:
    with pytest.raises(SchemaError, match="no timestamps for 5 frames.*rate_hz"):
        checked_time(None, 5, "f.csv")
    np.testing.assert_allclose(checked_time(None, 3, "f.csv", "2"), [0, 0.5, 1.0])
    with pytest.raises(SchemaError, match="rate_hz: found '0'"):
        checked_time(None, 3, "f.csv", "0")


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ([0.0, 1.0], "unequal lengths: 3 frames and 2 timestamps"),
        ([0.0, np.nan, 2.0], "missing timestamp at frame 2"),
        ([0.0, 2.0, 1.0], "frame 2 is at 2 s, frame 3 at 1 s"),
        ([0.0, 1.0, 1.0], "does not ascend"),
    ],
)
def test_times_that_are_no_clock(time: list[float], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        checked_time(time, 3, "f.csv")


def test_gaps_and_stated_beginnings_make_segments() -> None:
    time = np.array([0, 1, 2, 10, 11, 12, 13.0])
    np.testing.assert_array_equal(segments_of(time), [0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(segments_of(time, [0, 5]), [0, 0, 0, 1, 1, 2, 2])


def test_a_name_twice_is_refused_or_kept_by_the_surest() -> None:
    values = np.random.default_rng(0).normal(size=(3, 10)).astype(np.float32)
    made = recording(values, ["AVAL", "AVAL", "AVAR"])
    made.identities = [Identity("AVAL", "AVA", None, 2.0), Identity("AVAL", "AVA", None, 5.0), Identity("AVAR")]
    with pytest.raises(SchemaError, match="'AVAL' is the name of traces 1 and 2"):
        checked(made, "f.h5", "refuse")
    kept = checked(made, "f.h5", "best")
    assert [i.name for i in kept.identities] == [None, "AVAL", "AVAR"]
    assert kept.identities[0].neuron_class == "AVA"


def test_constant_traces_are_said_and_only_constant_ones_refused() -> None:
    values = np.ones((2, 10), np.float32)
    with pytest.raises(SchemaError, match="every one of the 2 traces is constant"):
        checked(recording(values, ["A", "B"]), "f.csv", "refuse")
    values[0] = np.arange(10)
    assert any("1 constant traces" in note for note in checked(recording(values, ["A", "B"]), "f.csv", "refuse").notes)


def test_behaviour_of_another_length_and_animals_without_identities() -> None:
    values = np.random.default_rng(0).normal(size=(2, 10)).astype(np.float32)
    with pytest.raises(SchemaError, match="10 frames and 9 values of the behaviour 'speed'"):
        checked(recording(values, ["A", "B"], behaviors={"speed": np.zeros(9)}), "f.csv", "refuse")
    made = recording(values, ["A", "B"])
    made.identities = [Identity(), Identity()]
    assert any("no trace has an identity" in note for note in checked(made, "f.csv", "refuse").notes)


def test_another_clock_is_refused_or_resampled_by_the_stated_rule() -> None:
    time = np.arange(10) * 1.0
    clock = np.arange(0, 10, 0.25)
    values = {"speed": clock**2}
    with pytest.raises(SchemaError, match="another clock: 40 samples .* every 0.25 s.*resample=linear"):
        on_clock(time, values, clock, "refuse", "b.csv")
    linear = on_clock(time, values, clock, "linear", "b.csv")["speed"]
    np.testing.assert_allclose(linear, time**2)
    mean = on_clock(time, values, clock, "mean", "b.csv")["speed"]
    middles = (time[1:] + time[:-1]) / 2
    wanted = [np.mean([v**2 for v in clock if abs(v - t) <= 0.5 and np.searchsorted(middles, v) == t]) for t in time]
    np.testing.assert_allclose(mean, wanted)
    with pytest.raises(SchemaError, match="did you mean 'linear'"):
        on_clock(time, values, clock, "liner", "b.csv")
    with pytest.raises(SchemaError, match="do not overlap"):
        on_clock(time, values, clock + 100, "linear", "b.csv")


def test_linear_resampling_never_bridges_a_gap() -> None:
    time = np.arange(0, 12.0)
    clock = np.concatenate([np.arange(0, 4.5, 0.5), np.arange(8, 12.5, 0.5)])
    found = on_clock(time, {"x": np.ones(len(clock))}, clock, "linear", "b")["x"]
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found)), [5, 6, 7])

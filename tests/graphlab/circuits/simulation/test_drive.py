"""Inputs: their rate, their independence, and times that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from graphlab.circuits.simulation.drive import GivenDrive, RandomDrive
from graphlab.circuits.simulation.neurons import Neuron
from ingest.schema.errors import AnalysisError

STEPS = 10_000


def table(drive: RandomDrive, trial: int, seed: int = 0) -> np.ndarray:
    trains = drive.trains(Neuron(), STEPS, trial, seed)
    step = np.repeat(np.arange(STEPS), np.diff(trains.start))
    given = np.zeros((STEPS, 50), bool)
    given[step, trains.neuron] = True
    assert given.sum() == len(trains.neuron)  # at most one a step
    return given


def test_inputs_come_at_the_rate_and_each_on_its_own() -> None:
    drive = RandomDrive(np.arange(50), 150.0)
    given = np.stack([table(drive, trial) for trial in range(20)])
    total = int(given.sum())
    assert stats.binomtest(total, given.size, 0.015).pvalue > 1e-4
    by_neuron, by_step = given.sum((0, 1)), given.sum((0, 2))
    assert stats.chisquare(by_neuron).pvalue > 1e-4
    variance = by_step.var() / (by_step.mean() * (1 - 0.015))
    assert abs(variance - 1) < 5 * np.sqrt(2 / STEPS)
    gaps = np.diff(np.flatnonzero(given[0].T.ravel()))
    assert (
        stats.kstest(gaps + np.random.default_rng(0).random(len(gaps)) - 1, stats.expon(scale=1 / 0.0151).cdf).pvalue
        > 1e-4
    )


def test_trials_are_drawn_apart_and_seeds_too() -> None:
    drive = RandomDrive(np.arange(50), 150.0)
    first = table(drive, 0)
    assert np.array_equal(first, table(drive, 0))
    for other in (table(drive, 1), table(drive, 0, seed=1)):
        shared = int((first & other).sum())
        assert stats.binomtest(shared, first.size, 0.015**2).pvalue > 1e-4


def test_rates_up_to_one_input_a_step() -> None:
    assert table(RandomDrive(np.arange(50), 10_000.0), 0).all()
    with pytest.raises(AnalysisError, match="more than one input in a step"):
        RandomDrive(np.arange(3), 10_001.0).trains(Neuron(), STEPS, 0, 0)
    for rate in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(AnalysisError, match="drive_hz"):
            RandomDrive(np.arange(3), rate)


def test_nobody_driven_is_refused() -> None:
    with pytest.raises(AnalysisError, match="nothing drives"):
        RandomDrive(np.array([], np.int64), 10.0)
    with pytest.raises(AnalysisError, match="nothing drives"):
        GivenDrive(np.array([], np.int64), np.array([]))


def test_given_times_come_in_their_step() -> None:
    trains = GivenDrive(np.array([4, 2, 2]), np.array([0.3, 0.1, 0.3])).trains(Neuron(), 5, 0, 0)
    assert trains.start.tolist() == [0, 0, 1, 1, 3, 3]
    assert trains.neuron.tolist() == [2, 2, 4]


@pytest.mark.parametrize(
    ("time", "message"), [(0.25, "between two steps"), (-0.1, "outside"), (0.5, "outside"), (np.nan, "outside")]
)
def test_times_off_the_grid_are_refused(time: float, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        GivenDrive(np.array([1]), np.array([time])).trains(Neuron(), 5, 0, 0)

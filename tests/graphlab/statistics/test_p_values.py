"""p values: exact on small cases, calibrated on made nulls, and the sample sizes that are stated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import false_discovery_control, kstest

from graphlab.statistics.p_values import SequentialStop, benjamini_hochberg, samples_needed, two_sided_p


def test_two_sided_p_by_hand() -> None:
    null = np.array([[1, 5, 0], [2, 5, 0], [3, 5, 1], [4, 5, 0]])
    assert_allclose(two_sided_p(np.array([5, 5, 0]), null), [2 / 5, 1.0, 1.0])
    assert_allclose(two_sided_p(np.array([0, 6, 9]), null), [2 / 5, 2 / 5, 2 / 5])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_false_discovery_as_scipy(values: list[float]) -> None:
    p = np.array(values)
    assert_allclose(benjamini_hochberg(p), false_discovery_control(p), atol=1e-12)


def test_false_discovery_leaves_out_what_was_not_tested() -> None:
    q = benjamini_hochberg(np.array([0.01, np.nan, 0.04]))
    assert_allclose(q, [0.02, np.nan, 0.04])


def test_samples_needed_lets_one_class_reach_the_level() -> None:
    assert [samples_needed(13, tails=1), samples_needed(199, tails=1)] == [259, 3979]
    for classes in (1, 13, 199):
        samples = samples_needed(classes)
        assert 2 / (samples + 1) * classes <= 0.05 + 1e-12 < 2 / samples * classes


def test_tie_broken_p_is_uniform_and_plain_p_conservative() -> None:
    rng = np.random.default_rng(0)
    draws = rng.poisson(3.0, (40, 4000))
    broken = two_sided_p(draws[0], draws[1:], ties=rng)
    assert kstest(broken, "uniform").pvalue > 1e-3
    plain = two_sided_p(draws[0], draws[1:])
    for level in (0.05, 0.1, 0.3, 0.5, 0.9):
        assert (plain <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 4000)


@pytest.mark.parametrize("wanted", [5, 10])
def test_sequential_p_is_valid_and_saves_samples(wanted: int) -> None:
    rng = np.random.default_rng(1)
    found, lengths = [], []
    for _ in range(1500):
        stop = SequentialStop(rng.poisson(30.0, 1), np.array([True]), wanted)
        for _ in range(199):
            if stop(rng.poisson(30.0, 1)):
                break
        found.append(float(stop.p()[0]))
        lengths.append(stop.seen)
    for level in (0.05, 0.1, 0.3, 0.5):
        assert np.mean(np.array(found) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 1500)
    assert np.mean(lengths) < 150


def test_sequential_p_without_early_end_is_the_plain_p() -> None:
    rng = np.random.default_rng(2)
    observed, null = rng.poisson(9.0, 6), rng.poisson(9.0, (50, 6))
    stop = SequentialStop(observed, np.ones(6, dtype=bool), wanted=51)
    assert not any(stop(row) for row in null)
    assert_allclose(stop.p(), two_sided_p(observed, null))


def test_sequential_stop_waits_for_tested_classes_only() -> None:
    stop = SequentialStop(np.array([5, 100]), np.array([True, False]), wanted=2)
    assert not stop(np.array([5, 0]))
    assert stop(np.array([5, 0]))
    assert_allclose(stop.p(), [1.0, 2 / 3])

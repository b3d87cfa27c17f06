"""Scaling recovers the temperature that probabilities were spoilt with, and leaves good ones alone."""

from __future__ import annotations

import numpy as np
import pytest

from graphlab.predict.judging.evaluate import brier, expected_calibration_error
from graphlab.predict.learners.temperature import Calibration, calibrate


def made(k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities of four classes, and labels drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(k, 4)) * 1.5
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return truth, (truth.cumsum(axis=1) < rng.random((k, 1))).sum(axis=1)


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_a_temperature_is_found_again(temperature: float, biases: bool) -> None:
    truth, label = made(6_000)
    spoilt = truth**temperature
    spoilt /= spoilt.sum(axis=1, keepdims=True)
    found = calibrate(spoilt, label, biases)
    assert found.temperature == pytest.approx(temperature, rel=0.08)
    np.testing.assert_allclose(found.bias, 0.0, atol=0.15)
    fresh, new = made(6_000, 1)
    told = fresh**temperature
    told /= told.sum(axis=1, keepdims=True)
    ones = np.ones(len(new))
    assert expected_calibration_error(new, found(told), ones) < 0.03
    if temperature != 1.0:
        assert brier(new, found(told), ones) < brier(new, told, ones)


def test_a_bias_is_found_again() -> None:
    truth, label = made(6_000)
    spoilt = truth * [1.0, 3.0, 0.5, 1.0]
    spoilt /= spoilt.sum(axis=1, keepdims=True)
    found = calibrate(spoilt, label, biases=True)
    np.testing.assert_allclose(found(spoilt), truth, atol=0.05)


def test_few_examples_change_little_and_nothing_changes_nothing() -> None:
    sure = np.array([[0.98, 0.02], [0.02, 0.98]])
    found = calibrate(sure, np.array([0, 0]))
    assert 1.0 < found.temperature < 3.0, "two examples against the belief that nothing need be scaled"
    np.testing.assert_allclose(Calibration.none(2)(sure), sure)
    assert np.isfinite(calibrate(np.array([[1.0, 0.0]]), np.array([1])).temperature)

"""Intervals against scipy; what is undefined is left out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binomtest

from graphlab.statistics.intervals import mean_of_defined, percentile_interval, tail_interval


@given(st.integers(1, 300), st.data())
def test_tail_interval_as_scipy(samples: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, samples))
    low, high = tail_interval(np.array([hits]), samples)
    exact = binomtest(hits, samples).proportion_ci(0.95)
    assert_allclose([low[0], high[0]], [exact.low, exact.high], atol=1e-9)


def test_undefined_values_are_left_out() -> None:
    values = [*np.linspace(0.0, 1.0, 41), float("nan"), float("inf")]
    assert_allclose(percentile_interval(values), [0.025, 0.975])
    assert mean_of_defined(values) == 0.5
    assert np.isnan([*percentile_interval([float("nan")]), mean_of_defined([])]).all()

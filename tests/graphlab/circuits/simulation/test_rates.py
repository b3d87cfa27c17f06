"""The rate model against the equation, neuron by neuron, and against effective connectivity where it is linear."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphlab.circuits.simulation.rates import RateModel, simulate_rates
from ingest.schema.errors import AnalysisError


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1, 5), st.floats(-2, 3), st.floats(0.01, 4))
def test_every_rate_is_that_of_the_equation(seed: int, tau: float, gain: float, level: float) -> None:
    rng = np.random.default_rng(seed)
    n, steps = 6, 7
    share = rng.uniform(-1, 1, (n, n)) * (rng.random((n, n)) < 0.5)
    driven, quiet = np.array([0, 3]), rng.random(n) < 0.2
    found = simulate_rates(sparse.csr_array(share), driven, quiet, RateModel(tau, gain), steps, level)
    now = [0.0] * n
    for step in range(steps):
        reached = [
            gain * sum(share[i, j] * now[j] for j in range(n) if not quiet[j]) + (level if i in driven else 0.0)
            for i in range(n)
        ]
        now = [(1 - 1 / tau) * r + math.tanh(max(x, 0.0)) / tau for r, x in zip(now, reached, strict=True)]
        np.testing.assert_allclose(found[step], now, rtol=1e-12, atol=1e-15)


def test_small_activity_spreads_as_powers_of_the_shares() -> None:
    rng = np.random.default_rng(0)
    share = rng.random((20, 20)) / 40
    level = 1e-6
    found = simulate_rates(sparse.csr_array(share), np.array([2]), np.zeros(20, bool), RateModel(), 4, level)
    drive = np.zeros(20)
    drive[2] = level
    expected = sum((np.linalg.matrix_power(share, k) @ drive for k in range(4)), np.zeros(20))
    np.testing.assert_allclose(found[-1], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"steps": 0}, "steps is 0"), ({"level": 0.0}, "level above 0"), ({"driven": []}, "nothing drives")],
)
def test_what_cannot_run_is_refused(change: dict[str, object], message: str) -> None:
    share, quiet = sparse.csr_array(np.eye(3)), np.zeros(3, bool)
    given_ = {"driven": [0], "steps": 3, "level": 1.0, **change}
    with pytest.raises(AnalysisError, match=message):
        simulate_rates(share, np.array(given_["driven"], int), quiet, RateModel(), given_["steps"], given_["level"])  # type: ignore[arg-type]
    for wrong in ({"tau_steps": 0.5}, {"tau_steps": math.nan}, {"gain": math.inf}):
        with pytest.raises(AnalysisError):
            RateModel(**wrong)

"""Known gains are found again; gradients are those of differences; activity never grows without end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphlab.predict.evaluation.evaluate import area_under_roc
from graphlab.predict.inputs.examples import HIDDEN, Examples
from graphlab.predict.inputs.features import Inputs, no_columns
from graphlab.predict.learners.networks.rate_model import (  # fmt: skip
    HIGHEST_REACH,
    SMALLEST,
    FittedRates,
    RateModel,
    first_guess,
    negative_likelihood,
    scaled_matrices,
    signed,
)
from ingest.schema.errors import AnalysisError

torch = pytest.importorskip("torch")
Make = Callable[..., Inputs]


def made(n: int, seed: int = 0) -> Inputs:
    """Three layers of connections, and senders of either sign or none known; every ordered pair an example."""
    rng = np.random.default_rng(seed)

    def connections(share: float) -> np.ndarray:
        found = np.where(rng.random((n, n)) < share, rng.integers(1, 9, (n, n)), 0).astype(float)
        np.fill_diagonal(found, 0)
        return found

    gap = np.triu(connections(0.05))
    layers = {"chemical": connections(0.08), "electrical": gap + gap.T, "extrasynaptic": connections(0.05)}
    source, target = np.nonzero(~np.eye(n, dtype=bool))
    return Inputs(
        np.arange(1, n + 1, dtype=np.uint64), {kind: sparse.csr_array(w) for kind, w in layers.items()},
        no_columns(n), no_columns(len(source)), source, target, np.arange(n), np.ones(n),
        sign=rng.choice([1.0, -1.0, 0.0], n, p=[0.5, 0.3, 0.2]),
    )  # fmt: skip


def logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def test_known_gains_are_recovered() -> None:
    """Responses drawn from a rate model: its gains come back, signs too, and its predictions with them."""
    inputs = made(110)
    gains = np.array([0.15, -0.25, 0.05, 0.3, 0.05])
    kinds = tuple(scaled_matrices(inputs.layers, inputs.sign))
    raw = [*np.log(np.abs(gains)), logit(np.abs(gains).sum() / HIGHEST_REACH), 2.0, 8.0]
    true = FittedRates(np.array(raw), kinds)
    np.testing.assert_allclose(true.gains, gains)
    everything = np.arange(len(inputs.source))
    chance = true.predict(inputs, everything)[:, 1]
    label = (np.random.default_rng(1).random(len(chance)) < chance).astype(np.int64)
    assert 0.05 < label.mean() < 0.6
    known = np.where(np.random.default_rng(2).random(len(label)) < 0.7, label, HIDDEN)
    fitted = RateModel().fit(inputs, known, 2, 0)
    assert isinstance(fitted, FittedRates)
    np.testing.assert_allclose(fitted.gains, gains, atol=0.05)
    assert fitted.reach == pytest.approx(np.abs(gains).sum(), abs=0.08)
    unseen = np.flatnonzero(known == HIDDEN)
    weight = np.ones(len(unseen))
    ours, oracle = (area_under_roc(label[unseen], p.predict(inputs, unseen), weight) for p in (fitted, true))
    assert ours - 0.5 > 0.97 * (oracle - 0.5)
    # Without the signs of senders the same wiring says less.
    blind = RateModel().fit(replace(inputs, sign=None), known, 2, 0)
    unsigned = area_under_roc(label[unseen], blind.predict(replace(inputs, sign=None), unseen), weight)
    assert unsigned < ours


def test_gradient_is_that_of_differences() -> None:
    inputs = made(15, seed=3)
    matrices = scaled_matrices(inputs.layers, inputs.sign)
    stack = torch.from_numpy(signed(matrices))
    ends = torch.from_numpy(np.stack([inputs.source, inputs.target]))
    rng = np.random.default_rng(4)
    label = torch.from_numpy(rng.integers(0, 2, len(inputs.source)).astype(float))
    raw = first_guess(len(matrices), 0.3) + rng.normal(size=len(matrices) + 3) * 0.2
    at = torch.from_numpy(raw).requires_grad_()
    negative_likelihood(at, stack, ends, label).backward()
    for k in range(len(raw)):
        step = np.zeros(len(raw))
        step[k] = 1e-6
        up, down = (
            float(negative_likelihood(torch.from_numpy(raw + way * step), stack, ends, label)) for way in (1, -1)
        )
        assert float(at.grad[k]) == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-8)


@given(
    st.lists(st.floats(-50, 50), min_size=5, max_size=5),
    st.floats(-30, 30),
    st.integers(0, 50),
)
@settings(deadline=None, max_examples=40)
def test_spectral_radius_stays_below_one(raw: list[float], reach: float, seed: int) -> None:
    """Whatever gains are tried, activity settles, and is the sum over walks."""
    inputs = made(12, seed)
    matrices = scaled_matrices(inputs.layers, np.sign(np.arange(12) % 3 - 1.0))
    inputs = replace(inputs, sign=np.sign(np.arange(12) % 3 - 1.0))
    fitted = FittedRates(np.array([*raw[: len(matrices)], reach, 1.0, 0.0]), tuple(matrices))
    wired = sum(gain * matrix for gain, matrix in zip(fitted.gains, matrices.values(), strict=True))
    assert np.abs(np.linalg.eigvals(wired)).max() < 1
    assert np.linalg.norm(wired, 2) <= HIGHEST_REACH + 1e-9
    walks, total = np.eye(12), np.zeros((12, 12))
    for _ in range(600):
        walks = walks @ wired
        total += walks
    np.testing.assert_allclose(fitted.responses(inputs), total, atol=1e-8)


def test_matrices_are_parted_by_sender() -> None:
    inputs = made(20)
    assert inputs.sign is not None
    whole = scaled_matrices(inputs.layers)
    parts = scaled_matrices(inputs.layers, inputs.sign)
    assert list(parts) == ["chemical_plus", "chemical_minus", "chemical_unknown", "electrical", "extrasynaptic"]
    np.testing.assert_allclose(sum(parts[f"chemical_{p}"] for p in ("plus", "minus", "unknown")), whole["chemical"])
    assert not parts["chemical_minus"][inputs.sign >= 0].any()
    np.testing.assert_array_equal(whole["electrical"], whole["electrical"].T)
    with pytest.raises(AnalysisError, match="3,000 neurons"):
        scaled_matrices({"chemical": sparse.csr_array((3_000, 3_000))})


def test_saved_gains_say_the_same(pairs: Examples, make_inputs: Make) -> None:
    inputs, rows = make_inputs(pairs), np.arange(pairs.m)
    fitted = RateModel().fit(inputs, pairs.label, 2, 0)
    again = RateModel().restore(fitted.state())
    assert fitted.predict(inputs, rows).tobytes() == again.predict(inputs, rows).tobytes()
    more = replace(inputs, layers={**inputs.layers, "electrical": inputs.layers["chemical"]})
    with pytest.raises(AnalysisError, match="gains for chemical; these inputs have chemical, electrical"):
        again.predict(more, rows)
    with pytest.raises(AnalysisError, match="two classes apart; found 3"):
        RateModel().fit(inputs, pairs.label, 3, 0)


def test_read_out_is_logistic_in_the_size_of_the_response() -> None:
    inputs = made(10)
    raw = np.array([1.0, -1, 1, 1, 1, 0.0, 2.0, 0.5])
    fitted = FittedRates(raw, tuple(scaled_matrices(inputs.layers, inputs.sign)))
    moved = fitted.responses(inputs)[inputs.source, inputs.target]
    expected = 1 / (1 + np.exp(-(2.0 * np.log(np.abs(moved) + SMALLEST) + 0.5)))
    np.testing.assert_allclose(fitted.predict(inputs, np.arange(len(moved)))[:, 1], expected)

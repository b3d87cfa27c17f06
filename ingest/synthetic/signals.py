"""Signals without any relation to each other, to check tests against: each is [rows, frames] of unit variance.

Stationary from the first frame but for ``drifting``, where all rows share a slow part: no stationary null holds for it
in theory, so that what it costs has to be measured.

Tests: tests/graphlab/activity/test_models.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Process = Callable[[np.random.Generator, int, int], Floats]


def autoregression(time_frames: float) -> Process:
    """First order, with this autocorrelation time."""

    def made(rng: np.random.Generator, rows: int, frames: int) -> Floats:
        from scipy.signal import lfilter

        keep = np.exp(-1.0 / time_frames)
        noise = rng.normal(size=(rows, frames)) * np.sqrt(1.0 - keep**2)
        noise[:, 0] = rng.normal(size=rows)
        return np.asarray(lfilter([1.0], [1.0, -keep], noise, axis=1))

    return made


def pink(rng: np.random.Generator, rows: int, frames: int) -> Floats:
    """Power as 1 / f down to an eighth of the session: cut from a longer one."""
    whole = 8 * frames
    frequency = np.fft.rfftfreq(whole)
    spectrum = rng.normal(size=(rows, len(frequency))) + 1j * rng.normal(size=(rows, len(frequency)))
    spectrum[:, 0] = 0.0
    spectrum[:, 1:] /= np.sqrt(frequency[1:])
    first = int(rng.integers(whole - frames))
    return _unit(np.fft.irfft(spectrum, whole, axis=1)[:, first : first + frames])


def drifting(share: float, time_frames: float) -> Process:
    """An autoregression and one slow wave, half a period to one and a half a session, in every row."""
    base = autoregression(time_frames)

    def made(rng: np.random.Generator, rows: int, frames: int) -> Floats:
        at = (np.arange(frames) + 0.5) / frames
        # One generator makes all rows of a session, so that they share the wave.
        slow = np.sqrt(2.0) * np.cos(np.pi * (rng.uniform(1.0, 3.0) * at + rng.uniform(0.0, 2.0)))
        return np.asarray(base(rng, rows, frames) + share * slow)

    return made


def bistable(dwell_frames: float) -> Process:
    """Two states, left at random, and a little noise: as forward and backward."""

    def made(rng: np.random.Generator, rows: int, frames: int) -> Floats:
        switch = rng.random((rows, frames)) < 1.0 / dwell_frames
        switch[:, 0] = rng.random(rows) < 0.5
        state = 1.0 - 2.0 * (np.cumsum(switch, axis=1) % 2)
        return np.asarray((state + 0.3 * rng.normal(size=(rows, frames))) / np.sqrt(1.09))

    return made


def oscillating(period_frames: float, time_frames: float) -> Process:
    """A noisy oscillator: an autoregression of second order."""

    def made(rng: np.random.Generator, rows: int, frames: int) -> Floats:
        from scipy.signal import lfilter

        keep, before = np.exp(-1.0 / time_frames), int(10 * time_frames)
        noise = rng.normal(size=(rows, before + frames))
        turn = [1.0, -2.0 * keep * np.cos(2.0 * np.pi / period_frames), keep**2]
        return _unit(np.asarray(lfilter([1.0], turn, noise, axis=1))[:, before:])

    return made


def indicator(decay_frames: float, rate: float) -> Process:
    """Bursts of events seen through an indicator that rises at once and decays: skewed and slow."""

    def made(rng: np.random.Generator, rows: int, frames: int) -> Floats:
        from scipy.signal import lfilter

        before = int(10 * decay_frames)
        burst = rng.poisson(rate, size=(rows, before + frames)) * rng.exponential(1.0, size=(rows, before + frames))
        seen = np.asarray(lfilter([1.0], [1.0, -np.exp(-1.0 / decay_frames)], burst, axis=1))[:, before:]
        return np.asarray(_unit(seen) + 0.2 * rng.normal(size=(rows, frames)))

    return made


def _unit(values: Floats) -> Floats:
    centred = values - values.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-12))

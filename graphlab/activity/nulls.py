"""Behaviours that could have been: circular shifts, behaviours of other animals, randomised phases.

A surrogate keeps the signal's own autocorrelation and loses its timing against the neurons (Harris 2020, bioRxiv
2020.08.17.254300, on nonsense correlations). Shifts are longer than the autocorrelation time and never cross a
segment's boundary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graphlab.activity.session import Bools, Floats, stretches
from ingest.errors import AnalysisError, UnknownNameError

NULLS = ("shift", "pseudo_session", "phase")
Ints = npt.NDArray[np.int64]


def long_enough(segment: Ints, least_shift: int) -> Bools:
    """[frames] whether the frame's segment can be shifted at all: at least ``2 least_shift + 2`` frames long.

    Raises:
        AnalysisError: no segment can.
    """
    keep = np.zeros(len(segment), dtype=bool)
    for first, last in stretches(segment):
        keep[first:last] = last - first >= 2 * least_shift + 2
    if not keep.any():
        longest = max(last - first for first, last in stretches(segment))
        raise AnalysisError(
            f"no segment can be shifted by more than the autocorrelation time: the longest has {longest:,} frames, "
            f"wanted {2 * least_shift + 2:,}"
        )
    return keep


def shift_offsets(segment: Ints, least_shift: int, samples: int, rng: np.random.Generator) -> Ints:
    """[samples, segments] frames to shift each segment by, uniform over all that are long enough in both directions."""
    columns = [
        rng.integers(least_shift, last - first - least_shift + 1, size=samples) for first, last in stretches(segment)
    ]
    return np.stack(columns, axis=1)


def shifted(values: Floats, segment: Ints, offsets: Ints) -> Floats:
    """[samples, frames]: ``values`` [frames] rolled within every segment."""
    result = np.empty((len(offsets), len(values)))
    for number, (first, last) in enumerate(stretches(segment)):
        at = (np.arange(last - first) - offsets[:, number, None]) % (last - first)
        result[:, first:last] = values[first:last][at]
    return result


def phase_randomised(values: Floats, segment: Ints, samples: int, rng: np.random.Generator) -> Floats:
    """[samples, frames] with each segment's spectrum and random phases (Theiler et al. 1992); values turn Gaussian."""
    result = np.empty((samples, len(values)))
    for first, last in stretches(segment):
        length = last - first
        spectrum = np.fft.rfft(values[first:last])
        angle = rng.uniform(0.0, 2.0 * np.pi, size=(samples, len(spectrum)))
        angle[:, 0] = 0.0
        if length % 2 == 0:
            angle[:, -1] = 0.0
        result[:, first:last] = np.fft.irfft(spectrum * np.exp(1j * angle), length, axis=1)
    return result


def pseudo_sessions(others: Sequence[Floats], frames: int, samples: int, rng: np.random.Generator) -> Floats:
    """[samples, frames]: behaviours of other animals, each begun at a random frame and wrapped to the length.

    Args:
        others: behaviours without NaN, one an animal, sampled like this one.

    Raises:
        AnalysisError: no other animal shows this behaviour.
    """
    usable = [other for other in others if len(other) >= frames // 2 and np.ptp(other) > 0]
    if not usable:
        raise AnalysisError(
            "pseudo-sessions need the same behaviour of at least one other animal, at the same frame rate and at least "
            "half as long; take the null 'shift'"
        )
    result = np.empty((samples, frames))
    for sample in range(samples):
        other = usable[sample % len(usable)]
        begin = int(rng.integers(len(other)))
        result[sample] = other[(np.arange(frames) + begin) % len(other)]
    return result


def surrogates(
    null: str,
    values: Floats,
    segment: Ints,
    least_shift: int,
    samples: int,
    rng: np.random.Generator,
    others: Sequence[Floats] = (),
) -> Floats:
    """[samples, frames] by the null's name."""
    if null == "shift":
        return shifted(values, segment, shift_offsets(segment, least_shift, samples, rng))
    if null == "phase":
        return phase_randomised(values, segment, samples, rng)
    if null == "pseudo_session":
        return pseudo_sessions(others, len(values), samples, rng)
    raise UnknownNameError("null", null, NULLS)

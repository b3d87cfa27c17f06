"""How long a signal resembles itself, and the refusal of recordings too short to say anything.

Tests: tests/graphlab/activity/test_models.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graphlab.activity.sessions.session import Floats, stretches
from ingest.schema.errors import AnalysisError

FFT_VALUES = 1 << 21
SAMPLED = 128
"""Traces looked at; their median hardly moves with more."""
FEWEST_TIMES = 10


def autocorrelation_time(values: npt.NDArray[np.floating], segment: npt.NDArray[np.int64]) -> Floats:
    """Frames after which the autocorrelation has fallen to 1/e, interpolated; per row, pooled over segments.

    Args:
        values: [rows, frames], drift taken out.

    A row that never falls that far has the length of its longest segment; a constant row 0.
    """
    parts = stretches(segment)
    longest = max(last - first for first, last in parts)
    total = np.zeros((len(values), longest))
    for first, last in parts:
        size = 1 << (2 * (last - first) - 1).bit_length()
        # A few rows at a time: the padded spectrum of one is eight times its trace.
        step = max(1, FFT_VALUES // size)
        for begin in range(0, len(values), step):
            part = np.asarray(values[begin : begin + step, first:last], dtype=np.float64)
            part = part - part.mean(axis=1, keepdims=True)
            power = np.square(np.abs(np.fft.rfft(part, size, axis=1)))
            total[begin : begin + step, : last - first] += np.fft.irfft(power, size, axis=1)[:, : last - first]
    result = np.zeros(len(values))
    alive = total[:, 0] > 0
    ratio = total[alive] / total[alive, :1]
    below = ratio < np.exp(-1.0)
    crossing = np.where(below.any(axis=1), below.argmax(axis=1), longest)
    inside = np.minimum(crossing, longest - 1)
    row = np.arange(len(ratio))
    before, after = ratio[row, np.maximum(inside - 1, 0)], ratio[row, inside]
    share = np.where(before > after, (before - np.exp(-1.0)) / np.maximum(before - after, 1e-12), 1.0)
    result[alive] = np.where(crossing < longest, crossing - 1 + share, longest)
    return np.asarray(result)


def session_time(
    traces: npt.NDArray[np.floating], behavior: npt.NDArray[np.floating], segment: npt.NDArray[np.int64]
) -> float:
    """The longer of the behaviour's own time and the median over traces, in frames and at least 1."""
    step = max(1, len(traces) // SAMPLED)
    own = autocorrelation_time(np.atleast_2d(behavior), segment) if np.size(behavior) else np.zeros(1)
    times = autocorrelation_time(traces[::step], segment)
    times = times[times > 0]
    return float(max(1.0, own.max(), np.median(times) if len(times) else 1.0))


def refuse_short(frames: int, time_frames: float, what: str) -> None:
    """Raise AnalysisError for fewer frames than ten autocorrelation times.

    A correlation of so few independent stretches is noise, whatever its p value.
    """
    wanted = int(np.ceil(FEWEST_TIMES * time_frames))
    if frames < wanted:
        raise AnalysisError(
            f"{what}: found {frames:,} frames, {frames / time_frames:.1f} autocorrelation times of "
            f"{time_frames:.1f} frames each; wanted at least {FEWEST_TIMES} ({wanted:,} frames). Record longer, or "
            "take slow drift out (detrend_s)"
        )

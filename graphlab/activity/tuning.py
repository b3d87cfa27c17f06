"""Tuning of every neuron to a behaviour: correlation, rectified and lagged, with p values that know about time.

A p value compares |r| with the same neuron and behaviours that could have been (``nulls``). The p value of a
t test over frames stands beside it as ``p_naive``: frames are no independent samples, so it is far too small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from graphlab.activity import nulls
from graphlab.activity.preparation import block_rows, drift_basis, filled, standardised
from graphlab.activity.session import Floats, Session, Traces, kept_frames, stretches
from graphlab.activity.timescale import SAMPLED, refuse_short, session_time
from graphlab.motifs.p_values import benjamini_hochberg
from ingest.errors import AnalysisError, UnknownNameError

MEASURES = ("linear", "rectified_positive", "rectified_negative", "lagged", "mutual_information")
COLUMN_BYTES = 1 << 28
SAME_RATE = 0.05
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TuningOptions:
    """How tuning is measured and tested."""

    measures: tuple[str, ...] = ("linear",)
    null: str = "shift"
    surrogates: int = 1000
    detrend_s: float | None = None
    """Periods longer than this are drift."""
    max_lag_s: float = 3.0
    """``lagged`` takes the largest |r| of lags up to this, in data and surrogates alike."""
    seed: int = 0

    def __post_init__(self) -> None:
        for measure in self.measures:
            if measure not in MEASURES:
                raise UnknownNameError("measure", measure, MEASURES)
        if self.null not in nulls.NULLS:
            raise UnknownNameError("null", self.null, nulls.NULLS)
        if self.surrogates < 19:
            raise AnalysisError(f"surrogates: found {self.surrogates}; wanted at least 19, p could not reach 0.05")


@dataclass
class Tuning:
    """One animal, behaviour and measure; arrays are [traces], NaN for traces that cannot be used."""

    animal: str
    behavior: str
    measure: str
    value: Floats
    lag_s: Floats
    p: Floats
    q: Floats
    p_naive: Floats
    q_naive: Floats
    time_frames: float
    """The autocorrelation time that shifts exceed."""
    frames: int
    null: str
    null_values: Traces | None = field(default=None, repr=False)
    """[traces, surrogates], where they were kept for pooling."""


def tune(
    session: Session,
    behavior: str,
    options: TuningOptions,
    others: Sequence[Session] = (),
    keep_null: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Tuning]:
    """Tuning of every trace of ``session`` to one behaviour, one result a measure.

    Args:
        others: animals whose behaviour is the null ``pseudo_session``; those of another frame rate are left out. It
            is the right null where animals behave alike; one unlike the others is compared with what it never does.
        keep_null: keep surrogate values [traces, surrogates] for pooling over animals.
        progress: told (trace blocks done, all).

    Frames where the behaviour is NaN are left out and end a segment. Segments too short to be shifted are left out.

    Raises:
        AnalysisError: fewer frames than ten autocorrelation times, a constant behaviour.
    """
    values = session.behavior(behavior)
    keep = np.isfinite(values)
    what = f"animal {session.animal}, behaviour {behavior!r}"
    if not keep.any() or np.ptp(values[keep]) == 0:
        raise AnalysisError(f"{what}: constant or never measured; nothing can be tuned to it")
    time, keep = _timescale(session, values, keep, options, what)
    least = int(np.ceil(time)) + 1
    segment = kept_frames(session.segment, keep)
    results = []
    rng = np.random.default_rng([options.seed, *behavior.encode(), *session.animal.encode()])
    for measure in options.measures:
        signal = rectified(values[keep], measure)
        if np.ptp(signal) == 0:
            continue
        if measure == "mutual_information":
            from graphlab.activity.mutual_information import information

            results.append(information(session, behavior, keep, segment, time, least, options, rng, others))
            continue
        strangers = strangers_of(session, others, behavior, measure)
        fake = nulls.surrogates(options.null, signal, segment, least, options.surrogates, rng, strangers)
        results.append(
            _correlate(session, behavior, measure, signal, fake, keep, segment, time, options, keep_null, progress)
        )
    return results


def rectified(values: Floats, measure: str) -> Floats:
    """The behaviour as a measure sees it: its positive part, the size of its negative part, or itself."""
    if measure == "rectified_positive":
        return np.maximum(values, 0.0)
    if measure == "rectified_negative":
        return np.maximum(-values, 0.0)
    return np.asarray(values, dtype=np.float64)


def strangers_of(session: Session, others: Sequence[Session], behavior: str, measure: str) -> list[Floats]:
    """The behaviour of other animals recorded at the same rate: at another, a frame is another length of time."""
    found = []
    for other in others:
        if behavior in other.behaviors and abs(other.step_s / session.step_s - 1.0) < SAME_RATE:
            values = other.behaviors[behavior]
            found.append(rectified(values[np.isfinite(values)], measure))
    return found


def _timescale(
    session: Session, values: Floats, keep: npt.NDArray[np.bool_], options: TuningOptions, what: str
) -> tuple[float, npt.NDArray[np.bool_]]:
    """Autocorrelation time in frames, and the frames whose segment is long enough for a shift."""
    segment = kept_frames(session.segment, keep)
    basis = drift_basis(segment, session.step_s, options.detrend_s)
    step = max(1, session.rows.shape[0] // SAMPLED)
    sample = np.concatenate([session.rows[at : at + 1] for at in range(0, session.rows.shape[0], step)])
    sample = standardised(filled(sample[:, keep], segment)[0], basis)
    time = session_time(sample, standardised(values[keep][None], basis), segment)
    refuse_short(len(segment), time, what)
    chosen = keep.copy()
    chosen[keep] = nulls.long_enough(segment, int(np.ceil(time)) + 1)
    refuse_short(int(chosen.sum()), time, what)
    return time, chosen


def lags_of(options: TuningOptions, measure: str, step_s: float) -> Ints:
    """Frames by which activity follows behaviour; 0 alone for measures without lags."""
    most = int(np.floor(options.max_lag_s / step_s + 1e-9)) if measure == "lagged" else 0
    return np.arange(-most, most + 1)


def delayed(values: Floats, segment: Ints, lag: int) -> Floats:
    """[.., frames] moved ``lag`` frames later inside every segment, the edge filled with the segment's mean."""
    if lag == 0:
        return values
    result = np.empty_like(values)
    for first, last in stretches(segment):
        part = values[..., first:last]
        moved = np.broadcast_to(part.mean(axis=-1, keepdims=True), part.shape).copy()
        if abs(lag) < last - first:
            if lag > 0:
                moved[..., lag:] = part[..., :-lag]
            else:
                moved[..., :lag] = part[..., -lag:]
        result[..., first:last] = moved
    return result


def _correlate(
    session: Session,
    behavior: str,
    measure: str,
    signal: Floats,
    fake: Floats,
    keep: npt.NDArray[np.bool_],
    segment: Ints,
    time: float,
    options: TuningOptions,
    keep_null: bool,
    progress: Callable[[int, int], None] | None,
) -> Tuning:
    traces, samples = session.rows.shape[0], len(fake)
    basis = drift_basis(segment, session.step_s, options.detrend_s)
    lags = lags_of(options, measure, session.step_s)
    real = np.concatenate([standardised(delayed(signal[None], segment, int(lag)), basis) for lag in lags])
    chunk = max(1, COLUMN_BYTES // (4 * len(segment) * len(lags)))
    step = block_rows(session.rows.shape[1])
    value, lag = np.full(traces, np.nan), np.zeros(traces)
    extreme = np.zeros(traces, dtype=np.int64)
    null_values = np.empty((traces, samples), dtype=np.float32) if keep_null else None
    total = -(-traces // step) * -(-samples // chunk)
    done = 0
    for begin in range(0, samples, chunk):
        part = fake[begin : begin + chunk]
        # [lags, samples of the chunk, frames]: drift is taken out of surrogates as out of data.
        columns = np.stack([standardised(delayed(part, segment, int(shift)), basis) for shift in lags])
        for first in range(0, traces, step):
            block = session.rows[first : first + step]
            block, usable = filled(block if keep.all() else block[:, keep], segment)
            unit = standardised(block, basis)
            usable &= np.abs(unit).max(axis=1) > 0
            found = unit @ real.T
            best = np.abs(found).argmax(axis=1)
            rows = np.arange(len(unit))
            here = slice(first, first + len(unit))
            value[here] = np.where(usable, found[rows, best], np.nan)
            lag[here] = lags[best] * session.step_s
            drawn = (unit @ columns.reshape(-1, len(segment)).T).reshape(len(unit), len(lags), -1).transpose(1, 0, 2)
            top = drawn[0] if len(lags) == 1 else np.take_along_axis(drawn, np.abs(drawn).argmax(axis=0)[None], 0)[0]
            extreme[here] += (np.abs(top) >= np.abs(found[rows, best])[:, None]).sum(axis=1)
            if null_values is not None:
                null_values[here, begin : begin + len(part)] = top
            done += 1
            if progress:
                progress(done, total)
    p = np.where(np.isnan(value), np.nan, (extreme + 1) / (samples + 1))
    naive = _naive(value, len(segment), len(lags))
    return Tuning(
        session.animal, behavior, measure, value, lag, p, benjamini_hochberg(p), naive, benjamini_hochberg(naive),
        time, len(segment), options.null, null_values,
    )  # fmt: skip


def _naive(r: Floats, frames: int, lags: int) -> Floats:
    """The t test's p value with every frame a sample, Bonferroni over lags: what must not be trusted."""
    from scipy.stats import t

    clipped = np.clip(r, -1 + 1e-12, 1 - 1e-12)
    statistic = np.abs(clipped) * np.sqrt((frames - 2) / (1.0 - clipped**2))
    return np.asarray(np.minimum(1.0, lags * 2.0 * t.sf(statistic, frames - 2)))

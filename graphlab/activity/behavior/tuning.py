"""Tuning of every neuron to a behaviour: correlation, rectified and lagged, with p values that know about time.

A value is of all frames. Its p compares |r| over the frames that the null keeps with behaviours that could have been
(``nulls``), everything computed anew for each of them, drift too; ``p_family`` compares with the largest of all
traces. The p value of a t test over frames stands beside it as ``p_naive``: frames are no independent samples, so it
is far too small.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graphlab.activity.behavior import nulls
from graphlab.activity.behavior.families import LEVEL, Family, over_families
from graphlab.activity.behavior.measures import Tuning, TuningOptions
from graphlab.activity.behavior.nulls import Null
from graphlab.activity.sessions.preparation import block_rows, drift_basis, filled, standardised
from graphlab.activity.sessions.session import Floats, Session, Traces, kept_frames, stretches
from graphlab.activity.sessions.timescale import SAMPLED, refuse_short, session_time
from graphlab.statistics.p_values import benjamini_hochberg
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError

COLUMN_BYTES = 1 << 26
SAME_RATE = 0.05
Ints = npt.NDArray[np.int64]


def correct(tunings: Sequence[Tuning]) -> list[Family]:
    """Set q of every tuning over all of them together; the table of what was tested."""
    families = [one.family() for one in tunings]
    whole, members = over_families([one.p for one in families], [one.p_family for one in tunings])
    for one, family, q, own in zip(tunings, families, whole, members, strict=True):
        one.q = own
        family.q, family.found = float(q), int((own <= LEVEL).sum())
    return families


def tune(
    session: Session,
    behavior: str,
    options: TuningOptions,
    others: Sequence[Session] = (),
    keep_null: bool = False,
    progress: Progress | None = None,
) -> list[Tuning]:
    """Tuning of every trace of ``session`` to one behaviour, one result a measure.

    Args:
        others: animals whose behaviour is the null ``pseudo_session``; those of another frame rate are left out. It
            is the right null where animals behave alike; one unlike the others is compared with what it never does.
        keep_null: keep surrogate values [traces, surrogates] for pooling over animals.
        progress: told (trace blocks done, all).

    Frames where the behaviour is NaN are left out and end a segment. Where no null is possible (a session or its
    segments too short, fewer than ten autocorrelation times, nobody to compare with) there are values and no p.

    Raises:
        AnalysisError: a constant behaviour.
    """
    values = session.behavior(behavior)
    keep = np.isfinite(values)
    what = f"animal {session.animal}, behaviour {behavior!r}"
    if not keep.any() or np.ptp(values[keep]) == 0:
        raise AnalysisError(f"{what}: constant or never measured; nothing can be tuned to it")
    segment = kept_frames(session.segment, keep)
    time = _timescale(session, values, keep, segment, options)
    results = []
    rng = np.random.default_rng([options.seed, *behavior.encode(), *session.animal.encode()])
    for measure in options.measures:
        signal = rectified(values[keep], measure)
        if np.ptp(signal) == 0:
            continue
        most = options.surrogates
        if measure == "mutual_information":
            from graphlab.activity.behavior.mutual_information import LARGEST_SURROGATES

            most = min(most, LARGEST_SURROGATES)
        strangers = behavior_of_others(session, others, behavior, measure)
        null, reason = _null(options, signal, segment, most, rng, strangers, time, what)
        if measure == "mutual_information":
            from graphlab.activity.behavior.mutual_information import information

            results.append(information(session, behavior, keep, segment, time, options, null, reason))
            continue
        results.append(
            _correlate(
                session, behavior, measure, signal, null, reason, keep, segment, time, options, keep_null, progress
            )
        )
    return results


def _null(
    options: TuningOptions,
    signal: Floats,
    segment: Ints,
    most: int,
    rng: np.random.Generator,
    strangers: Sequence[Floats],
    time: float,
    what: str,
) -> tuple[Null | None, str]:
    """(null, why there is none)."""
    if not options.needs_others:
        try:
            refuse_short(len(segment), time, what)
        except AnalysisError as error:
            return None, str(error)
    null = nulls.NULLS[options.null].make(signal, segment, most, rng, strangers)
    return null, "" if null is not None else nulls.too_short(segment, what)


def rectified(values: Floats, measure: str) -> Floats:
    """The behaviour as a measure sees it: its positive part, the size of its negative part, or itself."""
    if measure == "rectified_positive":
        return np.maximum(values, 0.0)
    if measure == "rectified_negative":
        return np.maximum(-values, 0.0)
    return np.asarray(values, dtype=np.float64)


def behavior_of_others(session: Session, others: Sequence[Session], behavior: str, measure: str) -> list[Floats]:
    """The behaviour of other animals recorded at the same rate: at another, a frame is another length of time."""
    signals = []
    for other in others:
        if behavior in other.behaviors and abs(other.step_s / session.step_s - 1.0) < SAME_RATE:
            values = other.behaviors[behavior]
            signals.append(rectified(values[np.isfinite(values)], measure))
    return signals


def _timescale(
    session: Session, values: Floats, keep: npt.NDArray[np.bool_], segment: Ints, options: TuningOptions
) -> float:
    """Autocorrelation time in frames."""
    basis = drift_basis(segment, session.step_s, options.detrend_s)
    step = max(1, session.rows.shape[0] // SAMPLED)
    sample = np.concatenate([session.rows[at : at + 1] for at in range(0, session.rows.shape[0], step)])
    sample = standardised(filled(sample[:, keep], segment)[0], basis)
    return session_time(sample, standardised(values[keep][None], basis), segment)


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
    null: Null | None,
    reason: str,
    keep: npt.NDArray[np.bool_],
    segment: Ints,
    time: float,
    options: TuningOptions,
    keep_null: bool,
    progress: Progress | None,
) -> Tuning:
    traces, frames = session.rows.shape[0], len(segment)
    lags = lags_of(options, measure, session.step_s)
    step = block_rows(session.rows.shape[1])
    blocks = [(first, min(first + step, traces)) for first in range(0, traces, step)]
    basis = drift_basis(segment, session.step_s, options.detrend_s)
    real = np.stack([standardised(delayed(signal[None], segment, int(lag)), basis) for lag in lags])
    value, lag = np.full(traces, np.nan), np.zeros(traces)
    chunk = max(1, COLUMN_BYTES // (4 * frames * len(lags)))
    total = len(blocks) * (1 + (0 if null is None else -(-null.candidates // chunk)))
    for done, (first, last) in enumerate(blocks):
        unit, usable = _block(session, first, last, keep, segment, basis)
        best, at = _strongest(unit, real)
        value[first:last] = np.where(usable, best[:, 0], np.nan)
        lag[first:last] = lags[at[:, 0]] * session.step_s
        if progress:
            progress(done + 1, total)
    naive = _naive(value, frames, len(lags))
    if null is None:
        nothing = np.full(traces, np.nan)
        return Tuning(
            session.animal, behavior, measure, value, lag, nothing, nothing, nothing, naive, benjamini_hochberg(naive),
            time, frames, None, reason,
        )  # fmt: skip
    drawn = np.zeros((traces, null.candidates), dtype=np.float32)
    window = drift_basis(null.segment, session.step_s, options.detrend_s)
    done = len(blocks)
    for begin in range(0, null.candidates, chunk):
        some = slice(begin, begin + chunk)
        part = null.windows(signal, some)
        # [lags, candidates of the chunk, frames]: drift is taken out of what could have been as out of what was.
        columns = np.stack([standardised(delayed(part, null.segment, int(shift)), window) for shift in lags])
        for first, last in blocks:
            unit, _ = _block(session, first, last, keep, segment, window, null.middle)
            drawn[first:last, some] = _strongest(unit, columns)[0]
            done += 1
            if progress:
                progress(done, total)
    size = np.abs(drawn)
    unknown = np.isnan(value)
    size[unknown] = 0.0
    top = size.max(axis=0)
    p = np.where(unknown, np.nan, null.p(size))
    family = np.where(unknown, np.nan, null.p(top[None], size[:, null.actual]))
    return Tuning(
        session.animal, behavior, measure, value, lag, p, family, family, naive, benjamini_hochberg(naive), time,
        frames, null, "", drawn if keep_null else None,
    )  # fmt: skip


def _block(
    session: Session,
    first: int,
    last: int,
    keep: npt.NDArray[np.bool_],
    segment: Ints,
    basis: Traces,
    middle: Ints | None = None,
) -> tuple[Traces, npt.NDArray[np.bool_]]:
    """(some traces standardised over the kept frames or the ``middle`` of them, which of them can be used)."""
    block = session.rows[first:last]
    block, usable = filled(block if keep.all() else block[:, keep], segment)
    unit = standardised(block if middle is None else block[:, middle], basis)
    return unit, usable & (np.abs(unit).max(axis=1) > 0)


def _strongest(unit: Traces, columns: Traces) -> tuple[Traces, Ints]:
    """([traces, k] r of the largest |r| over lags, its lag's index) with ``columns`` [lags, k, frames]."""
    strongest = unit @ columns[0].T
    at = np.zeros(strongest.shape, dtype=np.int64)
    for number in range(1, len(columns)):
        other = unit @ columns[number].T
        larger = np.abs(other) > np.abs(strongest)
        strongest[larger], at[larger] = other[larger], number
    return strongest, at


def _naive(r: Floats, frames: int, lags: int) -> Floats:
    """The t test's p value with every frame a sample, Bonferroni over lags: what must not be trusted."""
    from scipy.stats import t

    clipped = np.clip(r, -1 + 1e-12, 1 - 1e-12)
    statistic = np.abs(clipped) * np.sqrt((frames - 2) / (1.0 - clipped**2))
    return np.asarray(np.minimum(1.0, lags * 2.0 * t.sf(statistic, frames - 2)))

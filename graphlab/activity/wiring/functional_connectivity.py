"""Functional edges from recordings: correlation in three forms. Undirected, never causal, never pooled across kinds.

``raw``: Pearson's r. ``partial``: r with all other neurons held, by the graphical lasso (Friedman et al. 2008), whose
penalty is fitted in held-out blocks. ``behavior_removed``: r with behaviours and the mean over all traces but the two
held: a mean that has the two in it makes them go against each other. p of ``raw`` compares r over the middle of the
session with one neuron of the pair shifted (``nulls``), the same shift for all, so that ``q`` is against the largest
of all pairs. p of the others shifts what is not said of one by what is held (``partial_shift``), for ``partial`` where
there are frames enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.activity.behavior.families import Family, untested
from graphlab.activity.behavior.nulls import Null, shift_null, too_short
from graphlab.activity.behavior.partial_shift import ENOUGH, partial_r, shifted_partial_r
from graphlab.activity.sessions.preparation import block_rows, drift_basis, filled, prepared, standardised
from graphlab.activity.sessions.session import Floats, Session, TraceRows, Traces
from graphlab.activity.sessions.timescale import refuse_short, session_time
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, MissingExtraError, UnknownNameError

CORRELATIONS = ("raw", "partial", "behavior_removed")
PAIR_ASSUMES = "the shifted neuron of a pair is stationary"
CHUNK_BYTES = 1 << 27


@dataclass
class FunctionalEdges:
    """Edges of one animal and measure; arrays are [edges], pairs of trace numbers."""

    animal: str
    kind: str
    """response, correlation or lagged_predictive."""
    measure: str
    pre: np.ndarray
    post: np.ndarray
    directed: bool
    value: Floats
    lag_s: Floats
    p: Floats
    q: Floats
    """Against the largest of all pairs, until ``correlate`` puts it right for the other animals."""
    p_naive: Floats
    frames: int = 0
    null: Null | None = None
    untested: str = ""

    def family(self) -> Family:
        """Its line in the table of what was tested."""
        named = {"animal": self.animal, "measure": self.measure, "tests": len(self.pre), "frames": self.frames}
        if self.null is None:
            return untested(self.kind, self.untested, **named)
        null = self.null
        whole = float(np.nanmin(self.q)) if np.isfinite(self.q).any() else float("nan")
        return Family(
            self.animal, self.kind, None, self.measure, null.name, PAIR_ASSUMES, len(self.pre), self.frames,
            len(null.middle), null.candidates, null.floor, whole,
        )  # fmt: skip


def correlation_edges(
    session: Session,
    measure: str = "raw",
    traces: Sequence[int] | None = None,
    surrogates: int = 1000,
    detrend_s: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> FunctionalEdges:
    """Every pair of the chosen traces once, with p values from shifts; values alone where no shift is possible.

    Args:
        traces: trace numbers; the identified ones when None. surrogates: at most so many shifts to either side.

    Raises:
        AnalysisError: no identified trace.
    """
    if measure not in CORRELATIONS:
        raise UnknownNameError("correlation", measure, CORRELATIONS)
    chosen, z, segment, time = usable_traces(session, traces, detrend_s)
    pre, post = np.triu_indices(len(chosen), 1)
    covariates = _held(session, segment, detrend_s) if measure == "behavior_removed" else None
    if covariates is not None:
        observed = _left_over(z, covariates)
    else:
        observed = np.asarray((_partial(z, segment, time) if measure == "partial" else z @ z.T)[pre, post], np.float64)
    null, reason = shift_or_reason(session, segment, time, surrogates)
    if null is not None and measure == "partial":
        enough = len(null.middle) / time / len(chosen)
        if enough < ENOUGH:
            null, reason = None, (
                f"animal {session.animal}: {enough:.1f} autocorrelation times a trace; no p of partial correlations "
                f"below {ENOUGH:g}"
            )  # fmt: skip
    p = q = np.full(len(pre), np.nan)
    if null is not None:
        window = drift_basis(null.segment, session.step_s, detrend_s)
        if covariates is not None:
            size = _held_pairs(z, covariates, null, window, progress)
        else:
            size = (_partial_pairs if measure == "partial" else _shifted_pairs)(z, null, window, progress)
        p, q = null.p(size), null.p(size.max(axis=0)[None], size[:, null.actual])
    which = np.asarray(chosen)
    naive = naive_p(observed, len(segment) - (0 if covariates is None else len(covariates[0]) + 1))
    return FunctionalEdges(
        session.animal, "correlation", measure, which[pre], which[post], False, observed, np.zeros(len(pre)), p,
        q, naive, len(segment), null, reason,
    )  # fmt: skip


def shift_or_reason(
    session: Session, segment: np.ndarray, time: float, most: int, margin: int = 0
) -> tuple[Null | None, str]:
    """(linear shift, why there is none)."""
    what = f"animal {session.animal}"
    try:
        refuse_short(len(segment), time, what)
    except AnalysisError as error:
        return None, str(error)
    null = shift_null(segment, most, margin)
    return null, "" if null is not None else too_short(segment, what)


def _shifted_pairs(z: Traces, null: Null, window: Traces, progress: Progress | None) -> npt.NDArray[np.float32]:
    """[pairs, candidates] sizes of r with the first neuron of each pair shifted."""
    pre, post = np.triu_indices(len(z), 1)
    still = standardised(z[:, null.middle], window)
    size = np.empty((len(pre), null.candidates), dtype=np.float32)
    for at in range(null.candidates):
        moved = standardised(z[:, null.at(slice(at, at + 1))[0]], window)
        size[:, at] = np.abs(moved @ still.T)[pre, post]
        if progress:
            progress(at + 1, null.candidates)
    return size


def _partial_pairs(z: Traces, null: Null, window: Traces, progress: Progress | None) -> npt.NDArray[np.float32]:
    """[pairs, candidates] sizes of partial r with the own part of the second neuron of each pair shifted."""
    exact, basis = z.astype(np.float64), window.astype(np.float64)
    rows = []
    for pre in range(len(z) - 1):
        others = np.delete(np.arange(len(z)), pre)
        coefficients = shifted_partial_r(exact[others], exact[pre], null, basis)
        rows.append(np.abs(coefficients[pre:]).astype(np.float32))
        if progress:
            progress(pre + 1, len(z) - 1)
    return np.concatenate(rows)


def usable_traces(
    session: Session, traces: Sequence[int] | None, detrend_s: float | None
) -> tuple[list[int], Traces, np.ndarray, float]:
    """(trace numbers, standardised [traces, frames], segment, autocorrelation time in frames)."""
    wanted = list(traces) if traces is not None else session.identified()
    if not wanted:
        raise AnalysisError(
            f"animal {session.animal}: no trace has an identity, so there is no neuron to draw an edge between; "
            "ingest it with labels"
        )
    basis = drift_basis(session.segment, session.step_s, detrend_s)
    block, usable = filled(np.concatenate([session.rows[i : i + 1] for i in wanted]), session.segment)
    z = standardised(block, basis)
    usable &= np.abs(z).max(axis=1) > 0
    if usable.sum() < 2:
        raise AnalysisError(f"animal {session.animal}: fewer than two usable traces")
    time = session_time(z[usable], np.empty((0, len(session.segment))), session.segment)
    return [i for i, good in zip(wanted, usable, strict=True) if good], z[usable], session.segment, time


def naive_p(r: Floats, frames: int) -> Floats:
    """The t test's p value with every frame a sample: what must not be trusted."""
    from scipy.stats import t

    clipped = np.clip(r, -1 + 1e-12, 1 - 1e-12)
    return np.asarray(2.0 * t.sf(np.abs(clipped) * np.sqrt((frames - 2) / (1 - clipped**2)), frames - 2))


Covariates = tuple[Floats, Floats]
"""Behaviours [k, frames], orthonormal; the sum of all traces [frames]."""


def _held(session: Session, segment: np.ndarray, detrend_s: float | None) -> Covariates:
    """What ``behavior_removed`` holds: every fully measured behaviour, and all traces."""
    basis = drift_basis(segment, session.step_s, detrend_s)
    rows = [values for values in session.behaviors.values() if np.isfinite(values).all() and np.ptp(values) > 0]
    total = prepared(session.rows, segment, basis).sum(axis=0, dtype=np.float64)
    if not rows:
        return np.empty((0, len(segment))), total
    _, size, right = np.linalg.svd(standardised(np.stack(rows), basis).astype(np.float64), full_matrices=False)
    return right[size > 1e-4 * size[0]], total


def _of_pair(z: Floats, covariates: Covariates, pre: Any, post: Any) -> Floats:
    """[1 + held, frames]: ``post``, then what is held for the two."""
    rest = covariates[1] - z[pre] - z[post]
    size = float(np.linalg.norm(rest))
    return np.stack([z[post], *covariates[0], *([rest / size] if size > 1e-6 else [])])


def _left_over(z: Traces, covariates: Covariates) -> Floats:
    """[pairs] r of two traces with behaviours and all other traces' mean held."""
    exact = z.astype(np.float64)
    pairs = zip(*np.triu_indices(len(z), 1), strict=True)
    return np.array([partial_r(_of_pair(exact, covariates, pre, post), exact[pre])[0] for pre, post in pairs])


def _held_pairs(
    z: Traces, covariates: Covariates, null: Null, window: Traces, progress: Progress | None
) -> npt.NDArray[np.float32]:
    """[pairs, candidates] sizes of what ``_left_over`` gives, the own part of the second neuron shifted."""
    exact, basis = z.astype(np.float64), window.astype(np.float64)
    pre, post = np.triu_indices(len(z), 1)
    size = np.empty((len(pre), null.candidates), dtype=np.float32)
    for number, (i, j) in enumerate(zip(pre, post, strict=True)):
        size[number] = np.abs(shifted_partial_r(_of_pair(exact, covariates, i, j), exact[i], null, basis, only=(0,))[0])
        if progress:
            progress(number + 1, len(pre))
    return size


def _partial(z: Traces, segment: np.ndarray, time: float) -> Floats:
    """Partial correlations of the graphical lasso; the penalty has the best likelihood in two held-out halves."""
    try:
        from sklearn.covariance import graphical_lasso
        from sklearn.exceptions import ConvergenceWarning
    except ImportError:
        raise MissingExtraError("scikit-learn", "activity") from None
    import warnings

    from graphlab.activity.behavior.held_out import inner_folds
    from graphlab.statistics.threads import one_thread

    with warnings.catch_warnings(), one_thread():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        best, chosen = -np.inf, 0.4
        folds = inner_folds(segment, int(np.ceil(time)))[:2]
        for penalty in (0.8, 0.4, 0.2, 0.1):
            total = 0.0
            for fold in folds:
                try:
                    _, precision = graphical_lasso(_correlation(z[:, fold.train]), penalty, max_iter=50, tol=1e-3)
                except FloatingPointError:
                    total = -np.inf
                    break
                sign, log = np.linalg.slogdet(precision)
                total += (log if sign > 0 else -np.inf) - float((precision * _correlation(z[:, fold.test])).sum())
            if total > best:
                best, chosen = total, penalty
        _, precision = graphical_lasso(_correlation(z), chosen, max_iter=100, tol=1e-3)
    return _as_partial(precision)


def _correlation(z: Traces) -> Floats:
    return np.asarray(np.corrcoef(np.asarray(z, dtype=np.float64)))


def _as_partial(precision: npt.NDArray[Any]) -> Floats:
    scale = np.sqrt(np.diag(precision))
    result = -precision / np.outer(scale, scale)
    np.fill_diagonal(result, 1.0)
    return np.asarray(result)


def correlation_matrix(
    rows: TraceRows,
    segment: np.ndarray,
    step_s: float = 1.0,
    detrend_s: float | None = None,
    out: TraceRows | None = None,
    progress: Progress | None = None,
) -> Traces:
    """Pearson's r of every pair of traces, float32 [traces, traces], in bounded memory.

    Traces are standardised a block at a time into ``out`` (an array, or a ``RowFile`` when they do not fit memory);
    then a stretch of frames of all traces at a time is added to the upper triangle by BLAS ``ssyrk``: half the work of
    a product. Held: the result, one block, one stretch. Constant traces have r = 0.
    """
    from scipy.linalg.blas import ssyrk

    traces, frames = rows.shape
    basis = drift_basis(segment, step_s, detrend_s)
    target = np.empty((traces, frames), dtype=np.float32) if out is None else out
    step = block_rows(frames)
    width = max(1, min(frames, CHUNK_BYTES // (4 * traces)))
    total, done = -(-traces // step) + -(-frames // width), 0
    for first in range(0, traces, step):
        block = standardised(filled(rows[first : first + step], segment)[0], basis)
        target[first : first + len(block)] = block  # type: ignore[index]
        done += 1
        if progress:
            progress(done, total)
    result = np.zeros((traces, traces), dtype=np.float32, order="F")
    for first in range(0, frames, width):
        last = min(first + width, frames)
        chunk = target[:, first:last] if isinstance(target, np.ndarray) else target.columns(first, last)  # type: ignore[attr-defined]
        result = ssyrk(1.0, chunk.T if chunk.flags.c_contiguous else np.ascontiguousarray(chunk).T, beta=1.0, c=result,
                       trans=1, lower=0, overwrite_c=1)  # fmt: skip
        done += 1
        if progress:
            progress(done, total)
    tile = 1024
    for i in range(0, traces, tile):
        for j in range(0, i + tile, tile):
            low, high = slice(i, i + tile), slice(j, j + tile)
            if i == j:
                square = result[low, high]
                square += np.triu(square, 1).T
            elif j < i:
                result[low, high] = result[high, low].T
    return np.clip(result, -1.0, 1.0, out=result)

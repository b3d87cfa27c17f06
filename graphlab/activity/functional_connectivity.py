"""Functional edges from recordings: correlation in three forms. Undirected, never causal, never pooled across kinds.

``raw``: Pearson's r. ``partial``: r with all other neurons held, by the graphical lasso (Friedman et al. 2008), whose
penalty is fitted in held-out blocks. ``behavior_removed``: r of what is left after behaviours and the mean over all
traces are regressed out. p values compare with neurons shifted independently of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.activity import nulls
from graphlab.activity.preparation import block_rows, drift_basis, filled, prepared, standardised
from graphlab.activity.session import Floats, Rows, Session, Traces, kept_frames, stretches
from graphlab.activity.timescale import refuse_short, session_time
from graphlab.motifs.p_values import benjamini_hochberg
from ingest.errors import AnalysisError, MissingExtraError, UnknownNameError

CORRELATIONS = ("raw", "partial", "behavior_removed")
CHUNK_BYTES = 1 << 27


@dataclass(frozen=True)
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
    p_naive: Floats


def correlation_edges(
    session: Session,
    measure: str = "raw",
    traces: Sequence[int] | None = None,
    surrogates: int = 1000,
    detrend_s: float | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> FunctionalEdges:
    """Every pair of the chosen traces once, with shift-surrogate p values.

    Args:
        traces: trace numbers; the identified ones when None.

    Raises:
        AnalysisError: no identified trace, fewer frames than ten autocorrelation times.
    """
    if measure not in CORRELATIONS:
        raise UnknownNameError("correlation", measure, CORRELATIONS)
    chosen, z, segment, time = usable_traces(session, traces, detrend_s)
    removed = 0
    if measure == "behavior_removed":
        z, removed = _without(session, z, segment, detrend_s)
    value = _partial(z, segment, time) if measure == "partial" else z @ z.T
    least = int(np.ceil(time)) + 1
    rng = np.random.default_rng([seed, *session.animal.encode()])
    pre, post = np.triu_indices(len(chosen), 1)
    observed = np.asarray(value[pre, post], dtype=np.float64)
    # A surrogate lasso a sample would take hours: the raw matrix of surrogates, inverted with the same shrinkage.
    shape = _precision_shrunk if measure == "partial" else (lambda matrix: matrix)
    compared = np.abs(shape(z @ z.T)[pre, post])
    extreme = np.zeros(len(pre), dtype=np.int64)
    basis = drift_basis(segment, session.step_s, detrend_s)
    for sample in range(surrogates):
        fake = np.empty_like(z)
        for first, last in stretches(segment):
            offsets = rng.integers(least, last - first - least + 1, size=len(z))
            at = (np.arange(last - first) - offsets[:, None]) % (last - first)
            fake[:, first:last] = np.take_along_axis(z[:, first:last], at, axis=1)
        fake = standardised(fake, basis)
        extreme += np.abs(shape(fake @ fake.T)[pre, post]) >= compared
        if progress:
            progress(sample + 1, surrogates)
    p = (extreme + 1) / (surrogates + 1)
    which = np.asarray(chosen)
    naive = naive_p(observed, len(segment) - removed)
    return FunctionalEdges(
        session.animal, "correlation", measure, which[pre], which[post], False, observed, np.zeros(len(pre)), p,
        benjamini_hochberg(p), naive,
    )  # fmt: skip


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
    refuse_short(session.frames, time, f"animal {session.animal}")
    keep = nulls.long_enough(session.segment, int(np.ceil(time)) + 1)
    segment = kept_frames(session.segment, keep)
    refuse_short(len(segment), time, f"animal {session.animal}")
    z = standardised(block[usable][:, keep], drift_basis(segment, session.step_s, detrend_s))
    return [i for i, good in zip(wanted, usable, strict=True) if good], z, segment, time


def naive_p(r: Floats, frames: int) -> Floats:
    """The t test's p value with every frame a sample: what must not be trusted."""
    from scipy.stats import t

    clipped = np.clip(r, -1 + 1e-12, 1 - 1e-12)
    return np.asarray(2.0 * t.sf(np.abs(clipped) * np.sqrt((frames - 2) / (1 - clipped**2)), frames - 2))


def _without(session: Session, z: Traces, segment: np.ndarray, detrend_s: float | None) -> tuple[Traces, int]:
    """Traces less what every fully measured behaviour and the mean over traces say about them, linearly."""
    if len(segment) != session.frames:
        raise AnalysisError(f"animal {session.animal}: some segments are too short; behaviours cannot be regressed out")
    basis = drift_basis(segment, session.step_s, detrend_s)
    rows = [values for values in session.behaviors.values() if np.isfinite(values).all() and np.ptp(values) > 0]
    everyone = prepared(session.rows, segment, basis).mean(axis=0)
    nuisance = standardised(np.stack([*rows, everyone]), basis)
    _, size, right = np.linalg.svd(nuisance, full_matrices=False)
    space = right[size > 1e-4 * size[0]]
    return standardised(z - (z @ space.T) @ space, basis), len(space)


def _partial(z: Traces, segment: np.ndarray, time: float) -> Floats:
    """Partial correlations of the graphical lasso; the penalty has the best likelihood in two held-out halves."""
    try:
        from sklearn.covariance import graphical_lasso
        from sklearn.exceptions import ConvergenceWarning
    except ImportError:
        raise MissingExtraError("scikit-learn", "activity") from None
    import warnings

    from graphlab.activity.ridge import inner_folds, one_thread

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


def _precision_shrunk(matrix: np.ndarray) -> Floats:
    """Partial correlations with a tenth of the identity mixed in, so that they exist for more traces than frames."""
    count = len(matrix)
    return _as_partial(np.linalg.inv(0.9 * matrix.astype(np.float64) + 0.1 * np.eye(count)))


def _as_partial(precision: npt.NDArray[Any]) -> Floats:
    scale = np.sqrt(np.diag(precision))
    result = -precision / np.outer(scale, scale)
    np.fill_diagonal(result, 1.0)
    return np.asarray(result)


def correlation_matrix(
    rows: Rows,
    segment: np.ndarray,
    step_s: float = 1.0,
    detrend_s: float | None = None,
    out: Rows | None = None,
    progress: Callable[[int, int], None] | None = None,
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

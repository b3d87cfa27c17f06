"""Who drives a behaviour, given all other recorded neurons: partial effects with a shift null.

Neurons of one circuit share their activity, so many correlate with a behaviour that a few produce. The behaviour is
regressed on all traces at once; a coefficient is tested against residuals of that fit, shifted circularly (the
permutation of residuals of ter Braak 1992, with shifts instead of permutations because frames are not exchangeable).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphlab.activity import nulls
from graphlab.activity.decoding import design
from graphlab.activity.preparation import drift_basis, unit
from graphlab.activity.session import Floats, Session
from graphlab.activity.timescale import refuse_short, session_time
from graphlab.motifs.p_values import benjamini_hochberg
from ingest.errors import AnalysisError


@dataclass(frozen=True)
class Drivers:
    """Partial effects of the usable traces of one animal on one behaviour; arrays are [traces used]."""

    animal: str
    behavior: str
    traces: list[int]
    partial_r: Floats
    p: Floats
    q: Floats


def drivers(
    session: Session,
    behavior: str,
    surrogates: int = 1000,
    detrend_s: float | None = None,
    seed: int = 0,
) -> Drivers:
    """Partial correlation of every trace with the behaviour, all other traces held.

    Raises:
        AnalysisError: more than half as many traces as frames (nothing is left to hold), or too few frames.
    """
    x, y, segment, traces = design(session, behavior)
    basis = drift_basis(segment, session.step_s, detrend_s)
    if 2 * (x.shape[1] + len(basis)) > len(x):
        raise AnalysisError(
            f"animal {session.animal}: {x.shape[1]:,} traces in {len(x):,} frames; partial effects need at least two "
            "frames a trace. Record longer, or ask for tuning"
        )
    z, signal = unit(x.T, basis).astype(np.float64), unit(y.T, basis)[0].astype(np.float64)
    time = session_time(z, signal, segment)
    refuse_short(len(signal), time, f"animal {session.animal}, behaviour {behavior!r}")
    least = int(np.ceil(time)) + 1
    inverse = np.linalg.pinv(z @ z.T)
    free = len(signal) - len(z) - len(basis)

    def statistic(rows: Floats) -> Floats:
        """[k, traces] t values of the coefficients for k behaviours."""
        weights = rows @ z.T @ inverse
        rest = (rows**2).sum(axis=1) - np.einsum("kn,kn->k", weights, rows @ z.T)
        spread = np.sqrt(np.maximum(rest[:, None], 1e-30) / free * np.maximum(np.diag(inverse), 1e-30))
        return np.asarray(weights / spread)

    observed = statistic(signal[None])[0]
    residual = signal - (signal @ z.T @ inverse) @ z
    rng = np.random.default_rng([seed, *behavior.encode(), *session.animal.encode()])
    keep = nulls.long_enough(segment, least)
    if not keep.all():
        raise AnalysisError(f"animal {session.animal}: a segment is shorter than twice the autocorrelation time")
    fake = nulls.shifted(residual, segment, nulls.shift_offsets(segment, least, surrogates, rng))
    drawn = statistic(fake - (fake @ basis.T) @ basis)
    p = ((np.abs(drawn) >= np.abs(observed)).sum(axis=0) + 1) / (surrogates + 1)
    partial = observed / np.sqrt(observed**2 + free)
    return Drivers(session.animal, behavior, traces, partial, p, benjamini_hochberg(p))

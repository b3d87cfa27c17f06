"""Partial correlation of each of many traces with one signal, and what it would be with that trace shifted.

Trace i says something beyond the others where its own part, what the others do not say of it, goes with the signal's.
Shifting the behaviour would test whether it goes with any trace at all, so the own part of trace i is shifted
instead. Windows of it are compared with the signal in the room that the other traces (and drift) leave in the middle
of the session, as what happened is: residuals of a fit live in fewer dimensions than frames, and a null that forgets
it is too narrow. Exact for own parts that are known; they are estimated from the whole session, so that it holds
where each trace has enough effective samples (``ENOUGH``).

Tests: tests/graphlab/activity/wiring/test_functional_connectivity.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphlab.activity.behavior.nulls import Null
from graphlab.activity.sessions.session import Floats
from ingest.running.progress import Progress

ENOUGH = 5.0
"""Frames of the window, over the autocorrelation time in frames, over traces. Chosen on first-order autoregressions,
checked on others (docs/validity.md)."""


def own_parts(z: Floats) -> tuple[Floats, Floats]:
    """(what the other rows of ``z`` [k, frames] leave of each, of length 1; inverse of the Gram matrix)."""
    inverse = np.asarray(np.linalg.pinv(z @ z.T), dtype=np.float64)
    rest = inverse @ z
    length = np.linalg.norm(rest, axis=1, keepdims=True)
    return np.asarray(rest / np.where(length > 0, length, 1.0)), inverse


def partial_r(z: Floats, signal: Floats) -> Floats:
    """[k] correlation of the signal [frames] with each row, all others held; both without drift."""
    own, _ = own_parts(z)
    fitted = signal @ z.T @ np.linalg.pinv(z @ z.T) @ z
    rest = float(np.sum((signal - fitted) ** 2))
    along = own @ signal
    return np.asarray(along / np.sqrt(np.maximum(rest + along**2, 1e-30)))


def shifted_partial_r(
    z: Floats,
    signal: Floats,
    null: Null,
    basis: Floats,
    only: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Floats:
    """[k, candidates] partial correlations with the own part of each row shifted; the actual one is what happened.

    Args:
        z: [k, frames] of the whole session without drift. signal: [frames], too. basis: [b, window] of drift.
        only: rows of ``z`` that are asked about; all when None.
    """
    middle, goal = z[:, null.middle], signal[null.middle]
    space, _ = np.linalg.qr(np.concatenate([basis, middle]).T)
    flat, goal = middle - (middle @ basis.T) @ basis, goal - basis.T @ (basis @ goal)
    own, _ = own_parts(flat)
    alone, _ = own_parts(z)
    rest = goal - space @ (space.T @ goal)
    asked = range(len(z)) if only is None else only
    result = np.empty((len(asked), null.candidates))
    for number, trace in enumerate(asked):
        windows = null.windows(alone[trace])
        along = windows @ own[trace]
        target = rest + own[trace] * (own[trace] @ goal)
        inside = windows @ space
        left = (windows**2).sum(axis=1) - (inside**2).sum(axis=1) + along**2
        size = np.sqrt(np.maximum(left, 1e-30)) * max(float(np.linalg.norm(target)), 1e-30)
        result[number] = windows @ target / size
        if progress:
            progress(number + 1, len(asked))
    return result


def selection_frequencies(
    z: Floats, signal: Floats, block: int, rng: np.random.Generator, halves: int = 100, most: int = 10
) -> Floats:
    """[k] share of random halves of the session in which a trace is chosen (Meinshausen & Buhlmann 2010).

    Traces enter one at a time, the one that goes best with what is left; how many, the other half says.

    Args:
        block: frames that stay together.
    """
    frames = z.shape[1]
    number = np.arange(frames) // max(1, block)
    blocks = int(number[-1]) + 1
    chosen = np.zeros(len(z))
    for _ in range(halves):
        mine = np.isin(number, rng.choice(blocks, max(1, blocks // 2), replace=False))
        one, other = (z[:, mine], signal[mine]), (z[:, ~mine], signal[~mine])
        chosen[_forward(*one, *other, min(most, len(z)))] += 1
    return np.asarray(chosen / halves)


def _forward(z: Floats, signal: Floats, other: Floats, goal: Floats, most: int) -> list[int]:
    gram, cross = z @ z.T, z @ signal
    diagonal = np.sqrt(np.maximum(np.diag(gram), 1e-30))
    inside: list[int] = []
    best, kept, left = float(goal @ goal), 0, cross.copy()
    for _ in range(most):
        score = np.abs(left) / diagonal
        score[inside] = -1.0
        inside.append(int(score.argmax()))
        weight = np.linalg.lstsq(gram[np.ix_(inside, inside)], cross[inside], rcond=None)[0]
        left = cross - gram[:, inside] @ weight
        loss = float(np.sum((goal - weight @ other[inside]) ** 2))
        if loss < best:
            best, kept = loss, len(inside)
    return inside[:kept]

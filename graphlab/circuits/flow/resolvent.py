"""Solutions of (1 - W) r = s for many s at once, to ten digits or an error.

The leading mode is solved by itself. What is left shrinks with every product by W, mostly fast, so its series is summed
for all columns together; where it shrinks slowly or grows, each column is solved by GMRES instead.

Tests: tests/graphlab/circuits/flow/test_influence.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graphlab.circuits.flow.leading import Leading
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError

if TYPE_CHECKING:
    from scipy import sparse

Floats = npt.NDArray[np.float64]
TERMS = 400
"""Most products of a series."""
LOOK = 20
"""Products after which its pace is known."""
SETTLED = 1e-15
"""Size of a term, relative to the sum, at which a series ends."""
RESIDUAL = 1e-11
"""Largest remainder of an equation, relative to the largest entry of the answer."""
REFINED = 6


def solve_acyclic(matrix: sparse.csr_array, start: Floats) -> Floats:
    """Of a wiring without cycles: its series ends by itself."""
    answer, term = start.copy(), start
    for _ in range(matrix.shape[0]):
        term = matrix @ term
        if not term.any():
            break
        answer += term
    if not np.isfinite(answer).all():
        raise AnalysisError("influence grows past all numbers along this wiring; count='fraction' keeps it small")
    return answer


def solve(matrix: sparse.csr_array, start: Floats, first: Leading, progress: Progress | None = None) -> Floats:
    """The answers [n, k] for the columns of ``start``.

    Args:
        matrix: scaled, with ``first`` its leading mode.

    Raises:
        AnalysisError: an equation without one answer.
    """
    answer = _series(matrix, start, first, progress)
    if answer is None or not _solved(matrix, start, answer):
        answer = np.column_stack([_gmres(matrix, column) for column in start.T])
    if not _solved(matrix, start, answer):
        raise AnalysisError(
            "the influence on these weights has no sure answer (an eigenvalue of the scaled wiring is 1, or nearly); "
            "take a smaller gain"
        )
    return answer


def _solved(matrix: sparse.csr_array, start: Floats, answer: Floats) -> bool:
    left = np.abs(start + matrix @ answer - answer).max(axis=0)
    return bool((left <= RESIDUAL * np.maximum(np.abs(answer).max(axis=0), 1.0)).all())


def _series(matrix: sparse.csr_array, start: Floats, first: Leading, progress: Progress | None) -> Floats | None:
    """The sum of the series; None where it would take too long."""
    if first.right is not None:
        answer, term = first.resolved(start, 1.0 - first.value), start - first.part(start)
    else:
        answer, term = np.zeros_like(start), start.copy()
    sizes: list[float] = []
    for step in range(TERMS):
        answer += term
        size, whole = float(np.abs(term).max()), float(np.abs(answer).max())
        if size <= SETTLED * whole:
            return answer
        sizes.append(size)
        if not math.isfinite(size) or (step > LOOK and not _fast(sizes)):
            return None
        term = np.asarray(matrix @ term)
        if first.right is not None and step % 8 == 7:
            term -= first.part(term)  # rounding brings the mode back, and it would not shrink
        if progress is not None:
            progress(step + 1, 0)
    return None


def _fast(sizes: list[float]) -> bool:
    """Whether the series ends within its terms at the pace of the latest ones."""
    pace = (sizes[-1] / sizes[-1 - LOOK // 2]) ** (2.0 / LOOK)
    return pace < 1.0 and math.log(SETTLED) / math.log(pace) < TERMS


def _gmres(matrix: sparse.csr_array, start: Floats) -> Floats:
    """One column, refined until nothing is gained."""
    from scipy.sparse.linalg import LinearOperator, gmres

    n = matrix.shape[0]
    system = LinearOperator((n, n), matvec=lambda x: x - matrix @ x, dtype=np.float64)
    answer, left = np.zeros(n), start.copy()
    for _ in range(REFINED):
        step, _ = gmres(system, left, rtol=1e-8, atol=0.0, restart=min(n, 100), maxiter=10)
        following = answer + step
        remainder = start - (following - matrix @ following)
        if not np.isfinite(following).all() or np.abs(remainder).max() >= np.abs(left).max():
            break
        answer, left = following, remainder
    return answer

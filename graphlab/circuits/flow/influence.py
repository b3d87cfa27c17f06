"""Influence of chosen neurons on all others at rest (linear rate model), with the control that it needs.

tau dr/dt = (W - 1) r + s, W[post, pre] the synapse count with its sign. W is scaled to ``gain`` / lambda, lambda its
eigenvalue of largest real part, and r = (1 - W)^-1 s. Near gain 1 one mode, the same for every seed, takes over the
answer: v (u.s) / (u.v) / (1 - mu), v and u the right and left eigenvectors of the scaled W and mu their eigenvalue. It
is given beside every score, with the score less the mode. Silenced neurons send nothing; ``fixed`` scales by the
lambda of the whole wiring, so that runs with and without silencing compare, ``silenced`` by that of what is left.
A wiring without cycles has nothing to scale by, and is not scaled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graphlab.circuits.flow.leading import ROUNDING, Leading, circles, largest, leading, scaled
from graphlab.circuits.flow.resolvent import solve, solve_acyclic
from graphlab.circuits.weights.weights import Weights
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError

if TYPE_CHECKING:
    from scipy import sparse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SCALES = ("fixed", "silenced")
COUNTED = ("count", "fraction")
DOUBTFUL = 0.1
"""Of the largest weight: an eigenvalue below is looked at again, among neurons that reach each other alone."""
LEAST = 24.0
"""Of the adjusted score: scores below e^-24 count as that."""


@dataclass(frozen=True, eq=False)
class Influence:
    """Scores of all neurons, a column for each set of seeds."""

    score: Floats
    """[n, k]"""
    mode: Floats | None
    """[n, k] what of it is the leading mode; None where there is none of its own."""
    direction: Floats | None
    """[n] size of the leading right eigenvector."""
    lambda_: float | None
    """What the weights were divided by; None where they were not scaled."""
    eigenvalue: complex | None
    """Of the scaled matrix that was solved."""
    why_no_mode: str = ""


def influence(
    weights: Weights,
    seeds: list[Ints],
    silenced: Ints | None = None,
    gain: float = 0.99,
    scale: str = "fixed",
    counted: str = "count",
    progress: Progress | None = None,
) -> Influence:
    """Scores of every set of seeds, each seed with 1.

    Args:
        seeds: node numbers of each set. silenced: neurons that send nothing, but where they are seeds of a set.

    Raises:
        AnalysisError: a gain outside 0 to 1, nothing to scale by, a system without an answer.
    """
    if not 0 < gain < 1:
        raise AnalysisError(f"the gain is {gain}; wanted a number above 0 and below 1, where the model has a rest")
    if not seeds or any(not len(one) for one in seeds):
        raise AnalysisError("a set of seeds without neurons; wanted one or more in each")
    if silenced is not None and len(seeds) > 1 and (both := np.intersect1d(silenced, np.concatenate(seeds))).size:
        raise AnalysisError(
            f"{len(both):,} silenced neurons are seeds of some set, such as {weights.graph.root_ids[both[0]]}; seeds "
            "always send, so the sets would not be alike. Leave them out of one of the two, or ask set by set"
        )
    values = weights.signed(weights.fractions() if counted == "fraction" else weights.graph.weight)
    whole = weights.incoming(values)
    quiet = np.setdiff1d(silenced if silenced is not None else np.zeros(0, np.int64), np.concatenate(seeds))
    kept = whole
    if len(quiet):
        sends = np.ones(weights.n, dtype=np.bool_)
        sends[quiet] = False
        kept = weights.incoming(values * sends[weights.graph.sources()])
    start = np.zeros((weights.n, len(seeds)))
    for column, nodes in enumerate(seeds):
        start[nodes, column] = 1.0
    if not has_cycles(whole):
        why = "a wiring without cycles has no mode and is not scaled"
        return Influence(solve_acyclic(kept, start), None, None, None, None, why)
    circular = has_cycles(kept) if len(quiet) else True
    if scale == "silenced" and not circular:
        raise AnalysisError(
            "silencing leaves a wiring without cycles, which has nothing to scale by; scale='fixed' takes the "
            "eigenvalue of the whole wiring"
        )
    first = leading(kept) if circular else None
    same = first is not None and (scale == "silenced" or not len(quiet))
    scaled_by = _lambda(kept if scale == "silenced" else whole, first if same else None)
    matrix = (kept * (gain / scaled_by)).tocsr()
    if first is None:
        why = "what silencing leaves has no cycles, and so no mode"
        return Influence(solve_acyclic(matrix, start), None, None, scaled_by, None, why)
    first = scaled(first, gain / scaled_by)
    score = solve(matrix, start, first, progress)
    if first.right is None:
        why = "several eigenvalues share the first place, so that no mode is told from the others"
        return Influence(score, None, None, scaled_by, first.value, why)
    mode = first.resolved(start, 1.0 - first.value)
    return Influence(score, mode, np.abs(first.right), scaled_by, first.value)


def _lambda(matrix: sparse.csr_array, known: Leading | None) -> float:
    """The largest real part of an eigenvalue of a wiring with cycles."""
    size = float(np.abs(matrix.data).max())
    found = known.value.real if known is not None else 0.0
    if found <= DOUBTFUL * size:  # rounding makes small numbers of the zeros of what is in no circle
        found = largest(circles(matrix)).real
    if found <= ROUNDING * size:
        raise AnalysisError(
            f"the largest real part of an eigenvalue is {found:.3g}, so there is nothing to scale by: every cycle is "
            "damped by its signs. Take weights without signs, or more of the graph"
        )
    return found


def has_cycles(matrix: sparse.csr_array) -> bool:
    """Whether any neuron reaches itself along weights that are not 0."""
    from scipy.sparse.csgraph import connected_components

    there = matrix.copy()
    there.eliminate_zeros()
    count, _ = connected_components(there, directed=True, connection="strong")
    return bool(count < matrix.shape[0])


def adjusted(score: Floats) -> Floats:
    """Scores on a logarithmic scale that begins at 0: sgn(x) (ln max(|x|, e^-24) + 24)."""
    return np.asarray(np.sign(score) * (np.log(np.maximum(np.abs(score), math.exp(-LEAST))) + LEAST))

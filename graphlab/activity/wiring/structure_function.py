"""Structure against function: does the wiring say which pairs are functionally connected?

AUROC of each structural quantity, with intervals from resampling neurons (pairs share neurons, so pairs are no
independent samples) and a permutation null that keeps every neuron's number of functional partners and the shares of
distance, mirrored where edges have no direction as the labels are; partial effects by logistic regression; rates by
class of pair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from graphlab.activity.sessions.session import Floats
from graphlab.activity.wiring.pair_null_kernel import swap_labels, swap_mirrored_labels
from graphlab.activity.wiring.structure import PairStructure
from graphlab.statistics.intervals import percentile_interval
from graphlab.statistics.p_values import benjamini_hochberg, two_sided_p
from graphlab.statistics.scores import auroc_of_ranks, weighted_mean
from graphlab.statistics.threads import one_thread
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, MissingExtraError

DISTANCE_BINS = 5
MOST_FITS = 200
SWAPS = 20
"""Attempts a positive pair between null samples."""
PARTIAL = ("weight", "weight_electrical", "weight_reversed", "minus_path_length", "minus_distance_nm")


@dataclass(frozen=True)
class Row:
    """One line of the answer."""

    quantity: str
    """auroc, partial_effect or rate."""
    structure: str
    group: str | None
    pairs: int
    value: float
    lo: float
    hi: float
    null_mean: float
    null_std: float
    p: float
    q: float = float("nan")


def compare(
    structure: PairStructure,
    functional: np.ndarray,
    bootstraps: int = 500,
    permutations: int = 200,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[list[Row], list[str]]:
    """Every structural quantity against the functional label of each measured ordered pair.

    Args:
        functional: int8 [n, n], row = pre (stimulated), column = post (responding): 1 functional, 0 not, -1 not
            measured; the diagonal is never looked at. A symmetric one is of edges without direction.

    Returns:
        (rows, notes)
    """
    label = functional.astype(np.int8).copy()
    np.fill_diagonal(label, -1)
    if structure.distance is not None:
        label[~np.isfinite(structure.distance)] = -1
    i, j = np.nonzero(label >= 0)
    positive = label[i, j] == 1
    if not positive.any() or positive.all():
        raise AnalysisError(
            f"{len(i):,} measured pairs of which {int(positive.sum()):,} are functional; wanted some of either"
        )
    rng = np.random.default_rng(seed)
    n = len(label)
    weights = rng.multinomial(n, np.full(n, 1.0 / n), size=bootstraps).astype(np.float64)
    bins = _bins(structure, label)
    nulls, made = _null_labels(label, bins, permutations, rng, progress)
    notes = list(structure.notes)
    mirrored = bool((label == label.T).all())
    wanted = int(positive.sum()) // (2 if mirrored else 1)
    if mirrored:
        notes.append("edges have no direction: the permutation null is mirrored as the labels are")
    if made < wanted:
        notes.append(f"the permutation null made {made:,} swaps a sample for {wanted:,} pairs: it hardly mixes")
    rows = []
    for name, matrix in structure.numbers.items():
        _, rank = np.unique(matrix[i, j], return_inverse=True)
        statistic = auroc_of_ranks(rank, positive)
        lo, hi = percentile_interval([auroc_of_ranks(rank, positive, w[i] * w[j]) for w in weights])
        null = np.array([auroc_of_ranks(rank, fake[i, j] == 1) for fake in nulls])
        rows.append(Row("auroc", name, None, len(i), statistic, lo, hi, *_null(null), _p(statistic, null)))
    for name, matrix in structure.groups.items():
        kinds = matrix[i, j]
        for group in sorted(set(kinds.tolist())):
            mine = kinds == group
            statistic = float(positive[mine].mean())
            lo, hi = percentile_interval([weighted_mean(positive[mine], (w[i] * w[j])[mine]) for w in weights])
            null = np.array([(fake[i, j] == 1)[mine].mean() for fake in nulls])
            rows.append(Row("rate", name, group, int(mine.sum()), statistic, lo, hi, *_null(null), _p(statistic, null)))
    rows += _partial_effects(structure, i, j, positive, weights)
    q = benjamini_hochberg(np.array([row.p for row in rows]))
    return [replace(row, q=float(value)) for row, value in zip(rows, q, strict=True)], notes


def _bins(structure: PairStructure, label: np.ndarray) -> np.ndarray:
    if structure.distance is None:
        return np.zeros(label.shape, dtype=np.int8)
    inside = np.quantile(structure.distance[label >= 0], np.linspace(0, 1, DISTANCE_BINS + 1)[1:-1])
    return np.searchsorted(inside, np.nan_to_num(structure.distance, nan=np.inf)).astype(np.int8)


def _null_labels(
    label: np.ndarray,
    bins: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
    progress: Progress | None,
) -> tuple[list[np.ndarray], int]:
    """A chain of swapped labels; (samples, mean swaps between them)."""
    state = np.ascontiguousarray(label)
    swap = swap_mirrored_labels if (label == label.T).all() else swap_labels
    attempts = SWAPS * int((label == 1).sum()) * DISTANCE_BINS
    swap(state, bins, attempts, int(rng.integers(2**31)))
    samples, made = [], 0
    for number in range(permutations):
        made += swap(state, bins, attempts, int(rng.integers(2**31)))
        samples.append(state.copy())
        if progress:
            progress(number + 1, permutations)
    return samples, made // max(1, permutations)


def _partial_effects(
    structure: PairStructure, i: np.ndarray, j: np.ndarray, positive: np.ndarray, weights: Floats
) -> list[Row]:
    """Log odds a standard deviation of each quantity with the others held, and bootstrap intervals over neurons."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingExtraError("scikit-learn", "activity") from None
    names = [name for name in PARTIAL if name in structure.numbers]
    x = np.stack([structure.numbers[name][i, j] for name in names], axis=1)
    for column, name in enumerate(names):
        if name.startswith("weight"):
            x[:, column] = np.log1p(x[:, column])
    spread = x.std(axis=0)
    names = [name for name, width in zip(names, spread, strict=True) if width > 0]
    x = ((x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0))[:, spread > 0]
    # Begun at the last answer: resampled neurons change the coefficients by little.
    model = LogisticRegression(C=1e4, max_iter=200, warm_start=True)
    drawn = []
    with one_thread():
        coefficients = model.fit(x, positive).coef_[0].copy()
        for w in weights[:MOST_FITS]:
            pair = w[i] * w[j]
            use = pair > 0
            if positive[use].any() and not positive[use].all():
                drawn.append(model.fit(x[use], positive[use], sample_weight=pair[use]).coef_[0].copy())
    effects = np.array(drawn).reshape(-1, len(names))
    rows = []
    for column, name in enumerate(names):
        lo, hi = percentile_interval(effects[:, column])
        rows.append(
            Row("partial_effect", name, None, len(i), float(coefficients[column]), lo, hi, *([float("nan")] * 3))
        )
    return rows


def _null(null: Floats) -> tuple[float, float]:
    return (float(null.mean()), float(null.std())) if len(null) else (float("nan"), float("nan"))


def _p(observed: float, null: Floats) -> float:
    return float(two_sided_p(np.array([observed]), null[:, None])[0]) if len(null) else float("nan")

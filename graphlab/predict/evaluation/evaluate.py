"""Scores of predicted probabilities, with intervals that resample homologue classes at both ends of a pair.

Every metric takes a weight for each example, so that a bootstrap is a weighting and not a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.predictor import Judged
from graphlab.statistics import scores
from graphlab.statistics.intervals import mean_of_defined, percentile_interval

BINS = 10
"""Bins of confidence for calibration, of equal width (Guo et al. 2017) or with equally many examples."""

Metric = Callable[[Ints, Floats, Floats], float]
"""(labels [m], probabilities [m, classes], weights [m]) -> score; NaN where undefined."""


@dataclass(frozen=True, eq=False)
class FoldPredictions:
    """Predictions for the test examples of one fold."""

    rows: Ints
    """[k] example numbers."""
    probability: Floats
    """[k, classes]"""
    judged: Judged | None = None
    """Sets and doubt, of predictors that say how sure they are."""


@dataclass(frozen=True)
class Estimate:
    """A score, mean over folds, with a 95 % interval and what it is for every fold."""

    value: float
    lo: float
    hi: float
    folds: tuple[float, ...] = ()


def area_under_roc(label: Ints, probability: Floats, weight: Floats) -> float:
    """Chance that a positive outranks a negative, ties half."""
    return scores.auroc(probability[:, 1], label == 1, weight)


def average_precision(label: Ints, probability: Floats, weight: Floats) -> float:
    """Sum over thresholds of (recall step) x precision, tied scores one threshold."""
    return scores.average_precision(probability[:, 1], label == 1, weight)


def brier(label: Ints, probability: Floats, weight: Floats) -> float:
    """Mean squared error of the probabilities: of the positive class for two classes, summed over classes for more."""
    total = weight.sum()
    if total <= 0:
        return float("nan")
    if probability.shape[1] == 2:
        error = (probability[:, 1] - (label == 1)) ** 2
    else:
        error = ((probability - np.eye(probability.shape[1])[label]) ** 2).sum(axis=1)
    return float((weight * error).sum() / total)


def expected_calibration_error(label: Ints, probability: Floats, weight: Floats) -> float:
    """Mean over bins of |confidence - frequency|, weighted by their examples."""
    confidence, right = _confidence(label, probability)
    total = weight.sum()
    if total <= 0:
        return float("nan")
    _, expected, true = _reliability(confidence, right, weight)
    return float(np.abs(expected - true).sum() / total)


def equal_mass_calibration_error(label: Ints, probability: Floats, weight: Floats) -> float:
    """The same over bins with equally many examples, equal confidences in one bin (Nixon et al. 2019).

    Where most confidences crowd together, as those of a rare answer near 0, bins of equal width see one bin.
    """
    confidence, right = _confidence(label, probability)
    total = weight.sum()
    if total <= 0:
        return float("nan")
    values, place = np.unique(confidence, return_inverse=True)
    mass = np.bincount(place, weights=weight, minlength=len(values))
    middle = np.cumsum(mass) - mass / 2
    bin_of = np.minimum((middle / total * BINS).astype(np.int64), BINS - 1)[place]
    gap = np.bincount(bin_of, weights=weight * (confidence - right), minlength=BINS)
    return float(np.abs(gap).sum() / total)


def accuracy(label: Ints, probability: Floats, weight: Floats) -> float:
    """Weighted share of examples whose most probable class is theirs."""
    total = weight.sum()
    return float((weight * (probability.argmax(axis=1) == label)).sum() / total) if total > 0 else float("nan")


def macro_f1(label: Ints, probability: Floats, weight: Floats) -> float:
    """Unweighted mean of F1 over the classes that occur among the examples: rare types count as much as common."""
    return macro_f1_among(range(probability.shape[1]))(label, probability, weight)


def macro_f1_among(classes: Sequence[int]) -> Metric:
    """Macro-F1 over some of the classes: those of labels that were given for one reason, apart from the others."""
    chosen = np.asarray(classes, dtype=np.int64)

    def metric(label: Ints, probability: Floats, weight: Floats) -> float:
        true, called, hit = _counts(label, probability, weight)
        there = chosen[true[chosen] > 0]
        return float((2 * hit[there] / (true[there] + called[there])).mean()) if len(there) else float("nan")

    return metric


BINARY: dict[str, Metric] = {
    "auroc": area_under_roc,
    "average_precision": average_precision,
    "brier": brier,
    "ece": expected_calibration_error,
    "ece_equal_mass": equal_mass_calibration_error,
}
MANY: dict[str, Metric] = {
    "macro_f1": macro_f1,
    "accuracy": accuracy,
    "brier": brier,
    "ece": expected_calibration_error,
    "ece_equal_mass": equal_mass_calibration_error,
}
SMALLER_IS_BETTER = frozenset({"brier", "ece", "ece_equal_mass"})


def metrics_of(examples: Examples) -> dict[str, Metric]:
    """Scores of a ranked pair task (two classes) or of a choice among more."""
    return BINARY if len(examples.classes) == 2 else MANY


def base_rates(examples: Examples, predictions: Sequence[FoldPredictions]) -> dict[str, float]:
    """Share of each class among the test examples, mean over folds: what a metric must be read against."""
    rates = [np.bincount(examples.label[h.rows], minlength=len(examples.classes)) / len(h.rows) for h in predictions]
    return dict(zip(examples.classes, np.mean(rates, axis=0).tolist(), strict=True))


def class_weights(examples: Examples, bootstraps: int, seed: int) -> list[Floats]:
    """Weights [m] of two-way bootstrap samples over classes at the first and at the second end.

    In a node task both ends are one neuron, so its class is drawn once.
    """
    rng = np.random.default_rng(seed)
    a, b = examples.group[examples.source], examples.group[examples.target]
    weights = []
    for _ in range(bootstraps):
        first = _draw(a, rng)
        weights.append(first * _draw(b, rng) if examples.is_pairs else first)
    return weights


def estimate(
    examples: Examples, predictions: Sequence[FoldPredictions], metric: Metric, weights: Sequence[Floats]
) -> Estimate:
    """Mean over folds of a metric, and its interval with the same classes drawn in every fold."""
    folds = tuple(_score(examples, h, metric, None) for h in predictions)
    lo, hi = percentile_interval(
        [mean_of_defined([_score(examples, h, metric, w) for h in predictions]) for w in weights]
    )
    return Estimate(mean_of_defined(folds), lo, hi, folds)


def simultaneous_difference(
    examples: Examples,
    one: Sequence[FoldPredictions],
    other: Sequence[FoldPredictions],
    metric: Metric,
    weights: Sequence[Floats],
    comparisons: int,
) -> Estimate:
    """``one`` minus ``other`` with an interval that holds for all of so many comparisons at once, at 95 %.

    Some hundred samples do not reach the tails that many comparisons ask for: the interval is the normal one, of their
    standard deviation, at the level of Bonferroni.
    """
    folds, drawn = _gaps(examples, one, other, metric, weights)
    kept = [value for value in drawn if np.isfinite(value)]
    value = mean_of_defined(folds)
    if len(kept) < 2:
        return Estimate(value, float("nan"), float("nan"), folds)
    reach = NormalDist().inv_cdf(1.0 - 0.05 / (2 * comparisons)) * float(np.std(kept, ddof=1))
    return Estimate(value, value - reach, value + reach, folds)


def standard_error(
    examples: Examples,
    one: Sequence[FoldPredictions],
    other: Sequence[FoldPredictions],
    metric: Metric,
    weights: Sequence[Floats],
) -> float:
    """Of the paired difference, over resampled classes; 0 where it is undefined."""
    kept = [value for value in _gaps(examples, one, other, metric, weights)[1] if np.isfinite(value)]
    return float(np.std(kept, ddof=1)) if len(kept) > 1 else 0.0


def paired_difference(
    examples: Examples,
    one: Sequence[FoldPredictions],
    other: Sequence[FoldPredictions],
    metric: Metric,
    weights: Sequence[Floats],
) -> Estimate:
    """``one`` minus ``other`` on identical folds, with the interval of the paired bootstrap over classes."""
    folds, drawn = _gaps(examples, one, other, metric, weights)
    lo, hi = percentile_interval(drawn)
    return Estimate(mean_of_defined(folds), lo, hi, folds)


def reliability(examples: Examples, predictions: Sequence[FoldPredictions]) -> list[tuple[float, float, int]]:
    """(mean confidence, observed frequency, examples) of every bin that has some, folds pooled."""
    label, probability = _pooled(examples, predictions)
    count, expected, true = _reliability(*_confidence(label, probability), np.ones(len(label)))
    return [
        (float(s / c), float(t / c), int(c)) for c, s, t in zip(count, expected, true, strict=True) if c > 0
    ]  # fmt: skip


def selective_curve(examples: Examples, predictions: Sequence[FoldPredictions]) -> tuple[Floats, Floats]:
    """(coverage, error) when only the most confident answers are given, folds pooled.

    Confidence is the probability of the most probable class; the k-th point keeps the k surest answers.
    """
    label, probability = _pooled(examples, predictions)
    sure = probability.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    wrong = (probability.argmax(axis=1) != label)[order]
    kept = np.arange(1, len(label) + 1)
    return kept / len(label), np.cumsum(wrong) / kept


def _pooled(examples: Examples, predictions: Sequence[FoldPredictions]) -> tuple[Ints, Floats]:
    rows = np.concatenate([h.rows for h in predictions])
    return examples.label[rows], np.concatenate([h.probability for h in predictions])


def _score(examples: Examples, predicted: FoldPredictions, metric: Metric, weight: Floats | None) -> float:
    w = np.ones(len(predicted.rows)) if weight is None else weight[predicted.rows]
    return metric(examples.label[predicted.rows], predicted.probability, w)


def _counts(label: Ints, probability: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Weights [classes] of examples of each class, of those called it, and of those called it rightly."""
    k = probability.shape[1]
    predicted = probability.argmax(axis=1)
    confusion = np.bincount(label * k + predicted, weights=weight, minlength=k * k).reshape(k, k)
    return confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)


def _draw(group: Ints, rng: np.random.Generator) -> Floats:
    present, place = np.unique(group, return_inverse=True)
    drawn = rng.multinomial(len(present), np.full(len(present), 1.0 / len(present)))
    return np.asarray(drawn[place], dtype=np.float64)


def _confidence(label: Ints, probability: Floats) -> tuple[Floats, np.ndarray]:
    """What is claimed and whether it holds: of the positive class for two classes, of the answer for more."""
    if probability.shape[1] == 2:
        return probability[:, 1], label == 1
    return probability.max(axis=1), probability.argmax(axis=1) == label


def _reliability(confidence: Floats, right: np.ndarray, weight: Floats) -> tuple[Floats, Floats, Floats]:
    bin_of = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(bin_of, weights=weight, minlength=BINS)
    expected = np.bincount(bin_of, weights=weight * confidence, minlength=BINS)
    true = np.bincount(bin_of, weights=weight * right, minlength=BINS)
    return np.asarray(count, np.float64), np.asarray(expected, np.float64), np.asarray(true, np.float64)


def _gaps(
    examples: Examples,
    one: Sequence[FoldPredictions],
    other: Sequence[FoldPredictions],
    metric: Metric,
    weights: Sequence[Floats],
) -> tuple[tuple[float, ...], list[float]]:
    """Differences of every fold, and their mean for every weighting."""
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.rows, b.rows), "folds differ"

    def gap(weight: Floats | None) -> list[float]:
        pairs = zip(one, other, strict=True)
        return [_score(examples, a, metric, weight) - _score(examples, b, metric, weight) for a, b in pairs]

    return tuple(gap(None)), [mean_of_defined(gap(weight)) for weight in weights]

"""Probabilities that mean what they say: a map learned on classes that the predictor did not see, and how sure to be.

Any predictor can be wrapped. Some homologue classes of the training examples are held out in turn, the predictor is
fitted without them and asked about them; the map from what it said to what was so is learned there and then applied to
the predictor fitted on everything. Labels outside the training examples are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from graphlab.predict.evaluation import evaluate
from graphlab.predict.evaluation.conformal import set_scores
from graphlab.predict.evaluation.evaluate import Estimate, FoldPredictions, Metric
from graphlab.predict.evaluation.splits import SPLITS
from graphlab.predict.inputs.examples import HIDDEN, Examples, Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.predictor import Around, Fitted, Predictor, TrainingJournal, known_rows
from graphlab.predict.state import Array, State, array, require, with_prefix, without_prefix
from ingest.schema.errors import AnalysisError, MissingExtraError, UnknownNameError

PREFIX = "calibrated "
NARROWEST = 1e-4
"""Probabilities below it count as it: a forest's 0 says no more than that."""
WIDEST_TEMPERATURE = 100.0
SURE_ENOUGH = 0.95
"""Accuracy that answers kept by confidence must have, for the coverage that is reported."""


class Map(Protocol):
    """From probabilities [k, classes] as said to probabilities [k, classes] as they are."""

    def __call__(self, probability: Floats) -> Floats: ...

    def state(self) -> dict[str, Array]:
        """Its numbers, for ``restore``."""


@dataclass(frozen=True)
class Temperature:
    """Log probabilities over one number (Guo et al. 2017, ICML, section 4.2): ranks of two classes stay as they are."""

    value: float

    def __call__(self, probability: Floats) -> Floats:
        logits = np.log(np.maximum(probability, NARROWEST)) / self.value
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def state(self) -> dict[str, Array]:
        return {"temperature": np.array([self.value])}


@dataclass(frozen=True, eq=False)
class Isotonic:
    """Each class against the rest by a rising line, then scaled to add up to 1 (Zadrozny & Elkan 2002)."""

    said: tuple[Floats, ...]
    true: tuple[Floats, ...]

    def __call__(self, probability: Floats) -> Floats:
        columns = [np.interp(p, s, t) for p, s, t in zip(probability.T, self.said, self.true, strict=True)]
        calibrated = np.stack(columns, axis=1)
        return np.asarray(calibrated / calibrated.sum(axis=1, keepdims=True))

    def state(self) -> dict[str, Array]:
        knots = np.array([len(one) for one in self.said], dtype=np.int64)
        return {"knots": knots, "said": np.concatenate(self.said), "true": np.concatenate(self.true)}


def restore_map(state: State) -> Map:
    """A map from its numbers. Raises SchemaError: numbers of something else."""
    if "temperature" in state:
        value = array(state, "temperature", np.float64, 1)
        require(len(value) == 1 and bool(value[0] > 0), "a temperature is one number above 0")
        return Temperature(float(value[0]))
    knots = array(state, "knots", np.int64, 1)
    predicted, true = (array(state, name, np.float64, 1) for name in ("said", "true"))
    require(
        bool((knots > 0).all()) and knots.sum() == len(predicted) == len(true), "knots of a calibration are missing"
    )
    ends = np.cumsum(knots)[:-1]
    return Isotonic(tuple(np.split(predicted, ends)), tuple(np.split(true, ends)))


def fit_temperature(probability: Floats, label: Ints) -> Temperature:
    """The temperature with the largest likelihood of these labels; the likelihood has one peak in 1 / temperature."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(label))

    def loss(log_value: float) -> float:
        likelihood = Temperature(float(np.exp(log_value)))(probability)[rows, label]
        return float(-np.log(np.maximum(likelihood, 1e-300)).mean())

    reach = np.log(WIDEST_TEMPERATURE)
    optimum = minimize_scalar(loss, bounds=(-reach, reach), method="bounded", options={"xatol": 1e-6})
    return Temperature(float(np.exp(optimum.x)))


def fit_isotonic(probability: Floats, label: Ints) -> Isotonic:
    """Rising steps with the least squared error, joined by lines; k examples make nobody surer than k + 1 to 1."""
    try:
        from sklearn.isotonic import IsotonicRegression
    except ImportError:
        raise MissingExtraError("scikit-learn", "gnn") from None
    k = len(label)
    predicted, true = [], []
    for number in range(probability.shape[1]):
        model = IsotonicRegression(y_min=1 / (k + 2), y_max=(k + 1) / (k + 2))
        model.fit(probability[:, number], label == number)
        predicted.append(np.asarray(model.X_thresholds_, dtype=np.float64))
        true.append(np.asarray(model.y_thresholds_, dtype=np.float64))
    return Isotonic(tuple(predicted), tuple(true))


METHODS: dict[str, Callable[[Floats, Ints], Map]] = {"temperature": fit_temperature, "isotonic": fit_isotonic}


def held_out_predictions(
    predictor: Predictor, inputs: Inputs, known: Ints, classes: int, seed: int, split: str = "neuron", folds: int = 4
) -> tuple[Floats, Ints]:
    """(probabilities [k, classes], labels [k]) of training examples, each said without its homologue classes.

    Args:
        split: of ``splits``; ``neuron`` asks about pairs with both ends unseen, ``class`` about unseen class pairs.

    Returns empty arrays where the classes are too few to hold any out.
    """
    rows = known_rows(known)
    nothing = np.empty((0, classes)), np.empty(0, dtype=np.int64)
    try:
        names = tuple(str(k) for k in range(classes))
        examples = Examples(inputs.source[rows], inputs.target[rows], known[rows], names, inputs.group)
        inner_folds = SPLITS.get(split)(examples, folds, np.random.default_rng([seed, folds]))
    except AnalysisError:
        return nothing
    probabilities, label = [], []
    for fold in inner_folds:
        inner = np.full(len(known), HIDDEN, dtype=np.int64)
        inner[rows[fold.train]] = known[rows[fold.train]]
        if len(np.unique(known[rows[fold.train]])) < 2:
            continue
        # A label that the inner fold never saw was said to be impossible, which teaches nothing about confidence.
        asked = rows[fold.test[np.isin(known[rows[fold.test]], known[rows[fold.train]])]]
        if not len(asked):
            continue
        probabilities.append(predictor.fit(inputs, inner, classes, seed).predict(inputs, asked))
        label.append(known[asked])
    return (np.concatenate(probabilities), np.concatenate(label)) if probabilities else nothing


@dataclass(frozen=True)
class Calibrated(Around):
    """Any predictor, its probabilities mapped by what came true for classes it had not seen."""

    predictor: Predictor
    method: str = "temperature"
    split: str = "neuron"
    folds: int = 4

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UnknownNameError("calibration", self.method, METHODS)

    @property
    def name(self) -> str:
        return calibrated_name(self.predictor.name)

    @property
    def libraries(self) -> frozenset[str]:
        return super().libraries | ({"sklearn"} if self.method == "isotonic" else frozenset())

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        probability, label = held_out_predictions(self.predictor, inputs, known, classes, seed, self.split, self.folds)
        fitted = self.predictor.fit(inputs, known, classes, seed)
        # With nothing to learn a map from, what is said stays as it is.
        return _Fitted(fitted, METHODS[self.method](probability, label) if len(label) else Temperature(1.0))

    def restore(self, state: State) -> Fitted:
        return _Fitted(
            self.predictor.restore(without_prefix(state, "predictor")), restore_map(without_prefix(state, "map"))
        )

    def sentence(self) -> str:
        return (
            f"{self.predictor.sentence()}; {self.method} scaling learned on {self.folds} inner folds by {self.split} "
            "of the training examples"
        )


@dataclass(frozen=True, eq=False)
class _Fitted:
    fitted: Fitted
    map: Map

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        return self.map(self.fitted.predict(inputs, rows))

    def state(self) -> dict[str, Array]:
        return with_prefix("predictor", self.fitted.state()) | with_prefix("map", self.map.state())


def calibrated_name(name: str) -> str:
    """What the calibrated predictor is called."""
    return f"{PREFIX}{name}"


def selective_area(label: Ints, probability: Floats, weight: Floats) -> float:
    """Area under error against coverage, as the surest answers are kept (Geifman & El-Yaniv 2017): 0 is perfect.

    Tied confidences are one threshold; the error of answers in random order is the error rate itself.
    """
    coverage, error = _kept(label, probability, weight)
    return float((np.diff(coverage, prepend=0.0) * error).sum()) if len(coverage) else float("nan")


def coverage_at(label: Ints, probability: Floats, weight: Floats, right: float = SURE_ENOUGH) -> float:
    """Largest share of examples, the surest ones, whose answers are right in at least ``right`` of cases."""
    coverage, error = _kept(label, probability, weight)
    if not len(coverage):
        return float("nan")
    good = error <= 1.0 - right + 1e-12
    return float(coverage[good][-1]) if good.any() else 0.0


SELECTIVE: dict[str, Metric] = {"selective_area": selective_area, "coverage_at_95": coverage_at}


def uncertainty(
    examples: Examples, predictions: Mapping[str, Sequence[FoldPredictions]], bootstraps: int = 200, seed: int = 0
) -> dict[str, dict[str, Estimate]]:
    """For every predictor: how much can be kept at 95 % accuracy, the area, and calibration beside its calibrated self.

    Returns predictor -> {``selective_area``, ``coverage_at_95``, ``most_common``}, and where a predictor named
    ``calibrated X`` is there, of X also ``ece``, ``ece_calibrated`` and ``ece_change`` (paired on identical folds).
    ``most_common`` is the accuracy of always saying the most common class: coverage means something above it only.
    """
    weights = evaluate.class_weights(examples, bootstraps, seed)
    measures: dict[str, dict[str, Any]] = {}
    for name, folds in predictions.items():
        row: dict[str, Estimate] = {
            metric: evaluate.estimate(examples, folds, function, weights) for metric, function in SELECTIVE.items()
        }
        row["most_common"] = _most_common(examples, folds, weights)
        other = predictions.get(calibrated_name(name))
        if other is not None:
            ece = evaluate.expected_calibration_error
            row["ece"] = evaluate.estimate(examples, folds, ece, weights)
            row["ece_calibrated"] = evaluate.estimate(examples, other, ece, weights)
            row["ece_change"] = evaluate.paired_difference(examples, other, folds, ece, weights)
        measures[name] = row | set_scores(examples, folds, weights)
    return measures


def uncertainty_card(measures: dict[str, dict[str, Estimate]]) -> dict[str, dict[str, dict[str, Any]]]:
    """The same as a card keeps it, JSON-ready."""
    return {name: {what: asdict(estimate) for what, estimate in row.items()} for name, row in measures.items()}


def _most_common(examples: Examples, predictions: Sequence[FoldPredictions], weights: Sequence[Floats]) -> Estimate:
    number = int(np.bincount(examples.label).argmax())

    def share(label: Ints, probability: Floats, weight: Floats) -> float:
        total = weight.sum()
        return float((weight * (label == number)).sum() / total) if total > 0 else float("nan")

    return evaluate.estimate(examples, predictions, share, weights)


def _kept(label: Ints, probability: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """(coverage, error) at every confidence that occurs, the surest first; empty without weight."""
    total = weight.sum()
    if total <= 0:
        return np.empty(0), np.empty(0)
    values, place = np.unique(-probability.max(axis=1), return_inverse=True)
    wrong = probability.argmax(axis=1) != label
    kept = np.cumsum(np.bincount(place, weights=weight, minlength=len(values)))
    missed = np.cumsum(np.bincount(place, weights=weight * wrong, minlength=len(values)))
    some = kept > 0
    return np.asarray(kept[some] / total), np.asarray(missed[some] / kept[some])

"""How large a response is, and of which sign: regression on the columns of the response task, on its folds.

Sizes are signed (mean dF/F). Of pairs without a response a size is mostly noise, so that it is asked twice: of every
pair that has one, and of responders alone. A sign is scored among responders only; elsewhere it is the sign of noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graphlab.predict.controls.control_plan import ControlResult, ControlSetup, missing
from graphlab.predict.evaluation.evaluate import FoldPredictions, Metric, estimate, paired_difference
from graphlab.predict.evaluation.splits import SPLITS
from graphlab.predict.inputs.design import design
from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.features import FeatureColumns, Inputs
from graphlab.predict.learners.trees.forest import PAIR_LEAF, TREES
from graphlab.predict.predictors import PREDICTORS
from graphlab.statistics import ridge, scores
from graphlab.statistics.folds import Fold
from graphlab.statistics.threads import one_thread
from ingest.schema.errors import MissingExtraError, SchemaError

CLIP = 1.0
"""dF/F beyond this counts as this: a handful of pairs would decide a correlation by themselves."""
INNER_FOLDS = 3
SIZE, AMONG, SIGN = "response size", "size among responders", "sign among responders"
SIGNS = ("decrease", "increase")
SIGN_PREDICTORS = ("synapse count", "distance", "identity rates", "logistic regression", "random forest")


def of_columns(score: Callable[[Floats, Floats, Floats], float]) -> Metric:
    """A score of what was predicted and measured, the two columns [m, 2] of what is held."""
    return lambda label, columns, weight: score(columns[:, 0], columns[:, 1], weight)


REGRESSION: dict[str, Metric] = {
    "pearson": of_columns(scores.pearson), "spearman": of_columns(scores.spearman), "r2": of_columns(scores.r_squared),
}  # fmt: skip

Fitted = Callable[[Inputs, Ints], Floats]
Regression = Callable[[Inputs, Examples, Ints, Floats, int], Fitted]
"""(inputs, examples, training rows, their sizes, seed) -> sizes of any rows."""


def _mean(inputs: Inputs, examples: Examples, train: Ints, size: Floats, seed: int) -> Fitted:
    middle = float(size.mean())
    return lambda _, rows: np.full(len(rows), middle)


@dataclass(frozen=True)
class Ridge:
    """Ridge regression on some of the columns, its penalty chosen on inner folds by homologue classes."""

    names: frozenset[str] | None = None
    """Columns; all of them when absent."""
    family: str | None = None

    def __call__(self, inputs: Inputs, examples: Examples, train: Ints, size: Floats, seed: int) -> Fitted:
        # Splits want two classes of labels, and look at none.
        parity = np.arange(len(train)) % 2
        inner = Examples(examples.source[train], examples.target[train], parity, SIGNS, examples.group)
        made = SPLITS.get("class")(inner, INNER_FOLDS, np.random.default_rng(seed))
        with one_thread():
            model = ridge.fit(self.columns(inputs, train), size[:, None], made)
        return lambda inputs, rows: model.predict(self.columns(inputs, rows))[:, 0]

    def columns(self, inputs: Inputs, rows: Ints) -> Floats:
        whole = design(inputs, rows)
        keep = [k for k in range(len(whole.names)) if self._wanted(whole, k)]
        return np.asarray(whole.values[:, keep])

    def _wanted(self, whole: FeatureColumns, place: int) -> bool:
        if self.names is not None:
            return whole.names[place] in self.names
        return self.family is None or whole.families[place] == self.family


def _forest(inputs: Inputs, examples: Examples, train: Ints, size: Floats, seed: int) -> Fitted:
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        raise MissingExtraError("scikit-learn", "gnn") from None
    # As many columns a split as the classifier tries.
    model = RandomForestRegressor(
        TREES, min_samples_leaf=PAIR_LEAF, max_features="sqrt", random_state=seed % 2**32, n_jobs=1
    ).fit(design(inputs, train).values, size)
    return lambda inputs, rows: np.asarray(model.predict(design(inputs, rows).values))


REGRESSIONS: dict[str, Regression] = {
    "mean": _mean,
    "synapse count": Ridge(names=frozenset({"weight"})),
    "distance": Ridge(family="distance"),
    "ridge": Ridge(),
    "random forest": _forest,
}


def sizes_of(plan: ControlSetup) -> Floats:
    """Size [m] of every example, NaN where it is not known, clipped at ``CLIP``.

    Raises:
        SchemaError: a matrix of another shape.
    """
    n = len(plan.wiring.root_ids)
    size = plan.size
    if size is None:
        return np.full(plan.examples.m, np.nan)
    if size.shape != (n, n):
        raise SchemaError(f"sizes of responses {size.shape} for {n} neurons; wanted one row and column a neuron")
    return np.clip(size[plan.examples.source, plan.examples.target], -CLIP, CLIP)


def size_and_sign(plan: ControlSetup, regressions: Sequence[str] = tuple(REGRESSIONS)) -> list[ControlResult]:
    """Lines of all three questions, baselines first, with the gain of the forest over distance."""
    size = sizes_of(plan)
    responds = plan.examples.label == 1
    if not np.isfinite(size).any():
        return [missing(what, "all predictors", "no sizes of responses") for what in (SIZE, AMONG, SIGN)]
    rows = []
    for question, asked in ((SIZE, np.isfinite(size)), (AMONG, np.isfinite(size) & responds)):
        rows += _sizes(plan, question, size, asked, regressions)
    return rows + _signs(plan, size, responds & np.isfinite(size) & (size != 0))


def _sizes(
    plan: ControlSetup, question: str, size: Floats, asked: np.ndarray, names: Sequence[str]
) -> list[ControlResult]:
    folds, why = _folds_among(plan, asked)
    if why:
        return [missing(question, "all predictors", why)]
    note = f"{int(asked.sum()):,} pairs; dF/F clipped at {CLIP:g}"
    rows, predictions = [], {}
    kinds = [name for name in names if name != "distance" or plan.wiring.position_nm is not None]
    for name in kinds:
        predictions[name] = _each(plan, folds, REGRESSIONS[name], size)
        for metric, function in REGRESSION.items():
            shown = estimate(plan.examples, predictions[name], function, plan.weights)
            rows.append(ControlResult(question, name, plan.split, metric, shown, None, note))
    for name in ("ridge", "random forest"):
        if name in predictions and "distance" in predictions:
            for metric, function in REGRESSION.items():
                gap = paired_difference(
                    plan.examples, predictions[name], predictions["distance"], function, plan.weights
                )
                rows.append(
                    ControlResult(question, f"gain of {name} over distance", plan.split, metric, gap, None, note)
                )
    return rows


def _each(plan: ControlSetup, folds: Sequence[Fold], regression: Regression, size: Floats) -> list[FoldPredictions]:
    def work(_: int, fold: Fold) -> FoldPredictions:
        inputs = plan.build(plan.examples, fold.train)
        model = regression(inputs, plan.examples, fold.train, size[fold.train], plan.seed)
        return FoldPredictions(fold.test, np.stack([model(inputs, fold.test), size[fold.test]], axis=1))

    return replace(plan, folds=folds).each_fold(work)


def _signs(plan: ControlSetup, size: Floats, asked: np.ndarray) -> list[ControlResult]:
    folds, why = _folds_among(plan, asked)
    up = (size > 0).astype(np.int64)
    if not why and len(np.unique(up[asked])) < 2:
        why = "every responder has the same sign"
    if why:
        return [missing(SIGN, "all predictors", why)]
    rows = np.flatnonzero(asked)
    examples = plan.examples
    signed = Examples(examples.source[rows], examples.target[rows], up[rows], SIGNS, examples.group)
    among = [Fold(np.searchsorted(rows, fold.train), np.searchsorted(rows, fold.test)) for fold in folds]
    own = replace(plan, examples=signed, folds=among, weights=[w[rows] for w in plan.weights], kept={})
    note = f"{len(rows):,} responders, {up[rows].mean():.1%} of them increase"
    constant = [FoldPredictions(fold.test, np.full((len(fold.test), 2), 0.5)) for fold in among]
    lines, predictions = own.scores(SIGN, "mean", constant, note), {}
    for name in SIGN_PREDICTORS:
        if name == "distance" and plan.wiring.position_nm is None:
            continue
        predictions[name] = own.held(PREDICTORS.get(name))
        lines += own.scores(SIGN, name, predictions[name], note)
    if "distance" in predictions:
        lines += own.gains(
            SIGN, "of random forest over distance", predictions["random forest"], predictions["distance"], note
        )
    return lines


def _folds_among(plan: ControlSetup, asked: np.ndarray) -> tuple[list[Fold], str]:
    """The folds of the response task with the pairs that are asked about, or why there are none."""
    folds = [Fold(fold.train[asked[fold.train]], fold.test[asked[fold.test]]) for fold in plan.folds]
    thin = [fold for fold in folds if len(fold.train) < 2 * INNER_FOLDS or len(fold.test) < 2]
    return folds, f"{len(thin)} of {len(folds)} folds have too few of these pairs" if thin else ""

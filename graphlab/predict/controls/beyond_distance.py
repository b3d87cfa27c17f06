"""What a predictor knows beyond distance: its order among pairs equally far apart, and with distance regressed out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphlab.predict.controls.control_plan import ControlResult, ControlSetup
from graphlab.predict.evaluation.evaluate import FoldPredictions, Metric, average_precision
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.predictors import PREDICTORS
from graphlab.statistics.scores import auroc, mid_ranks
from ingest.schema.errors import AnalysisError

STRATA = 10
NARROWEST = 1e-4
NAME = "distance regressed out"


def distances(plan: ControlSetup) -> Floats:
    """Distance [m] of the two neurons of every example, um.

    Raises:
        AnalysisError: no positions.
    """
    place = plan.wiring.position_nm
    if place is None:
        raise AnalysisError(
            "distance cannot be regressed out without positions of the neurons; ingest x_nm, y_nm, z_nm"
        )
    apart = place[plan.examples.source] - place[plan.examples.target]
    return np.asarray(np.linalg.norm(apart, axis=1) / 1e3)


def strata_of(distance: Floats, strata: int = STRATA) -> Ints:
    """Number [m] of the quantile that a distance falls in."""
    return np.searchsorted(_knots(distance, strata), distance, side="right").astype(np.int64)


def within_strata(label: Ints, scored: Floats, weight: Floats) -> float:
    """Chance that a positive outranks a negative of its own stratum, all such pairs counting alike.

    Args:
        scored: [m, 3], the last column the stratum.
    """
    won = pairs = 0.0
    for chosen in _strata(scored):
        positive = label[chosen] == 1
        up, down = weight[chosen][positive].sum(), weight[chosen][~positive].sum()
        if up > 0 and down > 0:
            won += up * down * auroc(scored[chosen, 1], positive, weight[chosen])
            pairs += up * down
    return float(won / pairs) if pairs > 0 else float("nan")


def precision_within_strata(label: Ints, scored: Floats, weight: Floats) -> float:
    """Average precision of the rank that an example has in its own stratum, the strata pooled.

    Not the mean of the strata's own: with two or three positives each, resampling would raise it.
    """
    rank = np.zeros(len(label))
    for chosen in _strata(scored):
        rank[chosen] = mid_ranks(scored[chosen, 1]) / chosen.sum()
    return average_precision(label, np.column_stack([1.0 - rank, rank]), weight)


WITHIN: dict[str, Metric] = {"auroc": within_strata, "average_precision": precision_within_strata}


def distance_controls(plan: ControlSetup) -> list[ControlResult]:
    """The predictor beside distance alone, among pairs of one decile of distance, and with distance regressed out."""
    distance = distances(plan)
    strata = strata_of(distance)
    alone, ours = PREDICTORS.get("distance"), plan.predictor
    model, near = plan.held(), plan.held(alone)
    rows = plan.scores(NAME, ours.name, model) + plan.scores(NAME, "distance alone", near)
    rows += plan.gains(NAME, f"of {ours.name} over distance alone", model, near)
    inside, near_inside = (_with_strata(predictions, strata) for predictions in (model, near))
    note = f"within {STRATA} quantiles of distance"
    rows += plan.scores(NAME, f"{ours.name}, within deciles", inside, note, metrics=WITHIN)
    rows += plan.scores(NAME, "distance, within deciles", near_inside, "what deciles leave of it", metrics=WITHIN)
    what = f"of {ours.name} over distance, within deciles"
    rows += plan.gains(NAME, what, inside, near_inside, note, metrics=WITHIN)
    left = [regressed_out(predictions, distance) for predictions in model]
    note = "log odds less a piecewise line in distance through them"
    return rows + plan.scores(NAME, f"{ours.name}, distance regressed out", left, note)


def piecewise_line(distance: Floats, knots: Floats) -> Floats:
    """Basis [k, 2 + knots] of continuous functions of distance with a bend at every knot."""
    bends = np.maximum(distance[:, None] - knots[None], 0.0)
    return np.hstack([np.ones((len(distance), 1)), distance[:, None], bends])


def regressed_out(predicted: FoldPredictions, distance: Floats) -> FoldPredictions:
    """Scores of a fold less the best piecewise line in distance through them.

    The line is fitted on the very scores it is taken from, which needs no label: a line from elsewhere would leave a
    little of distance, and where a predictor knows nothing else that little would rank the pairs.
    """
    away = distance[predicted.rows]
    basis = piecewise_line(away, _knots(away, STRATA))
    p = np.clip(predicted.probability[:, 1], NARROWEST, 1.0 - NARROWEST)
    score = np.log(p / (1.0 - p))
    line, *_ = np.linalg.lstsq(basis, score, rcond=None)
    left = 1.0 / (1.0 + np.exp(basis @ line - score))
    return FoldPredictions(predicted.rows, np.stack([1.0 - left, left], axis=1))


def _with_strata(predictions: list[FoldPredictions], strata: Ints) -> list[FoldPredictions]:
    return [replace(h, probability=np.column_stack([h.probability, strata[h.rows]])) for h in predictions]


def _strata(scored: Floats) -> list[np.ndarray]:
    return [scored[:, 2] == number for number in np.unique(scored[:, 2])]


def _knots(distance: Floats, strata: int) -> Floats:
    return np.unique(np.quantile(distance, np.arange(1, strata) / strata))

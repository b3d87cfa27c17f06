"""Whether a classifier knows what it does not know: known cells and as many of types that nobody labelled, told apart.

One score a cell. The threshold beyond which an answer is withheld is from known cells that were held out; types of
strangers are looked at for the score alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graphlab.predict.evaluation.doubts import KEPT, threshold
from graphlab.predict.evaluation.evaluate import Estimate, expected_calibration_error
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.statistics.intervals import percentile_interval
from graphlab.statistics.scores import auroc
from ingest.schema.errors import AnalysisError

BOOTSTRAPS = 400


@dataclass(frozen=True)
class Strangers:
    """How one score of doubt tells strangers from known cells."""

    auroc: Estimate
    """Chance that a stranger has more doubt than a known cell."""
    f1: Estimate
    """Macro-F1 of the answers that are given; a stranger that gets an answer is an error of the label it gets."""
    withheld_known: float
    """Share of known cells beyond the threshold: .05 where the promise holds."""
    withheld_strange: float
    ece: float
    """Calibration error of the probabilities of known cells."""


def mixed_half(known: Ints, strange: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """As many known cells as strangers, the more numerous drawn at random without replacement.

    Raises:
        AnalysisError: none of one kind.
    """
    count = min(len(known), len(strange))
    if not count:
        raise AnalysisError(f"{len(known)} known test cells, {len(strange)} of unlabelled types; wanted some of both")
    return np.sort(rng.choice(known, count, replace=False)), np.sort(rng.choice(strange, count, replace=False))


def strangers(
    doubt: Floats,
    probability: Floats,
    label: Ints,
    validation: Floats,
    rng: np.random.Generator,
    kept: float = KEPT,
    bootstraps: int = BOOTSTRAPS,
) -> Strangers:
    """Score one doubt.

    Args:
        doubt: [k] of known cells and strangers. probability: [k, classes]. label: [k], -1 for strangers.
        validation: doubts of known cells held out of training, for the threshold; no stranger is among them.
    """
    strange = label < 0
    limit = threshold(validation, kept)
    given = doubt <= limit
    classes = probability.shape[1]

    def scores(weight: Floats | None) -> tuple[float, float]:
        w = np.ones(len(label)) if weight is None else weight
        return auroc(doubt, strange, w), selective_f1(probability.argmax(axis=1), label, given, w, classes)

    drawn = [scores(_resampled(strange, rng)) for _ in range(bootstraps)]
    value = scores(None)
    estimates = [
        Estimate(value[k], *percentile_interval([one[k] for one in drawn])) for k in range(2)
    ]  # fmt: skip
    own = ~strange
    return Strangers(
        estimates[0],
        estimates[1],
        float((~given[own]).mean()),
        float((~given[strange]).mean()),
        expected_calibration_error(label[own], probability[own], np.ones(int(own.sum()))),
    )


def selective_f1(said: Ints, label: Ints, given: np.ndarray, weight: Floats, classes: int) -> float:
    """Macro-F1 over known labels where answers that are not given count as missed, and strangers as of no label."""
    scores = []
    for number in range(classes):
        called = weight * (given & (said == number))
        true = weight * (label == number)
        hit = (called * (label == number)).sum()
        if true.sum() > 0:
            scores.append(float(2 * hit / (called.sum() + true.sum())))
    return float(np.mean(scores)) if scores else float("nan")


def f1_by_rejection(
    doubt: Floats, probability: Floats, label: Ints, shares: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
) -> Mapping[float, float]:
    """Macro-F1 of the answers that are left when the most doubtful share of all cells gets none."""
    order = np.argsort(-doubt, kind="stable")
    found = {}
    for share in shares:
        given = np.ones(len(label), dtype=bool)
        given[order[: round(share * len(label))]] = False
        weight = given.astype(np.float64)  # what is withheld is not counted as missed: its share is on the axis
        found[share] = selective_f1(probability.argmax(axis=1), label, given, weight, probability.shape[1])
    return found


def table_of(scored: Mapping[str, Strangers]) -> list[dict[str, object]]:
    """One row a score, the best first."""
    order = sorted(scored, key=lambda name: -scored[name].auroc.value)
    return [
        {
            "doubt": name, "auroc": scored[name].auroc.value, "lo": scored[name].auroc.lo,
            "hi": scored[name].auroc.hi, "f1": scored[name].f1.value,
            "withheld_known": scored[name].withheld_known, "withheld_strange": scored[name].withheld_strange,
        }
        for name in order
    ]  # fmt: skip


def _resampled(strange: np.ndarray, rng: np.random.Generator) -> Floats:
    """Weights of a bootstrap sample with as many known cells and strangers as there are."""
    weight = np.zeros(len(strange))
    for part in (strange, ~strange):
        count = int(part.sum())
        if count:
            weight[part] = rng.multinomial(count, np.full(count, 1.0 / count))
    return weight

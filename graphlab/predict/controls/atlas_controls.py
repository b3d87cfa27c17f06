"""Controls that need the full signal-propagation atlas: how often pairs were seen, the noise ceiling, the other strain.

Without the file the table says that they are not available. Animals cannot be told apart in it, so that no split by
animal is offered, and the ceiling, which halves trials, is too high where an animal gave several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from graphlab.predict.controls.control_plan import ControlResult, ControlSetup, missing
from graphlab.predict.controls.response_size import CLIP
from graphlab.predict.evaluation.evaluate import Estimate, FoldPredictions
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.worm_names import BY_SIDE
from graphlab.predict.predictors import PREDICTORS
from graphlab.predict.tasks.functional import FunctionalData
from graphlab.statistics.intervals import percentile_interval
from graphlab.statistics.scores import pearson
from ingest.recordings.funatlas import UNC31, WILD_TYPE, FunctionalAtlas, Strain
from ingest.running.task_runners import Workers
from ingest.schema.errors import SchemaError

SIGNIFICANT = 0.05
FEWEST_TRIALS = 4
"""Of a pair whose trials are halved."""
HALVINGS = 20
COUNTS, CEILING, TRANSFER, ANIMALS = "trial counts", "noise ceiling", "unc-31 transfer", "animal splits"
NO_FILE = "needs the full atlas file (funatlas.h5 of wormneuroatlas)"
NO_ANIMALS = "the atlas file names no animals"


def in_order(atlas: FunctionalAtlas, names: Sequence[str]) -> Ints:
    """Place [n] of each neuron of a graph in the atlas, -1 where it lacks one; AWC's two names are translated.

    Raises:
        SchemaError: fewer than half of the atlas's neurons are found, as with names of another kind.
    """
    place = {BY_SIDE.get(name, name): k for k, name in enumerate(atlas.names)}
    rows = np.array([place.get(BY_SIDE.get(name, name), -1) for name in names], dtype=np.int64)
    if (rows >= 0).sum() * 2 < len(atlas.names):
        raise SchemaError(
            f"{int((rows >= 0).sum())} of the {len(atlas.names)} neurons of the atlas are in this graph; wanted names "
            f"like {', '.join(atlas.names[:3])}"
        )
    return rows


def of_strain(measured: FunctionalData, strain: Strain, order: Ints) -> FunctionalData:
    """The graph of ``measured`` with the responses (q below .05) and sizes of one strain."""
    tested = _at(strain.q, order, np.nan)
    responds = np.where(np.isfinite(tested), tested < SIGNIFICANT, -1).astype(np.int8)
    return replace(measured, responds=responds, size=_at(strain.size, order, np.nan))


def atlas_controls(
    measured: FunctionalData,
    names: Sequence[str],
    atlas: FunctionalAtlas | None,
    predictor: str = "random forest",
    split: str = "neuron",
    folds: int = 10,
    seed: int = 0,
    bootstraps: int = 200,
    workers: Workers = 1,
) -> list[ControlResult]:
    """Trial counts, noise ceiling and transfer to unc-31, with wild-type responses by the q values of the file.

    Args:
        names: of the neurons of ``measured``, in the order of its root_ids. atlas: None where there is none.
    """
    animals = missing(ANIMALS, "trained on some animals, tested on others", NO_FILE if atlas is None else NO_ANIMALS)
    if atlas is None:
        lines = ((COUNTS, "number of observations"), (CEILING, "halves of the trials"), (TRANSFER, predictor))
        return [*(missing(control, what, NO_FILE) for control, what in lines), animals]
    if len(names) != len(measured.root_ids):
        raise SchemaError(f"{len(names)} names of {len(measured.root_ids)} neurons")
    order = in_order(atlas, names)
    wild, other = atlas.strains[WILD_TYPE], atlas.strains[UNC31]
    plan = ControlSetup.of(of_strain(measured, wild, order), predictor, split, folds, seed, bootstraps, workers)
    return [
        *trial_counts(plan, wild, order),
        *noise_ceiling(plan, wild, order),
        *transfer(plan, of_strain(measured, other, order)),
        animals,
    ]


def trial_counts(plan: ControlSetup, strain: Strain, order: Ints) -> list[ControlResult]:
    """How well the number of observations alone tells responses: it is power, which those tested as absent have too."""
    ends = plan.examples.source, plan.examples.target
    seen = _at(strain.observations.astype(np.float64), order, 0.0)[ends]
    absent = _at(strain.q_equivalent, order, 1.0)[ends] < SIGNIFICANT
    score = seen / (seen.max() + 1.0)
    predictions = [
        FoldPredictions(fold.test, np.stack([1 - score[fold.test], score[fold.test]], axis=1)) for fold in plan.folds
    ]
    decided = absent | (plan.examples.label == 1)
    sure = [_only(h, decided) for h in predictions]
    what, note = "number of observations", "more trials, more power"
    rows = plan.scores(COUNTS, what, predictions, note)
    return rows + plan.scores(
        COUNTS, f"{what}, against absent", sure, "q of equivalence below .05", _share(predictions, sure)
    )


def noise_ceiling(plan: ControlSetup, strain: Strain, order: Ints) -> list[ControlResult]:
    """Correlation of the means of two halves of the trials of each pair, and what follows for any predictor.

    By Spearman and Brown the mean of all trials has reliability 2 r / (1 + r); no prediction of it can be expected
    to correlate higher than the root of that.
    """
    examples = plan.examples
    lists = [strain.trials[a, b] for a, b in zip(order[examples.source], order[examples.target], strict=True)]
    rows = np.array([k for k, values in enumerate(lists) if len(values) >= FEWEST_TRIALS], dtype=np.int64)
    if len(rows) < 3:
        return [missing(CEILING, "halves of the trials", f"{len(rows)} pairs have {FEWEST_TRIALS} trials or more")]
    rng = np.random.default_rng(plan.seed)
    halves = [_halves([lists[k] for k in rows], rng) for _ in range(HALVINGS)]

    def mean_r(weight: Floats) -> float:
        return float(np.mean([pearson(columns[:, 0], columns[:, 1], weight) for columns in halves]))

    value = np.array([mean_r(np.ones(len(rows)))])
    drawn = np.array([mean_r(w[rows]) for w in plan.weights])
    share = len(rows) / examples.m
    note = (
        f"{len(rows):,} pairs of {FEWEST_TRIALS} trials or more, dF/F clipped at {CLIP:g}; trials, not animals, halved"
    )
    lines = []
    for what, turn in (
        ("r of two halves", np.asarray),
        ("reliability (Spearman-Brown)", reliability),
        ("highest r with the true mean", highest_r),
    ):
        between = percentile_interval(turn(drawn))
        shown = Estimate(float(turn(value)[0]), *between)
        lines.append(ControlResult(CEILING, what, "all pairs", "pearson", shown, share, note))
    return lines


def reliability(r: Floats) -> Floats:
    """Of the mean of twice as many trials (Spearman 1910, Brown 1910)."""
    return np.asarray(2.0 * r / (1.0 + r))


def highest_r(r: Floats) -> Floats:
    """With the true mean, of anything that predicts the mean of the trials."""
    return np.sqrt(np.maximum(reliability(r), 0.0))


def transfer(plan: ControlSetup, other: FunctionalData) -> list[ControlResult]:
    """Trained on one strain, asked about held-out pairs of another; beside it the first strain at the same pairs."""
    ends = plan.examples.source, plan.examples.target
    verdict = other.responds[ends].astype(np.int64)
    both = verdict >= 0
    name = plan.predictor.name
    if len(np.unique(verdict[both])) < 2:
        return [missing(TRANSFER, name, "unc-31 has no responses among the pairs of the wild type, or nothing else")]
    there = replace(plan, examples=replace(plan.examples, label=np.maximum(verdict, 0)))
    rows: list[ControlResult] = []
    kept = {}
    wanted = [plan.predictor]
    if plan.wiring.position_nm is not None and name != "distance":
        wanted.append(PREDICTORS.get("distance"))
    for predictor in wanted:
        predictions = plan.held(predictor)
        kept[predictor.name] = [_only(h, both) for h in predictions]
        share = _share(predictions, kept[predictor.name])
        note = "trained on the wild type, on identical folds"
        rows += there.scores(TRANSFER, f"{predictor.name}, tested on unc-31", kept[predictor.name], note, share)
        rows += plan.scores(TRANSFER, f"{predictor.name}, tested on the wild type", kept[predictor.name],
                             "the same pairs", share)  # fmt: skip
    if len(kept) == 2:
        what = f"of {name} over distance, on unc-31"
        rows += there.gains(TRANSFER, what, kept[name], kept["distance"], "trained on the wild type")
    return rows


def _at(matrix: Floats, order: Ints, fill: float) -> Floats:
    """A matrix of the atlas over the neurons of a graph."""
    known = (order[:, None] >= 0) & (order[None] >= 0)
    return np.where(known, matrix[np.ix_(order, order)], fill)


def _only(predicted: FoldPredictions, chosen: np.ndarray) -> FoldPredictions:
    keep = chosen[predicted.rows]
    return FoldPredictions(predicted.rows[keep], predicted.probability[keep])


def _share(whole: Sequence[FoldPredictions], part: Sequence[FoldPredictions]) -> float:
    return float(sum(len(h.rows) for h in part) / sum(len(h.rows) for h in whole))


def _halves(lists: Sequence[Floats], rng: np.random.Generator) -> Floats:
    """Means [pairs, 2] of a random half of each list and of the rest; of an odd number one is left out.

    Means are clipped like the sizes that are predicted: a few trials of ten times the resting light would decide all.
    """
    means = np.empty((len(lists), 2))
    for row, values in enumerate(lists):
        half = len(values) // 2
        dealt = rng.permutation(values)
        means[row] = dealt[:half].mean(), dealt[half : 2 * half].mean()
    return np.clip(means, -CLIP, CLIP)

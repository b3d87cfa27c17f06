"""The controls that stand beside a response table: what carries the prediction, what would leak, what chance gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from graphlab.predict.controls.ablation import embedding_controls
from graphlab.predict.controls.beyond_distance import NAME as DISTANCE
from graphlab.predict.controls.beyond_distance import distance_controls
from graphlab.predict.controls.control_plan import RANKED, ControlResult, ControlSetup, missing
from graphlab.predict.controls.identity_columns import with_identity
from graphlab.predict.controls.leak_scores import leak_scores
from graphlab.predict.controls.rewiring import share_in_place, with_rewired
from graphlab.predict.evaluation.evaluate import FoldPredictions, estimate
from graphlab.predict.inputs.examples import HIDDEN, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.predictor import Around, Fitted, Predictor, TrainingJournal, known_rows
from graphlab.predict.state import State
from graphlab.statistics.folds import Fold
from graphlab.statistics.intervals import percentile_interval
from ingest.schema.errors import AnalysisError

REWIRED, IDENTITY = "rewired layers", "identity"
ALL = "all layers"
LEAKY_SPLITS = ("pair", "class")


@dataclass(frozen=True)
class ShuffledLabels(Around):
    """Another predictor, given its training labels in random order."""

    predictor: Predictor
    draw: int = 0

    @property
    def name(self) -> str:
        return f"{self.predictor.name}, labels shuffled"

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        rows = known_rows(known)
        shuffled = np.full(len(known), HIDDEN, dtype=np.int64)
        shuffled[rows] = np.random.default_rng([seed, self.draw]).permutation(known[rows])
        return self.predictor.fit(inputs, shuffled, classes, seed)

    def restore(self, state: State) -> Fitted:
        return self.predictor.restore(state)

    def sentence(self) -> str:
        return f"{self.predictor.sentence()}; training labels in random order"


def rewiring_gains(plan: ControlSetup, rewirings: int = 1) -> list[ControlResult]:
    """Real minus rewired, layer by layer and all at once, the predictor trained anew on identical folds.

    Every neuron keeps its degrees, so that whatever hubs say stays; what a predictor loses is what it knew from who is
    joined to whom in that layer. Where degrees fix most connections (a dense layer) they stay in place, and the gain is
    a lower bound: each line tells their share.

    Args:
        rewirings: random graphs for each fold; no two folds share one, so that 10 folds average over 10 of them.
    """
    if rewirings < 1:
        raise AnalysisError(f"{rewirings} rewirings; wanted 1 or more")
    kinds = list(plan.wiring.snapshots)
    wanted = {kind: [kind] for kind in kinds} | ({ALL: kinds} if len(kinds) > 1 else {})
    real = plan.held()
    rows = plan.scores(REWIRED, f"{plan.predictor.name}, real wiring", real)
    for what, layers in wanted.items():
        predictions = [predicted for repeat in range(rewirings) for predicted in _retrained(plan, layers, repeat)]
        note = f"mean of {rewirings * len(plan.folds)} rewirings; {_in_place(plan, layers):.0%} of connections in place"
        rows += plan.scores(REWIRED, f"{what} rewired", predictions, note)
        rows += plan.gains(REWIRED, f"of {what}", real * rewirings, predictions, "real minus rewired")
    return rows


def _retrained(plan: ControlSetup, layers: Sequence[str], repeat: int) -> list[FoldPredictions]:
    def work(number: int, fold: Fold) -> FoldPredictions:
        build = plan.make(with_rewired(plan.wiring, layers, _draw(plan, repeat, number)))
        return plan.fitted(plan.predictor, build, fold)

    return plan.each_fold(work)


def _draw(plan: ControlSetup, repeat: int, number: int) -> int:
    return (plan.seed * 1_000 + repeat) * len(plan.folds) + number


def _in_place(plan: ControlSetup, layers: Sequence[str]) -> float:
    """Share of connections that the first rewiring leaves where they are; what they carry is not in the gain."""
    before, after = plan.wiring.snapshots, with_rewired(plan.wiring, layers, _draw(plan, 0, 0)).snapshots
    shares = [share_in_place(before[kind], after[kind]) for kind in layers]
    return float(np.average(shares, weights=[max(before[kind].m, 1) for kind in layers]))


def shuffle_control(plan: ControlSetup, shuffles: int = 1) -> list[ControlResult]:
    """The predictor trained on shuffled labels: an AUROC whose interval leaves out .5 is a leak.

    A model of shuffled labels prefers something, and in one fold that may be right; the interval therefore draws folds
    again as well as classes.

    Args:
        shuffles: orders for each fold, none of them twice.
    """
    predictions: list[FoldPredictions] = []
    for repeat in range(shuffles):
        first = repeat * len(plan.folds)

        def work(number: int, fold: Fold, first: int = first) -> FoldPredictions:
            return plan.fitted(ShuffledLabels(plan.predictor, first + number), plan.build, fold)

        predictions += plan.each_fold(work)
    rng = np.random.default_rng(plan.seed)
    drawn = [rng.integers(0, len(predictions), len(predictions)) for _ in plan.weights]
    rows = []
    for name, metric in plan.metrics.items():
        again = [
            estimate(plan.examples, [predictions[k] for k in chosen], metric, [weight]).lo
            for chosen, weight in zip(drawn, plan.weights, strict=True)
        ]
        lo, hi = percentile_interval(again)
        shown = estimate(plan.examples, predictions, metric, [])
        label = ShuffledLabels(plan.predictor).name
        ranked = plan.metrics.keys() == RANKED.keys()
        note = "chance is auroc .5 and the base rate" if ranked else "chance is what guessing scores"
        rows.append(ControlResult("shuffled labels", label, plan.split, name, replace(shown, lo=lo, hi=hi),
                             None, note))  # fmt: skip
    return rows


def identity_control(plan: ControlSetup) -> list[ControlResult]:
    """The predictor told who the two neurons are, as far as training pairs tell: what memory would add."""
    build = with_identity(plan.build, plan.seed)
    held = plan.each_fold(lambda _, fold: plan.fitted(plan.predictor, build, fold))
    found = plan.scores(IDENTITY, f"{plan.predictor.name}, told how often both classes respond", held)
    return found + plan.gains(IDENTITY, "of memory of both classes", held, plan.held(), "with minus without")


def controls(plan: ControlSetup, rewirings: int = 1) -> list[ControlResult]:
    """All controls of one predictor that need no more than its inputs and labels, in the order of the table.

    Args:
        rewirings: see ``rewiring_gains``.

    Raises:
        AnalysisError: too few examples for a split.
    """
    pairs = plan.examples.is_pairs
    rows = rewiring_gains(plan, rewirings)
    if plan.wiring.vectors is not None:
        rows += embedding_controls(plan)
    if pairs and plan.wiring.position_nm is None:
        rows.append(missing(DISTANCE, "gain over distance", "no positions of neurons"))
    elif pairs:
        rows += distance_controls(plan)
    for leaky in dict.fromkeys((*(LEAKY_SPLITS if pairs else ()), plan.split)):
        rows += leak_scores(plan if leaky == plan.split else plan.held_out_by(leaky, min(len(plan.folds), 5)))
    if pairs and len(plan.examples.classes) == 2:
        rows += identity_control(plan)
    return rows + shuffle_control(plan)

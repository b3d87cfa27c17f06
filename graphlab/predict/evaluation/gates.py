"""What may be recommended: better than guessing, and ahead of the reference with its metrics beside one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from graphlab.predict.evaluation import evaluate
from graphlab.predict.evaluation.chance import LEVEL, Chance, against_chance
from graphlab.predict.evaluation.evaluate import SMALLER_IS_BETTER, Estimate, FoldPredictions, Metric
from graphlab.predict.inputs.examples import Examples, Floats

AHEAD, BEHIND, LEVEL_WITH = "ahead", "behind", "not told apart"


@dataclass(frozen=True)
class Compared:
    """One predictor minus the reference in one metric, with an interval that holds for all candidates at once."""

    metric: str
    difference: Estimate
    verdict: str

    def __str__(self) -> str:
        gap = self.difference
        return f"{self.metric} {gap.value:+.3f} [{gap.lo:+.3f}, {gap.hi:+.3f}]"


@dataclass(frozen=True)
class Verdict:
    """What is recommended, why or why not, and what was tested for it."""

    recommended: str | None
    because: str
    chance: dict[str, Chance]
    compared: dict[str, list[Compared]]
    comparisons: int
    """Candidates beside the reference, which the intervals are corrected for."""

    def card(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "recommended": self.recommended,
            "recommended_because": self.because,
            "chance": {name: asdict(test) for name, test in self.chance.items()},
            "chance_level": LEVEL,
            "compared": {name: [asdict(one) for one in row] for name, row in self.compared.items()},
            "comparisons": self.comparisons,
        }


@dataclass(frozen=True, eq=False)
class HeldOutPredictions:
    """Held-out predictions of a run, and what inner folds nominated without them."""

    examples: Examples
    held: Mapping[str, Sequence[FoldPredictions]]
    reference: str
    candidates: tuple[str, ...]
    nominated: Sequence[str]
    """Of every fold; empty where nothing was compared on inner folds."""
    nested: str
    """Name under which ``held`` has the predictions of whatever was nominated."""
    weights: Sequence[Floats]
    """Bootstrap weights of the comparison."""
    seed: int = 0
    scored_by: Mapping[str, Metric] = field(default_factory=dict)
    """Metrics of the task; those of its number of classes when empty."""

    @property
    def metrics(self) -> Mapping[str, Metric]:
        return self.scored_by or evaluate.metrics_of(self.examples)


def judge(tested: HeldOutPredictions) -> Verdict:
    """Apply both gates."""
    metrics = tested.metrics
    first = next(iter(metrics))
    pick = chosen(tested.nominated, tested.reference)
    asked = dict.fromkeys([pick, tested.reference, *([tested.nested] if tested.nominated else [])])
    chance = {
        name: against_chance(tested.examples, tested.held[name], metrics[first], tested.seed) for name in asked
    }  # fmt: skip
    others = [name for name in tested.candidates if name != tested.reference]
    rivals = [*others, *([tested.nested] if tested.nominated else [])]
    compared = {name: _beside(tested, name, max(len(others), 1)) for name in rivals}
    recommended, because = _decided(tested, pick, chance, compared, len(others))
    return Verdict(recommended, because, chance, compared, len(others))


def chosen(nominated: Sequence[str], reference: str) -> str:
    """The predictor nominated most often, the reference where it ties or nothing was compared."""
    if not nominated:
        return reference
    count = Counter(nominated)
    return max(count, key=lambda name: (count[name], name == reference))


def _beside(tested: HeldOutPredictions, name: str, comparisons: int) -> list[Compared]:
    compared = []
    for metric, function in tested.metrics.items():
        if metric.startswith("ece"):
            continue
        gap = evaluate.simultaneous_difference(
            tested.examples, tested.held[name], tested.held[tested.reference], function, tested.weights, comparisons
        )
        better, worse = (gap.hi < 0, gap.lo > 0) if metric in SMALLER_IS_BETTER else (gap.lo > 0, gap.hi < 0)
        compared.append(Compared(metric, gap, AHEAD if better else BEHIND if worse else LEVEL_WITH))
    return compared


def _decided(
    tested: HeldOutPredictions,
    pick: str,
    chance: Mapping[str, Chance],
    compared: Mapping[str, list[Compared]],
    comparisons: int,
) -> tuple[str | None, str]:
    reference = tested.reference
    weakest = max((chance[name] for name in chance if name in (pick, tested.nested)), key=lambda test: test.p)
    p_text = f"p = {weakest.p:.3g} by {weakest.permutations} permutations of the held-out labels"
    if not weakest.is_beaten:
        why = f"{pick} is not better than guessing ({p_text}; wanted {LEVEL:g} or less)"
        if pick != reference and chance[reference].is_beaten:
            why += f"; the reference, {reference}, is (p = {chance[reference].p:.3g})"
        else:
            why = f"nothing is better than guessing: {why}"
        return None, f"nothing is recommended: {why}"
    beats = f"better than guessing ({p_text})"
    if pick == reference:
        why = "no candidate was ahead of it on inner folds" if tested.nominated else "no candidates were compared"
        return pick, f"{pick}, the reference, is recommended: {beats}; {why}"
    row = compared[tested.nested]
    beside = ", ".join(map(str, row)) + (f"; intervals hold for {comparisons} candidates at once" * (comparisons > 1))
    behind = [one.metric for one in row if one.verdict == BEHIND]
    if row[0].verdict == AHEAD and not behind:
        return pick, (
            f"{pick} is recommended: nominated on inner folds in {tested.nominated.count(pick)} of "
            f"{len(tested.nominated)}, {beats}, and ahead of {reference} ({beside})"
        )
    if behind and any(one.verdict == AHEAD for one in row):
        why = f"{pick} is ahead of {reference} in one measure and behind in {' and '.join(behind)} ({beside})"
    else:
        why = f"nothing is better than {reference}, the reference: {pick} was nominated on inner folds ({beside})"
    return None, f"nothing is recommended: {why}. The reference is {_against(chance[reference])}"


def _against(chance: Chance) -> str:
    return f"{'better' if chance.is_beaten else 'not better'} than guessing (p = {chance.p:.3g})"

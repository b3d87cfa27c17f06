"""What is recommended, and every reason why not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from graphlab.predict.evaluation import evaluate
from graphlab.predict.evaluation.evaluate import FoldPredictions
from graphlab.predict.evaluation.gates import AHEAD, BEHIND, HeldOutPredictions, chosen, judge
from graphlab.predict.inputs.examples import Examples, Floats

CLASSES = 3


def made(n: int = 240, together: bool = False, **right: tuple[float, float]) -> HeldOutPredictions:
    """Predictors by how often they are right and how sure they are; ``net`` is nominated where it is there.

    Args:
        together: whoever is right more often is right wherever others are.
    """
    rng = np.random.default_rng(0)
    at = np.arange(n)
    label = rng.permutation(at % CLASSES).astype(np.int64)
    examples = Examples(at, at, label, ("a", "b", "c"), at // 2)
    halves = [np.flatnonzero((at // 2) % 2 == k) for k in range(2)]
    held = {name: _held(label, halves, *how, 1 if together else round(1000 * how[0])) for name, how in right.items()}
    nominated = ["net", "net"] if "net" in right else []
    if nominated:
        held["nominated"] = held["net"]
    weights = evaluate.class_weights(examples, 100, 0)
    return HeldOutPredictions(examples, held, "forest", tuple(right), nominated, "nominated", weights)


def _held(label: np.ndarray, halves: list[np.ndarray], right: float, sure: float, seed: int) -> list[FoldPredictions]:
    rng, n = np.random.default_rng(seed), len(label)
    answer = np.where(rng.random(n) < right, label, (label + rng.integers(1, CLASSES, n)) % CLASSES)
    said: Floats = np.full((n, CLASSES), (1 - sure) / (CLASSES - 1))
    said[np.arange(n), answer] = sure
    return [FoldPredictions(rows, said[rows]) for rows in halves]


def test_ahead_in_all_measures() -> None:
    found = judge(made(forest=(0.6, 0.6), net=(0.9, 0.9), other=(0.6, 0.6)))
    assert found.recommended == "net"
    assert "better than guessing (p = 0.002" in found.because
    assert "intervals hold for 2 candidates at once" in found.because
    for metric in ("macro_f1", "accuracy", "brier"):
        assert f"{metric} " in found.because
    assert [one.verdict for one in found.compared["net"]] == [AHEAD] * 3
    card = json.loads(json.dumps(found.card()))
    assert card["recommended"] == "net"
    assert card["comparisons"] == 2
    assert card["chance"]["net"]["p"] <= 0.01


def test_nothing_is_better_than_the_reference() -> None:
    found = judge(made(forest=(0.8, 0.8), net=(0.82, 0.8)))
    assert found.recommended is None
    assert "nothing is better than forest, the reference" in found.because
    assert "The reference is better than guessing" in found.because


def test_ahead_in_one_and_behind_in_another_is_said() -> None:
    found = judge(made(1_200, together=True, forest=(0.62, 0.5), net=(0.66, 1.0)))
    assert [one.verdict for one in found.compared["net"]] == [AHEAD, AHEAD, BEHIND]
    assert found.recommended is None
    assert "net is ahead of forest in one measure and behind in brier" in found.because


def test_nothing_is_better_than_guessing() -> None:
    found = judge(made(forest=(1 / 3, 0.5), net=(0.334, 0.4)))
    assert found.recommended is None
    assert "nothing is better than guessing" in found.because
    worse = judge(made(forest=(0.8, 0.8), net=(0.2, 0.5)))
    assert worse.recommended is None
    assert "net is not better than guessing" in worse.because
    assert "the reference, forest, is (p = 0.002)" in worse.because


def test_the_reference_alone() -> None:
    alone = judge(made(forest=(0.8, 0.8), other=(0.9, 0.9)))
    assert alone.recommended == "forest"
    assert "no candidates were compared" in alone.because
    assert judge(made(forest=(0.34, 0.5), other=(0.9, 0.9))).recommended is None
    assert chosen([], "forest") == "forest"
    assert chosen(["net", "forest"], "forest") == "forest"
    assert chosen(["net", "net", "forest"], "forest") == "net"


def test_more_candidates_ask_for_more() -> None:
    few, many = made(forest=(0.7, 0.7), net=(0.85, 0.7)), made(
        forest=(0.7, 0.7), net=(0.85, 0.7), **{f"c{k}": (0.7, 0.7) for k in range(9)}
    )  # fmt: skip
    narrow, wide = (judge(tested).compared["net"][0].difference for tested in (few, many))
    assert narrow.value == wide.value
    assert wide.lo < narrow.lo < narrow.hi < wide.hi


def test_the_interval_of_one_comparison_is_that_of_the_bootstrap() -> None:
    tested = made(forest=(0.6, 0.6), net=(0.8, 0.8))
    arguments = (tested.examples, tested.held["net"], tested.held["forest"], evaluate.macro_f1, tested.weights)
    plain, normal = evaluate.paired_difference(*arguments), evaluate.simultaneous_difference(*arguments, 1)
    assert normal.value == plain.value
    assert normal.lo == pytest.approx(plain.lo, abs=0.03)
    assert normal.hi == pytest.approx(plain.hi, abs=0.03)
    assert np.isnan(evaluate.simultaneous_difference(*arguments[:4], [], 1).lo)

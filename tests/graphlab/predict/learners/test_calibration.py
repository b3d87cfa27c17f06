"""Calibration: known distortions are undone, on classes nobody saw; what is kept by confidence, against brute force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.predict.evaluation import evaluate
from graphlab.predict.evaluation.evaluate import FoldPredictions
from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.features import FeatureColumns, Inputs
from graphlab.predict.learners import calibration
from graphlab.predict.learners.calibration import Calibrated, Temperature, fit_isotonic, fit_temperature
from graphlab.predict.learners.linear import LogisticRegression
from graphlab.predict.predictor import Declared, Fitted, Predictor, TrainingJournal, known_rows
from graphlab.predict.predictors import predictor_named
from graphlab.predict.protocol import Experiment, run
from graphlab.predict.state import Array, State
from ingest.schema.errors import SchemaError, UnknownNameError

pytest.importorskip("sklearn")
Make = Callable[..., Examples]
MakeInputs = Callable[..., Inputs]


def softmax(logits: Floats) -> Floats:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def drawn(m: int, classes: int, seed: int) -> tuple[Floats, Ints]:
    """(logits, labels drawn from their softmax)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(m, classes)) * 1.2
    return logits, (softmax(logits).cumsum(axis=1) < rng.random((m, 1))).sum(axis=1).clip(max=classes - 1)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("times", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_found(classes: int, times: float) -> None:
    logits, label = drawn(6_000, classes, 1)
    found = fit_temperature(softmax(times * logits), label)
    assert found.value == pytest.approx(times, rel=0.1)


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 4))
@settings(deadline=None, max_examples=25)
def test_no_temperature_of_a_grid_is_likelier(seed: int, classes: int) -> None:
    logits, label = drawn(60, classes, seed)
    said = softmax(logits)
    rows = np.arange(60)

    def likelihood(value: float) -> float:
        return float(np.log(Temperature(value)(said)[rows, label]).sum())

    found = fit_temperature(said, label)
    assert 1 / calibration.WIDEST_TEMPERATURE <= found.value <= calibration.WIDEST_TEMPERATURE
    assert likelihood(found.value) >= max(likelihood(value) for value in np.geomspace(0.01, 100, 200)) - 1e-6
    assert np.allclose(found(said).sum(axis=1), 1)
    assert np.array_equal(found(said).argmax(axis=1), said.argmax(axis=1))


def test_isotonic_undoes_any_rising_distortion() -> None:
    logits, label = drawn(20_000, 2, 3)
    true = softmax(logits)
    bent = np.stack([1 - true[:, 1] ** 3, true[:, 1] ** 3], axis=1)
    half = np.arange(20_000) < 10_000
    fitted = fit_isotonic(bent[half], label[half])
    after = fitted(bent[~half])
    ones = np.ones(10_000)
    ece = evaluate.expected_calibration_error
    assert ece(label[~half], bent[~half], ones) > 0.1
    # The truth itself scores a hundredth by chance, and the map was learned from as few.
    assert ece(label[~half], after, ones) < ece(label[~half], true[~half], ones) + 0.02
    assert np.abs(after[:, 1] - true[~half, 1]).mean() < 0.02
    order = np.argsort(bent[~half, 1])
    assert (np.diff(after[order, 1]) >= -1e-12).all()
    few = fit_isotonic(bent[:4], np.array([0, 0, 1, 1]))(bent)
    assert few.min() > 0.1, "four examples make nobody certain"


@dataclass(frozen=True)
class Boasting(Declared):
    """Logistic regression that takes its log odds four times."""

    name: str = "boasting"
    tasks: frozenset[str] = frozenset({"pair", "node"})
    asked: list[tuple[Ints, Ints]] = field(default_factory=list)
    """(known rows, asked rows) of every fit."""

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        return _Boast(LogisticRegression().fit(inputs, known, classes, seed), known_rows(known), self.asked)

    def restore(self, state: State) -> Fitted:
        raise NotImplementedError

    def sentence(self) -> str:
        return "logistic regression, four times as sure"


@dataclass(frozen=True)
class _Boast:
    fitted: Fitted
    known: Ints
    asked: list[tuple[Ints, Ints]]

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        self.asked.append((self.known, rows))
        powers = self.fitted.predict(inputs, rows) ** 4
        return powers / powers.sum(axis=1, keepdims=True)

    def state(self) -> dict[str, Array]:
        return self.fitted.state()


def noisy(examples: Examples, make_inputs: MakeInputs) -> Examples:
    """Labels that distance tells of, but does not settle."""
    pair = make_inputs(examples).pair
    near = pair.values[:, pair.names.index("minus_distance_um")]
    chance = 1 / (1 + np.exp(-1.5 * (near - near.mean()) / near.std()))
    return replace(examples, label=(np.random.default_rng(0).random(examples.m) < chance).astype(np.int64))


@pytest.mark.parametrize("split", ["neuron", "class"])
def test_classes_that_calibrate_were_not_seen(split: str, make_pairs: Make, make_inputs: MakeInputs) -> None:
    examples = noisy(make_pairs(16, seed=1), make_inputs)
    inputs, spy = make_inputs(examples), Boasting()
    train = np.arange(0, examples.m, 2)
    Calibrated(spy, split=split).fit(inputs, examples.hidden(train), 2, 0)
    assert len(spy.asked) == 4
    a, b = examples.group[examples.source], examples.group[examples.target]
    for known, asked in spy.asked:
        assert set(known) | set(asked) <= set(train)
        if split == "neuron":
            seen = set(a[known]) | set(b[known])
            assert not seen & (set(a[asked]) | set(b[asked]))
        else:
            seen_pairs = {frozenset(pair) for pair in zip(a[known], b[known], strict=True)}
            assert not seen_pairs & {frozenset(pair) for pair in zip(a[asked], b[asked], strict=True)}


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_a_boaster_is_brought_down_and_ranks_as_before(method: str, make_pairs: Make, make_inputs: MakeInputs) -> None:
    examples = noisy(make_pairs(30, seed=2), make_inputs)
    boaster = Boasting()
    calibrated = Calibrated(boaster, method)
    extra: dict[str, Predictor] = {p.name: p for p in (boaster, calibrated)}
    task = Experiment("made", examples, lambda some, train: make_inputs(some), "neuron", tuple(extra), "boasting",
                folds=4, bootstraps=50, extra=extra)  # fmt: skip
    found = run(task)
    rows = calibration.uncertainty(examples, found.held, bootstraps=50)
    change = rows["boasting"]["ece_change"]
    assert change.hi < 0
    assert change.value == pytest.approx(rows["boasting"]["ece_calibrated"].value - rows["boasting"]["ece"].value)
    # A hundred pairs a fold score some hundredths however true.
    assert rows["boasting"]["ece_calibrated"].value < 0.5 * rows["boasting"]["ece"].value
    ranked = found.differences["calibrated boasting"]["auroc"]
    assert abs(ranked.value) < (1e-9 if method == "temperature" else 0.02)
    assert "ece" not in rows["calibrated boasting"]
    assert f"{method} scaling" in found.card.predictors["calibrated boasting"]


def test_too_few_classes_leave_it_as_it_was(make_pairs: Make, make_inputs: MakeInputs) -> None:
    examples = noisy(make_pairs(12, seed=1), make_inputs)
    inputs = make_inputs(examples)
    one = np.flatnonzero((examples.group[examples.source] == 0) & (examples.group[examples.target] == 1))[:4]
    alone = np.concatenate([one, np.flatnonzero((examples.source == 2) & (examples.target > 4))[:1]])
    known = np.full(examples.m, -1, dtype=np.int64)
    known[alone] = np.arange(len(alone)) % 2
    everything = np.arange(examples.m)
    plain = LogisticRegression().fit(inputs, known, 2, 0).predict(inputs, everything)
    assert np.allclose(Calibrated(LogisticRegression()).fit(inputs, known, 2, 0).predict(inputs, everything), plain,
                       atol=2e-4)  # fmt: skip
    with pytest.raises(UnknownNameError, match="temperature"):
        Calibrated(LogisticRegression(), "temprature")


def test_cell_types_are_calibrated_too(make_nodes: Make, make_inputs: MakeInputs) -> None:
    examples = make_nodes(40)
    inputs, train = make_inputs(examples), np.arange(0, 60)
    for method in calibration.METHODS:
        fitted = Calibrated(LogisticRegression(), method, "class").fit(inputs, examples.hidden(train), 4, 0)
        said = fitted.predict(inputs, np.arange(examples.m))
        assert said.shape == (80, 4)
        assert np.allclose(said.sum(axis=1), 1)


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 4))
@settings(deadline=None, max_examples=40)
def test_what_is_kept_by_confidence(seed: int, classes: int) -> None:
    """Against a loop over every threshold; without ties the area is the mean of the curve."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, 40)
    tied = rng.dirichlet(np.ones(classes), 40).round(1)
    tied[:, 0] += 1 - tied.sum(axis=1)
    weight = rng.integers(0, 3, 40).astype(float)
    sure, wrong = tied.max(axis=1), tied.argmax(axis=1) != label
    area, best, before = 0.0, 0.0, 0.0
    for threshold in sorted(set(sure.tolist()), reverse=True):
        kept = sure >= threshold
        if weight[kept].sum() == 0:
            continue
        coverage, error = weight[kept].sum() / weight.sum(), (weight * wrong)[kept].sum() / weight[kept].sum()
        area, before = area + (coverage - before) * error, coverage
        best = coverage if error <= 0.05 + 1e-12 else best
    assert calibration.selective_area(label, tied, weight) == pytest.approx(area)
    assert calibration.coverage_at(label, tied, weight) == pytest.approx(best)
    smooth = rng.dirichlet(np.ones(classes), 40)
    examples = Examples(np.arange(40), np.arange(40), np.append(label[:-2], [0, 1]), tuple("abcd"[:classes]),
                        np.arange(40))  # fmt: skip
    _, error = evaluate.selective_curve(examples, [FoldPredictions(np.arange(40), smooth)])
    assert calibration.selective_area(examples.label, smooth, np.ones(40)) == pytest.approx(error.mean())
    assert np.isnan(calibration.selective_area(label, smooth, np.zeros(40)))
    assert np.isnan(calibration.coverage_at(label, smooth, np.zeros(40)))


@pytest.mark.parametrize("method", calibration.METHODS)
def test_what_is_saved_is_restored_to_the_byte(method: str, make_nodes: Make, make_inputs: MakeInputs) -> None:
    examples = make_nodes(40)
    inputs, everyone = make_inputs(examples), np.arange(examples.m)
    calibrated = Calibrated(LogisticRegression(), method, "class")
    fitted = calibrated.fit(inputs, examples.hidden(np.arange(60)), 4, 0)
    state = fitted.state()
    assert any(name.startswith("map/") for name in state)
    again = calibrated.restore(state)
    assert again.predict(inputs, everyone).tobytes() == fitted.predict(inputs, everyone).tobytes()
    for harm in (lambda name: name != "map/said", lambda name: not name.startswith("predictor/")):
        broken = {name: values for name, values in state.items() if harm(name)}
        if len(broken) < len(state):
            with pytest.raises(SchemaError, match="train it again"):
                calibrated.restore(broken)
    with pytest.raises(SchemaError, match="one number above 0"):
        calibrated.restore({**state, "map/temperature": np.array([-1.0])})


def test_calibrated_predictors_are_found_by_name() -> None:
    assert predictor_named("calibrated random forest").name == "calibrated random forest"
    assert predictor_named("distance").name == "distance"
    with pytest.raises(UnknownNameError, match="random forest"):
        predictor_named("calibrated random forrest")


def test_rare_types_do_not_make_every_answer_doubtful(make_nodes: Make, make_inputs: MakeInputs) -> None:
    """Eight types of a few homologue classes each: inner folds often lack one, which says nothing about the others."""
    examples = make_nodes(24, kinds=8)
    inputs = make_inputs(examples)
    label = np.tile(np.repeat(np.arange(8), 2), 3)[: examples.m]
    rng = np.random.default_rng(0)
    values = np.eye(8)[label] + rng.normal(0.0, 0.2, (examples.m, 8))
    inputs = replace(inputs, node=FeatureColumns(values, tuple("abcdefgh"), ("embeddings",) * 8))
    known = np.where(np.arange(examples.m) < 32, label, -1)
    asked = np.arange(32, examples.m)
    said = {}
    for predictor in (LogisticRegression(), Calibrated(LogisticRegression(), split="class")):
        said[predictor.name] = predictor.fit(inputs, known, 8, 0).predict(inputs, asked)
    ones = np.ones(len(asked))
    before, after = (evaluate.expected_calibration_error(label[asked], p, ones) for p in said.values())
    assert evaluate.accuracy(label[asked], said["calibrated logistic regression"], ones) > 0.9
    assert after < before

"""The contracts of the seams Task and Predictor.

Tests: tests/contracts/test_predictors.py.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.graph import Graph
from graphlab.predict.from_graph import WiringData
from graphlab.predict.inputs.examples import HIDDEN, Examples, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.inputs.windows import Windows
from graphlab.predict.inputs.wiring import CONNECTIONS, NODES, POSITIONS, SIDES, VECTORS, WINDOWS, Wiring
from graphlab.predict.predictor import Fitted, Predictor
from graphlab.predict.predictors import predictor_named
from graphlab.predict.state import State
from graphlab.predict.tasks import cell_type, functional
from graphlab.predict.tasks.question import COMMON, Question
from graphlab.predict.tasks.registered import TASKS
from graphlab.predict.tasks.task import Task
from ingest.schema.errors import AnalysisError, SchemaError, UnknownNameError
from queries.snapshot import Snapshot

KINDS = frozenset({"node", "pair"})
PARTS = frozenset({CONNECTIONS, POSITIONS, SIDES, VECTORS, WINDOWS})
WINDOWS_EACH = 3
"""Windows of every made neuron."""
SEED = 7


def made_wiring(seed: int = 0, n: int = 36) -> Wiring:
    """Neurons in three kinds that twins share and wiring follows, with places, sides and embeddings."""
    rng = np.random.default_rng(seed)
    kind = kinds_of(n)
    rate = 0.15 + 0.5 * (rng.random((3, 3)) > 0.5)
    there = (rng.random((n, n)) < rate[kind][:, kind]) & ~np.eye(n, dtype=bool)
    ids = np.arange(1, n + 1, dtype=np.uint64) + np.uint64(2**60)
    pre, post = np.nonzero(there)
    chemical = Snapshot.from_edges(ids, pre, post, rng.integers(1, 9, len(pre)))
    vectors = rng.normal(size=(n, 3)) + kind[:, None]
    return Wiring(ids, {"chemical": chemical}, rng.random((n, 3)) * 1e5, ["left", "right"] * (n // 2), vectors)


def kinds_of(n: int) -> Ints:
    """[n] kind of each made neuron."""
    return np.arange(n) // 2 % 3


def made_inputs(kind: str, wiring: Wiring) -> tuple[Examples, Inputs]:
    """Examples of a kind of task with the inputs of our own tasks; a tenth of the pairs, for speed."""
    n = len(wiring.root_ids)
    group = np.arange(n) // 2
    if kind == "node":
        names = ["abc"[k] for k in kinds_of(n)]
        examples = Examples.of_nodes(names, group, np.tile(np.array([0, 1], dtype=np.int8), n // 2))
        made = cell_type.build_inputs(wiring)(examples, np.arange(examples.m))
        return examples, replace(made, windows=_windows(wiring))
    rng = np.random.default_rng(SEED)
    source, target = np.nonzero((rng.random((n, n)) < 0.4) & ~np.eye(n, dtype=bool))
    label = (kinds_of(n)[source] <= kinds_of(n)[target]).astype(np.int64)
    examples = Examples(source, target, label, ("silent", "responds"), group)
    return examples, functional.build_inputs(wiring)(examples, np.arange(examples.m))


@dataclass(frozen=True)
class _Fit:
    """One fit, which several tests look at: what it was given as it was before and after, and what it says."""

    inputs: Inputs
    known: Ints
    classes: int
    before: dict[str, str]
    after: dict[str, str]
    labels: Ints
    fitted: Fitted
    said: bytes
    """Of every example."""


_FITS: dict[tuple[type, str], list[_Fit]] = {}
"""Contract and predictor -> its fit of each kind of task."""


class PredictorContract:
    """What every predictor does: probabilities, the same for the same seed, kept as arrays, read back to the byte.

    ::

        class TestNearest(PredictorContract):
            name = "nearest"
    """

    name: str
    """Of the entry point."""

    @property
    def predictor(self) -> Predictor:
        return predictor_named(self.name)

    def cases(self) -> list[tuple[Examples, Inputs, Ints]]:
        """(examples, inputs, known labels) of each kind of task that it does: a quarter of the classes is hidden."""
        found = []
        for kind in sorted(self.predictor.tasks):
            examples, inputs = made_inputs(kind, made_wiring())
            away = np.isin(examples.group, np.arange(0, len(examples.group) // 2, 4))
            train = np.flatnonzero(~away[examples.source] & ~away[examples.target])
            found.append((examples, inputs, examples.hidden(train)))
        return found

    def test_it_says_what_it_is_and_needs(self) -> None:
        predictor = self.predictor
        assert predictor.name == self.name
        assert predictor.tasks, "does no kind of task"
        assert predictor.tasks <= KINDS, f"tasks are {sorted(predictor.tasks)}; wanted some of {sorted(KINDS)}"
        assert predictor.needs <= PARTS, f"needs {sorted(predictor.needs)}; a graph has {sorted(PARTS)}"
        assert predictor.by_default in (True, False)
        assert predictor.sentence(), "a card wants a sentence about it"

    def test_probabilities_of_every_class(self) -> None:
        """Also of a class that training never saw."""
        for examples, inputs, known in self.cases():
            more = 0 if examples.is_pairs else 1
            classes, everyone = len(examples.classes) + more, np.arange(examples.m)
            fitted = self.predictor.fit(inputs, known, classes, SEED)
            said = fitted.predict(inputs, everyone)
            assert said.shape == (examples.m, classes)
            assert fitted.predict(inputs, everyone[1::3]).shape == (len(everyone[1::3]), classes), "rows asked for"
            assert said.dtype == np.float64
            assert np.isfinite(said).all()
            assert (said >= 0).all(), "a probability is below 0"
            assert np.abs(said.sum(axis=1) - 1).max() < 1e-9, "probabilities of an example do not add up to 1"

    def fits(self) -> list[_Fit]:
        """The predictor fitted to each case, once for all tests."""
        key = (type(self), self.name)
        if key not in _FITS:
            _FITS[key] = [self._fit(*case) for case in self.cases()]
        return _FITS[key]

    def _fit(self, examples: Examples, inputs: Inputs, known: Ints) -> _Fit:
        before, labels, classes = _digest(inputs), known.copy(), len(examples.classes)
        fitted = self.predictor.fit(inputs, known, classes, SEED)
        said = fitted.predict(inputs, np.arange(examples.m)).tobytes()
        return _Fit(inputs, known, classes, before, _digest(inputs), labels, fitted, said)

    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        for fit in self.fits():
            again = self.predictor.fit(fit.inputs, fit.known, fit.classes, SEED)
            assert again.predict(fit.inputs, np.arange(len(fit.known))).tobytes() == fit.said

    def test_labels_and_inputs_stay_as_they_are(self) -> None:
        for fit in self.fits():
            assert np.array_equal(fit.known, fit.labels), "it changed the labels"
            assert fit.after == fit.before, "it changed its inputs, which others look at after it"
            assert HIDDEN in fit.known

    def test_what_is_saved_predicts_the_same_bytes(self) -> None:
        for fit in self.fits():
            read = self.predictor.restore(_through_a_file(fit.fitted.state()))
            everyone = np.arange(len(fit.known))
            assert read.predict(fit.inputs, everyone).tobytes() == fit.said
            assert fit.fitted.predict(fit.inputs, everyone).tobytes() == fit.said, "asked again it says something else"

    def test_arrays_of_others_are_refused(self) -> None:
        try:
            self.predictor.restore({"of somebody else": np.zeros(3)})
        except SchemaError:
            return
        raise AssertionError("wanted a SchemaError for arrays of another predictor; see graphlab.predict.state.array")

    def test_what_it_needs_is_missed_by_name(self) -> None:
        """Without a part of the graph that it needs it says so, and answers nothing."""
        if POSITIONS not in self.predictor.needs:
            return
        examples, inputs = made_inputs("pair", replace(made_wiring(), position_nm=None))
        try:
            self.predictor.fit(inputs, examples.label, len(examples.classes), SEED)
        except AnalysisError:
            return
        raise AssertionError("it needs positions, and wanted none; wanted an AnalysisError")


class TaskContract:
    """What every task does: settings that make it again, labels apart from inputs, answers that fit their table.

    ::

        class TestDepth(TaskContract):
            name = "depth"

            def label(self, graph: Graph) -> None:
                graph.ingest(frame_with_a_column, as_="neurons")
    """

    name: str
    """Of the entry point."""
    predictors: tuple[str, ...] = ("identity rates",)
    """Some that do the task, quick ones."""
    settings: dict[str, Any] = {}  # noqa: RUF012
    """Other than the defaults, where the labels want it."""

    def label(self, graph: Graph) -> None:
        """Bring the labels; the graph has the neurons of ``made_wiring``, their places, sides and connections."""
        raise NotImplementedError("bring the labels: def label(self, graph): ...")

    def question(self, graph: Graph) -> tuple[Task, WiringData]:
        question = Question.of(self.name, **self.settings)
        return question.task, question.read(graph.folder)

    def test_it_says_what_it_is(self) -> None:
        task = TASKS.get(self.name)
        assert task.name == self.name
        assert task.title
        assert task.kind in KINDS
        assert task.needs <= PARTS | {NODES}

    def test_settings_make_it_again(self) -> None:
        task = TASKS.get(self.name).configured(self.settings)
        assert not set(COMMON) & set(task.settings()), f"settings may not be called {', '.join(COMMON)}"
        kept = json.loads(json.dumps(dict(task.settings())))
        again = task.configured(kept)
        assert json.loads(json.dumps(dict(again.settings()))) == kept
        try:
            task.configured({"no such setting": 1})
        except UnknownNameError:
            return
        raise AssertionError("wanted an UnknownNameError for a setting that it does not have")

    def test_inputs_look_at_no_label_and_are_the_same_when_asked(self) -> None:
        with tempfile.TemporaryDirectory() as folder, self.made(Path(folder)) as graph:
            task, seen = self.question(graph)
            examples = task.labels(graph.folder, seen).examples
            assert examples.is_pairs == (task.kind == "pair")
            assert len(examples.group) == len(seen.root_ids)
            build, train = task.build(seen), np.arange(examples.m)[::2]
            trained = build(examples, train)
            other = replace(examples, label=examples.label[np.random.default_rng(0).permutation(examples.m)])
            assert _digest(build(other, train)) == _digest(trained), "inputs change with the labels"
            source, target = task.asked(seen)
            asked = task.build(seen)(Examples.unlabelled(source, target, examples.group), np.empty(0, dtype=np.int64))
            assert (asked.node.names, asked.pair.names) == (trained.node.names, trained.pair.names)
            assert np.array_equal(asked.node.values, trained.node.values)

    def test_it_is_trained_and_asked(self) -> None:
        with tempfile.TemporaryDirectory() as folder, self.made(Path(folder)) as graph:
            made = graph.predict.train(self.name, predictors=self.predictors, bootstraps=10, **self.settings)
            answered = graph.predict.ask(made.name, task=self.name)
            rows = graph.to_arrow("predictions")
            assert set(answered.table.column_names) <= set(rows.column_names)
            assert rows.num_rows == answered.table.num_rows > 0
            assert answered.table.filter(answered.table["was_training"]).num_rows > 0
            assert 0 < answered.given.num_rows <= answered.table.num_rows
            assert answered.summary().num_rows > 0

    def made(self, folder: Path) -> Graph:
        """A small graph with its labels."""
        wiring = made_wiring()
        chemical = wiring.snapshots["chemical"]
        assert wiring.position_nm is not None
        places = {f"{axis}_nm": wiring.position_nm[:, k] for k, axis in enumerate("xyz")}
        pre, post = wiring.root_ids[chemical.sources()], wiring.root_ids[chemical.out_target]
        graph = Graph.create(folder / "graph", materialization="1")
        graph.ingest(pa.table({"root_id": wiring.root_ids, "side": wiring.side, **places}), as_="neurons")
        edges = pa.table({"pre_root_id": pre, "post_root_id": post, "weight": chemical.weight})
        graph.ingest(edges, as_="connections")
        self.label(graph)
        return graph


def _windows(wiring: Wiring) -> Windows:
    """Embeddings scattered around the mean of each neuron."""
    assert wiring.vectors is not None
    n, width = wiring.vectors.shape
    scatter = np.random.default_rng(SEED).normal(size=(n, WINDOWS_EACH, width))
    rows = (wiring.vectors[:, None] + scatter).reshape(-1, width).astype(np.float32)
    return Windows(rows, np.arange(n + 1, dtype=np.int64) * WINDOWS_EACH)


def _digest(inputs: Inputs) -> dict[str, str]:
    return {
        name: hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
        for name, values in inputs.arrays().items()
    }


def _through_a_file(state: State) -> State:
    """The arrays as they are read back, which must be arrays of numbers."""
    from safetensors import numpy as safetensors

    written = safetensors.save({name: np.ascontiguousarray(values) for name, values in state.items()})
    found: State = safetensors.load(written)
    return found

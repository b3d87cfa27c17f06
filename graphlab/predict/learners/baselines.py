"""Predictors without learned features: a single quantity, who it is, what its partners are.

Tests: tests/graphlab/predict/test_predictors.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import Inputs, RootIds
from graphlab.predict.inputs.wiring import CONNECTIONS
from graphlab.predict.learners.linear import Logistic, logistic
from graphlab.predict.predictor import Declared, Fitted, TrainingJournal, known_rows
from graphlab.predict.state import Array, State, array, integer_array, number, require
from ingest.schema.errors import AnalysisError
from ingest.schema.ids import rows_of

PRIOR = 5.0
"""Examples that the base rate counts for when a neuron's own rate is estimated."""
SPREAD = 0.9
"""Share of a neuron's answer that comes from its partners (Zhou et al. 2004, alpha)."""
ROUNDS = 30


@dataclass(frozen=True)
class OneQuantity(Declared):
    """One pair feature, turned into a probability by logistic regression."""

    name: str
    column: str
    tasks: frozenset[str] = frozenset({"pair"})
    needs: frozenset[str] = frozenset()
    libraries = frozenset({"sklearn"})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        rows = known_rows(known)
        return _OneColumn(self, logistic(self.values(inputs, rows), known[rows], classes))

    def restore(self, state: State) -> Fitted:
        return _OneColumn(self, Logistic.restore(state))

    def values(self, inputs: Inputs, rows: Ints) -> Floats:
        if self.column not in inputs.pair.names:
            raise AnalysisError(
                f"{self.name} needs the pair feature {self.column!r}; these inputs have "
                f"{', '.join(inputs.pair.names) or 'none'} (distances need positions of neurons)"
            )
        place = inputs.pair.names.index(self.column)
        return inputs.pair.values[rows, place : place + 1]

    def sentence(self) -> str:
        return f"{self.column} alone"


@dataclass(frozen=True)
class _OneColumn:
    settings: OneQuantity
    model: Logistic

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        return self.model.probability(self.settings.values(inputs, rows))

    def state(self) -> dict[str, Array]:
        return self.model.state()


@dataclass(frozen=True)
class IdentityRates(Declared):
    """How often this class stimulates, and that one responds; knows nothing else. What memory alone is worth.

    The log odds of both ends are added and the base rate taken off once; of a neuron, the labels of its twins.
    """

    name: str = "identity rates"
    tasks: frozenset[str] = frozenset({"pair", "node"})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        rows = known_rows(known)
        base = (np.bincount(known[rows], minlength=classes) + 1.0) / (len(rows) + classes)
        size = int(inputs.group.max()) + 1
        sides = []
        for ends in (inputs.source, inputs.target):
            counts = np.zeros((size, classes))
            np.add.at(counts, (inputs.group[ends[rows]], known[rows]), 1.0)
            rate = np.log((counts + PRIOR * base) / (counts.sum(axis=1, keepdims=True) + PRIOR))
            sides.append(rate[inputs.group])
        return _Rates(inputs.root_ids, np.log(base), *sides)

    def restore(self, state: State) -> Fitted:
        root_ids, base = array(state, "root_ids", np.uint64, 1), array(state, "base", np.float64, 1)
        first, second = (array(state, name, np.float64, 2) for name in ("first", "second"))
        require(first.shape == second.shape == (len(root_ids), len(base)), "rates of some neurons are missing")
        return _Rates(root_ids, base, first, second)

    def sentence(self) -> str:
        return "base rates of both ends' homologue classes in the training examples"


@dataclass(frozen=True)
class _Rates:
    root_ids: RootIds
    base: Floats
    first: Floats
    """[n, classes] log rates of every neuron, those of its homologue class."""
    second: Floats

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        at = rows_of(self.root_ids, inputs.root_ids)
        first, second = (
            np.where((at >= 0)[:, None], rate[at], self.base)[ends[rows]]
            for rate, ends in ((self.first, inputs.source), (self.second, inputs.target))
        )
        # Of a single neuron both ends are itself, and its evidence counts once.
        twice = (inputs.source[rows] != inputs.target[rows])[:, None]
        logits = first + np.where(twice, second - self.base, 0.0)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def state(self) -> dict[str, Array]:
        return {"root_ids": self.root_ids, "base": self.base, "first": self.first, "second": self.second}


@dataclass(frozen=True)
class LabelPropagation(Declared):
    """Labels spread along connections in both directions, weighted by log counts (Zhou et al. 2004, NeurIPS 16)."""

    name: str = "label propagation"
    tasks: frozenset[str] = frozenset({"node"})
    needs = frozenset({CONNECTIONS})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        rows = known_rows(known)
        return _Spread(inputs.root_ids[inputs.source[rows]], known[rows], classes)

    def restore(self, state: State) -> Fitted:
        root_ids, label = array(state, "root_ids", np.uint64, 1), array(state, "label", np.int64, 1)
        classes = number(state, "classes")
        require(len(label) == len(root_ids), "labels of some neurons are missing")
        require(bool(((label >= 0) & (label < classes)).all()), "a label is of no class")
        return _Spread(root_ids, label, classes)

    def sentence(self) -> str:
        return f"labels spread over partners in {ROUNDS} rounds, {SPREAD:g} of each answer from partners"


@dataclass(frozen=True, eq=False)
class _Spread:
    """The labels; the spreading is done on the wiring of whoever asks."""

    root_ids: RootIds
    """[k] of labelled neurons."""
    label: Ints
    classes: int

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        n, classes = len(inputs.root_ids), self.classes
        both = sparse.csr_array((n, n))
        for weight in inputs.layers.values():
            logs = weight.astype(np.float64).log1p()
            both = sparse.csr_array(both + logs + logs.T)
        strength: Floats = np.asarray(both.sum(axis=1)).ravel()
        root = sparse.diags_array(np.divide(1.0, np.sqrt(strength), out=np.zeros(n), where=strength > 0))
        step = sparse.csr_array(root @ both @ root)
        start = np.zeros((n, classes))
        at = rows_of(inputs.root_ids, self.root_ids)
        start[at[at >= 0], self.label[at >= 0]] = 1.0
        # Rare classes start with as much as common ones, or the largest class floods the graph.
        start /= np.maximum(start.sum(axis=0), 1.0)
        scores = start.copy()
        for _ in range(ROUNDS):
            scores = SPREAD * (step @ scores) + (1.0 - SPREAD) * start
        base = (np.bincount(self.label, minlength=classes) + 1.0) / (len(self.label) + classes)
        total = scores.sum(axis=1, keepdims=True)
        shares = np.where(total > 0, np.divide(scores, total, where=total > 0, out=scores * 0), base)
        return np.asarray(shares[inputs.source[rows]])

    def state(self) -> dict[str, Array]:
        return {"root_ids": self.root_ids, "label": self.label, "classes": integer_array(self.classes)}

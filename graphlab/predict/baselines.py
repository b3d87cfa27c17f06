"""Predictors without learned features: a single quantity, who it is, what its partners are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from graphlab.predict.examples import Floats, Ints
from graphlab.predict.features import Inputs
from graphlab.predict.linear import Logistic, logistic
from graphlab.predict.predictor import Fitted, known_rows
from ingest.errors import AnalysisError

PRIOR = 5.0
"""Examples that the base rate counts for when a neuron's own rate is estimated."""
SPREAD = 0.9
"""Share of a neuron's answer that comes from its partners (Zhou et al. 2004, alpha)."""
ROUNDS = 30


@dataclass(frozen=True)
class OneQuantity:
    """One pair feature, turned into a probability by logistic regression."""

    name: str
    column: str
    tasks: frozenset[str] = frozenset({"pair"})

    def fit(self, inputs: Inputs, known: Ints, classes: int, seed: int) -> Fitted:
        rows = known_rows(known)
        return _OneColumn(self, logistic(self.values(inputs, rows), known[rows], classes))

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


@dataclass(frozen=True)
class IdentityRates:
    """How often this class stimulates, and that one responds; knows nothing else. What memory alone is worth.

    The log odds of both ends are added and the base rate taken off once; of a neuron, the labels of its twins.
    """

    name: str = "identity rates"
    tasks: frozenset[str] = frozenset({"pair", "node"})

    def fit(self, inputs: Inputs, known: Ints, classes: int, seed: int) -> Fitted:
        rows = known_rows(known)
        base = (np.bincount(known[rows], minlength=classes) + 1.0) / (len(rows) + classes)
        size = int(inputs.group.max()) + 1
        sides = []
        for ends in (inputs.source, inputs.target):
            counts = np.zeros((size, classes))
            np.add.at(counts, (inputs.group[ends[rows]], known[rows]), 1.0)
            sides.append(np.log((counts + PRIOR * base) / (counts.sum(axis=1, keepdims=True) + PRIOR)))
        return _Rates(np.log(base), *sides)

    def sentence(self) -> str:
        return "base rates of both ends' homologue classes in the training examples"


@dataclass(frozen=True)
class _Rates:
    base: Floats
    first: Floats
    second: Floats

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        a, b = inputs.group[inputs.source[rows]], inputs.group[inputs.target[rows]]
        # Of a single neuron both ends are itself, and its evidence counts once.
        twice = (inputs.source[rows] != inputs.target[rows])[:, None]
        logits = self.first[a] + np.where(twice, self.second[b] - self.base, 0.0)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class LabelPropagation:
    """Labels spread along connections in both directions, weighted by log counts (Zhou et al. 2004, NeurIPS 16)."""

    name: str = "label propagation"
    tasks: frozenset[str] = frozenset({"node"})

    def fit(self, inputs: Inputs, known: Ints, classes: int, seed: int) -> Fitted:
        rows = known_rows(known)
        n = len(inputs.root_ids)
        both = sparse.csr_array((n, n))
        for weight in inputs.layers.values():
            logs = weight.astype(np.float64).log1p()
            both = sparse.csr_array(both + logs + logs.T)
        strength: Floats = np.asarray(both.sum(axis=1)).ravel()
        root = sparse.diags_array(np.divide(1.0, np.sqrt(strength), out=np.zeros(n), where=strength > 0))
        step = sparse.csr_array(root @ both @ root)
        start = np.zeros((n, classes))
        start[inputs.source[rows], known[rows]] = 1.0
        # Rare classes start with as much as common ones, or the largest class floods the graph.
        start /= np.maximum(start.sum(axis=0), 1.0)
        found = start.copy()
        for _ in range(ROUNDS):
            found = SPREAD * (step @ found) + (1.0 - SPREAD) * start
        base = (np.bincount(known[rows], minlength=classes) + 1.0) / (len(rows) + classes)
        total = found.sum(axis=1, keepdims=True)
        return _Spread(np.where(total > 0, np.divide(found, total, where=total > 0, out=found * 0), base))

    def sentence(self) -> str:
        return f"labels spread over partners in {ROUNDS} rounds, {SPREAD:g} of each answer from partners"


@dataclass(frozen=True)
class _Spread:
    probability: Floats

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        return self.probability[inputs.source[rows]]

"""Forest and logistic regression, and what they leave unexplained carried along the graph to like pairs.

Residuals of training pairs are averaged with weights K[s, s'] K[t, t'] (a product of neuron kernels over both ends, as
in kernel regression on pairs), once where K is likeness of wiring and once where it is nearness. How much of each to
believe is learned on classes that the parts did not see.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from graphlab.predict.inputs.examples import HIDDEN, Floats, Ints
from graphlab.predict.inputs.features import Inputs, RootIds
from graphlab.predict.inputs.pair_features import profile_cosine
from graphlab.predict.learners.linear import Logistic, LogisticRegression, logistic
from graphlab.predict.learners.trees.forest import RandomForest
from graphlab.predict.predictor import Declared, Fitted, Predictor, TrainingJournal, known_rows
from graphlab.predict.state import Array, State, array, require, with_prefix, without_prefix
from ingest.schema.errors import AnalysisError
from ingest.schema.ids import rows_of

PARTS = 3
"""Parts of the classes; pairs inside one are predicted by a model that saw none of its neurons."""
SHARPNESS = 4.0
"""Power of the cosine of wiring profiles."""
REACH_SHARE = 0.15
"""Width of the kernel of nearness, as a share of the median distance."""
BELIEF = 2.0
"""Pairs' worth of no residual that every average is mixed with."""
NARROWEST = 1e-4
PARTS_OF_IT: tuple[Predictor, ...] = (RandomForest(), LogisticRegression())


@dataclass(frozen=True)
class Hybrid(Declared):
    """Stacked forest, logistic regression and residuals of like pairs."""

    name: str = "hybrid"
    tasks: frozenset[str] = frozenset({"pair"})
    libraries = frozenset({"sklearn"})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        if classes != 2:
            raise AnalysisError(f"the hybrid tells two classes apart; found {classes}")
        kernels = neuron_kernels(inputs)
        columns, label = [], []
        for inner, rows in self._unseen(inputs, known, seed):
            columns.append(_Parts.of(inputs, inner, kernels, seed).columns(inputs, rows))
            label.append(known[rows])
        parts = _Parts.of(inputs, known, kernels, seed)
        if not columns or len(np.unique(np.concatenate(label))) < 2:
            return _Mean(parts)
        return _Stack(parts, logistic(np.concatenate(columns), np.concatenate(label), classes))

    def restore(self, state: State) -> Fitted:
        parts = _Parts.restore(state)
        stack = without_prefix(state, "stack")
        return _Stack(parts, Logistic.restore(stack)) if stack else _Mean(parts)

    def _unseen(self, inputs: Inputs, known: Ints, seed: int) -> Iterator[tuple[Ints, Ints]]:
        """(labels without every pair that touches a part, rows of known pairs inside it), part by part."""
        present, place = np.unique(inputs.group, return_inverse=True)
        part = np.random.default_rng(seed).permutation(np.arange(len(present)) % PARTS)[place]
        first, second = part[inputs.source], part[inputs.target]
        for number in range(PARTS):
            inner = np.where((first != number) & (second != number), known, HIDDEN)
            rows = np.flatnonzero((first == number) & (second == number) & (known != HIDDEN))
            if len(rows) and len(np.unique(inner[inner != HIDDEN])) == 2:
                yield inner, rows

    def sentence(self) -> str:
        return "random forest, logistic regression and residuals of pairs alike in wiring and place, stacked"


def neuron_kernels(inputs: Inputs) -> list[Floats]:
    """Kernels [n, n]: likeness of wiring, and nearness where places are known."""
    wired = sparse.csr_array((len(inputs.root_ids),) * 2)
    for weight in inputs.layers.values():
        wired = sparse.csr_array(wired + weight)
    kernels = [profile_cosine(wired) ** SHARPNESS]
    if inputs.position_nm is not None:
        place = np.where(np.isfinite(inputs.position_nm), inputs.position_nm, 1e12)
        apart = np.linalg.norm(place[:, None] - place[None], axis=2)
        width = REACH_SHARE * np.median(apart[(apart > 0) & (apart < 1e11)])
        kernels.append(np.exp(-0.5 * (apart / width) ** 2))
    return kernels


def carried(kernel: Floats, source: Ints, target: Ints, residual: Floats, asked: tuple[Ints, Ints]) -> Floats:
    """Mean residual of the pairs (source, target), weighted by likeness of both ends to those of the pairs asked."""
    n = len(kernel)
    left, there = np.zeros((n, n)), np.zeros((n, n))
    left[source, target], there[source, target] = residual, 1.0
    total, weight = ((kernel @ values @ kernel.T)[asked] for values in (left, there))
    return np.asarray(total / (weight + BELIEF))


@dataclass(frozen=True, eq=False)
class _Parts:
    """The fitted parts and the residuals that they leave on their own training pairs."""

    fitted: tuple[Fitted, ...]
    kernels: list[Floats] | None
    """Of the inputs trained on; made from those asked about where a saved model was read."""
    source: RootIds
    """[k] of the training pairs."""
    target: RootIds
    residual: Floats

    @classmethod
    def of(cls, inputs: Inputs, known: Ints, kernels: list[Floats], seed: int) -> _Parts:
        rows = known_rows(known)
        fitted = tuple(part.fit(inputs, known, 2, seed) for part in PARTS_OF_IT)
        # The forest knows its training pairs by heart: only the regression leaves honest residuals.
        source, target = (inputs.root_ids[end[rows]] for end in (inputs.source, inputs.target))
        return cls(fitted, kernels, source, target, known[rows] - fitted[-1].predict(inputs, rows)[:, 1])

    @classmethod
    def restore(cls, state: State) -> _Parts:
        source, target = (array(state, name, np.uint64, 1) for name in ("source", "target"))
        residual = array(state, "residual", np.float64, 1)
        require(len(source) == len(target) == len(residual), "residuals of some pairs are missing")
        return cls(tuple(p.restore(without_prefix(state, p.name)) for p in PARTS_OF_IT), None, source, target, residual)

    def state(self) -> dict[str, Array]:
        arrays: dict[str, Array] = {"source": self.source, "target": self.target, "residual": self.residual}
        for fitted, predictor in zip(self.fitted, PARTS_OF_IT, strict=True):
            arrays |= with_prefix(predictor.name, fitted.state())
        return arrays

    def logits(self, inputs: Inputs, rows: Ints) -> list[Floats]:
        logits = []
        for part in self.fitted:
            p = np.clip(part.predict(inputs, rows)[:, 1], NARROWEST, 1 - NARROWEST)
            logits.append(np.log(p / (1 - p)))
        return logits

    def columns(self, inputs: Inputs, rows: Ints) -> Floats:
        asked = (inputs.source[rows], inputs.target[rows])
        ends = np.stack([rows_of(inputs.root_ids, end) for end in (self.source, self.target)])
        there = (ends >= 0).all(axis=0)
        kernels = neuron_kernels(inputs) if self.kernels is None else self.kernels
        left = [carried(kernel, ends[0, there], ends[1, there], self.residual[there], asked) for kernel in kernels]
        return np.stack([*self.logits(inputs, rows), *left], axis=1)


@dataclass(frozen=True, eq=False)
class _Stack:
    parts: _Parts
    model: Logistic

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        return self.model.probability(self.parts.columns(inputs, rows))

    def state(self) -> dict[str, Array]:
        return self.parts.state() | with_prefix("stack", self.model.state())


@dataclass(frozen=True, eq=False)
class _Mean:
    """Where the classes are too few to learn a stack from: the mean of the parts' log odds."""

    parts: _Parts

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        p = 1.0 / (1.0 + np.exp(-np.mean(self.parts.logits(inputs, rows), axis=0)))
        return np.stack([1.0 - p, p], axis=1)

    def state(self) -> dict[str, Array]:
        return self.parts.state()

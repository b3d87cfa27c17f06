"""Trees that are also told how known pairs like this one answered, without ever being shown their own answer.

Of every pair: the mean residual (label minus base rate) of training pairs whose ends are alike in wiring, in gap
junctions and in place, and how often the homologue classes of both its neurons stimulate and respond. While training,
these come from the other parts only: units of two classes are dealt into parts, so that twins, mirror pairs and
reverses are left out together (cross-fitted target encoding; leaving out single pairs would betray their labels).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import Inputs, RootIds
from graphlab.predict.inputs.pair_features import profile_cosine
from graphlab.predict.learners.combined.hybrid import carried, neuron_kernels
from graphlab.predict.learners.trees.ensemble import Trees
from graphlab.predict.learners.trees.extra_trees import ExtraTrees
from graphlab.predict.predictor import Declared, Fitted, TrainingJournal, known_rows
from graphlab.predict.state import Array, State, array, require, with_prefix, without_prefix
from ingest.schema.errors import AnalysisError
from ingest.schema.ids import rows_of

PARTS = 5
PRIOR = 20.0
"""Pairs' worth of the base rate in the rate of a homologue class."""


@dataclass(frozen=True)
class InformedTrees(Declared):
    """Extra trees on features and on answers of like pairs."""

    name: str = "informed trees"
    leaf: int = 12
    tasks: frozenset[str] = frozenset({"pair"})
    libraries = frozenset({"sklearn"})

    @property
    def grower(self) -> ExtraTrees:
        """The trees without answers."""
        return ExtraTrees(self.name, ends=True, leaf=self.leaf)

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        if classes != 2:
            raise AnalysisError(f"informed trees tell two classes apart; found {classes}")
        rows = known_rows(known)
        answers = Answers.of(inputs, rows, known[rows])
        kernels = similarity_kernels(inputs)
        from_answers = np.empty((len(rows), len(kernels) + 5))
        part = assign_parts(inputs, rows, seed)
        for number in range(PARTS):
            here = part == number
            from_answers[here] = answers.without(here).told(inputs, rows[here], kernels)
        values = np.hstack([self.grower.values(inputs, rows), from_answers])
        return _Fitted(self, answers, self.grower.grown(values, known[rows], classes, seed))

    def restore(self, state: State) -> Fitted:
        return _Fitted(self, Answers.restore(state), Trees.restore(without_prefix(state, "trees")))

    def sentence(self) -> str:
        return f"{self.grower.sentence()}, told how like pairs and both homologue classes answered"


@dataclass(frozen=True, eq=False)
class Answers:
    """Training pairs by root_id and what they say beyond the base rate."""

    source: RootIds
    """[k]"""
    target: RootIds
    residual: Floats

    @classmethod
    def of(cls, inputs: Inputs, rows: Ints, label: Ints) -> Answers:
        source, target = (inputs.root_ids[end[rows]] for end in (inputs.source, inputs.target))
        return cls(source, target, label - label.mean())

    def without(self, some: np.ndarray) -> Answers:
        """Those of the other pairs."""
        return Answers(self.source[~some], self.target[~some], self.residual[~some])

    def told(self, inputs: Inputs, rows: Ints, kernels: list[Floats]) -> Floats:
        """[k, kernels + 5]: answers of like pairs, rates of both ends as first and as second, and their sum."""
        at = np.stack([rows_of(inputs.root_ids, end) for end in (self.source, self.target)])
        there = (at >= 0).all(axis=0)
        (source, target), residual = at[:, there], self.residual[there]
        asked = (inputs.source[rows], inputs.target[rows])
        alike = [carried(kernel, source, target, residual, asked) for kernel in kernels]
        first, second = (_rates(inputs.group, end, residual) for end in (source, target))
        rates = [first[asked[0]], second[asked[0]], first[asked[1]], second[asked[1]]]
        return np.stack([*alike, *rates, rates[0] + rates[3]], axis=1)

    def state(self) -> dict[str, Array]:
        return {"source": self.source, "target": self.target, "residual": self.residual}

    @classmethod
    def restore(cls, state: State) -> Answers:
        source, target = (array(state, name, np.uint64, 1) for name in ("source", "target"))
        residual = array(state, "residual", np.float64, 1)
        require(len(source) == len(target) == len(residual), "answers of some pairs are missing")
        return cls(source, target, residual)


def similarity_kernels(inputs: Inputs) -> list[Floats]:
    """Kernels [n, n] of the hybrid, and likeness of gap junctions where there are some."""
    kernels = neuron_kernels(inputs)
    if "electrical" in inputs.layers:
        gap = inputs.layers["electrical"]
        kernels.append(profile_cosine(sparse.csr_array(gap.maximum(gap.T))) ** 2)
    return kernels


def assign_parts(inputs: Inputs, rows: Ints, seed: int) -> Ints:
    """Part of each of ``rows``; pairs of the same two homologue classes, either way round, are in one."""
    a, b = inputs.group[inputs.source[rows]], inputs.group[inputs.target[rows]]
    unit = np.minimum(a, b) * (int(inputs.group.max()) + 1) + np.maximum(a, b)
    present, place = np.unique(unit, return_inverse=True)
    part = np.random.default_rng(seed).permutation(np.arange(len(present)) % PARTS)
    return np.asarray(part[place], dtype=np.int64)


def _rates(group: Ints, end: Ints, residual: Floats) -> Floats:
    """[n] mean residual of the class of each neuron where it is at this end, drawn towards 0."""
    size = int(group.max()) + 1
    total, count = np.bincount(group[end], residual, size), np.bincount(group[end], minlength=size)
    return np.asarray((total / (count + PRIOR))[group])


@dataclass(frozen=True, eq=False)
class _Fitted:
    settings: InformedTrees
    answers: Answers
    trees: Trees

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        from_answers = self.answers.told(inputs, rows, similarity_kernels(inputs))
        return self.trees.probability(np.hstack([self.settings.grower.values(inputs, rows), from_answers]))

    def state(self) -> dict[str, Array]:
        return self.answers.state() | with_prefix("trees", self.trees.state())

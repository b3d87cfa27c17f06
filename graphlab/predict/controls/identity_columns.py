"""Who the two neurons of a pair are, as far as training pairs tell: a family of features that is memory alone.

Tests: tests/graphlab/predict/controls/test_importance.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.features import FeatureColumns, Inputs
from graphlab.predict.learners.baselines import PRIOR
from graphlab.predict.protocol import Build
from ingest.schema.errors import AnalysisError

PARTS = 5
NAMES = ("first_class_rate", "second_class_rate")


def with_identity(whole: Build, seed: int = 0) -> Build:
    """The same inputs, and the response rates of both ends' homologue classes among training pairs, as log odds.

    The rates of a training pair are those of the other ``PARTS - 1`` parts of the training pairs, class pairs
    undivided: a rate that counted the pair itself, or its mirror image, would give its label away.

    Raises:
        AnalysisError: of the returned function: a task of single neurons, or of more than two classes.
    """

    def build(examples: Examples, train: Ints) -> Inputs:
        made = whole(examples, train)
        return replace(made, pair=made.pair.beside(identity_columns(examples, train, seed)))

    return build


def identity_columns(examples: Examples, train: Ints, seed: int = 0) -> FeatureColumns:
    """Columns [m, 2] of the family ``identity``; classes without a training pair get the base rate."""
    if not examples.is_pairs or len(examples.classes) != 2:
        raise AnalysisError("identity rates are those of pairs that respond or not; this task is another")
    ends = examples.group[examples.source], examples.group[examples.target]
    size = int(examples.group.max()) + 1
    _, unit = np.unique(np.minimum(*ends) * size + np.maximum(*ends), return_inverse=True)
    part = np.random.default_rng(seed).permutation(np.arange(int(unit.max()) + 1) % PARTS)[unit]
    rates = _rates(examples, train, ends, size)
    for number in range(PARTS):
        inside = train[part[train] == number]
        rates[inside] = _rates(examples, train[part[train] != number], ends, size)[inside]
    return FeatureColumns(rates, NAMES, ("identity",) * 2)


def _rates(examples: Examples, train: Ints, ends: tuple[Ints, Ints], size: int) -> Floats:
    label = examples.label[train]
    base = (label.sum() + 1.0) / (len(train) + 2.0)
    columns = []
    for group in ends:
        there = np.bincount(group[train], minlength=size)
        hits = np.bincount(group[train], weights=label, minlength=size)
        rate = (hits + PRIOR * base) / (there + PRIOR)
        columns.append(np.log(rate / (1.0 - rate))[group])
    return np.stack(columns, axis=1)

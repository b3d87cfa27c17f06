"""The seam of predictors: fitted on known labels alone, asked for probabilities, kept as arrays.

Tests: tests/graphlab/predict/test_state.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from graphlab.predict.inputs.examples import HIDDEN, Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.state import Array, State


class TrainingJournal(Protocol):
    """Where a training says what happens."""

    def write(self, entry: Mapping[str, object]) -> None:
        """One entry, JSON-ready, without times: equal trainings say the same."""

    def rewind(self, run: str, epoch: int) -> None:
        """Take back the entries of ``run`` after ``epoch``, from which a training goes on."""


class Fitted(Protocol):
    """A predictor that has learned."""

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        """Probabilities [k, classes] of the examples ``rows``; every row adds up to 1."""

    def state(self) -> dict[str, Array]:
        """Everything it learned, arrays only, neurons by root_id; ``Predictor.restore`` makes it again."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What a predictor says of k examples, and how sure to be of it."""

    probability: Floats
    """[k, classes]"""
    in_set: npt.NDArray[np.bool_]
    """[k, classes] whether a class is in the conformal set of the example."""
    doubt: Floats
    """[k] larger for what is less like the training examples."""
    strange: npt.NDArray[np.bool_]
    """[k] whether the doubt is beyond that of nearly all known examples held out of training."""


@runtime_checkable
class Judging(Fitted, Protocol):
    """A fitted predictor that also says how sure it is."""

    def judge(self, inputs: Inputs, rows: Ints) -> Judged:
        """Of the examples ``rows``; the probabilities are those of ``predict``."""


@runtime_checkable
class Cautioned(Fitted, Protocol):
    """A fitted predictor with something to say of the labels that it learned from."""

    def cautions(self, classes: Sequence[str]) -> list[str]:
        """What a reader of its answers has to know, one sentence each; ``classes`` are the names of labels."""


class Predictor(Protocol):
    """One way to predict labels; holds settings only, so that one instance serves every fold."""

    @property
    def name(self) -> str:
        """As registered."""

    @property
    def tasks(self) -> frozenset[str]:
        """``pair``, ``node`` or both."""

    @property
    def needs(self) -> frozenset[str]:
        """Parts of a graph without which it knows nothing: ``positions``, ``sides``, ``embeddings``."""

    @property
    def libraries(self) -> frozenset[str]:
        """Modules that it imports when it is fitted; asked for before the work begins."""

    @property
    def by_default(self) -> bool:
        """Whether it is compared where no predictors are named."""

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        """Learn from the labels [m] that are known; all others are ``HIDDEN``. The inputs stay as they are.

        Args:
            classes: numbers of labels, some of which may not occur. journal: told of every epoch, where there are such.

        Raises:
            AnalysisError: the inputs lack what this predictor looks at. MissingExtraError: its library is missing.
        """

    def restore(self, state: State) -> Fitted:
        """What ``fit`` gave, from its ``state``: on the same inputs it predicts the same bytes.

        Raises:
            SchemaError: arrays of another predictor or version.
        """

    def sentence(self) -> str:
        """What it is and what it looks at, for the card."""


class Around:
    """What a predictor around another declares: what that one does; it is compared only where it is named."""

    predictor: Predictor

    @property
    def tasks(self) -> frozenset[str]:
        return self.predictor.tasks

    @property
    def needs(self) -> frozenset[str]:
        return self.predictor.needs

    @property
    def libraries(self) -> frozenset[str]:
        return self.predictor.libraries

    @property
    def by_default(self) -> bool:
        return False


class Declared:
    """What most predictors declare: they need connections alone, and are compared by default."""

    @property
    def needs(self) -> frozenset[str]:
        return frozenset()

    @property
    def libraries(self) -> frozenset[str]:
        return frozenset()

    @property
    def by_default(self) -> bool:
        return True


def known_rows(known: Ints) -> Ints:
    """Examples whose labels may be learned from."""
    rows: Ints = (known != HIDDEN).nonzero()[0]
    return rows

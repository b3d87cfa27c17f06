"""The seam of predictors: fitted on known labels alone, asked for probabilities, kept as arrays."""

from __future__ import annotations

from typing import Protocol

from graphlab.predict.inputs.examples import HIDDEN, Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.state import Array, State


class Fitted(Protocol):
    """A predictor that has learned."""

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        """Probabilities [k, classes] of the examples ``rows``; every row adds up to 1."""

    def state(self) -> dict[str, Array]:
        """Everything it learned, arrays only, neurons by root_id; ``Predictor.restore`` makes it again."""


class Predictor(Protocol):
    """One way to predict labels; holds settings only, so that one instance serves every fold."""

    @property
    def name(self) -> str:
        """As registered."""

    @property
    def tasks(self) -> frozenset[str]:
        """``pair``, ``node`` or both."""

    def fit(self, inputs: Inputs, known: Ints, classes: int, seed: int) -> Fitted:
        """Learn from the labels [m] that are known; all others are ``HIDDEN``.

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


def known_rows(known: Ints) -> Ints:
    """Examples whose labels may be learned from."""
    rows: Ints = (known != HIDDEN).nonzero()[0]
    return rows

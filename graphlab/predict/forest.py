"""Random forest on the features of the examples: the bar for pairs, with and without distance."""

from __future__ import annotations

from dataclasses import dataclass

from graphlab.predict.design import design, is_pairs
from graphlab.predict.examples import Floats, Ints
from graphlab.predict.features import Inputs
from graphlab.predict.predictor import Fitted, known_rows
from graphlab.predict.state import Array, State
from graphlab.predict.trees import Trees
from ingest.errors import MissingExtraError

TREES = 200
PAIR_LEAF = 5
"""Fewest examples in a leaf for pairs, of which few are positive: single ones would be learned by heart."""


@dataclass(frozen=True)
class RandomForest:
    """Breiman 2001, probabilities as mean of the trees' leaves."""

    name: str = "random forest"
    without: str | None = None
    """A family of features that it does not see."""
    tasks: frozenset[str] = frozenset({"pair", "node"})

    def fit(self, inputs: Inputs, known: Ints, classes: int, seed: int) -> Fitted:
        try:
            from sklearn.ensemble import RandomForestClassifier
        except ImportError:
            raise MissingExtraError("scikit-learn", "gnn") from None
        rows = known_rows(known)
        leaf = PAIR_LEAF if is_pairs(inputs) else 1
        model = RandomForestClassifier(TREES, min_samples_leaf=leaf, random_state=seed % 2**32, n_jobs=1)
        return _Fitted(self, Trees.of(model.fit(design(inputs, rows, self.without).values, known[rows]), classes))

    def restore(self, state: State) -> Fitted:
        return _Fitted(self, Trees.restore(state))

    def sentence(self) -> str:
        left_out = f" without {self.without}" if self.without else ""
        return f"{TREES} trees on the features of the examples{left_out}"


@dataclass(frozen=True)
class _Fitted:
    settings: RandomForest
    trees: Trees

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        return self.trees.probability(design(inputs, rows, self.settings.without).values)

    def state(self) -> dict[str, Array]:
        return self.trees.state()

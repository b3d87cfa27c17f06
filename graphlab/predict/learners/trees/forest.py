"""Random forest on the features of the examples: the bar for pairs, with and without distance.

The bar looks at counts, steps, likeness and distance, as it was first measured; features of pairs that came later are
kept from it (they make it worse for unseen neurons and better for seen ones), and a second one sees them all.

Tests: tests/graphlab/predict/learners/trees/test_extra_trees.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphlab.predict.inputs.design import design, is_pairs
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.inputs.pair_features import is_further
from graphlab.predict.learners.class_weights import example_weights
from graphlab.predict.learners.trees.ensemble import Trees
from graphlab.predict.predictor import Declared, Fitted, TrainingJournal, known_rows
from graphlab.predict.state import Array, State
from ingest.schema.errors import MissingExtraError

TREES = 200
WORKERS = 4
"""Threads that grow trees; trees do not depend on their number, and are asked in order."""
PAIR_LEAF = 5
"""Fewest examples in a leaf for pairs, of which few are positive: single ones would be learned by heart."""


@dataclass(frozen=True)
class RandomForest(Declared):
    """Breiman 2001, probabilities as mean of the trees' leaves."""

    name: str = "random forest"
    without: str | None = None
    """A family of features that it does not see."""
    plain: bool = True
    """Whether it sees only the features of pairs that the bar was measured with."""
    tasks: frozenset[str] = frozenset({"pair", "node"})
    libraries = frozenset({"sklearn"})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        try:
            from sklearn.ensemble import RandomForestClassifier
        except ImportError:
            raise MissingExtraError("scikit-learn", "gnn") from None
        rows = known_rows(known)
        leaf = PAIR_LEAF if is_pairs(inputs) else 1
        model = RandomForestClassifier(TREES, min_samples_leaf=leaf, random_state=seed % 2**32, n_jobs=WORKERS)
        # Of pairs no predictor weighs rare answers more; of types all do, by one rule.
        weight = None if is_pairs(inputs) else example_weights(known[rows], classes)
        return _Fitted(self, Trees.of(model.fit(self.values(inputs, rows), known[rows], weight), classes))

    def values(self, inputs: Inputs, rows: Ints) -> Floats:
        """[k, columns] of the examples ``rows``."""
        columns = design(inputs, rows, self.without)
        if not self.plain or not is_pairs(inputs):
            return columns.values
        return columns.values[:, [k for k, name in enumerate(columns.names) if not is_further(name)]]

    def restore(self, state: State) -> Fitted:
        return _Fitted(self, Trees.restore(state))

    def sentence(self) -> str:
        left_out = f" without {self.without}" if self.without else ""
        which = "the features" if self.plain else "all features"
        return f"{TREES} trees on {which} of the examples{left_out}"


@dataclass(frozen=True)
class _Fitted:
    settings: RandomForest
    trees: Trees

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        return self.trees.probability(self.settings.values(inputs, rows))

    def state(self) -> dict[str, Array]:
        return self.trees.state()

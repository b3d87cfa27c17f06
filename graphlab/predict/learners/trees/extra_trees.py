"""Extremely randomised trees with large leaves: what survives when neurons are not to be learned by heart.

A random forest looks for the best threshold, and with the features of both neurons finds thresholds that pick out the
neurons it was trained on. Thresholds drawn at random (Geurts et al. 2006, Machine Learning 63:3) and leaves of many
pairs blur that; asked about neurons it has seen, the features of both ends are worth having all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphlab.predict.inputs.design import design
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.learners.trees.ensemble import Trees
from graphlab.predict.learners.trees.forest import WORKERS
from graphlab.predict.predictor import Declared, Fitted, TrainingJournal, known_rows
from graphlab.predict.state import Array, State
from ingest.schema.errors import AnalysisError, MissingExtraError

TREES = 100
SHARE = 0.3
"""Of the features that every split may choose from."""


@dataclass(frozen=True)
class ExtraTrees(Declared):
    """On the features of pairs alone, or with those of both neurons too."""

    name: str = "extra trees"
    ends: bool = True
    """Whether it sees features of the two neurons."""
    leaf: int = 5
    """Fewest pairs in a leaf."""
    tasks: frozenset[str] = frozenset({"pair"})
    libraries = frozenset({"sklearn"})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        rows = known_rows(known)
        return _Fitted(self, self.grown(self.values(inputs, rows), known[rows], classes, seed))

    def grown(self, values: Floats, label: Ints, classes: int, seed: int) -> Trees:
        """The trees of these examples."""
        try:
            from sklearn.ensemble import ExtraTreesClassifier
        except ImportError:
            raise MissingExtraError("scikit-learn", "gnn") from None
        model = ExtraTreesClassifier(
            TREES, min_samples_leaf=self.leaf, max_features=SHARE, random_state=seed % 2**32, n_jobs=WORKERS
        )
        return Trees.of(model.fit(values, label), classes)

    def restore(self, state: State) -> Fitted:
        return _Fitted(self, Trees.restore(state))

    def values(self, inputs: Inputs, rows: Ints) -> Floats:
        """[k, columns] of the examples ``rows``."""
        if not inputs.pair.names:
            raise AnalysisError(f"{self.name} needs features of pairs; these inputs have none")
        return design(inputs, rows).values if self.ends else inputs.pair.values[rows]

    def sentence(self) -> str:
        seen = "pairs and of both neurons" if self.ends else "pairs"
        return f"{TREES} extremely randomised trees on the features of {seen}, {self.leaf} pairs or more in a leaf"


@dataclass(frozen=True, eq=False)
class _Fitted:
    settings: ExtraTrees
    trees: Trees

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        return self.trees.probability(self.settings.values(inputs, rows))

    def state(self) -> dict[str, Array]:
        return self.trees.state()

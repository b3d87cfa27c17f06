"""Types from the types of partners: a forest on what other forests said of everyone a neuron is connected with.

The first forest reads the features of a neuron. Every training neuron is asked of forests that did not see its
homologue class (out-of-fold predictions, Wolpert 1992), every other neuron of one that saw all training labels; no
label of anyone else is looked at. The next forest reads the features beside the mean of these predictions over a
neuron's outputs and over its inputs, layer by layer, and so on for some rounds. Message passing by hand: what a graph
network is to be measured against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphlab.predict.inputs.directed import directed_matrices
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import Inputs, RootIds
from graphlab.predict.inputs.wiring import CONNECTIONS
from graphlab.predict.learners.class_weights import example_weights
from graphlab.predict.learners.trees.ensemble import Trees
from graphlab.predict.learners.trees.forest import WORKERS
from graphlab.predict.predictor import Declared, Fitted, TrainingJournal, known_rows
from graphlab.predict.state import Array, State, array, integer_array, number, require, with_prefix, without_prefix
from ingest.schema.errors import MissingExtraError
from ingest.schema.ids import rows_of

PARTS = 5
"""Of the homologue classes; each is asked of a forest grown on the others."""


@dataclass(frozen=True)
class StackedTypes(Declared):
    """Forests on features and on partners' predicted types."""

    name: str = "stacked types"
    rounds: int = 2
    """How often predictions are handed to partners."""
    trees: int = 200
    leaf: int = 1
    tasks: frozenset[str] = frozenset({"node"})
    needs = frozenset({CONNECTIONS})
    libraries = frozenset({"sklearn"})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        rows = known_rows(known)
        node, label = inputs.source[rows], known[rows]
        part, parts = _parts(inputs.group[node], seed)
        means = Means(inputs)
        values, forests, predictions = inputs.node.values, [], []
        rounds = self.rounds if parts > 1 else 0
        for turn in range(rounds + 1):
            forest = self._forest(values[node], label, classes, seed + turn)
            forests.append(forest)
            if turn == rounds:
                break
            everyone = forest.probability(values)
            for k in range(parts):
                out = part == k
                other = self._forest(values[node[~out]], label[~out], classes, seed + turn)
                everyone[node[out]] = other.probability(values[node[out]])
            predictions.append(everyone[node])
            values = means.beside(everyone)
        return _Fitted(self, forests, inputs.root_ids[node], predictions)

    def _forest(self, values: Floats, label: Ints, classes: int, seed: int) -> Trees:
        try:
            from sklearn.ensemble import RandomForestClassifier
        except ImportError:
            raise MissingExtraError("scikit-learn", "gnn") from None
        model = RandomForestClassifier(
            self.trees, min_samples_leaf=self.leaf, random_state=seed % 2**32, n_jobs=WORKERS
        )  # fmt: skip
        return Trees.of(model.fit(values, label, sample_weight=example_weights(label, classes)), classes)

    def restore(self, state: State) -> Fitted:
        rounds = number(state, "rounds")
        root_ids = array(state, "root_ids", np.uint64, 1)
        require(rounds >= 0, "it has no rounds")
        forests = [Trees.restore(without_prefix(state, f"forest {k}")) for k in range(rounds + 1)]
        predictions = [array(state, f"said {k}", np.float64, 2) for k in range(rounds)]
        shape = (len(root_ids), forests[0].classes)
        require(all(one.shape == shape for one in predictions), "predictions of some neurons are missing")
        require(len({forest.classes for forest in forests}) == 1, "forests are of different classes")
        return _Fitted(self, forests, root_ids, predictions)

    def sentence(self) -> str:
        return (
            f"{self.trees} trees on the features of a neuron and on the types predicted of its partners, whose "
            f"training labels are predicted out of {PARTS} folds, {self.rounds} rounds"
        )


@dataclass(frozen=True, eq=False)
class _Fitted:
    settings: StackedTypes
    forests: list[Trees]
    """The first on features alone, one more a round."""
    root_ids: RootIds
    """[k] of the neurons trained on."""
    said: list[Floats]
    """[k, classes] of every round: what is handed on of them, said without their own labels."""

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        at = rows_of(inputs.root_ids, self.root_ids)
        there = at >= 0
        means = Means(inputs)
        values = inputs.node.values
        for forest, predicted in zip(self.forests, self.said, strict=False):
            everyone = forest.probability(values)
            everyone[at[there]] = predicted[there]
            values = means.beside(everyone)
        return self.forests[-1].probability(values[inputs.source[rows]])

    def state(self) -> dict[str, Array]:
        arrays: dict[str, Array] = {"root_ids": self.root_ids, "rounds": integer_array(len(self.said))}
        for k, forest in enumerate(self.forests):
            arrays |= with_prefix(f"forest {k}", forest.state())
        return arrays | {f"said {k}": predicted for k, predicted in enumerate(self.said)}


class Means:
    """Predictions of partners beside the features of every neuron."""

    def __init__(self, inputs: Inputs) -> None:
        self.values = inputs.node.values
        self.matrices = list(directed_matrices(inputs.layers, inputs.sign).values())

    def beside(self, predictions: Floats) -> Floats:
        """[n, columns]: features, and the mean of ``predictions`` [n, classes] over the partners of every kind."""
        return np.hstack([self.values, *(np.asarray(matrix @ predictions) for matrix in self.matrices)])


def _parts(group: Ints, seed: int) -> tuple[Ints, int]:
    """(part of each neuron, number of parts); homologue classes are never divided."""
    present, place = np.unique(group, return_inverse=True)
    parts = min(PARTS, len(present))
    part = np.random.default_rng(seed).permutation(np.arange(len(present)) % parts)
    return np.asarray(part[place], dtype=np.int64), parts

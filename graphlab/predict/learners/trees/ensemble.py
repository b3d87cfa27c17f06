"""Trees of a forest as arrays, asked by our own kernel: the probabilities are scikit-learn's to the byte.

Shares of classes are kept for leaves only, and only those above 0; sums run in the order of the trees, as there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.state import Array, State, array, integer_array, number, require

Numbers = npt.NDArray[np.int32]
KINDS: dict[str, npt.DTypeLike] = {
    "root": np.int64, "left": np.int32, "right": np.int32, "feature": np.int32, "threshold": np.float64,
    "first": np.int64, "label": np.int32, "share": np.float64,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Trees:
    """All trees of a forest, node after node; of two classes or many, and of one output."""

    root: Ints
    """[trees] first node of each."""
    left: Numbers
    """[nodes] node to go to where the feature is at most the threshold; -1 for a leaf."""
    right: Numbers
    feature: Numbers
    threshold: Floats
    first: Ints
    """[nodes + 1] where the shares of a node begin."""
    label: Numbers
    """[shares] class."""
    share: Floats
    """[shares] of the training examples in the leaf."""
    columns: int
    classes: int

    @classmethod
    def of(cls, model: Any, classes: int) -> Trees:
        """The trees of a fitted RandomForestClassifier whose classes are numbers below ``classes``."""
        trees = [estimator.tree_ for estimator in model.estimators_]
        root = np.concatenate([[0], np.cumsum([tree.node_count for tree in trees])]).astype(np.int64)
        left, right = (
            np.concatenate([_moved(getattr(tree, side), at) for tree, at in zip(trees, root[:-1], strict=True)])
            for side in ("children_left", "children_right")
        )
        leaf = left < 0
        value = np.concatenate([tree.value[:, 0, :] for tree in trees])
        node, place = np.nonzero(np.where(leaf[:, None], value, 0.0))
        return cls(
            root[:-1],
            left,
            right,
            np.concatenate([tree.feature for tree in trees]).astype(np.int32),
            np.concatenate([tree.threshold for tree in trees]).astype(np.float64),
            np.concatenate([[0], np.cumsum(np.bincount(node, minlength=len(left)))]).astype(np.int64),
            np.asarray(model.classes_)[place].astype(np.int32),
            np.ascontiguousarray(value[node, place], dtype=np.float64),
            int(model.n_features_in_),
            classes,
        )

    def probability(self, values: Floats) -> Floats:
        """Mean over trees [k, classes] of the shares in the leaf that each of ``values`` [k, columns] ends in."""
        require(values.shape[1] == self.columns, f"{values.shape[1]} features, trained on {self.columns}")
        probability = np.zeros((len(values), self.classes))
        # Thresholds lie between float32 numbers: scikit-learn compares these.
        _ask(
            np.ascontiguousarray(values, dtype=np.float32), self.root, self.left, self.right, self.feature,
            self.threshold, self.first, self.label, self.share, probability,
        )  # fmt: skip
        probability /= len(self.root)
        return probability

    def state(self) -> dict[str, Array]:
        sizes = {"columns": integer_array(self.columns), "classes": integer_array(self.classes)}
        return {**{name: getattr(self, name) for name in KINDS}, **sizes}

    @classmethod
    def restore(cls, state: State) -> Trees:
        """Raises SchemaError for arrays that are no trees: the kernel would walk out of them."""
        arrays = {name: array(state, name, kind, 1) for name, kind in KINDS.items()}
        trees = cls(**arrays, columns=number(state, "columns"), classes=number(state, "classes"))
        trees._check()
        return trees

    def _check(self) -> None:
        nodes = len(self.left)
        inner = self.left >= 0
        below = np.arange(nodes)[inner]
        lengths = {len(self.right), len(self.feature), len(self.threshold), len(self.first) - 1}
        require(nodes > 0 and lengths == {nodes}, "arrays of trees differ in length")
        require(len(self.root) > 0 and _within(self.root, nodes), "trees begin outside their nodes")
        for child in (self.left[inner], self.right[inner]):
            # Children come after their parents, so that every walk ends.
            require(bool((child > below).all()) and _within(child, nodes), "a tree has no end")
        require(_within(self.feature[inner], self.columns), "a tree asks for a feature that is not there")
        steps = np.diff(self.first)
        require(self.first[0] == 0 and bool((steps >= 0).all()), "shares of leaves are out of order")
        require(int(self.first[-1]) == len(self.share) == len(self.label), "shares of leaves are missing")
        require(_within(self.label, self.classes), "a leaf has a class that is not there")


def _moved(child: npt.NDArray[np.int64], at: int) -> Numbers:
    return np.where(child < 0, -1, child + at).astype(np.int32)


def _within(values: npt.NDArray[Any], size: int) -> bool:
    return bool(((values >= 0) & (values < size)).all())


@njit(cache=True, nogil=True)
def _ask(values, root, left, right, feature, threshold, first, label, share, out):  # type: ignore[no-untyped-def]
    for row in range(len(values)):
        for tree in range(len(root)):
            node = root[tree]
            while left[node] >= 0:
                if values[row, feature[node]] <= threshold[node]:
                    node = left[node]
                else:
                    node = right[node]
            for at in range(first[node], first[node + 1]):
                out[row, label[at]] += share[at]

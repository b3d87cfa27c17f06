"""Labelled examples of a task: neurons, or ordered pairs of neurons, with what makes two of them twins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import AnalysisError, SchemaError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

HIDDEN = -1
"""The label of an example that a predictor must not know."""


@dataclass(frozen=True, eq=False)
class Examples:
    """m labelled examples over n neurons; of a node task both ends are the neuron itself."""

    source: Ints
    """[m] node number of the neuron, or of the pair's first (stimulated, presynaptic) neuron."""
    target: Ints
    """[m] node number of the pair's second neuron; equals ``source`` in a node task."""
    label: Ints
    """[m] index into ``classes``."""
    classes: tuple[str, ...]
    group: Ints
    """[n] homologue class of each neuron: left, right and numbered members share a number."""
    side: npt.NDArray[np.int8] | None = None
    """[n] 0 left, 1 right, -1 neither."""
    graph: Ints | None = None
    """[n] number of the graph a neuron is from, where several were joined."""

    def __post_init__(self) -> None:
        if not len(self.label):
            raise AnalysisError("no labelled examples; ingest labels for neurons of this graph first")
        if not len(self.source) == len(self.target) == len(self.label):
            raise SchemaError(f"{len(self.source)} sources, {len(self.target)} targets and {len(self.label)} labels")
        for ends in (self.source, self.target):
            if ends.min() < 0 or ends.max() >= len(self.group):
                raise SchemaError(
                    f"labels name neurons that the graph lacks (node {int(ends.min())} to {int(ends.max())} of "
                    f"{len(self.group):,}); add the neurons or leave their labels out"
                )
        if not self.classes and (self.label == HIDDEN).all():
            return  # to be asked about, not learned from
        if self.label.min() < 0 or self.label.max() >= len(self.classes):
            raise SchemaError(f"labels must be 0..{len(self.classes) - 1}, one for each of {len(self.classes)} classes")
        present = np.unique(self.label)
        if len(present) < 2:
            raise AnalysisError(
                f"every example has the label {self.classes[present[0]]!r}; wanted two classes or more to tell apart"
            )

    @property
    def m(self) -> int:
        return len(self.label)

    @property
    def is_pairs(self) -> bool:
        """Whether examples are ordered pairs of two neurons."""
        return bool((self.source != self.target).any())

    @classmethod
    def of_nodes(
        cls,
        label: Sequence[str | None],
        group: Ints,
        side: npt.NDArray[np.int8] | None = None,
        graph: Ints | None = None,
    ) -> Examples:
        """Every neuron that has a label; classes in alphabetical order."""
        classes = sorted({value for value in label if value is not None})
        number = {name: k for k, name in enumerate(classes)}
        nodes = np.array([k for k, value in enumerate(label) if value is not None], dtype=np.int64)
        labels = np.array([number[value] for value in label if value is not None], dtype=np.int64)
        return cls(nodes, nodes, labels, tuple(classes), group, side, graph)

    @classmethod
    def unlabelled(cls, source: Ints, target: Ints, group: Ints) -> Examples:
        """Examples to be asked about, nothing of which can be learned."""
        return cls(source, target, np.full(len(source), HIDDEN, dtype=np.int64), (), group)

    def hidden(self, train: Ints) -> Ints:
        """Labels [m] with ``HIDDEN`` everywhere outside ``train``: all that a predictor is ever given."""
        known = np.full(self.m, HIDDEN, dtype=np.int64)
        known[train] = self.label[train]
        return known

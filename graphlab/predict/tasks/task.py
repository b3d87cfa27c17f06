"""The seam of tasks: what is predicted, from which labels, and how answers are written down.

Tests: tests/graphlab/predict/tasks/test_cell_type.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from graphlab.predict.evaluation.evaluate import Metric
    from graphlab.predict.from_graph import WiringData
    from graphlab.predict.inputs.examples import Examples, Floats, Ints
    from graphlab.predict.inputs.features import RootIds
    from graphlab.predict.inputs.wiring import Wiring
    from graphlab.predict.predictor import Judged
    from graphlab.predict.protocol import Build
    from graphlab.store.folder import Folder


@dataclass(frozen=True, eq=False)
class Labels:
    """Examples of a graph with their labels."""

    examples: Examples
    notes: tuple[str, ...] = ()
    """Where labels are from, and what was left out."""
    source: Mapping[str, str] = field(default_factory=dict)
    """Settings that stood for "the latest", with what they meant; the run keeps them."""


@dataclass(frozen=True)
class Design:
    """How predictors of a task are tested."""

    split: str
    folds: int
    reference: str
    """The predictor that others are compared with."""
    candidates: tuple[str, ...] = ()
    """Among these one is nominated on inner folds."""
    notes: tuple[str, ...] = ()
    """Known confounds, for the card."""
    predictors: tuple[str, ...] | None = None
    """Compared where none are named; by default all that do the task and find what they need."""
    apart: frozenset[str] = frozenset()
    """Leaks that no split of this task may have, whatever the split promises: see ``evaluation.leaks``."""


@dataclass(frozen=True, eq=False)
class Answered:
    """What a model says of k neurons or pairs."""

    source: RootIds
    target: RootIds
    """[k]; the same as ``source`` of neurons."""
    classes: Sequence[str]
    probability: Floats
    """[k, classes]"""
    was_training: npt.NDArray[np.bool_]
    """[k] whether the model was fitted on it."""
    judged: Judged | None = None
    """Sets and doubt, of models that say how sure they are."""


class Task(Protocol):
    """One question about neurons or about ordered pairs of neurons; the object that is registered has its defaults.

    ``tasks.kinds`` has what tasks about neurons, and those about pairs, mostly share.
    """

    @property
    def name(self) -> str:
        """As registered; the name of its models where none is given."""

    @property
    def title(self) -> str:
        """In words, for tables and reports."""

    @property
    def kind(self) -> str:
        """``node`` or ``pair``: predictors say which of both they do."""

    @property
    def needs(self) -> frozenset[str]:
        """What it looks at beside connections and embeddings, where the graph has it: ``positions``, ``sides``.

        With ``windows`` or ``nodes`` it looks at embeddings alone: at cells with all their windows, or at each node.
        """

    def settings(self) -> Mapping[str, object]:
        """Name -> value of each setting; goes to the card and makes the task again."""

    def configured(self, settings: Mapping[str, object]) -> Task:
        """The same task with some other settings.

        Raises:
            UnknownNameError: a setting or a choice that it does not have.
        """

    def model_name(self) -> str:
        """Of models where none is given."""

    def labels(self, folder: Folder, seen: WiringData) -> Labels:
        """Read the labels.

        Raises:
            AnalysisError: there are none, or all are alike. UnknownNameError: no such column or run.
        """

    def build(self, wiring: Wiring) -> Build:
        """Inputs of any examples; looks at no label."""

    def design(self, wiring: Wiring, examples: Examples) -> Design:
        """How it is tested where nothing else is said."""

    def metrics(self, examples: Examples) -> Mapping[str, Metric]:
        """Scores of its predictions, the first of them the one that decides; more of it is better."""

    def asked(self, wiring: Wiring) -> tuple[Ints, Ints]:
        """First and second neurons of everything that a model can be asked about; equal for single neurons."""

    def answers(self, said: Answered) -> pa.Table:
        """Rows of the table ``predictions``, without run and model."""

    def given(self, answers: pa.Table) -> pa.Table:
        """Those rows that are an answer: the most probable label of each neuron, the pairs that respond."""

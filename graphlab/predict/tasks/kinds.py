"""What tasks about single neurons share, and what tasks about ordered pairs of them.

Tests: tests/graphlab/predict/tasks/test_cell_type.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from graphlab.predict.evaluation.evaluate import Metric, metrics_of
from graphlab.predict.inputs.examples import Examples, Ints
from graphlab.predict.inputs.wiring import POSITIONS, Wiring
from graphlab.predict.tasks.task import Answered
from ingest.schema.errors import UnknownNameError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class _Settings:
    """A task whose settings are the fields of its dataclass, each of which has a default that JSON can hold."""

    def settings(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def configured(self, settings: Mapping[str, object]) -> Self:
        for name in settings:
            if name not in self.settings():
                raise UnknownNameError(f"setting of {type(self).__name__}", name, self.settings())
        return replace(self, **settings)

    def metrics(self, examples: Examples) -> Mapping[str, Metric]:
        return metrics_of(examples)


@dataclass(frozen=True)
class NodeTask(_Settings):
    """A label for each neuron: a row for every label, the most probable first (``rank`` 1)."""

    kind = "node"
    needs = frozenset[str]()

    def asked(self, wiring: Wiring) -> tuple[Ints, Ints]:
        everyone = np.arange(len(wiring.root_ids))
        return everyone, everyone

    def answers(self, said: Answered) -> pa.Table:
        import pyarrow as pa

        k, classes = said.probability.shape
        label = np.argsort(-said.probability, axis=1, kind="stable").reshape(-1)
        row = np.repeat(np.arange(k), classes)
        rows = {
            "root_id": pa.array(said.source[row], pa.uint64()),
            "label": pa.array(said.classes, pa.string()).take(pa.array(label)),
            "probability": said.probability[row, label],
            "rank": np.tile(np.arange(1, classes + 1, dtype=np.int32), k),
            "was_training": said.was_training[row],
        }
        if said.judged is not None:
            rows |= {
                "in_set": said.judged.in_set[row, label],
                "doubt": said.judged.doubt[row],
                "strange": said.judged.strange[row],
            }
        return pa.table(rows)

    def given(self, answers: pa.Table) -> pa.Table:
        import pyarrow.compute as pc

        return answers.filter(pc.equal(answers["rank"], 1))


@dataclass(frozen=True)
class PairTask(_Settings):
    """The probability of the second of two classes for every ordered pair of two neurons that have places."""

    kind = "pair"
    needs = frozenset({POSITIONS})

    def asked(self, wiring: Wiring) -> tuple[Ints, Ints]:
        placed = wiring.placed()
        source, target = np.nonzero(placed[:, None] & placed[None] & ~np.eye(len(placed), dtype=bool))
        return source, target

    def answers(self, said: Answered) -> pa.Table:
        import pyarrow as pa

        return pa.table(
            {
                "pre_root_id": pa.array(said.source, pa.uint64()),
                "post_root_id": pa.array(said.target, pa.uint64()),
                "label": pa.array([said.classes[1]] * len(said.source), pa.string()),
                "probability": said.probability[:, 1],
                "was_training": said.was_training,
            }
        )

    def given(self, answers: pa.Table) -> pa.Table:
        import pyarrow.compute as pc

        return answers.filter(pc.greater_equal(answers["probability"], 0.5))

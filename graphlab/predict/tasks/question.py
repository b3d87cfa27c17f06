"""A question asked of a graph: a task with its settings, and what the task looks at.

Tests: tests/graphlab/predict/test_ask_model.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphlab.predict.card import PredictorCard
from graphlab.predict.from_graph import WiringData, wiring_data
from graphlab.predict.inputs.wiring import NODES, WINDOWS
from graphlab.predict.tasks.embedded_cells import embedded_cells
from graphlab.predict.tasks.registered import TASKS
from graphlab.predict.tasks.task import Task
from graphlab.store.folder import Folder

COMMON = ("task", "homologues", "embeddings")
"""Entries of a question that every task has; settings of a task have other names."""


@dataclass(frozen=True)
class Question:
    """A task and what it looks at of a graph; kept on the card, so that a model that is asked reads the same."""

    task: Task
    homologues: str | None = None
    """Column with the partner (root_id or name) or the class of each neuron; ``worm``: C. elegans names; ``none``."""
    embeddings: str | None = None
    """Model; ``none``; by default the one model there is."""

    def read(self, folder: Folder) -> WiringData:
        """The graph without any label; raises what ``wiring_data`` and ``embedded_cells`` raise."""
        if {WINDOWS, NODES} & self.task.needs:
            return embedded_cells(
                folder, nodes=NODES in self.task.needs, homologues=self.homologues, embeddings=self.embeddings
            )
        return wiring_data(
            folder, self.task.needs, pairs=self.task.kind == "pair", homologues=self.homologues,
            embeddings=self.embeddings,
        )  # fmt: skip

    def plain(self) -> dict[str, object]:
        """As the card has it."""
        return {
            "task": self.task.name, **self.task.settings(), "homologues": self.homologues,
            "embeddings": self.embeddings,
        }  # fmt: skip

    @classmethod
    def of(
        cls, task: str, homologues: str | None = None, embeddings: str | None = None, **settings: object
    ) -> Question:
        """By the task's name and some of its settings.

        Raises:
            UnknownNameError: a task, or a setting of it, that is not here. PluginError: its package cannot be imported.
        """
        return cls(TASKS.get(task).configured(settings), homologues, embeddings)

    @classmethod
    def on_card(cls, card: PredictorCard) -> Question:
        """What the model was trained to answer; raises as ``of``."""
        return cls.of(**card.question)

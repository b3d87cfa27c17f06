"""All tasks by name; other packages add theirs by the entry point ``graphlab.tasks``. Light: names import nothing.

Tests: tests/graphlab/predict/test_ask_model.py.
"""

from __future__ import annotations

from graphlab.predict.tasks.task import Task
from ingest.registry import Registry

TASKS: Registry[Task] = Registry("task", "graphlab.tasks", Task)


def _functional() -> Task:
    from graphlab.predict.tasks.functional import Functional

    return Functional()


def _cell_type() -> Task:
    from graphlab.predict.tasks.cell_type import CellType

    return CellType()


def _classifier() -> Task:
    from graphlab.predict.tasks.classifier import Classifier

    return Classifier()


def _subcompartment() -> Task:
    from graphlab.predict.tasks.subcompartment import Subcompartment

    return Subcompartment()


TASKS.defer("functional", _functional)
TASKS.defer("cell-type", _cell_type)
TASKS.defer("classifier", _classifier)
TASKS.defer("subcompartment", _subcompartment)

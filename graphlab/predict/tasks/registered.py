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


TASKS.defer("functional", _functional)
TASKS.defer("cell-type", _cell_type)

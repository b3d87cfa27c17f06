"""Every engine of ours passes the contract that others are held to."""

from __future__ import annotations

from graphlab.testing import ExecutorContract
from graphlab.testing.executor import QUESTIONS
from queries.engine import EXECUTORS


class TestDuckDB(ExecutorContract):
    """The engine that others are compared with; ``tests/queries/test_agreement.py`` holds it to brute force."""

    name = "duckdb"
    least = len(QUESTIONS)


class TestCsr(ExecutorContract):
    name = "csr"
    least = len(QUESTIONS) - 1
    """All but the repeated edge."""


def test_every_engine_is_held_to_it() -> None:
    assert set(EXECUTORS.names()) <= {kind.name for kind in ExecutorContract.__subclasses__()}

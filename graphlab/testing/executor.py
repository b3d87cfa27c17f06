"""The contract of the Executor seam.

Tests: tests/contracts/test_executors.py.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from graphlab.graph import Graph
from graphlab.store.query_source import question_source
from graphlab.testing.refusal import refusal
from graphlab.testing.toy import random_graph
from ingest.schema.errors import UnsupportedError
from queries.engine import EXECUTORS
from queries.ir.statement import Statement
from queries.languages.language import LANGUAGES, detect
from queries.planning.bind import bind
from queries.planning.bound import BoundPattern
from queries.planning.executor import Executor
from queries.planning.rewrites import rewrite
from queries.planning.values import Values
from queries.source import LimitError, Source

QUESTIONS = (
    "MATCH (a)-[e]->(b) RETURN a.bodyId AS a, b.bodyId AS b, e.weight AS w",
    "MATCH (a)-[e]->(b) WHERE e.weight > 3 AND a.cell_type = 'A' RETURN a.bodyId AS a, b.cell_type AS t",
    "MATCH (a)-[e]->(b)-[f]->(c) RETURN a.bodyId AS a, c.bodyId AS c, e.weight + f.weight AS w",
    "MATCH (a)-[]->(b)-[]->(c)-[]->(a) RETURN a.bodyId AS a, b.bodyId AS b, c.bodyId AS c",
    "MATCH (a)-[]->(b)-[]->(c) RETURN count(*) AS n",
    "MATCH (a)-[]->(b), (b)-[]->(a) WHERE a.bodyId < b.bodyId RETURN a.bodyId AS a, b.bodyId AS b",
    "MATCH (a)-[e]->(b)-[f]->(c) WHERE e.weight = $w RETURN a.bodyId AS a, c.bodyId AS c",
    "MATCH (a)-[*1..3]->(b) WHERE a.cell_type = 'A' RETURN DISTINCT b.bodyId AS b",
    "A -> B\nB -> C\nA !> C",
    "A -> B [weight > 2]\nB -> C\nC -> A\nA.cell_type = 'A'",
    "SELECT t, count(*) AS n FROM GRAPH_TABLE (connectome MATCH (a IS neuron)-[s IS synapse]->(b IS neuron)"
    "-[r IS synapse]->(c IS neuron) COLUMNS (a.cell_type AS t)) GROUP BY t",
)
"""What engines are compared over; an engine may refuse some of them."""
PARAMETERS = {"w": 4.0}
SEEDS = (0, 1)


class ExecutorContract:
    """What every engine does: the rows that SQL finds, or a refusal.

    ::

        class TestAcme(ExecutorContract):
            name = "acme"
    """

    name: str
    """Of the entry point."""
    least = 1
    """How many of QUESTIONS it answers at least."""

    @property
    def executor(self) -> Executor:
        return EXECUTORS.get(self.name)

    def test_it_finds_what_sql_finds(self, tmp_path: Path) -> None:
        for seed in SEEDS:
            answered = 0
            with random_graph(tmp_path / str(seed), seed) as graph:
                for text in QUESTIONS:
                    wanted = graph.query(text, engine="duckdb", parameters=PARAMETERS).to_arrow()
                    found = self._found(graph, text)
                    if found is None:
                        continue
                    answered += 1
                    assert found.schema.equals(wanted.schema), f"{text}: found {found.schema}, wanted {wanted.schema}"
                    assert _rows(found) == _rows(wanted), f"{text}: {found.num_rows} rows, wanted {wanted.num_rows}"
                    number = graph.query(text, engine=self.name, parameters=PARAMETERS, count=True).scalar()
                    assert number == wanted.num_rows, f"{text}: counts {number}, wanted {wanted.num_rows}"
            assert answered >= self.least, f"it answers {answered} of {len(QUESTIONS)} questions, wanted {self.least}"

    def test_it_gives_no_more_than_the_limit(self, tmp_path: Path) -> None:
        with random_graph(tmp_path / "g", 0) as graph:
            for text in QUESTIONS:
                found = self._found(graph, text)
                if found is not None and found.num_rows > 2:
                    few = graph.query(text, engine=self.name, parameters=PARAMETERS, limit=2)
                    assert len(few) == 2
                    assert few.truncated

    def test_it_stops_when_time_is_up(self, tmp_path: Path) -> None:
        with random_graph(tmp_path / "g", 0) as graph:
            for text in QUESTIONS:
                if self._found(graph, text) is not None:
                    ask = partial(graph.query, text, engine=self.name, parameters=PARAMETERS, time_limit=0.0)
                    refusal(f"{text} in no time", ask, LimitError)

    def test_it_says_what_it_expects(self, tmp_path: Path) -> None:
        executor = self.executor
        assert executor.name == self.name
        assert 0 <= executor.loading_s < math.inf
        with random_graph(tmp_path / "g", 0) as graph, question_source(graph.folder) as source:
            for text in QUESTIONS:
                for bound in _bound(LANGUAGES.get(detect(text)).parse(text), source):
                    refusal = executor.refusal(bound, source)
                    assert refusal is None or (refusal and "\n" not in refusal), "a refusal is one sentence"
                    if refusal is None:
                        executor.measure(bound, source, PARAMETERS)
                        expected = executor.estimate(bound, source, PARAMETERS)
                        numbers = (expected.rows, expected.work, expected.seconds)
                        assert all(0 <= number < math.inf for number in numbers), f"{text}: expects {numbers}"
                        select = executor.inline(bound, Values(PARAMETERS))
                        assert select is None or select.strip(), "a pattern is a SELECT, or None"

    def test_it_has_nothing_left_to_load_once_it_has_answered(self, tmp_path: Path) -> None:
        with random_graph(tmp_path / "g", 0) as graph:
            for text in QUESTIONS:
                self._found(graph, text)
        left = self.executor.loading_s
        assert left == 0, f"after an answer it has {left:g} s of loading left; wanted 0"

    def _found(self, graph: Graph, text: str) -> pa.Table | None:
        """The rows, or None where the engine cannot."""
        try:
            return graph.query(text, engine=self.name, parameters=PARAMETERS).to_arrow()
        except UnsupportedError:
            return None


def _bound(statement: Statement, source: Source) -> list[BoundPattern]:
    found = []
    for slot in statement.slots:
        bound = bind(slot.pattern, source, statement.text)
        found.append(bound.bound_pattern(rewrite(bound.pattern)))
    return found


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for row in table.to_pylist()), key=repr)

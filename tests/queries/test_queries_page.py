"""Every example of docs/queries.md runs and gives what its words say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from queries.engine import Source, detect, run
from queries.languages.sql_pgq.ddl import parse_property_graph
from queries.planning.definition import check_tables

PAGE = (Path(__file__).parents[2] / "docs" / "queries.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
ANSWERS: list[list[dict[str, Any]]] = [
    [{"a": 1, "c": 3, "w": 15.0}],
    [{"pre": 1, "post": 2}, {"pre": 2, "post": 1}, {"pre": 2, "post": 3}, {"pre": 3, "post": 4}],
    [
        {"b": 2, "steps": 1, "weakest": 5.0, "way": [1, 2]},
        {"b": 3, "steps": 1, "weakest": 2.0, "way": [1, 3]},
        {"b": 1, "steps": 2, "weakest": 3.0, "way": [1, 2, 1]},
        {"b": 4, "steps": 2, "weakest": 2.0, "way": [1, 3, 4]},
    ],
    [{"A": 1, "C": 3, "B": 2}],
    [{"pre": 3, "post": 4, "weight": 7.0}, {"pre": 1, "post": 3, "weight": 2.0}],
    [{"path": [1, 3, 4], "steps": 2}],
    [
        {"type": "A", "total": 7.0, "partner": {"bodyId": 2, "type": "B"}, "further": 2},
        {"type": "A", "total": 7.0, "partner": {"bodyId": 3, "type": "A"}, "further": 2},
        {"type": "B", "total": 13.0, "partner": {"bodyId": 1, "type": "A"}, "further": 2},
        {"type": "B", "total": 13.0, "partner": {"bodyId": 3, "type": "A"}, "further": 2},
        {"type": "A", "total": 8.0, "partner": {"bodyId": 3, "type": "A"}, "further": 2},
        {"type": "A", "total": 8.0, "partner": {"bodyId": 4, "type": "B"}, "further": 0},
    ],
    [
        {"through": [1, 3], "three": 3},
        {"through": [1, 3], "three": 3},
        {"through": [2], "three": 2},
    ],
]


def asked() -> list[tuple[str, str]]:
    return [(language, text) for language, text in BLOCKS if language in ("pgq", "dotmotif", "cypher")]


def test_every_block_is_looked_at() -> None:
    assert len(asked()) == len(ANSWERS)
    assert {language for language, _ in BLOCKS} == {"sh", "pgq", "dotmotif", "cypher", "ddl"}


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_examples(toy: Source, number: int) -> None:
    language, text = asked()[number]
    assert detect(text) == language
    rows = run(text, toy).to_arrow().to_pylist()
    key = repr
    assert sorted(rows, key=key) == sorted(ANSWERS[number], key=key)


def test_definitions_fit_the_tables_of_a_graph(toy: Source) -> None:
    for language, text in BLOCKS:
        if language == "ddl":
            graph = parse_property_graph(text)
            check_tables(graph, toy, text)
            assert graph.edge_labels() == ["contact", "in_lo"]

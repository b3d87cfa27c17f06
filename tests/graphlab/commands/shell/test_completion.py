"""What the shell offers: names of the graph, values inside quotes, commands and what they take."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from graphlab import Graph
from graphlab.commands.shell.completion import Words
from graphlab.commands.shell.session import Session


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Words]:
    with Graph.create(tmp_path_factory.mktemp("words") / "g") as graph:
        types = ["MBON01", "MBON01", "MBON02", "PN 'odd'"]
        graph.ingest(pd.DataFrame({"root_id": [1, 2, 3, 4], "cell_type": types, "lineage": ["x"] * 4}), as_="neurons")
        graph.ingest(pd.DataFrame({"pre_root_id": [1], "post_root_id": [2], "weight": [1.0]}), as_="connections")
        graph.sets.save("mine", [1])
        yield Words(Session(graph))


def offered(words: Words, text: str) -> list[str]:
    return [one.text for one in words.get_completions(Document(text), CompleteEvent())]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT * FROM conn", "connections"),
        ("FROM GRAPH_TABLE (conn", "connectome"),
        ("SELECT linea", "lineage"),
        ("MATCH (n:Neur", "neuron"),
        ("MATCH (n) WHERE n.body", "bodyId"),
        ("SELECT list_contains($mi", "$mine"),
        ("sel", "SELECT"),
        (".lang", ".language"),
        (".language dot", "dotmotif"),
        (".columns neur", "neurons"),
        (".count SELECT * FROM conn", "connections"),
    ],
)
def test_names(words: Words, text: str, wanted: str) -> None:
    assert wanted in offered(words, text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM neurons WHERE cell_type = 'mb",
        "SELECT * FROM neurons WHERE cell_type IN ('PN', 'MB",
        "MATCH (n:Neuron {type: 'MB",
        'MATCH (n) WHERE n.type = "MB',
        "MATCH (n) WHERE n.cell_type STARTS WITH 'MB",
        "A.cell_type == 'MB",
        ".values cell_type mb",
    ],
)
def test_values_in_quotes(words: Words, text: str) -> None:
    assert offered(words, text) == ["MBON01", "MBON02"]


def test_nothing_is_offered_for_nothing(words: Words) -> None:
    assert offered(words, "SELECT ") == []
    assert offered(words, "WHERE x = 'MB") == []
    assert offered(words, ".quit x") == []

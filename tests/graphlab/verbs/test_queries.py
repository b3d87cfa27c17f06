"""Questions in Python: what `find` takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import ParseError, SchemaError


def test_find_names_query_for_texts(tmp_path: Path) -> None:
    pairs = pa.table({"pre_name": ["a", "b"], "post_name": ["b", "a"], "weight": [1.0, 2.0]})
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pairs, as_="connections")
        find = cast("Callable[[Any], Any]", graph.find)
        with pytest.raises(SchemaError, match="find: found str; wanted a queries.ir.pattern.Pattern.*query"):
            find("A -> B")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("FROM embedings", "did you mean 'embeddings'"),
        ("FROM embedding_file", "did you mean "),
        ("FROM recording", "did you mean 'recordings'"),
        ("FROM functional_edge", "did you mean 'functional_edges'"),
        ("FROM conections", "did you mean 'connections'"),
        ("FROM pair_source", ""),
        ("FROM property_graph", ""),
        ("FROM stronk", "did you mean 'strong'"),
    ],
)
def test_only_tables_for_people_are_suggested(tmp_path: Path, text: str, meant: str) -> None:
    pairs = pa.table({"pre_name": ["a", "b"], "post_name": ["b", "a"], "weight": [1.0, 2.0]})
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pairs, as_="connections")
        graph.create_view("strong", "FROM connections WHERE weight > 1")
        for ask in (graph.query, lambda text: graph.create_view("again", f"SELECT * {text}")):
            with pytest.raises(ParseError, match="there is no table") as told:
                ask(text)
            assert meant in str(told.value)
            for own in ("embedding_files", "pair_sources", "property_graphs", "connections_left_out", "'meta'"):
                assert own not in str(told.value)


@pytest.mark.parametrize("name", ["recordings", "behavior", "Behavior"])
def test_what_a_graph_may_have_and_has_not_is_said(tmp_path: Path, name: str) -> None:
    with (
        Graph.create(tmp_path / "g") as graph,
        pytest.raises(ParseError, match=f"this graph has no {name.lower()} yet"),
    ):
        graph.query(f"SELECT * FROM {name}")

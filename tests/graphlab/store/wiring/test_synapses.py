"""Single synapses: unique ids, numbering, extra columns, background."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.graph import Graph
from graphlab.store import incoming_rows
from graphlab.store.wiring.synapses import sort_in_place
from ingest.schema.errors import IdError, SchemaError

Rows = Callable[[str], list[tuple[Any, ...]]]


def test_a_repeated_id_names_its_rows(graph: Graph, synapses: Callable[..., pa.Table], rows_of: Rows) -> None:
    frame = synapses([(1, 2), (2, 3), (3, 4)]).set_column(0, "synapse_id", pa.array([9, 5, 9], pa.uint64()))
    with pytest.raises(IdError, match="synapse_id 9 occurs in row 1 and row 3"):
        graph.ingest(frame, as_="synapses")
    assert rows_of("FROM synapses") == []
    assert rows_of("FROM runs") == []


def test_an_id_of_an_earlier_source(graph: Graph, synapses: Callable[..., pa.Table], rows_of: Rows) -> None:
    graph.ingest(synapses([(1, 2), (2, 3)]), as_="synapses")
    with pytest.raises(IdError, match="synapse_id 1 occurs in row 1 and in the graph already"):
        graph.ingest(synapses([(7, 8)]), as_="synapses")
    assert len(rows_of("FROM synapses")) == 2


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=12), min_size=1, max_size=2),
    st.sampled_from([1, 3, 100]),
)
def test_ids_are_unique_whatever_memory_holds(sources: list[list[int]], most: int) -> None:
    """One array, or shares of the table: the same rows and words as one set of Python's."""
    with TemporaryDirectory() as place, Graph.create(Path(place) / "g") as graph, pytest.MonkeyPatch.context() as patch:
        patch.setattr(incoming_rows, "MOST_IDS", most)
        there: list[int] = []
        for ids in sources:
            rows = {"synapse_id": ids, "pre_root_id": [1] * len(ids), "post_root_id": [2] * len(ids)}
            table = pa.table({name: pa.array(values, pa.uint64()) for name, values in rows.items()})
            counts = Counter(there + ids)
            if twice := sorted(one for one, count in counts.items() if count > 1):
                more = sum(counts[one] - 1 for one in twice)
                with pytest.raises(IdError, match=f"synapse_id {twice[0]} occurs in .*one of {more} repeated rows"):
                    graph.ingest(table, as_="synapses")
            else:
                graph.ingest(table, as_="synapses")
                there += ids
        assert sorted(
            row[0] for row in graph.folder.cursor().execute("SELECT synapse_id FROM synapses").fetchall()
        ) == sorted(there)


def test_rows_without_ids_are_numbered_on(graph: Graph, synapses: Callable[..., pa.Table], rows_of: Rows) -> None:
    graph.ingest(synapses([(1, 2), (2, 3)]).drop_columns("synapse_id"), as_="synapses")
    graph.ingest(synapses([(4, 5)]).drop_columns("synapse_id"), as_="synapses")
    assert rows_of("SELECT synapse_id, pre_root_id FROM synapses") == [(1, 1), (2, 2), (3, 4)]


def test_columns_of_the_source_stay(graph: Graph, synapses: Callable[..., pa.Table], rows_of: Rows) -> None:
    graph.ingest(synapses([(1, 2)], **{"my column; DROP TABLE synapses": ["x"], "Score": [3]}), as_="synapses")
    assert rows_of('SELECT "my column; DROP TABLE synapses", score, "Score_source" FROM synapses') == [("x", None, 3)]
    later = synapses([(1, 2)], **{"my column; DROP TABLE synapses": [1.5]}).drop_columns("synapse_id")
    graph.ingest(later, as_="synapses")
    wrong = synapses([(1, 2)], Score=["high"]).drop_columns("synapse_id")
    with pytest.raises(SchemaError, match="Score_source.*VARCHAR in this source and BIGINT in the graph"):
        graph.ingest(wrong, as_="synapses")


def test_background_is_no_neuron(graph: Graph, synapses: Callable[..., pa.Table], rows_of: Rows) -> None:
    summary = graph.ingest(synapses([(0, 2), (1, 2)]), as_="synapses")
    assert any("root id 0" in note for note in summary.notes)
    assert rows_of("SELECT root_id FROM neurons") == [(1,), (2,)]
    assert rows_of("SELECT pre_root_id, post_root_id FROM connections") == [(1, 2)]


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3), max_size=60))
def test_halves_sorted_apart_are_the_whole_sorted(numbers: list[int]) -> None:
    values = np.array(numbers, dtype=np.uint64)
    sort_in_place(values)
    assert values.tolist() == sorted(numbers)

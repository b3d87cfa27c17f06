"""Synapses listed by one of their neurons, as in BANC's table: partners that are not known, labels of one side."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from graphlab import Graph
from ingest.reader import ReadRequest
from ingest.schema.errors import SchemaError
from ingest.tables import open_source


def table(**other: pa.Array) -> pa.Table:
    """The columns that banc_746_synapses.parquet is documented with, but for scores of transmitters."""
    columns = {
        "pre": pa.array([720575941509220642, None, 720575941509220642, 0], pa.uint64()),
        "post": pa.array([None, 2, 2, 2], pa.uint64()),
        "x": [1.0, 2.0, 3.0, 4.0],
        "y": [1.0, 2.0, 3.0, 4.0],
        "z": [1.0, 2.0, 3.0, 4.0],
        "prepost": pa.array([0, 1, 0, 1], pa.int32()),
        "cleft_scores": [60.0, 70.0, 80.0, 90.0],
        "connector_id": pa.array([7, 8, 7, 9], pa.uint64()),
        "neuropil": ["AL", None, "AL", "AL"],
        "label": ["axon", "dendrite", "unknown", "Dendrite"],
        "strahler_order": pa.array([1, 2, 3, 4], pa.int32()),
        "pre_pt_supervoxel_id": pa.array([2**63 + 1] * 4, pa.uint64()),
    }
    return pa.table({**columns, **other})


def rows(source: pa.Table) -> tuple[pa.Table, list[str]]:
    reading = open_source(source, ReadRequest("synapses", columns="banc"))
    return pa.Table.from_batches(list(reading.batches), reading.schema), reading.notes


def test_an_unknown_partner_is_kept_as_unknown() -> None:
    found, notes = rows(table())
    assert found["pre_root_id"].to_pylist() == [720575941509220642, 0, 720575941509220642, 0]
    assert found["post_root_id"].to_pylist() == [0, 2, 2, 2]
    assert any("2 synapses have a partner that is not known; it is root id 0" in note for note in notes)
    assert found["pre_compartment"].to_pylist() == ["axon", None, None, None]
    assert found["post_compartment"].to_pylist() == [None, "dendrite", None, "dendrite"]
    assert found["strahler_order"].to_pylist() == [1, 2, 3, 4]
    assert found["pre_supervoxel_id"].to_pylist() == [2**63 + 1] * 4


@pytest.mark.parametrize("marks", [["0", "1", "0", "1"], [0.0, 1.0, 0.0, 1.0], ["pre", "POST", "pre", "post"]])
def test_marks_may_be_text_or_decimals(marks: list) -> None:
    found, wanted = (rows(one)[0].drop_columns("prepost") for one in (table(prepost=pa.array(marks)), table()))
    assert found.equals(wanted)


def test_the_neuron_that_lists_a_synapse_is_needed() -> None:
    with pytest.raises(SchemaError, match="row 1, column 'pre'.*: it is empty, and prepost says that this neuron"):
        rows(table(pre=pa.array([None, 1, 1, 1], pa.uint64())))
    with pytest.raises(SchemaError, match="row 3, column 'prepost'.*found '2'; wanted pre or post"):
        rows(table(prepost=pa.array([0, 1, 2, 1])))


def test_it_comes_into_a_graph(tmp_path: Path) -> None:
    """Only the contact whose partners are both known makes a connection; nobody is invented."""
    parquet.write_table(table(), tmp_path / "banc_746_synapses.parquet")
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(tmp_path / "banc_746_synapses.parquet", "synapses", columns="banc")
        assert graph.to_arrow("neurons")["root_id"].to_pylist() == [2, 720575941509220642]
        assert [row["weight"] for row in graph.to_arrow("connections").to_pylist()] == [1.0]
        kept = graph.to_arrow("synapses")
        assert kept["pre_supervoxel_id"].to_pylist() == [2**63 + 1] * 4
        assert kept["post_supervoxel_id"].null_count == 4
        (part,) = graph.to_arrow("connections_by_compartment").to_pylist()
        assert (part["pre_compartment"], part["post_compartment"], part["weight"]) == (None, None, 1.0)

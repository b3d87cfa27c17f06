"""Ready connections: repeated rows, pairs met before, neuropils, kinds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlab.graph import Graph
from graphlab.store import incoming_rows
from ingest.schema.errors import SchemaError, UnknownNameError

Rows = Callable[[str], list[tuple[Any, ...]]]
PAIRS = "SELECT pre_root_id, post_root_id, weight FROM connections"


def test_repeated_rows_are_summed_and_counted(
    graph: Graph, connections: Callable[..., pa.Table], rows_of: Rows
) -> None:
    summary = graph.ingest(connections([(1, 2, 3), (2, 1, 1), (1, 2, 4)]), as_="connections")
    assert rows_of(PAIRS) == [(1, 2, 7.0), (2, 1, 1.0)]
    assert "1 repeated rows summed into their pair" in summary.notes
    assert summary.rows == 3


def test_first_and_refuse(graph: Graph, connections: Callable[..., pa.Table], rows_of: Rows) -> None:
    frame = connections([(1, 2, 3), (2, 1, 1), (1, 2, 4)])
    with pytest.raises(SchemaError, match=r"rows 1 and 3 hold the same connection 1 -> 2 .*--duplicates"):
        graph.ingest(frame, as_="connections", duplicates="refuse")
    assert rows_of("SELECT * FROM neurons") == []
    graph.ingest(frame, as_="connections", duplicates="first")
    assert rows_of(PAIRS) == [(1, 2, 3.0), (2, 1, 1.0)]


def test_a_pair_that_an_earlier_source_brought(
    graph: Graph, connections: Callable[..., pa.Table], rows_of: Rows
) -> None:
    graph.ingest(connections([(1, 2, 3), (5, 6, 1)], note=["old", "old"]), as_="connections")
    later = connections([(1, 2, 10), (3, 4, 1)])
    with pytest.raises(SchemaError, match="1 connections are in the graph already, 1 -> 2"):
        graph.ingest(later, as_="connections")
    assert rows_of(PAIRS) == [(1, 2, 3.0), (5, 6, 1.0)]
    graph.ingest(later, as_="connections", duplicates="sum")
    assert rows_of(PAIRS) == [(1, 2, 13.0), (3, 4, 1.0), (5, 6, 1.0)]
    assert rows_of("SELECT pre_root_id, note FROM connections") == [(1, "old"), (3, None), (5, "old")]
    graph.ingest(connections([(1, 2, 100)]), as_="connections", duplicates="first")
    assert rows_of(PAIRS) == [(1, 2, 13.0), (3, 4, 1.0), (5, 6, 1.0)]


def test_a_later_source_adds_to_the_neuropils_of_a_pair(
    graph: Graph, connections: Callable[..., pa.Table], rows_of: Rows
) -> None:
    graph.ingest(connections([(1, 2, 3), (2, 3, 1)], neuropil=["LH", "MB"]), as_="connections")
    later = connections([(1, 2, 2), (1, 2, 5), (2, 3, 4)], neuropil=["LH", "CA", None])
    graph.ingest(later, as_="connections", duplicates="sum")
    assert rows_of("SELECT pre_root_id, post_root_id, neuropil, weight FROM connections_by_neuropil ORDER BY ALL") == [
        (1, 2, "CA", 5.0), (1, 2, "LH", 5.0), (2, 3, "MB", 1.0), (2, 3, None, 4.0)
    ]  # fmt: skip
    assert rows_of(PAIRS) == [(1, 2, 10.0), (2, 3, 5.0)]


def test_neuropils_become_detail_and_the_main_one(
    graph: Graph, connections: Callable[..., pa.Table], rows_of: Rows
) -> None:
    frame = connections([(1, 2, 3), (1, 2, 5), (2, 3, 1)], neuropil=["LH", "MB", None], nt_type=["ACH", "GABA", "ACH"])
    graph.ingest(frame, as_="connections")
    assert rows_of("SELECT pre_root_id, weight, neuropil, nt_type FROM connections") == [
        (1, 8.0, "MB", "GABA"),
        (2, 1.0, None, "ACH"),
    ]
    assert rows_of("SELECT neuropil, weight FROM connections_by_neuropil") == [("LH", 3.0), ("MB", 5.0), (None, 1.0)]


def test_synapses_and_connections_of_one_kind_never_mix(
    graph: Graph, connections: Callable[..., pa.Table], synapses: Callable[..., pa.Table], rows_of: Rows
) -> None:
    graph.ingest(synapses([(1, 2)]), as_="synapses")
    with pytest.raises(SchemaError, match="would count contacts twice"):
        graph.ingest(connections([(1, 2, 3)]), as_="connections")
    graph.ingest(connections([(1, 2, 3)]), as_="connections", kind="electrical")
    assert rows_of(PAIRS) == [(1, 2, 1.0), (1, 2, 3.0)]
    with pytest.raises(SchemaError, match="would count contacts twice"):
        graph.ingest(synapses([(8, 9)]).drop_columns("synapse_id"), as_="synapses", kind="electrical")
    with pytest.raises(UnknownNameError, match="did you mean 'chemical'"):
        graph.ingest(connections([(1, 2, 3)]), as_="connections", kind="chemcal")


def test_partners_outside_the_graph_are_kept_apart_and_come_back(
    graph: Graph, connections: Callable[..., pa.Table], rows_of: Rows
) -> None:
    graph.ingest(pa.table({"root_id": pa.array([1, 2], pa.uint64())}), as_="neurons")
    with pytest.raises(SchemaError, match=r"row 2, column .post_root_id.: neuron 3 is not in the graph, one of 1 that"):
        graph.ingest(connections([(1, 2, 1), (1, 3, 1)]), as_="connections", unknown="refuse")
    graph.ingest(connections([(1, 2, 1), (1, 3, 2)], own=["a", "b"]), as_="connections", unknown="keep")
    assert rows_of(PAIRS) == [(1, 2, 1.0)]
    assert rows_of("SELECT own, weight FROM connections_left_out") == [("b", 2.0)]
    assert rows_of("SELECT total_out FROM neurons WHERE root_id = 1") == [(3.0,)]
    graph.ingest(pa.table({"root_id": pa.array([3], pa.uint64()), "in_graph": [True]}), as_="neurons")
    assert rows_of(PAIRS) == [(1, 2, 1.0), (1, 3, 2.0)]
    assert rows_of("FROM connections_left_out") == []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.sampled_from(["A", "B", None])),
        min_size=1,
        max_size=20,
    ),
)
def test_sums_agree_with_a_dictionary(
    rows: list[tuple[int, int, int, str | None]],
    connections: Callable[..., pa.Table],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Graph.create(tmp_path_factory.mktemp("sums") / "g") as graph:
        graph.ingest(connections([r[:3] for r in rows], neuropil=[r[3] for r in rows]), as_="connections")
        wanted: dict[tuple[int, int], float] = defaultdict(float)
        for pre, post, weight, _ in rows:
            wanted[pre, post] += weight
        table = graph.to_arrow("connections")
        found = zip(*(table[name].to_pylist() for name in ("pre_root_id", "post_root_id", "weight")), strict=True)
        assert {(pre, post): weight for pre, post, weight in found} == wanted
        detail = graph.to_arrow("connections_by_neuropil")
        assert sum(detail["weight"].to_pylist()) == sum(r[2] for r in rows)


def test_rows_of_weight_zero_are_no_connections(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    summary = graph.ingest(connections([(1, 2, 3.0), (2, 1, 0.0), (1, 9, -0.0), (3, 3, 0.0)]), as_="connections")
    assert "3 rows of weight 0 are no connections and were left out, with 2 neurons that only they name" in str(summary)
    assert graph.to_arrow("connections")["weight"].to_pylist() == [3.0]
    assert graph.motifs.census(2).counts["mutual"] == 0
    assert graph.to_arrow("neurons")["root_id"].to_pylist() == [1, 2]
    for text in ("MATCH (a)-[e]->(b) RETURN a.bodyId", "MATCH (a)-[e]->(a) RETURN a.bodyId"):
        assert graph.query(text).to_arrow().num_rows <= 1
    again = graph.ingest(connections([(2, 3, 0.0)]), as_="connections")
    assert "1 rows of weight 0" in str(again)


def test_rows_that_add_up_to_zero_are_no_connection(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    rows = [(1, 2, 2.0), (1, 2, -2.0), (2, 3, 1.0)]
    summary = graph.ingest(connections(rows, neuropil=["a", "b", "a"]), as_="connections")
    assert "1 connections whose rows add up to weight 0 were left out" in str(summary)
    assert graph.to_arrow("connections")["pre_root_id"].to_pylist() == [2]
    assert graph.to_arrow("connections_by_neuropil")["pre_root_id"].to_pylist() == [2]


def test_synapses_of_weight_zero_count_for_no_connection(graph: Graph, synapses: Callable[..., pa.Table]) -> None:
    summary = graph.ingest(synapses([(1, 2), (2, 3)], weight=[0.0, 1.0]), as_="synapses")
    assert "1 synapses of weight 0 count for no connection" in str(summary)
    assert graph.to_arrow("connections")["pre_root_id"].to_pylist() == [2]


@pytest.mark.parametrize("rows", [
    [(1, 2, 3.0), (2, 1, 1.0), (0, 2, 1.0), (3, 3, 2.0)],
    [(1, 2, 3.0), (1, 2, 0.5), (2, 3, 0.1), (2, 3, 0.2), (2, 3, 0.3)],
    [(1, 2, 0.0), (2, 3, 1.0)],
    [(1, 2, 1.0), (1, 2, -1.0), (2, 3, 1.0)],
])  # fmt: skip
@pytest.mark.parametrize("same_hash", [False, True])
def test_the_short_way_gives_the_rows_of_the_long_one(
    tmp_path: Path,
    connections: Callable[..., pa.Table],
    rows: list[tuple[int, int, float]],
    same_hash: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A table that says the kind of its rows is never written straight into the empty table."""
    if same_hash:
        monkeypatch.setattr(incoming_rows, "_hashes_of_pairs", lambda batch: np.zeros(batch.num_rows, np.uint64))
    found = []
    for name, columns in (("short", {}), ("long", {"kind": ["chemical"] * len(rows)})):
        with Graph.create(tmp_path / name) as graph:
            done = graph.ingest(connections(rows, **columns), as_="connections")
            tables = [graph.to_arrow(table).to_pylist() for table in ("neurons", "connections")]
            found.append([*tables, done.rows, done.left_out, done.notes])
    assert found[0] == found[1]

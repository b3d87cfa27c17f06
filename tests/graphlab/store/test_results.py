"""Recorded results: found again, recomputed, refused when the data moved on."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.errors import AnalysisError, UnknownNameError, VersionError


def test_a_census_is_recorded_and_recomputed(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    graph.ingest(connections([(1, 2, 1.0), (2, 3, 1.0), (1, 3, 1.0), (3, 4, 1.0)]), as_="connections")
    counted = graph.census(3)
    runs = graph.to_arrow("runs").to_pylist()
    (census,) = [run for run in runs if run["verb"] == "census"]
    stored = {row["motif"]: row["count"] for row in graph.to_arrow("motif_counts").to_pylist()}
    assert stored == {name: int(count) for name, count in counted.counts.items()}
    assert stored["030T"] == 1
    assert graph.rerun(census["run_id"]).equal
    graph.census(3)
    assert len(graph.to_arrow("runs")) == len(runs), "the same work is one run"


def test_a_result_that_was_tampered_with_is_seen(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    graph.ingest(connections([(1, 2, 1.0), (2, 3, 1.0)]), as_="connections")
    graph.census(2)
    with graph._folder.transaction() as connection:
        connection.execute("UPDATE runs SET result_hash = 'other' WHERE verb = 'census'")
    run_id = next(run["run_id"] for run in graph.to_arrow("runs").to_pylist() if run["verb"] == "census")
    assert not graph.rerun(run_id).equal


def test_what_cannot_be_rerun_says_so(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    ingested = graph.ingest(connections([(1, 2, 1.0)]), as_="connections")
    with pytest.raises(AnalysisError, match="ingest the same source again"):
        graph.rerun(ingested.run_id)
    with pytest.raises(UnknownNameError, match="unknown run 'nothing'"):
        graph.rerun("nothing")
    graph.census(2)
    run_id = next(run["run_id"] for run in graph.to_arrow("runs").to_pylist() if run["verb"] == "census")
    graph.ingest(connections([(2, 3, 1.0)]), as_="connections")
    with pytest.raises(VersionError, match="sources were added since"):
        graph.rerun(run_id)

"""One source, one transaction: no-ops, unchanged graphs after errors, kill -9 at any moment."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from graphlab.graph import Graph
from graphlab.store.runs import hash_table
from ingest.errors import ReadError, SchemaError, UnknownNameError, VersionError


def contents(graph: Graph) -> list[str]:
    """Hashes of everything a source can change; times of runs left out."""
    tables = [graph.to_arrow(name) for name in ("neurons", "synapses", "connections", "connections_by_neuropil")]
    runs = graph.to_arrow("runs").select(["run_id", "data_version"])
    return [hash_table(table.select(sorted(table.column_names))) for table in [*tables, runs]]


def test_the_same_source_again_is_a_no_op(graph: Graph, synapses: Callable[..., pa.Table]) -> None:
    frame = synapses([(1, 2), (2, 3)])
    first = graph.ingest(frame, as_="synapses")
    before = contents(graph)
    again = graph.ingest(frame, as_="synapses")
    assert again.already_there
    assert again.run_id == first.run_id
    assert contents(graph) == before
    assert "nothing to do" in str(again)


def test_the_same_sources_make_the_same_data_version(tmp_path: Path, synapses: Callable[..., pa.Table]) -> None:
    versions = []
    for name in ("a", "b"):
        with Graph.create(tmp_path / name) as graph:
            graph.ingest(synapses([(1, 2), (2, 3)]), as_="synapses")
            versions.append(graph.info().data_version)
    assert versions[0] == versions[1]


def test_an_error_leaves_the_graph_as_it_was(
    graph: Graph, synapses: Callable[..., pa.Table], connections: Callable[..., pa.Table]
) -> None:
    graph.ingest(synapses([(1, 2), (2, 3)]), as_="synapses")
    before = contents(graph)
    with pytest.raises(SchemaError):
        graph.ingest(connections([(4, 5, 1.0)], extra=["x"]), as_="connections")
    with pytest.raises(UnknownNameError, match="did you mean 'connections'"):
        graph.ingest(connections([(4, 5, 1.0)]), as_="conections")
    with pytest.raises(ReadError, match="does not exist"):
        graph.ingest("absent.csv", as_="connections")
    with pytest.raises(SchemaError, match="no rows"):
        graph.ingest(synapses([]), as_="synapses")
    with pytest.raises(UnknownNameError, match="unknown"):
        graph.ingest(synapses([(1, 2)]), as_="synapses", unknown="ad")
    assert contents(graph) == before


def test_ctrl_c_leaves_the_graph_as_it_was(graph: Graph, synapses: Callable[..., pa.Table]) -> None:
    before = contents(graph)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        graph.ingest(synapses([(1, 2)] * 10), as_="synapses", progress=stop)
    assert contents(graph) == before
    graph.ingest(synapses([(1, 2)] * 10), as_="synapses")
    assert graph.info().counts["synapses"] == 10


def test_another_materialization_is_refused(tmp_path: Path, synapses: Callable[..., pa.Table]) -> None:
    frame = synapses([(1, 2)]).to_pandas()
    frame.attrs["materialization_version"] = 943
    with Graph.create(tmp_path / "g", materialization="783") as graph:
        with pytest.raises(VersionError, match="materialization 943, the graph of 783"):
            graph.ingest(frame, as_="synapses")
        assert graph.info().counts["synapses"] == 0


@pytest.mark.slow
def test_kill_at_any_moment_leaves_a_graph_that_opens(tmp_path: Path) -> None:
    """SIGKILL at 20 random moments of an ingest: the graph holds either nothing of the source or all of it."""
    rng = np.random.default_rng(5)
    rows = 400_000
    source = tmp_path / "synapses.parquet"
    pre, post = rng.integers(1, 2_000, (2, rows)).astype(np.uint64)
    columns = {"synapse_id": rng.permutation(rows).astype(np.uint64), "pre_root_id": pre, "post_root_id": post}
    parquet.write_table(pa.table({**columns, "neuropil": rng.choice(["A", "B"], rows)}), source)
    place = tmp_path / "g"
    with Graph.create(place) as graph:
        empty = contents(graph)
    with Graph.create(tmp_path / "whole") as graph:
        started = time.monotonic()
        graph.ingest(source, as_="synapses")
        took = time.monotonic() - started
        full = contents(graph)
    command = [sys.executable, "-m", "graphlab.cli", "ingest", str(place), str(source), "--as", "synapses", "-q"]
    moments = random.Random(1)
    seen = set()
    for number in range(20):
        with subprocess.Popen(command, stderr=subprocess.PIPE) as worker:
            # From process start through reading, writing, settling and the checkpoint after the commit.
            time.sleep(moments.uniform(0.1, 0.6 + 1.6 * took))
            worker.send_signal(signal.SIGKILL)
        with Graph.open(place) as graph:
            found = contents(graph)
            assert found in (empty, full), f"kill {number} left a part of the source"
            seen.add(found == full)
        if found == full:
            place = tmp_path / f"g{number}"
            Graph.create(place).close()
            command[4] = str(place)
    with Graph.open(place) as graph:
        graph.ingest(source, as_="synapses")
        assert contents(graph) == full
    assert False in seen, "no kill came before the end; the source is too small for this machine"

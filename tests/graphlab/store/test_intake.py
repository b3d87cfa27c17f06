"""One source, one transaction: no-ops, unchanged graphs after errors, kill -9 at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from graphlab.graph import Graph
from graphlab.store.runs.runs import hash_table
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError, VersionError
from ingest.segclr.csv_zip import embeddings_schema, write_shards
from ingest.segclr.sharding import Convention


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


def test_a_source_names_the_materialization_where_none_was_given(
    graph: Graph, synapses: Callable[..., pa.Table]
) -> None:
    frame = synapses([(1, 2)]).to_pandas()
    frame.attrs["materialization_version"] = 943
    assert any("materialization 943" in note for note in graph.ingest(frame, as_="synapses").notes)
    assert graph.info().materialization == "943"
    frame.attrs["materialization_version"] = 783
    frame["synapse_id"] = frame["synapse_id"] + np.uint64(10)
    with pytest.raises(VersionError, match="materialization 783, the graph of 943"):
        graph.ingest(frame, as_="synapses")


INGEST_THREE = """
import os
import sys
import ingest.segclr.csv_zip, ingest.tables, pyarrow.compute, pyarrow.dataset, pyarrow.parquet
import graphlab.store.embeddings.files
from graphlab.graph import Graph
synapses, connections, shards = sys.argv[1:]
while place := sys.stdin.readline():
    child = os.fork()
    if not child:
        with Graph.open(place.strip()) as graph:
            graph.ingest(synapses, as_="synapses")
            graph.ingest(connections, as_="connections", kind="electrical")
            graph.ingest(shards, as_="embeddings", model="m", segmentation_version="1")
        os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()  # until then its number stays its own
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Imports once; a folder on a line of its input is a graph that a fork of it fills. Told: its number, how it ended."""


def three_sources(folder: Path) -> list[Path]:
    """Synapses and connections as Parquet, embeddings as shards; large enough that a kill finds them under way."""
    rng = np.random.default_rng(5)
    rows = 100_000
    pre, post = rng.integers(1, 2_000, (2, rows)).astype(np.uint64)
    columns = {"synapse_id": rng.permutation(rows).astype(np.uint64), "pre_root_id": pre, "post_root_id": post}
    parquet.write_table(pa.table({**columns, "neuropil": rng.choice(["A", "B"], rows)}), folder / "synapses.parquet")
    pairs = {
        "pre_root_id": pre,
        "post_root_id": post,
        "weight": rng.random(rows),
    }  # fractions: sums must not depend on their order
    parquet.write_table(pa.table(pairs), folder / "connections.parquet")
    ids = np.repeat(np.arange(1, 1_001, dtype=np.uint64), 20)
    points = [pa.array(rng.random(len(ids)).astype(np.float32)) for _ in range(3)]
    vectors = pa.array(rng.normal(size=64 * len(ids)).astype(np.float32))
    columns_of = [pa.array(ids), pa.array(np.arange(len(ids), dtype=np.uint64)), *points]
    columns_of.append(pa.FixedSizeListArray.from_arrays(vectors, 64))
    batch = pa.RecordBatch.from_arrays(columns_of, schema=embeddings_schema(64))
    write_shards(folder / "shards", [batch], convention=Convention("test", 64, 3))
    return [folder / "synapses.parquet", folder / "connections.parquet", folder / "shards"]


def everything(graph: Graph) -> list[str]:
    """``contents`` and the embeddings: what their rows say, and that every file named is whole."""
    listed = graph.info().embeddings
    return [*contents(graph), repr(listed), hash_table(graph.embeddings.open().to_arrow()) if listed else ""]


@pytest.mark.slow
def test_kill_at_any_moment_leaves_a_graph_that_opens(tmp_path: Path) -> None:
    """SIGKILL at 20 random moments of three ingests: each source is in the graph whole, or not at all."""
    sources = three_sources(tmp_path)
    wanted = []
    started = time.monotonic()
    with Graph.create(tmp_path / "whole") as graph:
        wanted.append(everything(graph))
        graph.ingest(sources[0], as_="synapses")
        wanted.append(everything(graph))
        graph.ingest(sources[1], as_="connections", kind="electrical")
        wanted.append(everything(graph))
        graph.ingest(sources[2], as_="embeddings", model="m", segmentation_version="1")
        wanted.append(everything(graph))
    took = time.monotonic() - started
    moments = random.Random(1)
    seen = []
    place = tmp_path / "g"
    Graph.create(place).close()

    command = [sys.executable, "-c", INGEST_THREE, *map(str, sources)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as forks:
        assert forks.stdin is not None
        assert forks.stdout is not None

        def begin() -> int:
            print(place, file=forks.stdin, flush=True)
            return int(forks.stdout.readline())

        def ended() -> int:
            print(file=forks.stdin, flush=True)
            return int(forks.stdout.readline())

        for number in range(20):
            child = begin()
            time.sleep(moments.uniform(0.0, 0.7 * took))
            os.kill(child, signal.SIGKILL)
            assert ended() in (-signal.SIGKILL, 0), "an ingest ended by itself, and not well"
            with Graph.open(place) as graph:
                found = everything(graph)
                parts = [[a == b for a, b in zip(found, whole, strict=True)] for whole in wanted]
                assert found in wanted, f"kill {number} left a part of a source; equal to the four states: {parts}"
                seen.append(wanted.index(found))
            if seen[-1] >= 2:  # the last source is under way or done: start anew
                begin()
                assert ended() == 0, "the next ingest works"
                with Graph.open(place) as graph:
                    assert everything(graph) == wanted[-1]
                left = {item.name for item in (place / "embeddings" / "m").iterdir()}
                assert len(left) == 2, f"kill {number}: orphans of the killed ingest are still there: {left}"
                place = tmp_path / f"g{number}"
                Graph.create(place).close()
    assert len(set(seen)) >= 3, f"the kills came at too few places to mean something: {seen}"


def test_the_same_bytes_are_never_counted_twice_under_other_names(tmp_path: Path) -> None:
    source = tmp_path / "s.csv"
    source.write_text("a,b,pre_root_id,post_root_id\n1,2,1,2\n1,3,1,3\n")
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(source, as_="synapses")
        before = graph.info().counts
        with pytest.raises(SchemaError, match="in the graph already .* other columns; counted twice"):
            graph.ingest(source, as_="synapses", columns={"pre_root_id": "a", "post_root_id": "b"})
        assert graph.info().counts == before
        graph.ingest(source, as_="synapses", kind="electrical")
        assert graph.ingest(source, as_="synapses").already_there


@pytest.mark.parametrize(
    ("as_", "said", "message"),
    [
        ("neurons", {"kind": "electrical"}, "--kind does nothing for neurons"),
        ("neurons", {"unknown": "refuse"}, "--unknown does nothing for neurons"),
        ("synapses", {"duplicates": "first"}, "--duplicates does nothing for synapses"),
        ("recordings", {"keep": {"animal": ["w1"]}}, "--keep does nothing for recordings"),
        ("recordings", {"columns": "cave"}, "--columns does nothing for recordings"),
        ("recordings", {"resolution": "4,4,40"}, "--resolution does nothing for recordings"),
        ("recordings", {"header": False}, "--no-header does nothing for recordings"),
        ("recordings", {"duplicates": "sum"}, "--duplicates does nothing for recordings"),
        ("behavior", {"keep": {"animal": ["w1"]}}, "--keep does nothing for behaviour"),
        ("behavior", {"kind": "chemical"}, "--kind does nothing for behavior"),
    ],
)
def test_what_would_not_be_looked_at_is_refused(graph: Graph, as_: str, said: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        graph.ingest(pa.table({"root_id": [1], "pre_root_id": [1], "post_root_id": [2]}), as_=as_, **said)

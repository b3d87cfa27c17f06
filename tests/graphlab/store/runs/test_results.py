"""Recorded results: found again, recomputed, refused when the data moved on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from graphlab.graph import Graph
from graphlab.store.runs.results import motif_counts, start_run
from graphlab.store.runs.runs import hash_table
from graphlab.store.runs.waiting import save_kept
from ingest.schema.errors import AnalysisError, UnknownNameError, VersionError


def test_a_census_is_recorded_and_recomputed(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    graph.ingest(connections([(1, 2, 1.0), (2, 3, 1.0), (1, 3, 1.0), (3, 4, 1.0)]), as_="connections")
    counted = graph.motifs.census(3)
    runs = graph.to_arrow("runs").to_pylist()
    (census,) = [run for run in runs if run["verb"] == "census"]
    stored = {row["motif"]: row["count"] for row in graph.to_arrow("motif_counts").to_pylist()}
    assert stored == {name: int(count) for name, count in counted.counts.items()}
    assert stored["030T"] == 1
    assert graph.rerun(census["run_id"]).equal
    graph.motifs.census(3)
    assert len(graph.to_arrow("runs")) == len(runs), "the same work is one run"


def test_a_result_that_was_tampered_with_is_seen(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    graph.ingest(connections([(1, 2, 1.0), (2, 3, 1.0)]), as_="connections")
    graph.motifs.census(2)
    with graph.folder.transaction() as connection:
        connection.execute("UPDATE runs SET result_hash = 'other' WHERE verb = 'census'")
    run_id = next(run["run_id"] for run in graph.to_arrow("runs").to_pylist() if run["verb"] == "census")
    assert not graph.rerun(run_id).equal


def test_what_cannot_be_rerun_says_so(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    ingested = graph.ingest(connections([(1, 2, 1.0)]), as_="connections")
    with pytest.raises(AnalysisError, match="ingest the same source again"):
        graph.rerun(ingested.run_id)
    with pytest.raises(UnknownNameError, match="unknown run 'nothing'"):
        graph.rerun("nothing")
    graph.motifs.census(2)
    run_id = next(run["run_id"] for run in graph.to_arrow("runs").to_pylist() if run["verb"] == "census")
    graph.ingest(connections([(2, 3, 1.0)]), as_="connections")
    with pytest.raises(VersionError, match="sources were added since"):
        graph.rerun(run_id)


FLOATS = {
    "motif_weights": (lambda graph: graph.motifs.weights(3), "intensity"),
    "roles": (lambda graph: graph.motifs.roles(3), "per_neuron"),
    "significance": (lambda graph: graph.motifs.significance(3, samples=6), "mean"),
    "mine": (lambda graph: graph.motifs.mine(3, null="er", samples=4, min_count=1), "null_mean"),
}


def typed(graph: Graph) -> None:
    """Forty neurons of three types, a third of their pairs connected."""
    rng = np.random.default_rng(5)
    graph.ingest(
        pa.table({"root_id": np.arange(40, dtype=np.uint64) + 1, "cell_type": [f"T{i % 3}" for i in range(40)]}),
        as_="neurons",
    )
    pre, post = np.nonzero(rng.random((40, 40)) < 0.12)
    rows = {"pre_root_id": pre + 1, "post_root_id": post + 1, "weight": rng.uniform(1.0, 9.0, len(pre))}
    graph.ingest(pa.table(rows), as_="connections")


def altered(table: pa.Table, column: str, factor: float) -> pa.Table:
    """The table with the first finite number of a column that is not 0 times ``factor``."""
    values = table[column].to_numpy().copy()
    where = np.flatnonzero(np.isfinite(values) & (values != 0))[0]
    values[where] = values[where] * factor
    return table.set_column(table.column_names.index(column), table.schema.field(column), pa.array(values))


@pytest.mark.parametrize("verb", list(FLOATS))
def test_floats_may_differ_by_the_stated_tolerance_and_no_more(graph: Graph, verb: str) -> None:
    typed(graph)
    work, column = FLOATS[verb]
    work(graph)
    (run,) = [row for row in graph.to_arrow("runs").to_pylist() if row["verb"] == verb]
    path = graph.path / "results" / f"{run['run_id']}.parquet"
    whole = parquet.read_table(path)
    told = graph.rerun(run["run_id"])
    assert told.equal
    assert told.how == f"equal to the byte, {run['result_hash']}"
    for factor, equal in ((1 - 5e-10, True), (1 + 2e-9, False), (np.nan, False)):
        change_recorded(graph, run["run_id"], altered(whole, column, factor))
        told = graph.rerun(run["run_id"])
        assert told.equal is equal, factor
        if equal:
            assert "to the byte, floats within 1e-09 of their size (the largest difference is " in told.how
        else:
            assert f"column {column!r}: recorded " in told.how


def change_recorded(graph: Graph, run_id: str, table: pa.Table) -> None:
    """As if another machine had recorded this table: the file, and the hash where it is of floats."""
    save_kept(graph.folder, run_id, table)
    with graph.folder.transaction() as connection:
        (verb,) = connection.execute("SELECT verb FROM runs WHERE run_id = ?", [run_id]).fetchone() or ("",)
        if verb in ("motif_weights", "roles"):
            connection.execute("UPDATE runs SET result_hash = ? WHERE run_id = ?", [hash_table(table), run_id])


def test_a_whole_number_beside_floats_must_be_the_same(graph: Graph) -> None:
    typed(graph)
    table = graph.motifs.weights(3)
    (run,) = [row for row in graph.to_arrow("runs").to_pylist() if row["verb"] == "motif_weights"]
    counts = table["count"].to_numpy().copy()
    counts[2] += 1
    other = table.set_column(table.column_names.index("count"), table.schema.field("count"), pa.array(counts))
    change_recorded(graph, run["run_id"], other)
    told = graph.rerun(run["run_id"])
    assert not told.equal
    assert told.how.startswith(f"column 'count', row 3: recorded {counts[2]}, recomputed {counts[2] - 1}")
    # A file that does not belong to the recorded hash proves nothing.
    save_kept(graph.folder, run["run_id"], altered(table, "intensity", 1 + 1e-12))
    told = graph.rerun(run["run_id"])
    assert not told.equal
    assert told.how == "the kept result is not the one whose hash was recorded"
    (graph.path / "results" / f"{run['run_id']}.parquet").unlink()
    assert not graph.rerun(run["run_id"]).equal


def test_a_rerun_computes_and_writes_nothing(graph: Graph) -> None:
    """Not even samples that an earlier run left are read: a rerun is the work itself."""
    typed(graph)
    graph.motifs.significance(3, samples=3)
    (run,) = [row for row in graph.to_arrow("runs").to_pylist() if row["verb"] == "significance"]
    before = graph.to_arrow("runs").to_pylist()
    samples = graph.path / "samples"
    kept = {file: file.read_bytes() for file in samples.rglob("*") if file.is_file()}
    assert kept
    for file in kept:
        file.write_bytes(b"somebody else's")
    assert graph.rerun(run["run_id"]).how == f"equal to the byte, {run['result_hash']}"
    assert graph.to_arrow("runs").to_pylist() == before
    assert all(file.read_bytes() == b"somebody else's" for file in kept)


def test_a_run_is_known_before_its_work_is_done(graph: Graph) -> None:
    typed(graph)
    table = pa.table({"motif": ["030T"], "count": pa.array([7], pa.int64())})
    active = start_run(graph._folder, "census", {"size": 3, "made": "here"}, {"file": "0" * 64}, 5)
    left_out = start_run(graph._folder, "census", {"size": 3, "made": "here"}, {"file": "0" * 64}, 5, record=False)
    assert active.run_id == left_out.run_id
    left_out.finish(table)
    assert active.run_id not in graph.to_arrow("runs")["run_id"].to_pylist()
    active.finish(table, motif_counts(graph._folder, table, 3), message="said")
    (row,) = [row for row in graph.to_arrow("runs").to_pylist() if row["run_id"] == active.run_id]
    assert (row["message"], row["seed"], row["result_hash"]) == ("said", 5, hash_table(table))
    (counted,) = [row for row in graph.to_arrow("motif_counts").to_pylist() if row["run_id"] == active.run_id]
    assert (counted["size"], counted["motif"], counted["count"]) == (3, "030T", 7)

"""Tables larger than memory: synapses to connections, ready pairs of neurons to a graph that answers.

``GRAPHLAB_BENCH_BIG`` says how many synapses are made (1_000_000_000 need 40 GB of disk beside what the contenders
write), ``GRAPHLAB_BENCH_PAIRS`` how many pairs (143_000_000 as in the male CNS; 3 GB of Feather), and
``GRAPHLAB_BENCH_MEMORY`` what ours and DuckDB may take; polars has no such limit.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

SYNAPSES = int(os.environ.get("GRAPHLAB_BENCH_BIG", "100_000_000"))
MEMORY = os.environ.get("GRAPHLAB_BENCH_MEMORY", "2GB")
PAIRS = int(os.environ.get("GRAPHLAB_BENCH_PAIRS", "20_000_000"))
NEURONS, BLOCK = 139_255, 1_000_000
ODD = np.uint64(0x9E3779B97F4A7C15)
"""Times an odd number, different numbers stay different in 64 bits, and lose their order."""

DUCKDB = """
import duckdb, sys
source, target, memory = sys.argv[1:]
limits = {"memory_limit": memory, "preserve_insertion_order": "false", "temp_directory": target + ".tmp"}
with duckdb.connect(target, config=limits) as con:
    con.execute("SET enable_progress_bar = false")
    con.execute('''CREATE TABLE connections AS SELECT pre_root_id, post_root_id, CAST(count(*) AS DOUBLE) weight
        FROM read_parquet(?) GROUP BY ALL''', [source])
    print(*con.execute("SELECT count(*), sum(weight) FROM connections").fetchone())
"""
POLARS = """
import polars as pl, sys
source, target, _ = sys.argv[1:]
pairs = pl.scan_parquet(source).group_by("pre_root_id", "post_root_id").agg(pl.len().alias("weight"))
pairs.sink_parquet(target, engine="streaming")
print(*pl.scan_parquet(target).select(pl.len(), pl.col("weight").sum().cast(pl.Float64).alias("sum")).collect().row(0))
"""


def write_synapses(path: Path) -> None:
    """Clustered partners, 64-bit ids, synapse ids in no order, zstd Parquet; a block at a time."""
    rng = np.random.default_rng(0)
    ids = np.sort(rng.choice(2**40, NEURONS, replace=False)).astype(np.uint64) + np.uint64(720575940600000000)
    names = ("synapse_id", "pre_root_id", "post_root_id")
    schema = pa.schema([(name, pa.uint64()) for name in names] + [(f"{axis}_nm", pa.int32()) for axis in "xyz"])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, SYNAPSES, BLOCK):
            n = min(BLOCK, SYNAPSES - start)
            pre = rng.integers(0, NEURONS, n)
            rank = np.minimum(rng.geometric(0.04, n), 76)
            post = (pre * 7919 + rank * rank * 104729) % NEURONS
            columns = [np.arange(start + 1, start + n + 1, dtype=np.uint64) * ODD, ids[pre], ids[post]]
            columns += [rng.integers(0, 400_000, n).astype(np.int32) for _ in range(3)]
            writer.write_batch(pa.record_batch(columns, schema=schema))


@pytest.mark.timeout(0)
def test_synapses_larger_than_memory(tmp_path: Path, side_by_side: Callable[..., Any]) -> None:
    source = tmp_path / "synapses.parquet"
    write_synapses(source)

    def ours() -> str:
        graph = tmp_path / "g"
        shutil.rmtree(graph, ignore_errors=True)
        command = [sys.executable, "-m", "graphlab.cli"]
        environment = {**os.environ, "GRAPHLAB_MEMORY": MEMORY}
        for step in (["init", graph], ["ingest", graph, source, "--as", "synapses"]):
            subprocess.run([*command, *step], check=True, capture_output=True, env=environment)
        question = "SELECT count(*), sum(weight) FROM connections"
        counted = (
            "import duckdb, sys; print(*duckdb.connect(sys.argv[1], read_only=True).execute(sys.argv[2]).fetchone())"
        )
        return _said([sys.executable, "-c", counted, graph / "graph.duckdb", question])

    def peer(script: str) -> Callable[[], str]:
        def run() -> str:
            target = tmp_path / "peer"
            target.unlink(missing_ok=True)
            return _said([sys.executable, "-c", script, source, target, MEMORY])

        return run

    contenders = {
        "graphlab ingest, synapses kept and checked": ours,
        "DuckDB, connections alone": peer(DUCKDB),
        "polars streaming, connections alone": peer(POLARS),
    }
    task = f"{SYNAPSES / 1e6:.0f} M synapses ({source.stat().st_size / 1e9:.1f} GB) to connections in {MEMORY}"
    measured = side_by_side(task, contenders, rounds=1, warmup=0, work=SYNAPSES, unit="synapses")
    assert len({one.result for one in measured.values()}) == 1
    assert float(measured["DuckDB, connections alone"].result.split()[1]) == SYNAPSES


DUCKDB_PAIRS = """
import duckdb, pyarrow as pa, sys
source, target, memory = sys.argv[1:]
with duckdb.connect(target, config={"memory_limit": memory, "preserve_insertion_order": "false"}) as con:
    con.execute("SET enable_progress_bar = false")
    file = pa.ipc.open_file(pa.memory_map(source))
    batches = (file.get_batch(i) for i in range(file.num_record_batches))
    rows = pa.RecordBatchReader.from_batches(file.schema, batches)
    con.execute("CREATE TABLE connections AS FROM rows")
    print(*con.execute("SELECT count(*) FROM connections WHERE weight >= 5").fetchone())
"""


@pytest.mark.timeout(0)
def test_pairs_of_neurons_from_feather(
    tmp_path: Path, side_by_side: Callable[..., Any], pairs_in_feather: Callable[[Path, int], int]
) -> None:
    """Peak memory is that of the largest process: the graph is made, filled and asked by commands of their own."""
    source = tmp_path / "pairs.feather"
    strong = pairs_in_feather(source, PAIRS)

    def ours() -> str:
        graph = tmp_path / "g"
        shutil.rmtree(graph, ignore_errors=True)
        command = [sys.executable, "-m", "graphlab.cli"]
        environment = {**os.environ, "GRAPHLAB_MEMORY": MEMORY}
        for step in (["init", graph], ["ingest", graph, source, "--as", "connections", "--columns", "flyem"]):
            subprocess.run([*command, *step], check=True, capture_output=True, env=environment)
        asked = ["query", graph, "SELECT count(*) AS n FROM connections WHERE weight >= 5", "--json"]
        said = subprocess.run([*command, *asked], check=True, capture_output=True, text=True, env=environment).stdout
        return str(json.loads(said)[0]["n"])

    def duckdb_alone() -> str:
        target = tmp_path / "peer"
        target.unlink(missing_ok=True)
        return _said([sys.executable, "-c", DUCKDB_PAIRS, source, target, MEMORY]).strip()

    contenders = {"graphlab: ingest, then a question": ours, "DuckDB: rows loaded, unchecked": duckdb_alone}
    task = f"{PAIRS / 1e6:.0f} M pairs from Feather ({source.stat().st_size / 1e9:.1f} GB), answering, in {MEMORY}"
    measured = side_by_side(task, contenders, rounds=1, warmup=0, work=PAIRS, unit="pairs")
    assert {one.result for one in measured.values()} == {str(strong)}


def _said(command: list[Any]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

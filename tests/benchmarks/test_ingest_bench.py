"""Synapses and pairs to a queryable graph: the command line beside hand-written DuckDB SQL with the same checks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

SYNAPSES = int(os.environ.get("GRAPHLAB_BENCH_SYNAPSES", "50_000_000"))
PAIRS = int(os.environ.get("GRAPHLAB_BENCH_PAIRS", "25_000_000"))
NEURONS = 139_255

HAND_WRITTEN = """
import duckdb, sys
source, target = sys.argv[1:]
con = duckdb.connect(target, config={"memory_limit": "4GB", "preserve_insertion_order": "false"})
con.execute('''CREATE TABLE synapses AS SELECT synapse_id, pre_root_id, post_root_id, CAST(x_nm AS DOUBLE) x_nm,
    CAST(y_nm AS DOUBLE) y_nm, CAST(z_nm AS DOUBLE) z_nm, CAST(score AS DOUBLE) score FROM read_parquet(?)''', [source])
rows, unique = con.execute("SELECT count(*), count(DISTINCT synapse_id) FROM synapses").fetchone()
assert rows == unique
bad, low = con.execute('''SELECT count(*) FILTER (NOT (isfinite(x_nm) AND isfinite(y_nm) AND isfinite(z_nm)
    AND isfinite(score)) OR pre_root_id IS NULL OR post_root_id IS NULL), min(least(pre_root_id, post_root_id))
    FROM synapses''').fetchone()
assert bad == 0 and low > 0
con.execute('''CREATE TABLE connections AS SELECT pre_root_id, post_root_id, CAST(count(*) AS DOUBLE) weight,
    'chemical' kind FROM synapses GROUP BY ALL''')
con.execute('''CREATE TABLE neurons AS
    SELECT coalesce(a.root_id, b.root_id) root_id, coalesce(total_in, 0) total_in, coalesce(total_out, 0) total_out
    FROM (SELECT pre_root_id root_id, CAST(sum(weight) AS DOUBLE) total_out FROM connections GROUP BY 1) a
    FULL JOIN (SELECT post_root_id root_id, CAST(sum(weight) AS DOUBLE) total_in FROM connections GROUP BY 1) b
    ON a.root_id = b.root_id''')
con.execute("CHECKPOINT")
"""


def write_synapses(path: Path) -> None:
    """Clustered partners: about 4.7 synapses a pair, 64-bit ids, shuffled synapse ids, zstd Parquet."""
    rng = np.random.default_rng(0)
    ids = np.sort(rng.choice(2**40, NEURONS, replace=False)).astype(np.uint64) + np.uint64(720575940600000000)
    block = 1_000_000
    numbers = rng.permutation(SYNAPSES).astype(np.uint64) + np.uint64(1)
    schema = pa.schema(
        [("synapse_id", pa.uint64()), ("pre_root_id", pa.uint64()), ("post_root_id", pa.uint64())]
        + [(f"{axis}_nm", pa.int32()) for axis in "xyz"]
        + [("score", pa.uint8())]
    )
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, SYNAPSES, block):
            n = min(block, SYNAPSES - start)
            pre = rng.integers(0, NEURONS, n)
            # 16 favourite partners a neuron, weighted, so that pairs repeat as in a brain.
            rank = np.minimum(rng.geometric(0.04, n), 76)
            post = (pre * 7919 + rank * rank * 104729) % NEURONS
            columns = [numbers[start : start + n], ids[pre], ids[post]]
            columns += [rng.integers(0, 400_000, n).astype(np.int32) for _ in range(3)]
            columns.append(rng.integers(50, 255, n).astype(np.uint8))
            writer.write_batch(pa.record_batch(columns, schema=schema))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fifty") / "synapses.parquet"
    write_synapses(path)
    return path


def test_fifty_million_synapses(source: Path, side_by_side: Callable[..., Any]) -> None:
    task = f"{SYNAPSES / 1e6:.0f} M synapses (Parquet) to connections"
    _compare(task, source, ["--as", "synapses"], HAND_WRITTEN, SYNAPSES, side_by_side)


def _compare(
    task: str, source: Path, options: list[str], hand: str, rows: int, side_by_side: Callable[..., Any]
) -> None:
    """Time both, and hold them to the same connections, weights and totals."""
    place = source.parent
    script = place / "hand_written.py"
    script.write_text(textwrap.dedent(hand))

    def ours() -> str:
        shutil.rmtree(place / "g", ignore_errors=True)
        graphlab = [sys.executable, "-m", "graphlab.cli"]
        subprocess.run([*graphlab, "init", str(place / "g")], check=True, capture_output=True)
        command = [*graphlab, "ingest", str(place / "g"), str(source), *options]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def hand_written() -> None:
        for name in ("hand.duckdb", "hand.duckdb.wal"):
            (place / name).unlink(missing_ok=True)
        subprocess.run([sys.executable, str(script), str(source), str(place / "hand.duckdb")], check=True)

    contenders = {"graphlab ingest": ours, "hand-written DuckDB SQL": hand_written}
    measured = side_by_side(task, contenders, rounds=3, warmup=0, work=rows, unit=options[1])
    side_by_side.note("ingest: " + measured["graphlab ingest"].result.strip().replace("\n", "; "))

    import duckdb

    counts = []
    for database in (place / "g" / "graph.duckdb", place / "hand.duckdb"):
        with duckdb.connect(str(database), read_only=True) as connection:
            counts.append(
                connection.execute(
                    "SELECT count(*), sum(weight), (SELECT count(*) FROM neurons), "
                    "(SELECT sum(total_in) FROM neurons) FROM connections"
                ).fetchone()
            )
    assert counts[0] == counts[1]
    side_by_side.note(f"ingest: both made {counts[0][0]:,.0f} connections of {counts[0][2]:,} neurons")


HAND_WRITTEN_PAIRS = """
import duckdb, sys
import pyarrow.dataset as ds
source, target = sys.argv[1:]
con = duckdb.connect(target, config={"memory_limit": "4GB", "preserve_insertion_order": "false"})
con.register("source", ds.dataset(source, format="feather"))
con.execute('''CREATE TABLE connections AS SELECT CAST(body_pre AS UBIGINT) pre_root_id,
    CAST(body_post AS UBIGINT) post_root_id, CAST(weight AS DOUBLE) weight, 'chemical' kind FROM source''')
rows, unique = con.execute('''SELECT (SELECT count(*) FROM connections),
    count(*) FROM (SELECT DISTINCT pre_root_id, post_root_id FROM connections)''').fetchone()
assert rows == unique
bad, none = con.execute('''SELECT count(*) FILTER (NOT isfinite(weight) OR pre_root_id IS NULL OR post_root_id IS NULL),
    count(*) FILTER (weight = 0 OR pre_root_id = 0 OR post_root_id = 0) FROM connections''').fetchone()
assert bad == 0 and none == 0
con.execute('''CREATE TABLE neurons AS
    SELECT coalesce(a.root_id, b.root_id) root_id, coalesce(total_in, 0) total_in, coalesce(total_out, 0) total_out
    FROM (SELECT pre_root_id root_id, CAST(sum(weight) AS DOUBLE) total_out FROM connections GROUP BY 1) a
    FULL JOIN (SELECT post_root_id root_id, CAST(sum(weight) AS DOUBLE) total_in FROM connections GROUP BY 1) b
    ON a.root_id = b.root_id''')
con.execute("CHECKPOINT")
"""


def write_pairs(path: Path) -> None:
    """Each pair once, in no order, as the releases of FlyEM have them: Feather, LZ4, int64 bodies past 2^53."""
    rng = np.random.default_rng(0)
    bodies = np.sort(rng.choice(2**40, NEURONS, replace=False)) + 2**53
    at = rng.permutation(PAIRS)
    pre = at % NEURONS
    # 104729 and the number of neurons have no common divisor: every step of a neuron leads to another partner.
    post = (pre * 7919 + at // NEURONS * 104729 + 1) % NEURONS
    columns = {
        "body_pre": bodies[pre],
        "body_post": bodies[post],
        "weight": rng.geometric(0.4, PAIRS).astype(np.int32),
    }
    feather.write_feather(pa.table(columns), str(path))


def test_twenty_five_million_pairs(tmp_path: Path, side_by_side: Callable[..., Any]) -> None:
    source = tmp_path / "connectome-weights.feather"
    write_pairs(source)
    _compare(
        f"{PAIRS / 1e6:.0f} M pairs (FlyEM Feather) to connections",
        source,
        ["--as", "connections", "--columns", "flyem"],
        HAND_WRITTEN_PAIRS,
        PAIRS,
        side_by_side,
    )

"""Seeded graphs of connectome size for measurements, as arrays and as a DuckDB source."""

from __future__ import annotations

import functools
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from queries.engine import Source

FLY = 139_255


@functools.cache
def connections(neurons: int, count: int, least: int = 1, seed: int = 7) -> pa.Table:
    """Heavy-tailed degrees, alike for in and out, 60 % of the draws inside blocks of 500 neurons, 8 % mirrored.

    Weights are ``least`` plus geometric numbers; of those from 5 up a third is 10 or more.
    """
    rng = np.random.default_rng(seed)
    common = rng.lognormal(0.0, 0.5, neurons) * (1 + rng.pareto(3.0, neurons))
    out = common * rng.lognormal(0.0, 0.5, neurons)
    into = common * rng.lognormal(0.0, 0.5, neurons)
    draws = int(count * 1.4)
    pre = rng.choice(neurons, draws, p=out / out.sum())
    post = rng.choice(neurons, draws, p=into / into.sum())
    local = rng.random(draws) < 0.6
    post[local] = np.minimum(pre[local] // 500 * 500 + rng.integers(0, 500, int(local.sum())), neurons - 1)
    mirrored = rng.random(draws) < 0.08
    key = np.concatenate([pre * neurons + post, post[mirrored] * neurons + pre[mirrored]])
    key = np.unique(key[key // neurons != key % neurons])
    key = np.sort(rng.permutation(key)[:count])
    assert len(key) == count
    weight = least - 1 + rng.geometric(0.2, count)
    return pa.table(
        {
            "pre_root_id": (key // neurons + 1).astype(np.uint64),
            "post_root_id": (key % neurons + 1).astype(np.uint64),
            "weight": weight.astype(np.float64),
        }
    )


def source_of(neurons: int, table: pa.Table) -> Source:
    """The graph in memory, tables as in a graph folder; a tenth of the neurons of each of ten types."""
    connection: Any = duckdb.connect(config={"threads": "2"})
    connection.register("given", table)
    for statement in (
        f"""CREATE TABLE neurons AS SELECT CAST(i AS UBIGINT) AS root_id, 'n' || i AS name, 't' || (i * 7919 % 10)
            AS cell_type, 'intrinsic' AS super_class, 'left' AS side, 'ACH' AS nt_type, true AS in_graph,
            0.0 AS total_in, 0.0 AS total_out FROM range(1, {neurons + 1}) AS r(i)""",
        """CREATE TABLE connections AS SELECT pre_root_id, post_root_id, weight, 'chemical' AS kind,
           NULL::VARCHAR AS neuropil, NULL::VARCHAR AS nt_type FROM given""",
    ):
        connection.execute(statement).fetchall()
    connection.unregister("given")
    return Source(connection)

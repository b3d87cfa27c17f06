"""Synapses that a better one of the same pair, closer than a radius, stands for."""

from __future__ import annotations

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.store.database import first_row

ROWS = 1 << 20
"""Synapses in memory at a time, and those of the pair that has the most."""
COLUMNS = ("synapse_id", "pre_root_id", "post_root_id", "x_nm", "y_nm", "z_nm")

Ids = npt.NDArray[np.uint64]


def merge_near(connection: duckdb.DuckDBPyConnection, radius_nm: float, rows: int = ROWS) -> bool:
    """Temporary table ``merged_synapses``: ids that a better synapse of the same pair stands for.

    Greedy by score (ties: lower id): a synapse is dropped when a kept one of the same ordered pair and kind lies
    within ``radius_nm``, as non-maximum suppression does. Synapses without a position are never dropped.
    DuckDB sorts, on disk where memory ends; one batch of pairs at a time comes here.

    Args:
        rows: how many come at a time.

    Returns:
        Whether there are any.
    """
    dropped: list[Ids] = []
    kinds = connection.execute("SELECT DISTINCT coalesce(kind, 'chemical') FROM synapses ORDER BY ALL").fetchall()
    for (kind,) in kinds:
        of_kind = "coalesce(kind, 'chemical') = $kind AND " if len(kinds) > 1 else ""
        relation = connection.sql(
            f"""
            SELECT {", ".join(COLUMNS)} FROM synapses
            WHERE {of_kind} x_nm IS NOT NULL AND y_nm IS NOT NULL AND z_nm IS NOT NULL
            ORDER BY pre_root_id, post_root_id, coalesce(score, -1e308) DESC, synapse_id
            """,
            params={"kind": kind} if of_kind else None,
        )
        dropped += _dropped(relation.to_arrow_reader(rows), radius_nm)
    connection.execute("CREATE OR REPLACE TEMP TABLE merged_synapses (synapse_id UBIGINT)")
    if any(ids.size for ids in dropped):
        connection.register("_merged", pa.table({"synapse_id": np.concatenate(dropped)}))
        connection.execute("INSERT INTO merged_synapses FROM _merged")
        connection.unregister("_merged")
    return bool(first_row(connection, "SELECT count(*) > 0 FROM merged_synapses")[0])


def _dropped(batches: pa.RecordBatchReader, radius_nm: float) -> list[Ids]:
    """Dropped ids of rows that come pair by pair, best first; a pair that a batch cuts waits for its rest."""
    dropped: list[Ids] = []
    waiting: list[pa.RecordBatch] = []
    last: tuple[int, int] | None = None
    for batch in batches:
        if not batch.num_rows:
            continue
        pre, post = (batch.column(name).to_numpy() for name in ("pre_root_id", "post_root_id"))
        if last is not None and last != (pre[0], post[0]):
            dropped.append(_suppressed(waiting, radius_nm))
            waiting = []
        last = (pre[-1], post[-1])
        # Where the last pair of the batch begins: what is before it is whole.
        other = np.flatnonzero((pre != last[0]) | (post != last[1]))
        cut = int(other[-1]) + 1 if other.size else 0
        if cut:
            dropped.append(_suppressed([*waiting, batch.slice(0, cut)], radius_nm))
            waiting = []
        waiting.append(batch.slice(cut))
    if waiting:
        dropped.append(_suppressed(waiting, radius_nm))
    return dropped


def _suppressed(batches: list[pa.RecordBatch], radius_nm: float) -> Ids:
    from graphlab.store.wiring.near_kernel import suppress  # here: most graphs are made without numba

    table = pa.Table.from_batches(batches)
    ids, pre, post, *xyz = (table[name].to_numpy() for name in COLUMNS)
    begins = np.flatnonzero((pre[1:] != pre[:-1]) | (post[1:] != post[:-1])) + 1
    starts = np.concatenate(([0], begins, [len(ids)])).astype(np.int64)
    dropped = np.zeros(len(ids), dtype=np.bool_)
    suppress(starts, np.column_stack(xyz).astype(np.float64), radius_nm, dropped)
    names: Ids = ids[dropped]
    return names

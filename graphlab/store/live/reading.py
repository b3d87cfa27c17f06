"""What a graph holds, as the wiring in memory starts from it.

Tests: tests/graphlab/live/test_feed.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.store.database import arrow, first_row, quote
from graphlab.store.folder import Folder
from graphlab.store.wiring.compartments.partition import is_split
from ingest.schema.errors import UnknownNameError
from ingest.schema.words import KINDS

ROWS = 1 << 18
"""Synapses that are read at a time."""


def neuron_states(folder: Folder) -> pa.Table:
    """root_id and in_graph of every neuron."""
    return arrow(folder.connection, "SELECT root_id, in_graph FROM neurons ORDER BY root_id")


def gone(folder: Folder) -> dict[int, str]:
    """Root ids that merges and splits took away, and what each became."""
    rows = folder.connection.execute(
        "SELECT root_id, became FROM live.gone ANTI JOIN neurons USING (root_id) ORDER BY position"
    ).fetchall()
    return {int(root_id): str(became) for root_id, became in rows}


def parts_kept(folder: Folder) -> tuple[bool, bool]:
    """Whether weights are kept by neuropil, and by compartments."""
    pools = first_row(folder.connection, "SELECT count(*) FROM (SELECT 1 FROM connections_by_neuropil LIMIT 1)")
    return bool(pools[0]), is_split(folder.connection)


def synapse_count(folder: Folder) -> int:
    return int(first_row(folder.connection, "SELECT count(*) FROM synapses")[0])


def synapses(folder: Folder, min_score: float | None) -> Iterator[pa.RecordBatch]:
    """Ids, ends, weight, whether the recipe counts it, kind (a number), neuropil, compartments, supervoxels."""
    kinds = " ".join(f"WHEN '{kind}' THEN {code}" for code, kind in enumerate(KINDS))
    counts = "true" if min_score is None else "(score >= $least OR score IS NULL)"
    relation = folder.cursor().sql(
        f"""SELECT synapse_id, pre_root_id, post_root_id, CAST(coalesce(weight, 1) AS BIGINT) AS weight,
                   {counts} AS counts, CASE coalesce(kind, 'chemical') {kinds} END AS kind, neuropil,
                   pre_compartment, post_compartment, coalesce(pre_supervoxel_id, 0)::UBIGINT AS pre_supervoxel_id,
                   coalesce(post_supervoxel_id, 0)::UBIGINT AS post_supervoxel_id FROM synapses""",
        params=None if min_score is None else {"least": min_score},
    )
    yield from relation.to_arrow_reader(ROWS)


def connections(folder: Folder, kind: str, least: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Ends of the connections of a kind from a weight on, autapses left out."""
    table = arrow(
        folder.cursor(),
        "SELECT pre_root_id, post_root_id FROM connections WHERE kind = ? AND weight >= ? "
        "AND pre_root_id <> post_root_id",
        [kind, least],
    )
    return tuple(np.asarray(table[side].combine_chunks()) for side in ("pre_root_id", "post_root_id"))  # type: ignore[return-value]


def neuron_words(folder: Folder, column: str) -> dict[int, str]:
    """A column of texts of neurons, of those that have one.

    Raises:
        UnknownNameError: neurons have no such column of texts.
    """
    names = [field.name for field in neuron_schema(folder) if pa.types.is_string(field.type)]
    if column not in names:
        raise UnknownNameError("column of texts of neurons", column, names)
    called = quote(column)
    rows = folder.cursor().execute(f"SELECT root_id, {called} FROM neurons WHERE {called} IS NOT NULL").fetchall()
    return {int(root_id): str(word) for root_id, word in rows}


def typed_dyads(folder: Folder, column: str, kind: str, least: int) -> list[tuple[str | None, str | None, bool, int]]:
    """Dyads by a column of their neurons: of the presynaptic one, the postsynaptic one, whether mutual, how many."""
    called = quote(column)
    rows = (
        folder.cursor()
        .execute(
            f"""WITH c AS (SELECT pre_root_id AS pre, post_root_id AS post FROM connections
                       WHERE kind = $kind AND weight >= $least AND pre_root_id <> post_root_id),
                 n AS (SELECT root_id, {called} AS word FROM neurons WHERE in_graph)
            SELECT a.word, b.word, r.pre IS NOT NULL AS mutual, count(*) FROM c
            JOIN n AS a ON a.root_id = c.pre JOIN n AS b ON b.root_id = c.post
            LEFT JOIN c AS r ON r.pre = c.post AND r.post = c.pre
            WHERE r.pre IS NULL OR c.pre < c.post GROUP BY ALL""",
            {"kind": kind, "least": least},
        )
        .fetchall()
    )
    return [(pre, post, bool(mutual), int(count)) for pre, post, mutual, count in rows]


def neuron_rows(folder: Folder, root_ids: npt.NDArray[np.uint64]) -> dict[int, dict[str, Any]]:
    """Whole rows of some neurons, by their root ids."""
    cursor = folder.cursor()
    cursor.register("asked", pa.table({"root_id": pa.array(root_ids, pa.uint64())}))
    rows = arrow(cursor, "SELECT n.* FROM neurons n SEMI JOIN asked USING (root_id)").to_pylist()
    return {int(row["root_id"]): row for row in rows}


def neuron_schema(folder: Folder) -> pa.Schema:
    """Columns of ``neurons`` and their types."""
    schema: pa.Schema = arrow(folder.connection, "FROM neurons LIMIT 0").schema
    return schema


def synapse_schema(folder: Folder) -> pa.Schema:
    """Columns of ``synapses`` and their types."""
    schema: pa.Schema = arrow(folder.connection, "FROM synapses LIMIT 0").schema
    return schema


def whole(folder: Folder) -> tuple[pa.Table, pa.Table]:
    """All neurons and all connections."""
    cursor = folder.cursor()
    return arrow(cursor, "FROM neurons"), arrow(cursor, "FROM connections")

"""A snapshot from rows of ids in any order, by counting sorts: sorting in SQL and looking ids up take most of the time.

Tests: tests/queries/csr/test_from_rows.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.running.task_runners import Threads
from queries.csr.kernels import kept
from queries.csr.lists import adjacency, key_table, numbers_of, sorted_pairs, usable
from queries.snapshot import Snapshot

_EVERY = np.empty(0, np.uint8)


def snapshot_of_rows(
    root_ids: npt.NDArray[np.uint64],
    pre: npt.NDArray[np.uint64],
    post: npt.NDArray[np.uint64],
    weight: npt.NDArray[np.float64],
    meta: dict[str, Any],
) -> Snapshot:
    """What ``Snapshot.from_edges`` makes of the same edges, byte for byte.

    Args:
        root_ids: [n] strictly ascending. pre, post: [m] ids. weight: [m].

    Raises:
        ValueError: ids that do not ascend, edges of other neurons, the same ordered pair twice, too many of either.
    """
    n = len(root_ids)
    if n > 1 and not np.all(root_ids[1:] > root_ids[:-1]):
        raise ValueError("root_ids must ascend strictly")
    if n >= 2**30 or len(pre) >= 2**31:
        raise ValueError("a snapshot holds fewer than 2^30 nodes and 2^31 edges")
    bits = max(4, int(2 * max(n, 1) - 1).bit_length())
    table = key_table(root_ids, bits)
    source, target = Threads(2).map_tasks(lambda ids: numbers_of(root_ids, table, bits, ids), (pre, post))
    if len(source) and min(source.min(), target.min()) < 0:
        raise ValueError("edges name neurons that are not among root_ids")
    rows = usable(source, target, _EVERY, _EVERY, loops=False)
    order = sorted_pairs(source, target, rows, n, n)
    out_start, out_target, _ = adjacency(source, target, order, n)
    if len(out_target) < len(order):
        raise ValueError("an ordered pair occurs twice; sum parallel connections first")
    every, in_edge = np.arange(len(order), dtype=np.int32), np.empty(len(order), np.int32)
    ends = np.zeros(n + 1, np.int64)
    kept.sorted_by(out_target, every, ends, in_edge)
    return Snapshot(
        root_ids=root_ids,
        out_start=out_start,
        out_target=out_target,
        weight=weight[order],
        in_start=np.concatenate([[0], ends[:n]]).astype(np.int64),
        in_source=source[order][in_edge],
        in_edge=in_edge,
        meta={**meta, "autapses": len(source) - len(rows) + int(meta.get("autapses", 0))},
    )

"""Small graphs to write into, and tables in our own words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from graphlab.graph import Graph


def synapse_table(pairs: list[tuple[int, int]], **columns: Any) -> pa.Table:
    """Synapses of these (pre, post) pairs with further columns; ids 1, 2, 3, ..."""
    data = {
        "synapse_id": pa.array(range(1, len(pairs) + 1), pa.uint64()),
        "pre_root_id": pa.array([pre for pre, _ in pairs], pa.uint64()),
        "post_root_id": pa.array([post for _, post in pairs], pa.uint64()),
    }
    return pa.table({**data, **columns})


def connection_table(rows: list[tuple[int, int, float]], **columns: Any) -> pa.Table:
    return pa.table(
        {
            "pre_root_id": pa.array([row[0] for row in rows], pa.uint64()),
            "post_root_id": pa.array([row[1] for row in rows], pa.uint64()),
            "weight": pa.array([row[2] for row in rows], pa.float64()),
            **columns,
        }
    )


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    with Graph.create(tmp_path / "g", dataset="test", resolution="4,4,40") as made:
        yield made


@pytest.fixture
def synapses() -> Callable[..., pa.Table]:
    return synapse_table


@pytest.fixture
def connections() -> Callable[..., pa.Table]:
    return connection_table


@pytest.fixture
def rows_of(graph: Graph) -> Callable[[str], list[tuple[Any, ...]]]:
    """Rows of a statement over the graph's tables, sorted."""
    return lambda sql: sorted(graph.folder.cursor().execute(sql).fetchall(), key=repr)

"""Nodes sorted on disk: the stretches of the order in memory, in little memory, nothing wrong let through."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphlab.embeddings import planned_nodes
from graphlab.embeddings.parts import nodes_of_part
from graphlab.embeddings.planned_nodes import PLAN, PlannedNodes, can_plan
from ingest.nodes import SCHEMA, each_once
from ingest.schema.errors import GraphlabError, IdError, SchemaError


def table(keys: Any, points: Any) -> pa.Table:
    keys = np.asarray(keys, dtype=np.uint64).reshape(-1, 2)
    points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    return pa.table([*map(pa.array, keys.T), *map(pa.array, points.T)], schema=SCHEMA)


NODES = st.dictionaries(
    st.tuples(*[st.integers(0, 2**64 - 1)] * 2), st.tuples(*[st.floats(-1e7, 1e7)] * 3), min_size=1, max_size=30
)


@given(NODES, st.integers(1, 8), st.floats(1.0, 1e6), st.sampled_from((1, 7, 1 << 18)))
def test_stretches_are_those_of_the_order_in_memory(nodes: Any, parts: int, cell_nm: float, rows: int) -> None:
    given = table(list(nodes), list(nodes.values()))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(planned_nodes, "GROUP_ROWS", rows)
        pq.write_table(pa.concat_tables([given, given.slice(0, 3)]), source := Path(folder) / "given.parquet")
        plan = PlannedNodes(source, Path(folder), cell_nm)
        for part in range(1, parts + 1):
            wanted = nodes_of_part(each_once(given), part, parts, cell_nm)
            assert plan.of_part(part, parts, keep=part > 1).equals(wanted)
        assert sorted(path.name for path in Path(folder).iterdir()) == ["given.parquet", *[PLAN] * (parts > 1)]


def test_more_nodes_than_memory_are_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    count = 3_000_000
    nodes = table(np.stack([rng.integers(0, 9, count), np.arange(count)], axis=1), rng.random((count, 3)) * 1e6)
    pq.write_table(nodes, source := tmp_path / "given.parquet")
    monkeypatch.setenv("GRAPHLAB_MEMORY", "100MB")  # in memory they are 120 MB
    monkeypatch.setenv("GRAPHLAB_THREADS", "1")
    plan = PlannedNodes(source, tmp_path, 4e3)
    for part in (1, 400, 1000):
        assert plan.of_part(part, 1000).equals(nodes_of_part(nodes, part, 1000, 4e3))


def test_a_plan_of_other_nodes_is_made_again(tmp_path: Path) -> None:
    source = tmp_path / "given.parquet"
    for x in (1.0, 2.0):
        pq.write_table(table([[1, 2]], [[x, 0, 0]]), source)
        assert PlannedNodes(source, tmp_path, 10.0).of_part(1, 1)["x_nm"].to_pylist() == [x]
    (tmp_path / PLAN).write_bytes(b"damaged")
    assert PlannedNodes(source, tmp_path, 10.0).all()["x_nm"].to_pylist() == [2.0]


def column(name: str, values: Any) -> pa.Table:
    nodes = table([[1, 2], [1, 3]], [[1, 2, 3], [4, 5, 6]])
    return nodes.set_column(nodes.schema.names.index(name), name, pa.array(values))


@pytest.mark.parametrize(
    ("nodes", "error", "said"),
    [
        (column("x_nm", [1.0, None]), SchemaError, "x_nm is empty in 1 rows"),
        (column("y_nm", [1.0, np.inf]), SchemaError, "a position is not finite"),
        (column("root_id", [-1, 5]), IdError, "found -1"),
        (column("node_id", [2, 2]), SchemaError, "node 2 of 1 is in two places"),
        (table([], []), SchemaError, "holds no nodes"),
    ],
)
def test_what_is_wrong_is_said(nodes: pa.Table, error: type[GraphlabError], said: str, tmp_path: Path) -> None:
    pq.write_table(nodes, source := tmp_path / "given.parquet")
    assert can_plan(source)
    with pytest.raises(error, match=said):
        PlannedNodes(source, tmp_path, 10.0).of_part(1, 2)
    assert list(tmp_path.iterdir()) == [source]


def test_other_nodes_are_read_whole(tmp_path: Path) -> None:
    assert not can_plan(table([], []))
    assert not can_plan(tmp_path / "nodes.csv")
    assert not can_plan(tmp_path / "none.parquet")
    for nodes in (column("node_id", ["2", "3"]), column("x_nm", [2**60, 1]), column("x_nm", [1, 2]).drop(["y_nm"])):
        pq.write_table(nodes, source := tmp_path / "given.parquet")
        assert not can_plan(source)

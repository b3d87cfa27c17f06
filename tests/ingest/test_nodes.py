"""Nodes from tables and skeletons: each once, ids exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from ingest.errors import GraphlabError, IdError, ReadError, SchemaError
from ingest.nodes import SCHEMA, each_once, nodes_of, read_nodes
from ingest.skeletons import Skeleton

BIG = 2**63 + 12345


def table(rows: list[tuple[int, int, float, float, float]]) -> pa.Table:
    columns = zip(zip(*rows, strict=True), SCHEMA.types, strict=True)
    return pa.table([pa.array(values, kind) for values, kind in columns], schema=SCHEMA)


def test_tables_of_every_kind(tmp_path: Path) -> None:
    wanted = table([(BIG, 3, 1.5, 2, 3), (BIG, 4, 1, 2, 3), (1, 3, 1, 2, 3)])
    (tmp_path / "n.csv").write_text(
        f"extra,z_nm,y_nm,x_nm,node_id,root_id\na,3,2,1.5,3,{BIG}\na,3,2,1,4,{BIG}\nb,3,2,1,3,1\n"
    )
    parquet.write_table(wanted, tmp_path / "n.parquet")
    feather.write_feather(wanted, str(tmp_path / "n.arrow"))
    for name in ("n.csv", "n.parquet", "n.arrow"):
        assert read_nodes(tmp_path / name) == wanted


def test_skeletons(tmp_path: Path) -> None:
    for root in (5, 40):
        (tmp_path / f"{root}.swc").write_text("1 0 0 0 0 1 -1\n2 0 1 0 0 1 1\n3 0 2 0 0 1 2\n")
    found = read_nodes(tmp_path, unit_nm=1000, spacing_nm=1500)
    assert found.to_pydict() == {
        "root_id": [40, 40, 5, 5],
        "node_id": [1, 3, 1, 3],
        "x_nm": [0, 2000, 0, 2000],
        "y_nm": [0] * 4,
        "z_nm": [0] * 4,
    }
    with pytest.raises(SchemaError, match="do not say their unit"):
        read_nodes(tmp_path)
    assert nodes_of([]).num_rows == 0
    with pytest.raises(SchemaError, match="their own ancestors"):
        Skeleton(1, np.arange(2, dtype=np.uint64), np.zeros((2, 3)), np.array([1, 0]))


def test_repeats_are_dropped_and_contradictions_refused() -> None:
    nodes = table([(9, 3, 1, 2, 3), (2, 3, 1, 2, 3), (9, 3, 1, 2, 3)])
    assert each_once(nodes) == nodes.slice(0, 2)
    with pytest.raises(SchemaError, match="node 3 of 9 is in two places"):
        each_once(table([(9, 3, 1, 2, 3), (9, 3, 1, 2, 4)]))
    with pytest.raises(SchemaError, match=r"not finite \(row 1\)"):
        each_once(table([(9, 3, 1, 2, 3), (9, 4, 1, float("nan"), 4)]))


@pytest.mark.parametrize(
    ("name", "text", "kind", "message"),
    [
        ("n.csv", "root_id,node_id,x_nm,y_nm\n1,2,3,4\n", SchemaError, "no column 'z_nm'"),
        ("n.csv", "root_id,node_id,x_nm,y_nm,z_nm\n1.5,2,3,4,5\n", IdError, "root_id: found '1.5'"),
        ("n.csv", "root_id,node_id,x_nm,y_nm,z_nm\n1,2,a,4,5\n", SchemaError, "x_nm is string; wanted numbers"),
        ("n.csv", "root_id,node_id,x_nm,y_nm,z_nm\n1,2,,4,5\n1,3,4,4,5\n", SchemaError, "x_nm is empty in 1 rows"),
        ("n.csv", "root_id,node_id,x_nm,y_nm,z_nm\n", SchemaError, "no nodes"),
        ("n.txt", "", SchemaError, "nodes come as"),
        ("n.parquet", "PAR1", ReadError, "cannot be read"),
    ],
)
def test_bad_tables(name: str, text: str, kind: type[GraphlabError], message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(kind, match=message):
        read_nodes(tmp_path / name)
    with pytest.raises(ReadError, match="does not exist"):
        read_nodes(tmp_path / "none")

"""Nodes from tables and skeletons: each once, ids exact."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from ingest.nodes import SCHEMA, each_once, nodes_of, read_nodes
from ingest.schema.errors import GraphlabError, IdError, ReadError, SchemaError
from ingest.skeletons.skeleton import Skeleton

BIG = 2**63 + 12345
Pack = Callable[[bytes, str], bytes]


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


SWC = "1 0 0 0 0 1 -1\n"


@pytest.mark.parametrize(
    "names",
    [["5.swc", "7.swc.gz"], ["5.SWC", "7.swc"], ["5.swc.br", "7.SWC.XZ"], ["5.swc.zst", "7.swc.bz2"]],
)
def test_packed_and_upper_case_swc_files_are_read(names: list[str], pack: Pack, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).write_bytes(pack(SWC.encode(), Path(name).suffix))
    assert read_nodes(tmp_path, unit_nm=1)["root_id"].to_pylist() == [5, 7]
    assert read_nodes(tmp_path / names[1], unit_nm=1)["root_id"].to_pylist() == [7]


@pytest.mark.parametrize("names", [["5.gz", "7"], ["5.br", "7.zst"], ["5", "7.GZ"]])
def test_packed_precomputed_skeletons_are_read(names: list[str], pack: Pack, tmp_path: Path) -> None:
    one = struct.pack("<II6f2I", 2, 1, 0, 0, 0, 3, 4, 0, 0, 1)
    (tmp_path / "info").write_text(json.dumps({"@type": "neuroglancer_skeletons"}))
    for name in names:
        (tmp_path / name).write_bytes(pack(one, Path(name).suffix))
    assert read_nodes(tmp_path)["root_id"].to_pylist() == [5, 5, 7, 7]
    (tmp_path / "5.xz").write_bytes(b"")
    with pytest.raises(SchemaError, match="are one skeleton; keep one"):
        read_nodes(tmp_path)


def test_a_skeleton_that_a_bucket_keeps_packed_without_saying_so(tmp_path: Path) -> None:
    (tmp_path / "info").write_text(json.dumps({"@type": "neuroglancer_skeletons"}))
    (tmp_path / "5").write_bytes(gzip.compress(struct.pack("<II6f2I", 2, 1, 0, 0, 0, 3, 4, 0, 0, 1)))
    assert read_nodes(tmp_path).num_rows == 2


@pytest.mark.parametrize("folder", ["a b", "a%20b", "brain#2", "what?", "a|b"])
def test_any_path_holds_skeletons(folder: str, tmp_path: Path) -> None:
    place = tmp_path / folder
    place.mkdir()
    (place / "5.swc").write_text(SWC)
    assert read_nodes(place, unit_nm=1).num_rows == read_nodes(place / "5.swc", unit_nm=1).num_rows == 1

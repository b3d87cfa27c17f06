"""Bad input through the front door: one error with file, row and column; the graph folder as it was."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from graphlab.graph import Graph
from graphlab.store.runs.runs import hash_table
from ingest.schema.errors import GraphlabError

HEAD = "pre_root_id,post_root_id,weight\n"
SYNAPSES = "synapse_id,pre_root_id,post_root_id\n"
VECTOR = ",".join(["0.5"] * 64)


@dataclass(frozen=True)
class Case:
    """One bad source: what it is called, what it holds, how it is ingested, what the message says."""

    name: str
    content: bytes
    message: str
    as_: str = "connections"
    options: dict[str, Any] = field(default_factory=dict)


def text(name: str, content: str, message: str, as_: str = "connections", /, **options: Any) -> Case:
    return Case(name, content.encode(), message, as_, options)


def table(name: str, columns: dict[str, Any], message: str, as_: str = "connections", /, **options: Any) -> Case:
    buffer = io.BytesIO()
    (feather.write_feather if name.endswith(".feather") else parquet.write_table)(pa.table(columns), buffer)
    return Case(name, buffer.getvalue(), message, as_, options)


def cut(case: Case, by: int) -> Case:
    return Case(case.name, case.content[:-by], case.message, case.as_, case.options)


def shard(message: str, members: dict[str, str], **options: Any) -> Case:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    given = {"model": "m", "segmentation_version": "783", **options}
    return Case("0.zip", buffer.getvalue(), message, "embeddings", given)


def row(node: object = 0, x: object = 1, first: object = 0.5) -> str:
    return f"{node},{x},2,3,{first}," + ",".join(["0.5"] * 63)


PAIR = {"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [1.0, 2.0]}
CASES = {
    # missing or extra columns
    "missing column": text(
        "a.csv", "pre_root_id,weight\n1,2\n", "need the column post_root_id; found pre_root_id, weight"
    ),
    "missing weight": text("a.csv", "pre_root_id,post_root_id\n1,2\n", "need the column weight.*--as synapses"),
    "row too long": text("a.csv", HEAD + "1,2,3\n1,2,3,4\n", "line 3: found 4 columns, the first line has 3"),
    "row too short": text("a.csv", HEAD + "1,2\n1,2,3\n", "line 2: found 2 columns, the first line has 3"),
    "column twice": text("a.csv", "pre_root_id,post_root_id,weight,weight\n1,2,3,4\n", "'weight' occurs twice"),
    "no such column": table("a.parquet", PAIR, "has no column 'pr'", columns={"pre_root_id": "pr"}),
    "no such dialect": table("a.parquet", PAIR, "did you mean 'flywire'", columns="flywyre"),
    "no such option": table("a.parquet", PAIR, "option of Parquet, Arrow and Avro files 'sheet'", sheet="x"),
    # ids
    "float id": text("a.csv", HEAD + "1,2,3\n1.0,2,3\n", r"a.csv, row 2, column 'pre_root_id': found '1.0'; a float"),
    "float ids": table(
        "a.parquet", {**PAIR, "pre_root_id": [1.0, 2.0]}, "row 1, column 'pre_root_id': found the float"
    ),
    "negative id": text("a.csv", HEAD + "1,-2,3\n", r"row 1, column 'post_root_id': found '-2'; ids are"),
    "negative ids": table("a.feather", {**PAIR, "post_root_id": [2, -3]}, "row 2, column 'post_root_id': found -3"),
    "id past 2^64": text("a.csv", HEAD + f"1,{2**64},3\n", r"row 1, column 'post_root_id': found 18446744073709551616"),
    "empty id": table(
        "a.parquet", {**PAIR, "post_root_id": [2, None]}, "row 2, column 'post_root_id': the cell is empty"
    ),
    "name for an id": text("a.csv", HEAD + "AVAL,2,3\n", "found 'AVAL'; ids are integers. For neurons with names"),
    # weights and points
    "NaN weight": text("a.csv", HEAD + "1,2,nan\n", "row 1, column 'weight': found nan; wanted a finite number"),
    "infinite weight": table("a.parquet", {**PAIR, "weight": [1.0, float("inf")]}, "row 2, column 'weight': found inf"),
    "text weight": text("a.csv", HEAD + "1,2,many\n", "row 1, column 'weight': found 'many'; wanted a number"),
    # unknown neurons, repeated rows and ids
    "unknown neuron": text(
        "a.csv",
        HEAD + "1,2,3\n1,99,3\n",
        "a.csv, row 2, column 'post_root_id': neuron 99 is not in the graph, one of 1",
        unknown="refuse",
    ),
    "unknown neuron under keep": text(
        "a.csv",
        HEAD[:-1] + ",Type\n1,98,3,R\n1,99,3,S\n",
        "row 2, column 'post_root_id': neuron 99 is not",
        unknown="refuse",
        keep={"Type": ["S"]},
    ),
    "unknown policy": text("a.csv", HEAD + "1,2,3\n", "did you mean 'refuse'", unknown="refused"),
    "repeated pair": text(
        "a.csv", HEAD + "1,2,3\n7,8,1\n1,2,4\n", "rows 1 and 3 hold the same connection 1 -> 2", duplicates="refuse"
    ),
    "repeated synapse id": text(
        "s.csv",
        SYNAPSES + "5,1,2\n6,1,2\n5,2,1\n",
        "s.csv: synapse_id 5 occurs in row 1 and row 3",
        "synapses",
        kind="electrical",
    ),
    "repeated neuron": text(
        "n.csv", "root_id\n4\n4\n", "rows 1 and 2 hold the same root_id 4", "neurons", duplicates="refuse"
    ),
    "keep leaves nothing": text(
        "a.csv", HEAD[:-1] + ",T\n1,2,3,S\n", "no row has T 's'; did you mean 'S'", keep={"T": ["s"]}
    ),
    # truncated, corrupt, empty
    "empty file": text("a.csv", "", "a.csv is empty"),
    "header only": text("a.csv", HEAD, "a.csv: no rows to ingest"),
    "empty Parquet": text("a.parquet", "", "a.parquet is empty"),
    "truncated Parquet": cut(table("a.parquet", PAIR, "no whole Parquet file"), 20),
    "truncated Feather": cut(table("a.feather", PAIR, "no whole Arrow file"), 20),
    "corrupt Parquet": text("a.parquet", "PAR1 and then nothing PAR1", "no whole Parquet file"),
    "truncated gzip": Case("a.csv.gz", gzip.compress((HEAD + "1,2,3\n" * 900).encode())[:-9], "truncated or damaged"),
    "corrupt workbook": text("a.xlsx", "PK\x03\x04 and no more", "no whole Excel workbook"),
    "no workbook": text("a.xls", "pre,post\n1,2\n", "no Excel workbook, whatever its name says"),
    "corrupt matrix": text("a.mat", "no matrix", "no whole MATLAB file"),
    "truncated JSON": text("a.json", '[{"pre_root_id": 1', "no whole JSON file"),
    # space
    "no resolution number": text(
        "a.csv", HEAD + "1,2,3\n", "resolution: found '4,4'; wanted three numbers", resolution="4,4"
    ),
    "resolution of nothing": text(
        "a.csv", HEAD + "1,2,3\n", "resolution: z is 0.0; wanted a positive", resolution="4,4,0"
    ),
    "point of two": text(
        "s.csv",
        "id,pre_pt_root_id,post_pt_root_id,ctr_pt_position\n1,1,2,[1 2]\n",
        "row 1, column 'ctr_pt_position': found",
        "synapses",
        columns="cave",
        kind="electrical",
    ),
    # embeddings
    "no model": shard("Say --model NAME", {"5.csv": row()}, model=""),
    "model that is a path": shard("it names a folder", {"5.csv": row()}, model="../m"),
    "NaN in a vector": shard(
        r"0.zip, member 6.csv, line 2: column 5 \(e0\) is 'nan'; wanted a finite",
        {"5.csv": row(), "6.csv": row() + "\n" + row(1, 2, "nan")},
    ),
    "infinite in a vector": shard("member 5.csv, line 1: .*'inf'; wanted a finite", {"5.csv": row(first="inf")}),
    "beyond 32 bits": shard("line 1: .*'1e39'; wanted a finite 32-bit", {"5.csv": row(first="1e39")}),
    "infinite position": shard(r"column 2 \(x\) is 'inf'; wanted a finite", {"5.csv": row(x="inf")}),
    "width of a row": shard("line 2: 63 floats in this row; wanted .* 64", {"5.csv": row() + "\n" + row()[:-4]}),
    "width of all rows": shard("line 1: 10 floats in this row; wanted .* 64 or 128", {"5.csv": "0,1,2,3" + ",1" * 10}),
    "node id": shard("line 1: node_id is '-1'; wanted an integer", {"5.csv": row(-1)}),
    "segment id past 2^64": shard("no <root_id>.csv", {f"{2**64}.csv": row()}),
    "member outside": shard(r"member '\.\./5.csv' is no <root_id>.csv", {"../5.csv": row()}),
    "member at the root": shard("member '/etc/5.csv' is no <root_id>.csv", {"/etc/5.csv": row()}),
    "ZIP bomb": shard("5.csv declares 80,000,000 bytes .*ZIP bomb", {"5.csv": "0" * 80_000_000}),
    "no rows": shard("the shards hold no rows", {"5.csv": ""}),
    "truncated ZIP": cut(shard("truncated", {"5.csv": row()}), 30),
    "corrupt ZIP": Case(
        "0.zip", b"PK\x03\x04 nothing", "truncated", "embeddings", {"model": "m", "segmentation_version": "1"}
    ),
    "voxels without resolution": shard(
        "need the resolution of the embedding volume", {"5.csv": row()}, coordinates="voxels"
    ),
}
ABOUT_THE_REQUEST = {
    "no such dialect",
    "no such option",
    "unknown policy",
    "no resolution number",
    "resolution of nothing",
    "no model",
    "model that is a path",
    "voxels without resolution",
}


def contents(graph: Graph) -> list[str]:
    """Hashes of every table and of every file that belongs to the graph."""
    names = ("neurons", "synapses", "connections", "connections_by_neuropil", "runs")
    tables = [graph.to_arrow(name) for name in names]
    files = sorted(item for item in (graph.path / "embeddings").rglob("*") if item.is_file())
    return [
        *(f"{name}: {hash_table(t.select(sorted(t.column_names)))}" for name, t in zip(names, tables, strict=True)),
        *(f"{item.relative_to(graph.path)}: {hashlib.sha256(item.read_bytes()).hexdigest()}" for item in files),
        graph.info().data_version,
        str(graph.info().counts),
    ]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Three neurons, two connections, one segment with embeddings."""
    folder = tmp_path_factory.mktemp("bad")
    with zipfile.ZipFile(folder / "7.zip", "w") as archive:
        archive.writestr("1.csv", row())
    with Graph.create(folder / "g", resolution="4,4,40", materialization="783") as made:
        made.ingest(pd.DataFrame({"root_id": [1, 2, 3], "cell_type": ["a", "b", "c"]}), as_="neurons")
        frame = pd.DataFrame({"pre_root_id": [2, 3], "post_root_id": [3, 1], "weight": [1, 2], "neuropil": "AL"})
        made.ingest(frame, as_="connections")
        made.ingest(folder / "7.zip", as_="embeddings", model="m", segmentation_version="783")
        yield made


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_error_and_changes_nothing(graph: Graph, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    source = tmp_path / case.name
    source.write_bytes(case.content)
    before = contents(graph)
    with pytest.raises(GraphlabError, match=case.message) as error:
        graph.ingest(source, as_=case.as_, **case.options)
    assert name in ABOUT_THE_REQUEST or case.name in str(error.value) or "the shards hold" in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert contents(graph) == before
    assert [item.name for item in tmp_path.iterdir()] == [case.name]


def test_frames_that_contradict_the_graph(graph: Graph) -> None:
    frame = pd.DataFrame({"pt_root_id": [1], "pt_position": [[1, 2, 3]]})
    before = contents(graph)
    frame.attrs["dataframe_resolution"] = [8, 8, 40]
    with pytest.raises(GraphlabError, match="says its voxels are 8,8,40 nm, the graph's are 4,4,40 nm"):
        graph.ingest(frame, as_="neurons", columns="cave")
    frame.attrs = {"materialization_version": 943}
    with pytest.raises(GraphlabError, match="the source is of materialization 943, the graph of 783"):
        graph.ingest(frame, as_="neurons", columns="cave")
    assert contents(graph) == before


def test_the_first_source_that_says_its_materialization_says_it_for_the_graph(tmp_path: Path) -> None:
    frame = pd.DataFrame({"pt_root_id": [1]})
    frame.attrs["materialization_version"] = 943
    with Graph.create(tmp_path / "g") as graph:
        summary = graph.ingest(frame, as_="neurons", columns="cave")
        assert any("materialization 943 from now on" in note for note in summary.notes)
        assert graph.info().materialization == "943"


@pytest.mark.parametrize(
    ("unknown", "nodes", "connections", "note"),
    [
        ("add", 3, 2, "1 neurons that only connections name were added"),
        ("keep", 2, 1, "1 neurons that only connections name are kept out of the graph"),
    ],
)
def test_unknown_neurons_are_counted_never_dropped(
    tmp_path: Path, unknown: str, nodes: int, connections: int, note: str
) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"root_id": [1, 2]}), as_="neurons")
        frame = pd.DataFrame({"pre_root_id": [1, 1], "post_root_id": [2, 3], "weight": [1, 1]})
        summary = graph.ingest(frame, as_="connections", unknown=unknown)
        assert any(note in told for told in summary.notes)
        counts = graph.info().counts
        assert (counts["neurons"], counts["neurons_in_graph"], counts["connections"]) == (3, nodes, connections)
        assert counts["connections"] + counts["left_out"] == 2


CLI: list[tuple[str, Callable[[Case], list[str]]]] = [
    ("missing column", lambda case: []),
    ("truncated Parquet", lambda case: []),
    ("unknown neuron", lambda case: ["--unknown", "refuse"]),
    ("ZIP bomb", lambda case: ["--model", "m", "--segmentation-version", "783"]),
    ("no resolution number", lambda case: ["--resolution", "4,4"]),
]


@pytest.mark.parametrize(("name", "more"), CLI)
def test_exit_code_1_through_the_command_line(tmp_path: Path, name: str, more: Callable[[Case], list[str]]) -> None:
    case = CASES[name]
    (tmp_path / case.name).write_bytes(case.content)
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"root_id": [1, 2]}), as_="neurons")
        before = contents(graph)
    command = [sys.executable, "-m", "graphlab.cli", "ingest", str(tmp_path / "g"), str(tmp_path / case.name)]
    done = subprocess.run([*command, "--as", case.as_, *more(case)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    with Graph.open(tmp_path / "g") as graph:
        assert contents(graph) == before

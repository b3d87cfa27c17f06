"""Files in the layouts that releases have, each in one command: counted, ids to the digit, nothing summed twice."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from graphlab.graph import Graph

Document = Callable[..., Any]
BIG = 2**53 + 1
"""No float holds it."""
BODIES = [10001, 10002, BIG, BIG + 2, 2**60 + 3]
FLYWIRE = [720575940596125868, 720575940597856265, 720575940600010668]


def rows(graph: Path, sql: str) -> list[tuple[Any, ...]]:
    with Graph.open(graph, read_only=True) as opened:
        return [tuple(row.values()) for row in opened.query(sql, language="sql").to_arrow().to_pylist()]


@pytest.fixture
def graph(document: Document, tmp_path: Path) -> Path:
    document("init", tmp_path / "g")
    return tmp_path / "g"


def male_cns(folder: Path) -> dict[str, Path]:
    """The flat files of the male CNS, v0.9."""
    places = {
        name: folder / f"{name}-male-cns-v0.9-minconf-0.5.feather"
        for name in ("body-annotations", "body-neurotransmitters", "connectome-weights", "syn-partners")
    }
    annotations = {
        "bodyId": pa.array(BODIES, pa.int64()),
        "type": ["Tm1", "Tm1", "Mi1", None, "DNa02"],
        "instance": ["Tm1_L", "Tm1_R", "Mi1_R", None, "DNa02_R"],
        "superclass": ["ol_intrinsic", "ol_intrinsic", "ol_intrinsic", None, "descending_neuron"],
        "class": ["visual", None, None, None, "DN"],
        "somaSide": ["L", "R", "R", None, "M"],
        "rootSide": pa.array([None] * 5, pa.string()),
        "status": ["Traced"] * 5,
        "statusLabel": pa.array(["Roughly traced"] * 5).dictionary_encode(),
        "group": [10001.0, 10001.0, None, None, None],
        "somaLocation": pa.array([[10, 20, 30], None, [1, 2, 3], None, [7, 8, 9]], pa.list_(pa.int64())),
        "tosomaLocation": pa.array([None] * 5, pa.list_(pa.int64())),
    }
    transmitters = {
        "body": pa.array(BODIES, pa.int64()),
        "cell_type": ["Tm1", "Tm1", "Mi1", None, "DNa02"],
        "total_nt_predictions": pa.array([5, 6, 7, 8, 9], pa.int32()),
        "predicted_nt_confidence": [0.9, 0.8, 0.7, 0.2, 0.9],
        "predicted_nt": ["acetylcholine", "gaba", "glutamate", "unclear", "acetylcholine"],
        "consensus_nt": ["acetylcholine", "acetylcholine", "glutamate", "unclear", "acetylcholine"],
    }
    weights = {
        "body_pre": pa.array([BODIES[0], BODIES[0], BODIES[2], BODIES[4], 99], pa.int64()),
        "body_post": pa.array([BODIES[1], BODIES[2], BODIES[3], BODIES[0], BODIES[4]], pa.int64()),
        "weight": pa.array([12, 3, 40, 7, 1], pa.int32()),
    }
    n = 6
    partners = {
        f"{axis}_{side}": pa.array(np.arange(n) * 10 + i, pa.int32())
        for i, axis in enumerate("xyz")
        for side in ("pre", "post")
    }
    partners |= {
        "body_pre": pa.array([BODIES[0]] * 3 + [BODIES[2]] * 3, pa.int64()),
        "conf_pre": pa.array(np.full(n, 0.9), pa.float32()),
        "body_post": pa.array([BODIES[1]] * 2 + [BODIES[3]] * 3 + [99], pa.int64()),
        "conf_post": pa.array(np.linspace(0.5, 1, n), pa.float32()),
        "primary_post": pa.array(["ME(L)", "ME(L)", None, "LO(R)", "LO(R)", "LO(R)"]).dictionary_encode(),
    }
    for place, columns in zip(places.values(), (annotations, transmitters, weights, partners), strict=True):
        feather.write_feather(pa.table(columns), str(place))
    return places


def test_male_cns_connections(document: Document, graph: Path, tmp_path: Path) -> None:
    files = male_cns(tmp_path)
    (weights,) = document("ingest", graph, files["connectome-weights"], "--as", "connections", "--columns", "flyem")
    assert weights["rows"] == 5
    (found,) = document("ingest", graph, files["body-annotations"], "--as", "neurons", "--columns", "flyem")
    assert found["rows"] == 5
    notes = "; ".join(found["notes"])
    assert "positions of flyem files are in units of 8,8,8 nm, and are read so" in notes
    assert "sides: 'L' read as left, 'M' read as center, 'R' read as right" in notes
    assert "not read as such: tosomaLocation" in notes
    document("ingest", graph, files["body-neurotransmitters"], "--as", "neurons", "--columns", "flyem")
    assert rows(graph, "SELECT root_id, side, x_nm, super_class, nt_type FROM neurons ORDER BY root_id") == [
        (99, None, None, None, None),
        (10001, "left", 80.0, "ol_intrinsic", "acetylcholine"),
        (10002, "right", None, "ol_intrinsic", "acetylcholine"),
        (BIG, "right", 8.0, "ol_intrinsic", "glutamate"),
        (BIG + 2, None, None, None, "unclear"),
        (2**60 + 3, "center", 56.0, "descending_neuron", "acetylcholine"),
    ]
    assert rows(graph, "SELECT pre_root_id, post_root_id, weight FROM connections ORDER BY weight") == [
        (99, 2**60 + 3, 1.0),
        (10001, BIG, 3.0),
        (2**60 + 3, 10001, 7.0),
        (10001, 10002, 12.0),
        (BIG, BIG + 2, 40.0),
    ]


def test_male_cns_synapses(document: Document, refusal: Callable[..., str], graph: Path, tmp_path: Path) -> None:
    place = male_cns(tmp_path)["syn-partners"]
    (found,) = document("ingest", graph, place, "--as", "synapses", "--columns", "flyem")
    assert found["rows"] == 6
    assert any("not read as such: x_pre, y_pre, z_pre" in note for note in found["notes"])
    assert rows(graph, "SELECT x_nm, y_nm, z_nm, neuropil, score FROM synapses ORDER BY synapse_id LIMIT 2") == [
        (0.0, 8.0, 16.0, "ME(L)", 0.5),
        (80.0, 88.0, 96.0, "ME(L)", pytest.approx(0.6)),
    ]
    assert rows(graph, "SELECT pre_root_id, post_root_id, weight FROM connections ORDER BY ALL") == [
        (10001, 10002, 2.0),
        (10001, BIG + 2, 1.0),
        (BIG, 99, 1.0),
        (BIG, BIG + 2, 2.0),
    ]
    other = tmp_path / "other"
    document("init", other, "--resolution", "4,4,40")
    told = refusal("ingest", other, place, "--as", "synapses", "--columns", "flyem")
    assert "positions of flyem files are in units of 8,8,8 nm, the graph's are 4,4,40 nm; say which holds" in told
    assert rows(other, "SELECT count(*) FROM synapses") == [(0,)]
    document("ingest", other, place, "--as", "synapses", "--columns", "flyem", "--resolution", "8,8,8")
    assert rows(other, "SELECT max(x_nm) FROM synapses") == [(400.0,)]


def test_male_cns_transmitters_of_single_sites(
    document: Document, refusal: Callable[..., str], graph: Path, tmp_path: Path
) -> None:
    """A row a T-bar: none of its tables of ours, and no neuron may take what its first T-bar says."""
    place = tmp_path / "tbar-neurotransmitters-male-cns-v0.9.feather"
    columns = {
        **{axis: pa.array([1, 2, 3], pa.int32()) for axis in "xyz"},
        "body": pa.array([BODIES[0], BODIES[0], BIG], pa.int64()),
        "nt_acetylcholine_prob": [0.9, 0.8, 0.1],
        "nt_gaba_prob": [0.05, 0.1, 0.8],
    }
    feather.write_feather(pa.table(columns), str(place))
    told = refusal("ingest", graph, place, "--as", "neurons", "--columns", "flyem")
    assert "its rows are places on neurons (T-bars, PSDs), several of each, and no neurons" in told
    assert "synapses need the columns" in refusal("ingest", graph, place, "--as", "synapses", "--columns", "flyem")
    assert rows(graph, "SELECT count(*) FROM neurons") == [(0,)]


SPLIT = {
    "pre": pa.array([FLYWIRE[0]] * 3 + [FLYWIRE[1]], pa.int64()),
    "pre_label": ["axon", "axon", "dendrite", "axon"],
    "post": pa.array([FLYWIRE[1]] * 3 + [FLYWIRE[1]], pa.int64()),
    "post_label": ["dendrite", "axon", "dendrite", "unknown"],
    "count": pa.array([5, 2, 1, 4], pa.int32()),
    "norm": [0.5, 0.2, 0.1, 0.4],
    "compartment_input": [10, 10, 10, 10],
}


def test_banc(document: Document, graph: Path, tmp_path: Path) -> None:
    meta, simple = tmp_path / "banc_746_meta.feather", tmp_path / "banc_746_simple_edgelist.feather"
    columns = {
        "banc_746_id": [str(value) for value in FLYWIRE],
        "supervoxel_id": [str(value + 1) for value in FLYWIRE],
        "side": ["left", "right", "midline"],
        "super_class": ["sensory", "motor", "intrinsic"],
        "cell_class": ["olfactory", None, None],
        "cell_type": ["ORN_DM1", "DNa02", None],
        "neurotransmitter_predicted": ["acetylcholine", "gaba", None],
        "neurotransmitter_score": [0.9, 0.7, None],
        "status": ["", "TRACING_ISSUE_2", ""],
    }
    feather.write_feather(pa.table(columns), str(meta))
    edges = {
        "pre": pa.array([FLYWIRE[0], FLYWIRE[1], FLYWIRE[1]], pa.int64()),
        "post": pa.array([FLYWIRE[1], FLYWIRE[1], 720575941277394247], pa.int64()),
        "count": pa.array([8, 4, 1], pa.int32()),
        "norm": [8 / 12, 4 / 12, 1.0],
        "total_input": pa.array([12, 12, 1], pa.int32()),
    }
    feather.write_feather(pa.table(edges), str(simple))
    assert document("ingest", graph, meta, "--as", "neurons", "--columns", "banc")[0]["rows"] == 3
    assert document("ingest", graph, simple, "--as", "connections", "--columns", "banc")[0]["rows"] == 3
    assert rows(graph, "SELECT root_id, side, cell_type, nt_confidence, supervoxel_id FROM neurons ORDER BY ALL") == [
        (FLYWIRE[0], "left", "ORN_DM1", 0.9, str(FLYWIRE[0] + 1)),
        (FLYWIRE[1], "right", "DNa02", 0.7, str(FLYWIRE[1] + 1)),
        (FLYWIRE[2], "center", None, None, str(FLYWIRE[2] + 1)),
        (720575941277394247, None, None, None, None),
    ]
    assert rows(graph, "SELECT weight, norm FROM connections ORDER BY weight DESC") == [
        (8.0, 8 / 12),
        (4.0, 4 / 12),
        (1.0, 1.0),
    ]


def test_a_split_edge_list_counts_each_pair_once(
    document: Document, refusal: Callable[..., str], graph: Path, tmp_path: Path
) -> None:
    place = tmp_path / "fafb_783_split_edgelist.feather"
    feather.write_feather(pa.table(SPLIT), str(place))
    told = refusal("ingest", graph, place, "--as", "connections", "--columns", "banc,weight=norm")
    assert "norm divides each count by the input of one compartment" in told
    (found,) = document("ingest", graph, place, "--as", "connections", "--columns", "banc")
    assert found["rows"] == 4
    assert any(note.endswith("compartments split: norm, compartment_input") for note in found["notes"])
    assert rows(graph, "SELECT pre_root_id, post_root_id, weight FROM connections ORDER BY ALL") == [
        (FLYWIRE[0], FLYWIRE[1], 8.0),
        (FLYWIRE[1], FLYWIRE[1], 4.0),
    ]
    names = {row[0] for row in rows(graph, "SELECT column_name FROM (DESCRIBE connections)")}
    assert not names & {"norm", "pre_label", "post_label", "compartment_input"}
    parts = "SELECT pre_root_id, post_root_id, sum(weight) FROM connections_by_compartment GROUP BY ALL ORDER BY ALL"
    assert rows(graph, parts) == [(FLYWIRE[0], FLYWIRE[1], 8.0), (FLYWIRE[1], FLYWIRE[1], 4.0)]


def test_banc_synapses(document: Document, graph: Path, tmp_path: Path) -> None:
    place = tmp_path / "banc_746_synapses.parquet"
    columns = {
        "pre": pa.array([FLYWIRE[0], FLYWIRE[0]], pa.int64()),
        "post": pa.array([FLYWIRE[1], FLYWIRE[2]], pa.int64()),
        **{axis: pa.array([100.5, 200.5]) for axis in "xyz"},
        "prepost": pa.array([0, 0], pa.int32()),
        "cleft_scores": [60.0, 130.0],
        "size": [100, 20],
        "connector_id": pa.array([7, 7], pa.int64()),
        "neuropil": ["AL_R", "AL_L"],
        "label": ["axon", "axon"],
    }
    parquet.write_table(pa.table(columns), place)
    (found,) = document("ingest", graph, place, "--as", "synapses", "--columns", "banc")
    assert any("--keep prepost=0 takes one" in note for note in found["notes"])
    assert rows(graph, "SELECT x_nm, score, presynapse_id, neuropil FROM synapses ORDER BY x_nm") == [
        (100.5, 60.0, 7, "AL_R"),
        (200.5, 130.0, 7, "AL_L"),
    ]


CODEX = {
    "neurons": "root_id,group,nt_type,nt_type_score,da_avg,ser_avg,gaba_avg,glut_avg,ach_avg,oct_avg\n"
    f"{FLYWIRE[0]},ME,ACH,0.91,0,0,0.05,0.04,0.91,0\n{FLYWIRE[1]},LO,,,0,0,0,0,0,0\n",
    "classification": "root_id,flow,super_class,class,sub_class,hemilineage,side,nerve\n"
    f"{FLYWIRE[0]},intrinsic,optic,,,,left,\n{FLYWIRE[1]},afferent,sensory,olfactory,,,right,AN\n",
    "consolidated_cell_types": f"root_id,primary_type,additional_type(s)\n{FLYWIRE[0]},Mi1,\n{FLYWIRE[1]},ORN_DM1,x\n",
    "coordinates": "root_id,position,supervoxel_id\n"
    f"{FLYWIRE[0]},[ 20 30  40],7\n{FLYWIRE[0]},[99 99 99],8\n{FLYWIRE[1]},[1 2 3],9\n",
}


def packed(folder: Path, name: str, text: str) -> Path:
    place = folder / f"{name}.csv.gz"
    place.write_bytes(gzip.compress(text.encode()))
    return place


def test_codex(document: Document, refusal: Callable[..., str], graph: Path, tmp_path: Path) -> None:
    edges = "pre_root_id,post_root_id,neuropil,syn_count,nt_type\n"
    edges += f"{FLYWIRE[0]},{FLYWIRE[1]},ME_L,5,ACH\n{FLYWIRE[0]},{FLYWIRE[1]},LO_L,2,ACH\n"
    place = packed(tmp_path, "connections_princeton", edges)
    document("ingest", graph, place, "--as", "connections", "--columns", "codex")
    files = [packed(tmp_path, name, text) for name, text in CODEX.items()]
    found = document("ingest", graph, *files, "--as", "neurons", "--columns", "codex")
    assert any("`coordinates.csv` holds several rows of a neuron" in note for note in found[-1]["notes"])
    columns = "root_id, cell_type, super_class, side, nt_type, nt_confidence, z_nm"
    assert rows(graph, f"SELECT {columns} FROM neurons ORDER BY ALL") == [
        (FLYWIRE[0], "Mi1", "optic", "left", "ACH", 0.91, 40.0),
        (FLYWIRE[1], "ORN_DM1", "sensory", "right", None, None, 3.0),
    ]
    assert rows(graph, "SELECT weight FROM connections") == [(7.0,)]
    other = tmp_path / "voxels"
    document("init", other, "--resolution", "4,4,40")
    told = refusal("ingest", other, files[-1], "--as", "neurons", "--columns", "codex")
    assert "positions of codex files are in units of 1,1,1 nm, the graph's are 4,4,40 nm" in told


def test_codex_synapses(document: Document, refusal: Callable[..., str], graph: Path, tmp_path: Path) -> None:
    head = "pre_x,pre_y,pre_z,ctr_x,ctr_y,ctr_z,post_x,post_y,post_z,size"
    head += ",pre_root_id_720575940,post_root_id_720575940,neuropil\n"
    short = [root - 720575940 * 10**9 for root in FLYWIRE]
    place = packed(tmp_path, "synapses", f"{head}1,2,3,10,20,30,4,5,6,77,{short[0]},{short[1]},LA_L\n")
    document("ingest", graph, place, "--as", "synapses", "--columns", "codex")
    assert rows(graph, "SELECT pre_root_id, post_root_id, x_nm, size, neuropil FROM synapses") == [
        (FLYWIRE[0], FLYWIRE[1], 10.0, 77.0, "LA_L")
    ]
    whole = packed(tmp_path, "whole", f"{head}1,2,3,10,20,30,4,5,6,77,{short[0]},{FLYWIRE[1]},LA_L\n")
    told = refusal("ingest", graph, whole, "--as", "synapses", "--columns", "codex")
    assert f"row 1, column 'post_root_id_720575940': found {FLYWIRE[1]}; wanted the nine digits after 720575940" in told
    assert rows(graph, "SELECT count(*) FROM synapses") == [(1,)]


def test_rows_that_cave_no_longer_holds_valid(document: Document, graph: Path, tmp_path: Path) -> None:
    place = tmp_path / "synapses.parquet"
    columns = {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "created": pa.array([0, 0, 0, 0], pa.timestamp("us", "UTC")),
        "deleted": pa.array([None, 5, None, None], pa.timestamp("us", "UTC")),
        "superceded_id": pa.array([None, None, 4, None], pa.int64()),
        "pre_pt_root_id": pa.array([FLYWIRE[0]] * 4, pa.int64()),
        "post_pt_root_id": pa.array([FLYWIRE[1]] * 4, pa.int64()),
    }
    parquet.write_table(pa.table(columns), place)
    (found,) = document("ingest", graph, place, "--as", "synapses", "--columns", "cave")
    assert (found["rows"], found["left_out"]) == (2, 2)
    assert "2 rows left out that deleted or superceded_id marks as no longer valid" in found["notes"]
    assert rows(graph, "SELECT synapse_id FROM synapses ORDER BY 1") == [(1,), (4,)]


def test_a_delta_export_of_cave(document: Document, refusal: Callable[..., str], graph: Path, tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    at, place = np.arange(40), tmp_path / "synapses_pni_2"
    columns = {
        "id": pa.array(10**9 + at, pa.int64()),
        "pre_pt_root_id": pa.array(864691135941359220 + at % 4, pa.int64()),
        "post_pt_root_id": pa.array(864691135941359230 + at % 2, pa.int64()),
        **{f"ctr_pt_position_{axis}": pa.array(at * 3 + i, pa.int32()) for i, axis in enumerate("xyz")},
        "ctr_pt_position_morton": pa.array(at, pa.int64()),
        "ctr_pt_position_morton_partition": pa.array(at % 4, pa.int32()),
    }
    deltalake.write_deltalake(place, pa.table(columns), partition_by=["ctr_pt_position_morton_partition"])
    deltalake.DeltaTable(place).delete("id < 1000000003")
    told = refusal("ingest", graph, place, "--as", "synapses", "--columns", "cave")
    assert "ctr_pt_position_x, ctr_pt_position_y, ctr_pt_position_z are voxels; say how long one is" in told
    (found,) = document("ingest", graph, place, "--as", "synapses", "--columns", "cave", "--resolution", "4,4,40")
    assert found["rows"] == 37
    assert rows(graph, "SELECT min(synapse_id), count(*), max(x_nm), max(z_nm) FROM synapses") == [
        (1000000003, 37, 117 * 4.0, 119 * 40.0)
    ]
    assert rows(graph, "SELECT min(pre_root_id), max(post_root_id), sum(weight) FROM connections") == [
        (864691135941359220, 864691135941359231, 37.0)
    ]
    again = document("ingest", graph, place, "--as", "synapses", "--columns", "cave", "--resolution", "4,4,40")
    assert again[0]["already_there"]


def test_columns_are_told(graphlab: Callable[..., Any], document: Document, refusal: Callable[..., str]) -> None:
    assert "### banc" in graphlab("columns").stdout
    one = graphlab("columns", "flyem").stdout
    assert one.startswith("### flyem")
    assert "body_pre" in one
    assert "bodyId_pre" not in one
    assert document("columns", "flyem")["tables"]["connections"]["pre_root_id"] == ["body_pre"]
    assert set(document("columns")["tables"]) == {"neurons", "synapses", "connections"}
    assert "unknown columns dialect 'flyme'; did you mean 'flyem'" in refusal("columns", "flyme")

"""MICrONS L2/3 v185: synapses with positions, 64-bit ids through every door."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab.graph import Graph

COLUMNS = {"synapse_id": "id", "x_nm": "ctr_pt_x_nm", "y_nm": "ctr_pt_y_nm", "z_nm": "ctr_pt_z_nm", "size": "cleft_vx"}


@pytest.fixture(scope="module")
def raw(real_data: Path) -> pd.DataFrame:
    return pd.read_csv(real_data / "microns_l23_v185" / "soma_subgraph_synapses_spines_v185.csv")


@pytest.fixture(scope="module")
def place(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("microns") / "g"
    folder = real_data / "microns_l23_v185"
    with Graph.create(place, dataset="MICrONS L2/3", resolution="4,4,40", materialization="185") as graph:
        source = folder / "soma_subgraph_synapses_spines_v185.csv"
        assert graph.ingest(source, as_="synapses", columns=COLUMNS).rows == 1961
    return place


@pytest.fixture
def graph(place: Path) -> Iterator[Graph]:
    with Graph.open(place, read_only=True) as opened:
        yield opened


def test_microns_counts(graph: Graph) -> None:
    info = graph.info()
    assert info.counts["synapses"] == 1961
    assert info.counts["autapses"] == 2
    snapshot = graph.snapshot()
    assert (snapshot.n, snapshot.m, snapshot.meta["autapses"]) == (334, 1734, 2)
    assert "334 neurons in 1,734 connections, 104 of them presynaptic" in info.notes[0]
    assert any("fewer than half of the connected neurons are presynaptic" in note for note in info.notes)


def test_microns_ids_survive_every_door(graph: Graph, place: Path, raw: pd.DataFrame) -> None:
    ids = np.unique(raw[["pre_root_id", "post_root_id"]].to_numpy()).tolist()
    assert min(ids) > 2**53
    assert sorted(graph.to_arrow("neurons")["root_id"].to_pylist()) == ids
    assert sorted(graph.to_pandas("neurons")["root_id"].tolist()) == ids
    assert sorted(graph.to_polars("neurons")["root_id"].to_list()) == ids
    assert graph.snapshot().root_ids.tolist() == ids
    assert sorted(graph.to_networkx()) == ids
    assert sorted(int(value) for value in graph.to_igraph().vs["root_id"]) == ids
    question = "SELECT root_id FROM neurons ORDER BY root_id"
    assert graph.query(question).to_arrow()["root_id"].to_pylist() == ids
    graph.close()
    command = [sys.executable, "-m", "graphlab.cli", "query", str(place), question, "--json"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert [row["root_id"] for row in told] == [str(value) for value in ids]


def test_microns_rows_are_those_of_the_file(graph: Graph, raw: pd.DataFrame) -> None:
    table = graph.to_pandas("synapses").sort_values("synapse_id").reset_index(drop=True)
    wanted = raw.sort_values("id").reset_index(drop=True)
    for ours, theirs in {**COLUMNS, "pre_root_id": "pre_root_id", "post_root_id": "post_root_id"}.items():
        np.testing.assert_array_equal(table[ours].to_numpy(), wanted[theirs].to_numpy())


def test_microns_somata_by_voxels_not_by_the_wrong_column(real_data: Path, tmp_path: Path) -> None:
    """soma_y_nm repeats soma_x_nm; pt_position times 4,4,40 nm is right."""
    source = real_data / "microns_l23_v185" / "soma_valence_v185.csv"
    with Graph.create(tmp_path / "g", resolution="4,4,40") as graph:
        summary = graph.ingest(source, as_="neurons", columns="cave")
        assert (summary.rows, summary.left_out) == (453, 3)
        assert any("3 repeated rows of a root_id left out" in note for note in summary.notes)
        table = graph.to_pandas("neurons").set_index("root_id")
        assert len(table) == 453
        soma = table.loc[648518346349540057]
        assert (soma["x_nm"], soma["y_nm"], soma["z_nm"]) == (103860 * 4, 44385 * 4, 891 * 40)
        assert set(table["cell_type"]) == {"e", "i", "g", "uncertain"}

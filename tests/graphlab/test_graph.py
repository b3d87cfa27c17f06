"""The facade: 64-bit ids through every door, real connectomes through the whole house."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.errors import IdError, UnknownNameError

VARSHNEY_TRIADS = {
    "021D": 7118, "021U": 8478, "021C": 12279, "111D": 3134, "111U": 3200, "030T": 1453, "030C": 65,
    "201": 359, "120D": 385, "120U": 552, "120C": 180, "210": 175, "300": 48,
}  # fmt: skip


def test_ids_of_64_bits_survive_every_door(tmp_path: Path) -> None:
    ids = [864691135941359220, 864691135941359221, 2**63 - 1]
    frame = pd.DataFrame({"pre_root_id": ids, "post_root_id": ids[1:] + ids[:1], "weight": [1.0, 2.0, 3.0]})
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(frame, as_="connections")
        assert graph.to_arrow("neurons")["root_id"].to_pylist() == ids
        assert graph.to_pandas("neurons")["root_id"].tolist() == ids
        assert str(graph.to_pandas("neurons")["root_id"].dtype) == "int64"
        assert graph.to_polars("neurons")["root_id"].to_list() == ids
        assert graph.snapshot().root_ids.tolist() == ids
        assert sorted(graph.to_networkx()) == ids
        found = graph.query("SELECT root_id FROM neurons ORDER BY root_id").to_arrow()
        assert found["root_id"].to_pylist() == ids
        graph.ingest(pa.table({"root_id": pa.array([2**63], pa.uint64())}), as_="neurons")
        with pytest.raises(IdError, match="does not fit pandas"):
            graph.to_pandas("neurons")
        assert graph.to_polars("neurons")["root_id"].max() == 2**63


def test_names_of_tables_and_columns_get_a_suggestion(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        with pytest.raises(UnknownNameError, match="did you mean 'neurons'"):
            graph.to_arrow("neuron")
        with pytest.raises(UnknownNameError, match="did you mean 'cell_type'"):
            graph.neuron_values(graph.snapshot(), "celltype")


def test_repr_says_what_it_holds(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g", dataset="fly", materialization="783") as graph:
        assert repr(graph) == "<Graph fly, materialization 783: 0 neurons, 0 connections, 0 synapses>"


def varshney(place: Path, source: Path) -> Graph:
    graph = Graph.create(place, dataset="Varshney 2011")
    if source.suffix == ".xls":
        columns = {"pre_name": "Neuron 1", "post_name": "Neuron 2", "weight": "Nbr"}
        graph.ingest(source, as_="connections", columns=columns, keep={"Type": ["S", "Sp"]})
    else:
        graph.ingest(source, as_="connections", variable="A_init_t_ordered")
    return graph


@pytest.mark.slow
@pytest.mark.parametrize("file", ["NeuronConnect.xls", "ConnOrdered_040903.mat"])
def test_varshney_is_the_published_worm(tmp_path: Path, real_data: Path, file: str) -> None:
    with varshney(tmp_path / "g", real_data / "celegans_varshney2011" / file) as graph:
        snapshot = graph.snapshot()
        assert (snapshot.n, snapshot.m, snapshot.weight.sum()) == (279, 2194, 6394)
        worm = graph.to_networkx()
        worm.remove_edges_from(list(nx.selfloop_edges(worm)))
        assert nx.overall_reciprocity(worm) == pytest.approx(0.2124, abs=5e-5)
        assert max(len(c) for c in nx.strongly_connected_components(worm)) == 237
        counts = graph.census(3).counts
        assert {name: int(counts[name]) for name in VARSHNEY_TRIADS} == VARSHNEY_TRIADS
        assert sum(counts.values()) == 279 * 278 * 277 // 6


def test_microns_counts(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "microns_l23_v185"
    with Graph.create(tmp_path / "g", dataset="MICrONS L2/3", resolution="4,4,40", materialization="185") as graph:
        summary = graph.ingest(
            folder / "soma_subgraph_synapses_spines_v185.csv", as_="synapses", columns={"synapse_id": "id"}
        )
        assert summary.rows == 1961
        info = graph.info()
        assert info.counts["synapses"] == 1961
        snapshot = graph.snapshot()
        assert snapshot.meta["autapses"] == 2
        assert (snapshot.n, snapshot.m) == (334, 1734)
        assert "334 neurons in 1,734 connections, 104 of them presynaptic" in info.notes[0]
        raw = pd.read_csv(folder / "soma_subgraph_synapses_spines_v185.csv")
        ids = np.unique(raw[["pre_root_id", "post_root_id"]].to_numpy())
        assert snapshot.root_ids.tolist() == ids.tolist()
        assert graph.to_pandas("neurons")["root_id"].tolist() == ids.tolist()


def test_flywire_subset_counts(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "flywire_783_olfactory_mb_subset"
    with Graph.create(tmp_path / "g", dataset="FlyWire", materialization="783") as graph:
        graph.ingest(
            folder / "nodes.parquet", as_="neurons", columns={"root_id": "node_id", "nt_type": "neurotransmitter"}
        )
        columns = {"pre_root_id": "source_id", "post_root_id": "target_id", "weight": "synapse_weight"}
        summary = graph.ingest(folder / "edges.parquet", as_="connections", columns=columns)
        assert summary.rows == 49_442
        assert any("3 repeated rows summed" in note for note in summary.notes)
        assert graph.info().counts["connections"] == 49_439
        nodes = pd.read_parquet(folder / "nodes.parquet")
        kenyon = graph.query("""SELECT count(*) AS n FROM neurons WHERE "class" = 'Kenyon_Cell'""").to_arrow()
        assert kenyon["n"].to_pylist() == [int((nodes["class"] == "Kenyon_Cell").sum())]


def test_larva_counts(tmp_path: Path, real_data: Path) -> None:
    with Graph.create(tmp_path / "g", dataset="larva") as graph:
        source = real_data / "larva_winding2023" / "G_edgelist.txt"
        graph.ingest(source, as_="connections", header=False)
        snapshot = graph.snapshot()
        assert (snapshot.n, snapshot.m, snapshot.meta["autapses"]) == (3554, 118_433, 577)

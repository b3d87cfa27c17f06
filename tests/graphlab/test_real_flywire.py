"""FlyWire 783, a part around the mushroom body: repeated pairs summed, Kenyon cells by class, 64-bit ids."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from graphlab.graph import Graph


def test_flywire_subset(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "flywire_783_olfactory_mb_subset"
    nodes, edges = pd.read_parquet(folder / "nodes.parquet"), pd.read_parquet(folder / "edges.parquet")
    with Graph.create(tmp_path / "g", dataset="FlyWire", materialization="783") as graph:
        graph.ingest(
            folder / "nodes.parquet", as_="neurons", columns={"root_id": "node_id", "nt_type": "neurotransmitter"}
        )
        columns = {"pre_root_id": "source_id", "post_root_id": "target_id", "weight": "synapse_weight"}
        summary = graph.ingest(folder / "edges.parquet", as_="connections", columns=columns)
        assert summary.rows == 49_442
        assert any("3 repeated rows summed" in note for note in summary.notes)
        assert graph.info().counts["connections"] == 49_439 == len(edges.drop_duplicates(["source_id", "target_id"]))
        assert graph.info().counts["total_weight"] == edges["synapse_weight"].sum()
        kenyon = graph.query("""SELECT root_id FROM neurons WHERE "class" = 'Kenyon_Cell' ORDER BY 1""").to_arrow()
        wanted = nodes.loc[nodes["class"] == "Kenyon_Cell", "node_id"].sort_values().tolist()
        assert kenyon["root_id"].to_pylist() == wanted
        assert len(wanted) > 5000
        heuristic = graph.query("SELECT count(*) AS n FROM neurons WHERE \"type\" = 'KC'").to_arrow()["n"][0].as_py()
        assert heuristic != len(wanted), "the column `type` is a guess; `class` is what to ask"


def test_flywire_all_ids(tmp_path: Path, real_data: Path) -> None:
    source = real_data / "flywire_783_ids" / "Completeness_783.csv"
    with Graph.create(tmp_path / "g", materialization="783") as graph:
        assert graph.ingest(source, as_="neurons").rows == 138_639
        ids = pd.read_csv(source, index_col=0).index
        assert sorted(graph.to_pandas("neurons")["root_id"]) == sorted(ids)


def test_flywire_types_of_the_optic_lobe(tmp_path: Path, real_data: Path) -> None:
    source = real_data / "flywire_783_opticlobe_types" / "type_to_type_connection_and_synapse_counts.csv"
    columns = {"pre_name": "from type", "post_name": "to type", "weight": "synapses total"}
    with Graph.create(tmp_path / "g") as graph:
        assert graph.ingest(source, as_="connections", columns=columns).rows == 72_954
        raw = pd.read_csv(source, keep_default_na=False)
        assert graph.info().counts["total_weight"] == raw["synapses total"].sum()
        assert set(graph.to_pandas("neurons")["name"]) == set(raw["from type"]) | set(raw["to type"])

"""Further real tables: Cook 2019 (both sexes), ciona, zebrafish, hemibrain synapses, extrasynaptic layers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import SchemaError

WORKBOOK = "SI5_connectome_adjacency_matrices_corrected_July2020.xlsx"


@pytest.mark.parametrize(
    ("file", "kind", "neurons"),
    [
        ("herm_chem_adj.csv", "chemical", 454),
        ("herm_elec_adj.csv", "electrical", 469),
        ("male_chem_adj.csv", "chemical", 575),
    ],
)
def test_cook_matrices(tmp_path: Path, real_data: Path, file: str, kind: str, neurons: int) -> None:
    source = real_data / "celegans_cook2019" / file
    matrix = pd.read_csv(source, index_col=0).fillna(0)
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(source, as_="neurons", matrix="yes")
        graph.ingest(source, as_="connections", kind=kind)
        counts = graph.info().counts
        assert counts["neurons"] == neurons == len(set(matrix.index) | set(matrix.columns))
        assert counts[kind] == np.count_nonzero(matrix)
        weights = graph.to_pandas("connections")["weight"]
        assert weights.sum() == matrix.to_numpy().sum()


def test_cook_workbook_equals_its_csv(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "celegans_cook2019"
    tables = []
    for name, source, options in (
        ("csv", folder / "herm_chem_adj.csv", {}),
        ("xlsx", folder / WORKBOOK, {"sheet": "hermaphrodite chemical"}),
    ):
        with Graph.create(tmp_path / name) as graph:
            graph.ingest(source, as_="connections", **options)  # type: ignore[arg-type]
            columns = ["pre_root_id", "post_root_id", "weight"]
            tables.append(graph.to_arrow().select(columns).sort_by([(c, "ascending") for c in columns]))
    assert tables[0].equals(tables[1])
    with Graph.create(tmp_path / "g") as graph, pytest.raises(SchemaError, match="choose one with --option sheet=NAME"):
        graph.ingest(folder / WORKBOOK, as_="connections")


def test_ciona(tmp_path: Path, real_data: Path) -> None:
    source = real_data / "ciona_ryan2016" / "ciona.json"
    with Graph.create(tmp_path / "g", dataset="ciona") as graph:
        graph.ingest(source, as_="neurons", columns={"cell_type": "Cell Type", "side": "Side"})
        with pytest.raises(SchemaError, match=r"ciona.json, row 205, column 'weight': the cell is empty"):
            graph.ingest(source, as_="connections")
        summary = graph.ingest(source, as_="connections", unweighted="leave_out")
        assert "17 rows without a weight left out" in summary.notes
        counts = graph.info().counts
        assert (counts["neurons"], counts["connections"], counts["autapses"]) == (222, 3122 - 17, 20)
        assert not float(graph.snapshot().weight.sum()).is_integer()


def test_zebrafish(tmp_path: Path, real_data: Path) -> None:
    from scipy import io

    source = real_data / "zebrafish_vishwanathan2024" / "ConnMatrix_CO_top500_2blocks_gamma038_08062020.mat"
    matrix = next(value for name, value in io.loadmat(source).items() if not name.startswith("__"))
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(source, as_="neurons")
        graph.ingest(source, as_="connections")
        snapshot = graph.snapshot()
        assert (snapshot.n, snapshot.m, snapshot.weight.sum()) == (609, np.count_nonzero(matrix), matrix.sum())
        assert graph.to_pandas("neurons")["root_id"].sort_values().tolist() == list(range(1, 610))


def test_hemibrain_synapses_name_one_side_only(tmp_path: Path, real_data: Path) -> None:
    """Connectors of one skeleton have no partner: a table of synapses only where the preset says so."""
    source = real_data / "hemibrain_navis5" / "synapses" / "722817260.csv"
    with Graph.create(tmp_path / "g", resolution="8,8,8") as graph:
        with pytest.raises(SchemaError, match=r"722817260.csv: synapses need the columns pre_root_id, post_root_id"):
            graph.ingest(source, as_="synapses")
        for number, place in enumerate(sorted(source.parent.iterdir())):
            assert graph.ingest(place, as_="synapses", columns="navis").rows == len(pd.read_csv(place)), number
        one_sided = graph.to_pandas("synapses")
        raw = pd.read_csv(source)
        counts = (one_sided["pre_root_id"] == 722817260).sum(), (one_sided["post_root_id"] == 722817260).sum()
        assert counts == ((raw["type"] == "pre").sum(), (raw["type"] == "post").sum())
        assert ((one_sided["pre_root_id"] == 0) != (one_sided["post_root_id"] == 0)).all()
        assert set(graph.to_pandas("neurons")["root_id"]) == {int(place.stem) for place in source.parent.iterdir()}
        assert graph.info().counts["connections"] == 0, "a partner that nobody knows is not invented"
    with Graph.create(tmp_path / "partnered", resolution="8,8,8") as graph:
        partnered = pd.read_csv(source).query("type == 'pre'").assign(bodyId_pre=722817260, bodyId_post=1)
        summary = graph.ingest(partnered, as_="synapses", columns="neuprint")
        table = graph.to_pandas("synapses")
        assert summary.rows == len(table) == len(partnered)
        assert table["x_nm"].sum() == partnered["x"].sum() * 8
        assert set(table["neuropil"].dropna()) == set(partnered["roi"].dropna())


@pytest.mark.parametrize("layer", ["NPP_RipollSanchez2023_shortRange", "serotonin_Bentley2016"])
def test_extrasynaptic_layers_leave_the_chemical_graph_alone(tmp_path: Path, real_data: Path, layer: str) -> None:
    source = real_data / "celegans_extrasynaptic" / f"{layer}.csv"
    with source.open(encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    wanted = sum(float(cell or 0) != 0 for row in rows[1:] for cell in row[1:])
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(source, as_="neurons", matrix="yes")
        graph.ingest(source, as_="connections", kind="extrasynaptic")
        assert graph.info().counts["extrasynaptic"] == wanted
        assert (graph.snapshot().n, graph.snapshot().m) == (302, 0)

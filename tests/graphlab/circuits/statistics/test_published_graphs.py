"""Published connectomes: the figures that are known of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphlab.circuits.statistics.components import largest
from graphlab.circuits.statistics.distances import searched
from graphlab.graph import Graph

MICRONS = {"synapse_id": "id", "x_nm": "ctr_pt_x_nm", "y_nm": "ctr_pt_y_nm", "z_nm": "ctr_pt_z_nm"}


def test_varshney_worm(tmp_path: Path, real_data: Path) -> None:
    """Varshney et al. 2011: 279 neurons, strong component, path length, clustering, gap junctions."""
    source = real_data / "celegans_varshney2011" / "ConnOrdered_040903.mat"
    with Graph.create(tmp_path / "g", dataset="Varshney 2011") as graph:
        graph.ingest(source, as_="connections", variable="A_init_t_ordered")
        graph.ingest(source, as_="connections", variable="Ag_t_ordered", kind="electrical")
        found = graph.circuits.statistics(["size", "components", "paths", "clustering", "reciprocity"])
        assert (found.value("neurons"), found.value("connections")) == (279, 2194)
        assert found.value("largest_strong_component") == 237
        assert found.value("path_length") == pytest.approx(3.480, abs=5e-4)
        assert found.value("transitivity") == pytest.approx(0.1987, abs=5e-5)
        assert found.value("local_clustering") == pytest.approx(0.3203, abs=5e-5)
        assert found.value("reciprocity") == pytest.approx(0.2124, abs=5e-5)
        gaps = graph.circuits.statistics(["components", "reciprocity"], kind="electrical")
        assert gaps.value("largest_weak_component") == 248
        assert gaps.value("reciprocity") == 1, "gap junctions are stored both ways"
        against = graph.circuits.statistics(["reciprocity", "clustering"], null="configuration", samples=39)
        rows = {row["name"]: row for row in against.to_arrow().to_pylist()}
        for name in ("reciprocity", "transitivity"):
            assert rows[name]["ratio"] > 1.2
            assert rows[name]["p"] == pytest.approx(2 / 40)


def test_microns_layer_2_3(tmp_path: Path, real_data: Path) -> None:
    source = real_data / "microns_l23_v185" / "soma_subgraph_synapses_spines_v185.csv"
    with Graph.create(tmp_path / "g", resolution="4,4,40") as graph:
        graph.ingest(source, as_="synapses", columns=MICRONS)
        found = graph.circuits.statistics(["size", "clustering", "reciprocity"])
        assert (found.value("neurons"), found.value("connections")) == (334, 1734)
        assert found.value("transitivity") == pytest.approx(0.0951, abs=5e-5)
        assert found.value("mutual_pairs") == 31


@pytest.mark.slow
def test_larva(tmp_path: Path, real_data: Path) -> None:
    """Winding et al. 2023, the summed graph; distances against igraph's."""
    with Graph.create(tmp_path / "g", dataset="larva") as graph:
        graph.ingest(real_data / "larva_winding2023" / "G_edgelist.txt", as_="connections", header=False)
        names = ["size", "components", "clustering", "reciprocity", "paths", "cores", "rich-club"]
        found = graph.circuits.statistics(names, workers=2)
        assert (found.value("neurons"), found.value("connections")) == (3554, 118_433)
        assert found.value("reciprocity") == pytest.approx(0.2496, abs=5e-5)
        assert found.value("transitivity") == pytest.approx(0.2329, abs=5e-5)
        assert found.value("largest_strong_component") == 3236
        assert found.value("largest_weak_component") == 3552
        view = graph.snapshot()
        strong = view.subset(largest(view, True))
        peer = graph.to_igraph().connected_components(mode="strong").giant()
        assert found.value("path_length") == pytest.approx(peer.average_path_length(directed=True))
        assert found.value("diameter") == peer.diameter()
        one = searched(strong.out_start, strong.out_target, np.array([5]))
        assert one.reached[0] == strong.n - 1


@pytest.mark.slow
def test_larva_sides_and_types(tmp_path: Path, real_data: Path) -> None:
    """Hemispheres as labelled: what differs between the sides is little beside what differs between types."""
    folder = real_data / "larva_winding2023"
    with Graph.create(tmp_path / "g", dataset="larva") as graph:
        columns = {"root_id": "column0", "cell_type": "simple_group", "side": "hemisphere"}
        graph.ingest(folder / "meta_data.csv", as_="neurons", columns=columns)
        graph.ingest(folder / "G_edgelist.txt", as_="connections", header=False)
        found = graph.circuits.statistics(["left-right", "reciprocity"], sides=True)
        assert found.value("left_right_correlation", at=0) > 0.9
        assert found.value("both_sides_share", at=5) > 0.95
        row = next(row for row in found.to_arrow().to_pylist() if row["name"] == "reciprocity")
        assert abs(row["left_value"] - row["right_value"]) < 0.02
        table = graph.circuits.type_connections().to_arrow().to_pylist()
        rows = {(row["pre_type"], row["post_type"]): row for row in table}
        known = rows["PNs", "KCs"]
        assert known["both_sides"]
        assert known["post_share"] > 0.5
        assert (known["left_cells"] + known["right_cells"], known["post_cells"]) == (222, 222)
        assert ("KCs", "dVNCs") not in rows or rows["KCs", "dVNCs"]["mean"] < known["mean"]

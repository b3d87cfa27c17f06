"""Varshney 2011: the published numbers of the worm, from the workbook and from the authors' matrix."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest

from graphlab.graph import Graph

TRIADS = {
    "021D": 7118, "021U": 8478, "021C": 12279, "111D": 3134, "111U": 3200, "030T": 1453, "030C": 65,
    "201": 359, "120D": 385, "120U": 552, "120C": 180, "210": 175, "300": 48,
}  # fmt: skip
COLUMNS = {"pre_name": "Neuron 1", "post_name": "Neuron 2", "weight": "Nbr"}
WAYS = {
    "NeuronConnect.xls": {"columns": COLUMNS, "keep": {"Type": ["S", "Sp"]}},
    "ConnOrdered_040903.mat": {"variable": "A_init_t_ordered"},
}


@pytest.mark.slow
@pytest.mark.parametrize("file", WAYS)
def test_varshney_is_the_published_worm(tmp_path: Path, real_data: Path, file: str) -> None:
    with Graph.create(tmp_path / "g", dataset="Varshney 2011") as graph:
        graph.ingest(real_data / "celegans_varshney2011" / file, as_="connections", **WAYS[file])  # type: ignore[arg-type]
        snapshot = graph.snapshot()
        assert (snapshot.n, snapshot.m, snapshot.weight.sum()) == (279, 2194, 6394)
        worm = graph.to_networkx()
        worm.remove_edges_from(list(nx.selfloop_edges(worm)))
        assert nx.overall_reciprocity(worm) == pytest.approx(0.2124, abs=5e-5)
        assert max(len(c) for c in nx.strongly_connected_components(worm)) == 237
        counts = graph.motifs.census(3).counts
        assert {name: int(counts[name]) for name in TRIADS} == TRIADS
        assert sum(counts.values()) == 279 * 278 * 277 // 6
        assert {name: int(n) for name, n in nx.triadic_census(worm).items()} == {k: int(v) for k, v in counts.items()}


def test_varshney_workbook_and_matrix_are_the_same_graph(tmp_path: Path, real_data: Path) -> None:
    tables = []
    for file, way in WAYS.items():
        with Graph.create(tmp_path / file) as graph:
            graph.ingest(real_data / "celegans_varshney2011" / file, as_="connections", **way)  # type: ignore[arg-type]
            columns = ["pre_root_id", "post_root_id", "weight"]
            tables.append(graph.to_arrow().select(columns).sort_by([(name, "ascending") for name in columns]))
            names = graph.to_arrow("neurons")["name"].to_pylist()
            assert {"AVAL", "AVAR", "RIAL"} <= set(names)
    assert tables[0].equals(tables[1])


def test_varshney_gap_junctions_beside_the_chemical_synapses(tmp_path: Path, real_data: Path) -> None:
    source = real_data / "celegans_varshney2011" / "ConnOrdered_040903.mat"
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(source, as_="connections", variable="A_init_t_ordered")
        graph.ingest(source, as_="connections", variable="Ag_t_ordered", kind="electrical")
        gaps = graph.to_networkx("electrical")
        assert all(gaps.has_edge(post, pre) for pre, post in gaps.edges)
        assert graph.snapshot().m == 2194
        assert graph.info().counts["electrical"] == gaps.number_of_edges() > 1000

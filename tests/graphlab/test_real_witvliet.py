"""Witvliet 2021: eight stages as graphs of their own, polyadic synapses, three sources that agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphlab.graph import Graph

SYNAPSES = {1: 1296, 2: 1895, 3: 2128, 4: 2777, 5: 4116, 6: 4456, 7: 7467, 8: 7970}
NEMANODE = (1, 2, 3, 4, 5, 6, 8)


def pairs(graph: Graph, kind: str = "chemical") -> dict[tuple[int, int], float]:
    table = graph.to_pandas("connections")
    table = table[table["kind"] == kind]
    return dict(zip(zip(table["pre_root_id"], table["post_root_id"], strict=True), table["weight"], strict=True))


@pytest.fixture
def folder(real_data: Path) -> Path:
    return real_data / "celegans_witvliet2021"


def stage(folder: Path, place: Path, number: int, **more: Any) -> Graph:
    graph = Graph.create(place, dataset=f"Witvliet stage {number}")
    keep = {"dataset": [f"Dataset{number}"]}
    graph.ingest(folder / "synapse_list.csv", as_="synapses", columns="witvliet", keep=keep, **more)
    return graph


@pytest.mark.slow
@pytest.mark.parametrize("number", SYNAPSES)
def test_witvliet_stages(tmp_path: Path, folder: Path, number: int) -> None:
    with stage(folder, tmp_path / "list", number) as graph:
        counts = graph.info().counts
        assert (counts["synapses"], counts["total_weight"]) == (SYNAPSES[number], SYNAPSES[number])
        raw = pd.read_csv(folder / "synapse_list.csv")
        raw = raw[raw["dataset"] == f"Dataset{number}"]
        table = graph.to_pandas("synapses")
        assert table["presynapse_id"].nunique() == raw["syn_id"].nunique() < len(raw)
        assert table["size"].sum() == pytest.approx(raw["size"].sum())
        if number not in NEMANODE:
            return
        with Graph.create(tmp_path / "nemanode") as other:
            other.ingest(folder / "nemanode" / f"witvliet_2020_{number}.json", as_="connections")
            assert other.info().counts["total_weight"] == SYNAPSES[number]
            assert pairs(other) == pairs(graph)


@pytest.mark.parametrize("number", [1, 8])
def test_witvliet_release_sites(tmp_path: Path, folder: Path, number: int) -> None:
    """The JSON of sites holds the same synapses and, besides, some onto what is no neuron of the list."""
    with stage(folder, tmp_path / "list", number) as graph, Graph.create(tmp_path / "sites") as sites:
        sites.ingest(folder / "synapses" / f"Dataset{number}_synapses.json", as_="synapses")
        sites.ingest(folder / "synapses" / f"Dataset{number}_gapjunctions.json", as_="synapses")
        known, found = pairs(graph), pairs(sites)
        assert all(found[pair] >= weight for pair, weight in known.items())
        if number == 1:
            names = dict(zip(*(sites.to_pandas("neurons")[c] for c in ("root_id", "name")), strict=True))
            assert [(names[pre], names[post]) for pre, post in found.keys() - known.keys()] == [("RIVR", "excgl")]
        assert sum(found.values()) - sum(known.values()) == {1: 1, 8: 22}[number]
        assert sites.info().counts["electrical"] > 100

"""The commands of docs/first-hour.md run as they stand, and what they bring in is counted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphlab.graph import Graph

PAGE = (Path(__file__).parents[1] / "docs" / "first-hour.md").read_text(encoding="utf-8")
BLOCKS = {block.split()[2]: block for block in re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.M | re.S)}


def run(name: str, folder: Path, data: Path) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DATA": str(data),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", BLOCKS[name]], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def counts(place: Path) -> dict[str, Any]:
    with Graph.open(place, read_only=True) as graph:
        return dict(graph.info().counts)


def test_every_command_brings_one_table() -> None:
    assert set(BLOCKS) == {"flywire", "microns", "larva", "worm", "hemibrain"}
    assert all("--as" in line for line in re.findall(r"graphlab ingest(?:[^\n]|\\\n)*", PAGE))


@pytest.mark.slow
def test_flywire(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "flywire_783_olfactory_mb_subset"
    printed = run("flywire", tmp_path, real_data)
    edges, nodes = pd.read_parquet(folder / "edges.parquet"), pd.read_parquet(folder / "nodes.parquet")
    assert "source_id read as pre_root_id, target_id read as post_root_id, synapse_weight read as weight" in printed
    assert re.search(r"central +\S* *\d", printed), printed
    found = counts(tmp_path / "flywire")
    assert found["connections"] == len(edges.groupby(["source_id", "target_id"]))
    assert found["total_weight"] == edges["synapse_weight"].sum()
    assert found["neurons"] == len({*nodes["node_id"], *edges["source_id"], *edges["target_id"]})


@pytest.mark.slow
def test_microns(tmp_path: Path, real_data: Path) -> None:
    printed = run("microns", tmp_path, real_data)
    assert "030T" in printed
    assert "not read as such: soma_x_nm, soma_y_nm, soma_z_nm" in printed
    assert counts(tmp_path / "microns")["synapses"] == 1961
    raw = pd.read_csv(real_data / "microns_l23_v185" / "soma_subgraph_synapses_spines_v185.csv").set_index("id")
    with Graph.open(tmp_path / "microns", read_only=True) as graph:
        found = graph.to_pandas("synapses").set_index("synapse_id").loc[raw.index]
        assert (found["x_nm"] == raw["ctr_pt_x_nm"]).all()
        assert (found["size"] == raw["cleft_vx"]).all()
        assert (found["post_root_id"] == raw["post_root_id"]).all()
        assert graph.to_pandas("neurons")["z_nm"].max() == 40 * 2156


@pytest.mark.slow
def test_larva(tmp_path: Path, real_data: Path) -> None:
    printed = run("larva", tmp_path, real_data)
    assert "left" in printed
    meta = pd.read_csv(real_data / "larva_winding2023" / "meta_data.csv", index_col=0)
    found = counts(tmp_path / "larva")
    assert (found["connections"], found["autapses"]) == (119_010, 577)
    with Graph.open(tmp_path / "larva", read_only=True) as graph:
        sides = graph.to_pandas("neurons")["side"].value_counts()
    assert sides["left"] == (meta["hemisphere"] == "L").sum()
    assert sides["center"] == (meta["hemisphere"] == "C").sum()


@pytest.mark.slow
def test_worm(tmp_path: Path, real_data: Path) -> None:
    run("worm", tmp_path, real_data)
    assert counts(tmp_path / "worm")["synapses"] == 1296


@pytest.mark.slow
def test_hemibrain(tmp_path: Path, real_data: Path) -> None:
    printed = run("hemibrain", tmp_path, real_data)
    places = sorted((real_data / "hemibrain_navis5" / "synapses").iterdir())
    tables = {int(place.stem): pd.read_csv(place) for place in places}
    assert printed.count("rows of synapses") == len(tables) == 5
    found = counts(tmp_path / "hemibrain")
    assert (found["synapses"], found["neurons"], found["connections"]) == (sum(map(len, tables.values())), 5, 0)
    with Graph.open(tmp_path / "hemibrain", read_only=True) as graph:
        synapses = graph.to_pandas("synapses")
    for root_id, table in tables.items():
        assert (synapses["pre_root_id"] == root_id).sum() == (table["type"] == "pre").sum()
        mine = synapses[(synapses["pre_root_id"] == root_id) | (synapses["post_root_id"] == root_id)]
        assert mine["x_nm"].sum() == table["x"].sum() * 8
    assert "14,836 synapses on skeletons" in " ".join(printed.split())
    with Graph.open(tmp_path / "hemibrain", read_only=True) as graph:
        rows = graph.skeletons.measure().to_pylist()
    assert [row["root_id"] for row in rows] == sorted(tables)
    for row in rows:
        assert row["inputs"] == (tables[row["root_id"]]["type"] == "post").sum()

"""The commands of docs/first-hour.md run as they stand, and what they bring in is counted."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphlab.cli import app
from graphlab.exchange.table_files import rows_of
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


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> tuple[Path, Callable[[str], str]]:
    """The folder where the commands run, and what those of one graph print; they run once."""
    folder = tmp_path_factory.mktemp("hour")
    return folder, functools.cache(lambda name: run(name, folder, real_data))


def counts(place: Path) -> dict[str, Any]:
    with Graph.open(place, read_only=True) as graph:
        return dict(graph.info().counts)


def test_every_command_brings_one_table() -> None:
    assert set(BLOCKS) == {"flywire", "microns", "larva", "worm", "adult", "hemibrain"}
    assert all("--as" in line for line in re.findall(r"graphlab ingest(?:[^\n]|\\\n)*", PAGE))


@pytest.mark.slow
def test_flywire(hour: Any, real_data: Path) -> None:
    folder = real_data / "flywire_783_olfactory_mb_subset"
    tmp_path, commands = hour
    printed = commands("flywire")
    edges, nodes = pd.read_parquet(folder / "edges.parquet"), pd.read_parquet(folder / "nodes.parquet")
    assert "source_id read as pre_root_id, target_id read as post_root_id, synapse_weight read as weight" in printed
    assert re.search(r"central +\S* *\d", printed), printed
    found = counts(tmp_path / "flywire")
    assert found["connections"] == len(edges.groupby(["source_id", "target_id"]))
    assert found["total_weight"] == edges["synapse_weight"].sum()
    assert found["neurons"] == len({*nodes["node_id"], *edges["source_id"], *edges["target_id"]})


@pytest.mark.slow
def test_microns(hour: Any, real_data: Path) -> None:
    tmp_path, commands = hour
    printed = commands("microns")
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
def test_larva(hour: Any, real_data: Path) -> None:
    tmp_path, commands = hour
    printed = commands("larva")
    assert "left" in printed
    meta = pd.read_csv(real_data / "larva_winding2023" / "meta_data.csv", index_col=0)
    found = counts(tmp_path / "larva")
    assert (found["connections"], found["autapses"]) == (119_010, 577)
    with Graph.open(tmp_path / "larva", read_only=True) as graph:
        sides = graph.to_pandas("neurons")["side"].value_counts()
    assert sides["left"] == (meta["hemisphere"] == "L").sum()
    assert sides["center"] == (meta["hemisphere"] == "C").sum()


@pytest.mark.slow
def test_worm(hour: Any) -> None:
    tmp_path, commands = hour
    commands("worm")
    assert counts(tmp_path / "worm")["synapses"] == 1296


@pytest.mark.slow
def test_hemibrain(hour: Any, real_data: Path) -> None:
    tmp_path, commands = hour
    printed = commands("hemibrain")
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


ASKED = [
    (python, shell)
    for python, shell in re.findall(r"^```python\n(.*?)\n```\n\n```sh\n(.*?)\n```", PAGE, flags=re.M | re.S)
]
GRAPHS = ("flywire", "microns", "larva", "worm", "adult")


@pytest.fixture(scope="module")
def answers(hour: Any) -> list[pd.DataFrame]:
    """What the lines of Python answer; those of the shell print the same rows."""
    folder, commands = hour
    found = []
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name in GRAPHS:
            commands(name)
        graphs = {name: stack.enter_context(Graph.open(folder / name, read_only=True)) for name in GRAPHS}
        patch.chdir(folder)
        for python, shell in ASKED:
            result = eval(python, graphs)  # the page's own line
            done = CliRunner().invoke(app, [*shlex.split(shell)[1:], "--json"])
            assert done.exit_code == 0, (shell, done.output, done.exception)
            assert json.loads(done.stdout) == json.loads(json.dumps(rows_of(result.to_arrow()))), shell
            found.append(result.to_pandas())
    return found


def test_there_are_twenty_questions() -> None:
    assert len(ASKED) == 20
    assert all(line.count("\n") == 0 for pair in ASKED for line in pair)
    assert {python.split(".")[0] for python, _ in ASKED} == {"flywire", "microns", "larva", "worm"}


@pytest.mark.slow
def test_questions_about_flywire(answers: list[pd.DataFrame], real_data: Path) -> None:
    folder = real_data / "flywire_783_olfactory_mb_subset"
    nodes, rows = pd.read_parquet(folder / "nodes.parquet"), pd.read_parquet(folder / "edges.parquet")
    edges = rows.groupby(["source_id", "target_id"], as_index=False)["synapse_weight"].sum()
    kind = nodes.drop_duplicates("node_id").set_index("node_id")
    words = nodes.select_dtypes(exclude="number").drop(columns=["node_id"], errors="ignore")
    called = words.apply(lambda c: c.astype(str).str.lower().str.contains("mbon")).any(axis=1)
    assert sorted(answers[0]["root_id"]) == sorted(set(nodes["node_id"][called]))
    wanted = nodes["node_id"][nodes["cell_type"].isin(["KCab", "KCg-m"])]
    assert sorted(answers[1]["root_id"]) == sorted(set(wanted))
    pre, post = edges["source_id"].map(kind["cell_type"]), edges["target_id"].map(kind["cell_type"])
    other = edges["source_id"] != edges["target_id"]
    into = edges[(post == "KCg-m") & other]
    sums = into.groupby(pre.fillna("?"))["synapse_weight"].sum()
    found = answers[2].assign(cell_type=answers[2]["cell_type"].fillna("?")).set_index("cell_type")
    assert found["weight"].to_dict() == sums.to_dict()
    assert found["fraction"].to_dict() == pytest.approx((sums / into["synapse_weight"].sum()).to_dict())
    assert found["cumulative"].iloc[-1] == pytest.approx(1)
    chosen = edges[post.isin(["KCab", "KCg-m"])]
    sums = chosen.groupby([pre.fillna("?"), post])["synapse_weight"].sum()
    keys = list(zip(answers[3]["cell_type_pre"].fillna("?"), answers[3]["cell_type_post"], strict=True))
    assert dict(zip(keys, answers[3]["weight"], strict=True)) == sums.to_dict()
    whole = edges[other].groupby(post)["synapse_weight"].sum()
    free = chosen[other[chosen.index]].groupby([pre.fillna("?"), post])["synapse_weight"].sum()
    shares = dict(zip(keys, answers[3]["fraction_in"], strict=True))
    assert shares == pytest.approx({key: free.get(key, 0) / whole[key[1]] for key in keys})
    names = edges.assign(a=edges["source_id"].map(kind["super_class"]), b=edges["target_id"].map(kind["super_class"]))
    matrix = names.fillna({"a": "(unknown)", "b": "(unknown)"}).pivot_table(
        index="a", columns="b", values="synapse_weight", aggfunc="sum", fill_value=0
    )
    found = answers[4].fillna({"super_class_pre": "(unknown)"}).set_index("super_class_pre")
    assert found.loc[matrix.index, matrix.columns].to_numpy().tolist() == matrix.to_numpy().tolist()
    assert found.shape == matrix.shape


@pytest.mark.slow
def test_questions_about_microns(answers: list[pd.DataFrame], real_data: Path) -> None:
    folder = real_data / "microns_l23_v185"
    synapses = pd.read_csv(folder / "soma_subgraph_synapses_spines_v185.csv")
    somata = pd.read_csv(folder / "soma_valence_v185.csv").drop_duplicates("pt_root_id").set_index("pt_root_id")
    pre, post = (synapses[f"{end}_root_id"].map(somata["cell_type"]) for end in ("pre", "post"))
    wanted = synapses[(pre == "e") & (post == "e")].sort_values("id")
    assert answers[5]["synapse_id"].tolist() == wanted["id"].tolist()
    assert answers[5]["x_nm"].tolist() == wanted["ctr_pt_x_nm"].tolist()
    assert len(wanted) > 1000
    for side in ("pre", "post"):
        mine = synapses[(pre if side == "pre" else post) == "e"].groupby(f"{side}_root_id")
        found = answers[6][answers[6]["side"] == side].set_index("root_id")
        assert found["synapses"].to_dict() == mine.size().to_dict()
        assert found["z_nm"].to_dict() == pytest.approx(mine["ctr_pt_z_nm"].mean().to_dict())
    point = np.array([350_000, 200_000, 40_000])
    places = [
        synapses[[f"{end}_root_id", *(f"ctr_pt_{a}_nm" for a in "xyz")]].set_axis([*"rxyz"], axis=1)
        for end in ("pre", "post")
    ]
    every = pd.concat(places)
    distance = np.sqrt(((every[[*"xyz"]].to_numpy() - point) ** 2).sum(axis=1))
    assert (answers[7]["place"].str.startswith("synapse")).any()
    nearest = pd.Series(distance, index=every["r"].to_numpy()).groupby(level=0).min()
    for row in answers[7].itertuples():
        assert row.distance_nm <= nearest.get(row.root_id, np.inf) + 1e-6
        if row.place.startswith("synapse"):
            assert row.distance_nm == pytest.approx(nearest[row.root_id])
    pairs = synapses.groupby(["pre_root_id", "post_root_id"]).size()
    found = answers[8].set_index(["pre_root_id", "post_root_id"])["weight"]
    assert found.to_dict() == pairs[pairs >= 3].to_dict()
    assert answers[9]["status"].tolist() == [
        "current" if int(said) in {*somata.index, *synapses["pre_root_id"], *synapses["post_root_id"]} else "unknown"
        for said in answers[9]["said"]
    ]
    assert answers[9]["status"].tolist()[::2] == ["current", "unknown"]


@pytest.mark.slow
def test_questions_about_the_larva(answers: list[pd.DataFrame], real_data: Path) -> None:
    folder = real_data / "larva_winding2023"
    edges = pd.read_csv(folder / "G_edgelist.txt", sep=" ", names=["a", "b", "w"])
    meta = pd.read_csv(folder / "meta_data.csv", index_col=0, low_memory=False)
    kind, side = meta["simple_group"], meta["hemisphere"].map({"L": "left", "R": "right", "C": "center"})
    graph = nx.DiGraph()
    graph.add_edges_from(edges.loc[(edges.w >= 5) & (edges.a != edges.b), ["a", "b"]].to_numpy().tolist())
    lengths = nx.single_source_shortest_path_length(graph, 29)
    ends = answers[10].groupby("path").agg(end=("root_id", "last"), cost=("cost", "first"))
    assert dict(zip(ends["end"], ends["cost"], strict=True)) == {
        i: lengths[i] for i in kind.index[kind == "MBONs"] if i in lengths
    }
    out = edges[(edges.a.map(kind) == "PNs") & (edges.a != edges.b)]
    a, b = out.a.map(side), out.b.map(side)
    sided = a.isin(["left", "right"]) & b.isin(["left", "right"])
    found = answers[11].set_index(answers[11]["cell_type"].fillna("?"))
    for name, which in (("ipsilateral", sided & (a == b)), ("contralateral", sided & (a != b)), ("unsided", ~sided)):
        sums = out[which].groupby(out.b.map(kind).fillna("?"))["w"].sum()
        assert found[name].to_dict() == {key: float(sums.get(key, 0)) for key in found.index}
    near = {29, *edges.b[(edges.a == 29)]}
    assert set(answers[12]["root_id"]) == near
    names = {end: edges[end].map(side).fillna("?") for end in "ab"}
    sums = edges.groupby([names["a"], names["b"]])["w"].sum()
    keys = zip(answers[13]["side_pre"].fillna("?"), answers[13]["side_post"].fillna("?"), strict=True)
    assert dict(zip(keys, answers[13]["weight"], strict=True)) == sums.to_dict()
    inside = edges[(edges.a.map(kind) == "KCs") & (edges.b.map(kind) == "KCs")]
    sums = inside.groupby([inside.a.map(side), inside.b.map(side)])["w"].sum()
    keys = zip(answers[14]["side_pre"], answers[14]["side_post"], strict=True)
    assert dict(zip(keys, answers[14]["weight"], strict=True)) == sums.to_dict()


@pytest.mark.slow
def test_questions_about_the_worm(answers: list[pd.DataFrame], real_data: Path) -> None:
    rows = pd.read_csv(real_data / "celegans_witvliet2021" / "synapse_list.csv")
    young, grown = (rows[rows["dataset"] == name].groupby(["pre", "post"]).size() for name in ("Dataset1", "Dataset8"))
    pairs = young.reset_index(name="w")
    others = pairs[pairs["pre"] != pairs["post"]]
    mine = others[others["pre"] == "AVAL"].set_index("post")["w"]
    found = answers[15].set_index("name")
    assert found["weight"].to_dict() == mine.to_dict()
    assert found["fraction"].to_dict() == pytest.approx((mine / mine.sum()).to_dict())
    graph = nx.DiGraph(others[["pre", "post"]].to_numpy().tolist())
    paths = {tuple(part["name"]) for _, part in answers[16].groupby("path")}
    assert paths == set(map(tuple, nx.all_shortest_paths(graph, "ASEL", "AVAL")))
    whole = others.groupby("post")["w"].sum()
    found = answers[17][answers[17]["pre_root_id"] != answers[17]["post_root_id"]]
    for row in found.itertuples():
        assert row.fraction_in == pytest.approx(young[row.name_pre, row.name_post] / whole[row.name_post])
    assert len(answers[17]) == len(pairs[pairs["pre"].isin(["AVAL", "AVAR"])])
    upstream = nx.single_source_shortest_path_length(graph.reverse(), "AVAL", cutoff=2)
    assert dict(zip(answers[18]["name"], answers[18]["hops"], strict=True)) == upstream
    cells = [{*one.index.get_level_values(0), *one.index.get_level_values(1)} for one in (young, grown)]
    wanted = {}
    for key in {*young.index, *grown.index}:
        a, b = young.get(key), grown.get(key)
        if a != b:
            there = set(key) <= (cells[1] if b is None else cells[0])
            missing = ("lost", "only here") if b is None else ("gained", "only there")
            wanted[key] = "changed" if None not in (a, b) else missing[0] if there else missing[1]
    keys = zip(answers[19]["name_pre"], answers[19]["name_post"], strict=True)
    assert dict(zip(keys, answers[19]["change"], strict=True)) == wanted

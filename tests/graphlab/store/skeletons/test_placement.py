"""Synapses on skeletons against a search of every node; compartments that add up; cable against networkx."""

from __future__ import annotations

import tempfile
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab import Graph
from ingest.schema.errors import SchemaError, UnknownNameError, VersionError
from ingest.skeletons.skeleton import Skeleton

KEY = ["pre_root_id", "post_root_id", "kind"]


def made_skeletons(root_ids: list[int], rng: np.random.Generator, nodes: int = 12) -> list[Skeleton]:
    """Random trees whose nodes are soma, axon, dendrite, apical dendrite or nothing."""
    found = []
    for root_id in root_ids:
        parents = np.array([-1, *(rng.integers(0, i) for i in range(1, nodes))])
        points = rng.uniform(0, 1000, (nodes, 3))
        types = rng.integers(0, 5, nodes)
        found.append(Skeleton(root_id, np.arange(1, nodes + 1, dtype=np.uint64), points, parents, types))
    return found


def made_synapses(root_ids: list[int], rng: np.random.Generator, count: int) -> pa.Table:
    places = rng.uniform(0, 1000, (count, 3))
    places[rng.random(count) < 0.1] = np.nan
    return pa.table(
        {
            "pre_root_id": pa.array(rng.choice(np.array(root_ids, dtype=np.uint64), count)),
            "post_root_id": pa.array(rng.choice(np.array(root_ids, dtype=np.uint64), count)),
            **{f"{axis}_nm": pa.array(places[:, i], from_pandas=True) for i, axis in enumerate("xyz")},
        }
    )


def require_sums(graph: Graph) -> pd.DataFrame:
    parts = graph.to_arrow("connections_by_compartment").to_pandas()
    whole = graph.to_arrow("connections").to_pandas().set_index(KEY)["weight"].sort_index()
    assert parts.groupby(KEY)["weight"].sum().sort_index().to_dict() == whole.to_dict()
    return parts


@given(st.integers(0, 2**32), st.sampled_from([60.0, 300.0, 5000.0]))
@settings(max_examples=6, deadline=None)
def test_the_nearest_node_within_reach_and_sums(seed: int, within: float) -> None:
    rng = np.random.default_rng(seed)
    ids = [1, 2, 3, 2**64 - 2]
    skeletons, synapses = made_skeletons(ids[1:], rng), made_synapses(ids, rng, 40)
    with tempfile.TemporaryDirectory() as place, Graph.create(Path(place) / "g") as graph:
        graph.ingest(synapses, "synapses")
        before = graph.to_arrow("connections")
        graph.ingest(skeletons, "skeletons")
        done = graph.skeletons.place_synapses(within)
        assert graph.to_arrow("connections").equals(before)
        placed = {(r["synapse_id"], r["side"]): r for r in graph.to_arrow("synapse_nodes").to_pylist()}
        by_id = {one.root_id: one for one in skeletons}
        counts = dict.fromkeys(("pre", "post"), 0)
        for number, row in enumerate(synapses.to_pylist(), 1):
            point = np.array([row[f"{axis}_nm"] for axis in "xyz"], dtype=np.float64)
            for side in counts:
                one = by_id.get(row[f"{side}_root_id"])
                far = np.inf if one is None else np.linalg.norm(one.points_nm - point, axis=1).min()
                assert ((number, side) in placed) == bool(far <= within)
                if far <= within:
                    counts[side] += 1
                    assert placed[number, side]["distance_nm"] == pytest.approx(far)
        assert done.placed == counts
        assert all(done.placed[s] + done.beyond[s] + done.without[s] + done.nowhere == 40 for s in counts)
        if any(k["compartment"] for k in graph.to_arrow("skeletons").to_pylist()) and placed:
            parts = graph.to_arrow("connections_by_compartment")
            if len(parts):
                require_sums(graph)
        assert graph.rerun(done.run_id).equal
        require_measures(graph, skeletons)


def require_measures(graph: Graph, skeletons: list[Skeleton]) -> None:
    by_neuron = {row["root_id"]: row for row in graph.skeletons.measure().to_pylist()}
    parts = graph.skeletons.measure("compartment").to_pandas()
    synapses = graph.to_arrow("synapses").to_pandas()
    for one in skeletons:
        tree = nx.Graph()
        tree.add_nodes_from(range(len(one)))
        for node, parent in enumerate(one.parents.tolist()):
            if parent >= 0:
                tree.add_edge(node, parent, weight=np.linalg.norm(one.points_nm[node] - one.points_nm[parent]))
        row, mine = by_neuron[one.root_id], parts[parts.root_id == one.root_id]
        assert row["cable_nm"] == pytest.approx(tree.size(weight="weight"))
        assert (row["nodes"], row["pieces"]) == (len(one), nx.number_connected_components(tree))
        assert row["inputs"] == (synapses.post_root_id == one.root_id).sum() == mine.inputs.sum()
        assert row["outputs"] == (synapses.pre_root_id == one.root_id).sum() == mine.outputs.sum()
        assert mine.cable_nm.sum() == pytest.approx(row["cable_nm"])
        assert row["inputs_per_um"] == pytest.approx(row["inputs"] / (row["cable_nm"] / 1000))
        assert mine[mine.compartment.isna()].inputs_per_um.isna().all()
        assert mine.cable_nm.sum() == pytest.approx(one.cable_nm.sum())


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    """Two neurons: the axon of 1 lies on the dendrite of 2; one synapse is far away, one has its own label."""
    text = "1 1 0 0 0 1 -1\n2 2 100 0 0 1 1\n3 3 0 100 0 1 1\n"  # the same for both: names tell them apart
    for root_id in (1, 2):
        (tmp_path / f"{root_id}.swc").write_text(text)
    synapses = pa.table(
        {
            "pre_root_id": pa.array([1, 1, 1, 2], pa.uint64()),
            "post_root_id": pa.array([2, 2, 2, 1], pa.uint64()),
            "x_nm": [100.0, 0.0, 9000.0, 100.0],
            "y_nm": [10.0, 100.0, 0.0, 0.0],
            "z_nm": [0.0] * 4,
            "post_compartment": ["dendrite", None, None, None],
        }
    )
    with Graph.create(tmp_path / "g") as made:
        made.ingest(synapses, "synapses")
        for root_id in (1, 2):
            made.ingest(tmp_path / f"{root_id}.swc", "skeletons", units="nm")
        yield made


def test_labels_of_sources_stay_and_the_rest_follows(graph: Graph) -> None:
    assert graph.snapshot(compartment="*->dendrite").weight.tolist() == [1.0]
    done = graph.skeletons.place_synapses(50)
    assert "presynaptic: 3 placed, 1 beyond 50 nm and left unplaced, 0 of neurons without" in str(done)
    parts = {
        (r["pre_root_id"], r["pre_compartment"], r["post_compartment"]): r["weight"]
        for r in graph.to_arrow("connections_by_compartment").to_pylist()
    }
    assert parts == {
        (1, "axon", "dendrite"): 1.0, (1, "dendrite", "dendrite"): 1.0, (1, None, None): 1.0, (2, "axon", "axon"): 1.0,
    }  # fmt: skip
    census = graph.motifs.census(2, compartment="axo-dendritic,axo-axonic")
    assert dict(zip(census.to_arrow()["motif"].to_pylist(), census.to_arrow()["count"].to_pylist(), strict=True)) == {
        "null": 0, "asymmetric": 0, "mutual": 1,
    }  # fmt: skip
    told = " ".join(graph.info().notes)
    assert "chemical weight by compartments (--compartment): axon->axon 1, axon->dendrite 1" in told
    assert "unknown->unknown 1" in told


def test_a_result_knows_how_synapses_were_placed(graph: Graph) -> None:
    first = graph.skeletons.place_synapses(50)
    graph.motifs.census(2, compartment="axo-axonic")
    (run,) = graph.runs("census").to_pylist()
    assert f"axo-axonic@{first.run_id}" in run["parameters"]
    assert graph.rerun(run["run_id"]).equal
    graph.skeletons.place_synapses(5)
    with pytest.raises(VersionError, match=f"of the synapses that run {first.run_id} placed"):
        graph.rerun(run["run_id"])
    with pytest.raises(UnknownNameError, match="unknown presynaptic compartment .* 'soma'"):
        graph.snapshot(compartment="soma->axon")
    graph.skeletons.place_synapses(50)
    assert graph.rerun(run["run_id"]).equal


def test_a_recipe_keeps_compartments(graph: Graph) -> None:
    graph.skeletons.place_synapses(50)
    graph.set_recipe(merge_within_nm=200)
    assert require_sums(graph)["weight"].sum() == graph.to_arrow("connections").to_pandas()["weight"].sum() < 4


def test_what_cannot_be_placed(graph: Graph, tmp_path: Path) -> None:
    for within in (0, -1):
        with pytest.raises(SchemaError, match="wanted a length above 0 nm"):
            graph.skeletons.place_synapses(within)
    with pytest.raises(UnknownNameError, match="measure skeletons"):
        graph.skeletons.measure("neurons")
    with Graph.create(tmp_path / "bare") as bare:
        with pytest.raises(SchemaError, match="none of the 0 synapses has a position"):
            bare.skeletons.place_synapses(5)
        bare.ingest(made_synapses([1, 2], np.random.default_rng(0), 5), "synapses")
        with pytest.raises(SchemaError, match="this graph has no skeletons; bring some with graphlab ingest"):
            bare.skeletons.place_synapses(5)
        with pytest.raises(SchemaError, match="this graph has no skeletons"):
            bare.skeletons.measure()


def test_witvliet_synapses_on_made_skeletons(tmp_path: Path, real_data: Path) -> None:
    """The list has no positions, so those are made, too: a synapse near a node of either neuron, or far from both."""
    rng = np.random.default_rng(1)
    raw = pd.read_csv(real_data / "celegans_witvliet2021" / "synapse_list.csv")
    raw = raw[raw.dataset == "Dataset1"].assign(**{f"{axis}_nm": rng.uniform(0, 1000, 1296) for axis in "xyz"})
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(raw.drop(columns="dataset"), "synapses", columns="witvliet")
        ids = graph.to_arrow("neurons")["root_id"].to_pylist()
        graph.ingest(made_skeletons(ids[5:], rng, 20), "skeletons")
        before = graph.to_arrow("connections")
        done = graph.skeletons.place_synapses(300)
        assert min(done.placed.values()) > 0 < min(done.beyond.values())
        assert min(done.without.values()) > 0
        parts = require_sums(graph)
        assert graph.to_arrow("connections").equals(before)
        assert parts["weight"].sum() == graph.snapshot().weight.sum() + graph.info().counts["autapses"] == 1296
        assert parts[["pre_compartment", "post_compartment"]].isna().any(axis=None)
        assert graph.snapshot(compartment="*->*").weight.sum() == graph.snapshot().weight.sum()
        assert graph.motifs.census(3, compartment="axo-dendritic").to_arrow()["count"].to_pylist()[0] > 0


def test_hemibrain_synapses_on_their_skeletons(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "hemibrain_navis5"
    with Graph.create(tmp_path / "g", resolution="8,8,8") as graph:
        graph.ingest(folder / "synapses" / "722817260.csv", "synapses", columns="navis")
        graph.ingest(folder / "swc" / "722817260.swc", "skeletons", resolution="8,8,8")
        done = graph.skeletons.place_synapses(1000)
        rows = pd.read_csv(folder / "synapses" / "722817260.csv")
        assert done.synapses == len(rows)
        assert done.placed["pre"] + done.beyond["pre"] == (rows["type"] == "pre").sum()
        (row,) = graph.skeletons.measure().to_pylist()
        assert (row["outputs"], row["inputs"]) == ((rows["type"] == "pre").sum(), (rows["type"] == "post").sum())

"""Significance, mining, instances and patterns as verbs of a graph: recorded, repeatable, refused where senseless."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.motifs.mining.instances import instances
from graphlab.motifs.nulls.models import NullOptions
from graphlab.motifs.significance.kept import of_table, to_table
from graphlab.motifs.significance.motifs import UNMIXED, motif_significance
from ingest.schema.errors import AnalysisError, ReadError, SchemaError, UnknownNameError, VersionError
from ingest.synthetic import connectome as synthetic

Frames = Callable[..., pd.DataFrame]


def test_significance_is_that_of_the_snapshot_and_recorded(graph: Graph) -> None:
    found = graph.motifs.significance(3, samples=30, seed=5, workers=2)
    plain = motif_significance(graph.snapshot(), 3, samples=30, seed=5)
    assert found.counts.tobytes() == plain.counts.tobytes()
    assert repr(found.rows()) == repr(plain.rows())
    census = graph.motifs.census(3)
    assert {row["motif"]: row["count_noninduced"] for row in found.rows()} == census.noninduced
    assert [row["edges"] for row in found.rows()] == [[list(e) for e in one.edges] for one in census.classes]

    run, kept = graph.motifs.kept_significance(3)[0]
    assert repr(kept.rows()) == repr(found.rows())
    assert kept.counts.tobytes() == found.counts.tobytes()
    table = graph.to_arrow("motif_counts").to_pylist()
    rows = {row["motif"]: row for row in table if row["run_id"] == run}
    assert len(rows) == 16
    assert rows["030T"]["null_model"] == "reciprocal"
    assert rows["030T"]["samples"] == 30
    assert rows["030T"]["count_noninduced"] == census.noninduced["030T"]
    assert rows["030T"]["null_mean"] == found.mean[8]


@pytest.mark.parametrize(
    "settings",
    [
        {"size": 2},
        {"size": 3, "null": "er"},
        {"size": 3, "null": "block"},
        {"size": 3, "null": "block", "by": "side", "keep_reciprocity": True},
        {"size": 3, "null": "spatial"},
        {"size": 3, "null": "spatial", "near": "neuropil"},
        {"size": 4, "null": "configuration", "min_weight": 6},
    ],
)
def test_a_rerun_gives_the_same_bytes_without_the_saved_samples(graph: Graph, settings: dict) -> None:
    graph.motifs.significance(samples=12, seed=3, **settings)
    run = graph.motifs.kept_significance()[0][0]
    for part in (graph.path / "samples").glob("*/*.parquet"):
        part.unlink()
    again = graph.rerun(run)
    assert again.equal
    assert again.new_hash == again.run.result_hash
    assert not list((graph.path / "samples").glob("*/*.parquet"))


def test_a_rerun_that_differs_is_told(graph: Graph) -> None:
    graph.motifs.significance(samples=5)
    run = graph.motifs.kept_significance()[0][0]
    with graph.folder.transaction() as connection:
        connection.execute("UPDATE runs SET seed = 1, parameters = json_merge_patch(parameters, '{\"seed\": 1}')")
    assert not graph.rerun(run).equal
    graph.ingest(pd.DataFrame({"root_id": np.array([7], dtype=np.uint64)}), as_="neurons")
    with pytest.raises(VersionError, match="sources were added"):
        graph.rerun(run)
    assert graph.motifs.kept_significance() == []


def test_size_four_says_what_it_did_not_correct_for(graph: Graph) -> None:
    found = graph.motifs.significance(4, samples=6, min_weight=8)
    assert len(found.classes) == 199
    assert any("not corrected for triads" in text for text in found.caveats)
    assert any("7,959 are needed, or 3,979 if" in text for text in found.caveats)
    counts = graph.motifs.census(4, min_weight=8).counts
    assert {name: int(n) for name, n in zip(found.classes, found.observed, strict=True)} == counts


def test_a_kept_significance_comes_back_whole(graph: Graph) -> None:
    for null in ("reciprocal", "er"):
        found = graph.motifs.significance(3, null=null, samples=9)
        back = of_table(to_table(found))
        assert repr(back.rows()) == repr(found.rows())
        assert back.counts.tolist() == found.counts.tolist()
        for name in ("sentence", "caveats", "seed", "samples", "samples_needed", "view_meta", "size", "null"):
            assert getattr(back, name) == getattr(found, name), name
        assert (back.mixing is None) == (found.mixing is None)
        if found.mixing is not None:
            assert back.mixing.acceptance == found.mixing.acceptance


def test_nulls_get_what_they_need_from_the_tables(graph: Graph, tmp_path: Path) -> None:
    view = graph.snapshot()
    place = np.column_stack([graph.neuron_values(view, f"{axis}_nm") for axis in "xyz"]).astype(float)
    by_hand = NullOptions(position_nm=place)
    plain = motif_significance(view, 3, null="spatial", samples=8, options=by_hand)
    assert graph.motifs.significance(3, "spatial", 8).counts.tobytes() == plain.counts.tobytes()

    by_hand = NullOptions(labels=graph.neuron_values(view, "cell_type"))
    plain = motif_significance(view, 3, null="block", samples=8, options=by_hand)
    assert graph.motifs.significance(3, "block", 8).counts.tobytes() == plain.counts.tobytes()

    rows = graph.to_pandas("connections_by_neuropil")
    names = [
        sorted(set(rows[(rows.pre_root_id == root) | (rows.post_root_id == root)].neuropil))
        for root in view.root_ids.astype(np.int64)
    ]
    plain = motif_significance(view, 3, null="spatial", samples=8, options=NullOptions(neuropils=names))
    assert graph.motifs.significance(3, "spatial", 8, near="neuropil").counts.tobytes() == plain.counts.tobytes()

    pre, post = np.divmod(np.arange(0, view.n**2, 3), view.n)
    table = pd.DataFrame({"pre_root_id": view.root_ids[pre], "post_root_id": view.root_ids[post], "class": pre % 4})
    table.loc[len(table)] = [np.uint64(1), np.uint64(2), 0]
    table = table.astype({"pre_root_id": "uint64", "post_root_id": "uint64"})
    plain = motif_significance(
        view, 3, null="spatial", samples=8, options=NullOptions(close_pairs=(pre, post, pre % 4))
    )
    for ending in ("csv", "parquet"):
        path = tmp_path / f"near.{ending}"
        table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
        assert graph.motifs.significance(3, "spatial", 8, proximity=path).counts.tobytes() == plain.counts.tobytes()
    assert graph.rerun(graph.motifs.kept_significance()[0][0]).equal


def test_observable_pairs_follow_the_statuses(tmp_path: Path, connections: Frames, neurons: Frames) -> None:
    axon = [None if k % 5 == 0 else "non" if k % 5 == 1 else "extended" for k in range(60)]
    dendrite = ["unproofread" if k % 7 == 0 else "clean" for k in range(60)]
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(neurons(status_axon=axon, status_dendrite=dendrite), as_="neurons")
        graph.ingest(connections(), as_="connections")
        view = graph.snapshot()
        pre, post = np.array([x == "extended" for x in axon]), np.array([x == "clean" for x in dendrite])
        plain = motif_significance(view, 3, samples=8, options=NullOptions(observable_pre=pre, observable_post=post))
        found = graph.motifs.significance(3, samples=8)
        assert found.observed.tolist() == plain.observed.tolist()
        assert found.counts.tobytes() == plain.counts.tobytes()
        assert 0 < found.view_meta["unobservable"] < view.m
        whole = graph.motifs.significance(3, samples=8, observable=False)
        assert whole.observed.tolist() == list(graph.motifs.census(3).counts.values())


def test_spatial_is_refused_without_places(tmp_path: Path, connections: Frames, neurons: Frames) -> None:
    nothing, zero = [None] * 60, [0.0] * 60
    for number, column in enumerate((nothing, zero)):
        with Graph.create(tmp_path / f"g{number}") as graph:
            graph.ingest(neurons(x_nm=column, y_nm=column, z_nm=column), as_="neurons")
            graph.ingest(connections(), as_="connections")
            with pytest.raises(AnalysisError, match="every position is missing or zero"):
                graph.motifs.significance(3, "spatial", 5)
            assert graph.motifs.kept_significance() == []


def test_requests_that_cannot_be_met(graph: Graph, tmp_path: Path) -> None:
    cases: list[tuple[type[Exception], str, dict]] = [
        (AnalysisError, "sizes are 2, 3 and 4", {"size": 9}),
        (UnknownNameError, "did you mean 'reciprocal'", {"null": "reciprocl"}),
        (UnknownNameError, "did you mean 'min_weight'", {"min_wieght": 3}),
        (UnknownNameError, "did you mean 'cell_type'", {"null": "block", "by": "celltype"}),
        (UnknownNameError, "'neuropil'", {"null": "spatial", "near": "neuropile"}),
        (AnalysisError, "no use|has none", {"by": "cell_type"}),
        (AnalysisError, "no neuron has a cell type", {"null": "block", "by": "super_class"}),
        (AnalysisError, "no connections", {"min_weight": 1000}),
        (AnalysisError, "0 samples", {"samples": 0}),
        (AnalysisError, "steps_per_edge is 0", {"steps_per_edge": 0}),
        (ReadError, "cannot be read", {"null": "spatial", "proximity": tmp_path / "absent.csv"}),
        (AnalysisError, "belongs to the null 'spatial'", {"proximity": tmp_path / "absent.csv"}),
    ]
    for kind, words, settings in cases:
        with pytest.raises(kind, match=words):
            graph.motifs.significance(**{"samples": 5, **settings})
    (tmp_path / "wrong.csv").write_text("pre_root_id,post_root_id\n1,2\n")
    with pytest.raises(SchemaError, match="no column class"):
        graph.motifs.significance(null="spatial", samples=5, proximity=tmp_path / "wrong.csv")
    (tmp_path / "float.csv").write_text("pre_root_id,post_root_id,class\n1.5,2,0\n")
    with pytest.raises(SchemaError, match="wanted whole numbers"):
        graph.motifs.significance(null="spatial", samples=5, proximity=tmp_path / "float.csv")
    assert graph.motifs.kept_significance() == []
    for kind, words, settings in (
        (AnalysisError, "3 or 4 neurons, not 9", {"size": 9}),
        (UnknownNameError, "random", {"split": "sideways"}),
        (UnknownNameError, "'cell_type'", {"by": "celltype"}),
    ):
        with pytest.raises(kind, match=words):
            graph.motifs.mine(samples=3, **settings)


def test_autapses_and_odd_weights(tmp_path: Path, connections: Frames, neurons: Frames) -> None:
    """Autapses are left out; weight 0 is no connection, a negative weight is one unless min_weight says no."""
    edges = connections()
    edges["weight"] = np.where(np.arange(len(edges)) % 5 == 0, 0.0, np.where(np.arange(len(edges)) % 7 == 0, -2.5, 3.0))
    loops = int((edges.pre_root_id == edges.post_root_id).sum())
    assert loops > 0
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(neurons(cell_type=[None] * 60), as_="neurons")
        graph.ingest(edges, as_="connections")
        for least in (-10.0, 0.0, 1.0):
            view = graph.snapshot(min_weight=least)
            found = graph.motifs.significance(3, samples=5, min_weight=least)
            kept = edges[(edges.weight >= least) & (edges.weight != 0) & (edges.pre_root_id != edges.post_root_id)]
            assert view.m == len(kept)
            assert found.observed.sum() == 60 * 59 * 58 // 6
        with pytest.raises(AnalysisError, match="no neuron has a cell type"):
            graph.motifs.significance(3, "block", 5)
        with pytest.raises(AnalysisError, match="no neuron has a cell type"):
            graph.motifs.mine(samples=3)


def test_a_null_that_cannot_mix_gives_no_z(tmp_path: Path) -> None:
    edges = pd.DataFrame({"pre_name": ["hub"] * 30, "post_name": [f"n{k}" for k in range(30)], "weight": [1] * 30})
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(edges, as_="connections")
        found = graph.motifs.significance(3, samples=20)
    assert any("cannot mix" in text for text in found.caveats)
    assert np.isnan(found.z).all()
    assert UNMIXED in found.notes or all(note for note, tested in zip(found.notes, found.tested, strict=True) if tested)


def test_mining_is_recorded_and_rerun(graph: Graph) -> None:
    mined = graph.motifs.mine(3, samples=15, seed=2, min_count=1, workers=2)
    run, table = graph.motifs.kept_mining()[0]
    assert table["pattern"].to_pylist() == [one.pattern for one in mined.motifs]
    assert f"{mined.tried:,} typed motifs tried" in table.schema.metadata[b"rule"].decode()
    assert graph.rerun(run).equal
    rows = [row for row in graph.to_arrow("motif_counts").to_pylist() if row["run_id"] == run]
    assert {row["group"] for row in rows} == {one.pattern for one in mined.motifs}


def test_halves_are_left_and_right(graph: Graph) -> None:
    mined = graph.motifs.mine(3, samples=9, split="hemisphere", min_count=1, top=5)
    assert "left hemisphere mined (30 neurons), right held out (30)" in mined.rule
    graph.ingest(pd.DataFrame({"root_id": np.array([5], dtype=np.uint64), "side": ["center"]}), as_="neurons")
    assert "left hemisphere mined (30 neurons)" in graph.motifs.mine(3, samples=3, split="hemisphere", min_count=1).rule


def test_no_halves_without_sides(tmp_path: Path, connections: Frames, neurons: Frames) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(neurons(side=["left"] * 60), as_="neurons")
        graph.ingest(connections(), as_="connections")
        with pytest.raises(AnalysisError, match="left and right, and found 60 and 0"):
            graph.motifs.mine(samples=3, split="hemisphere")


def test_instances_have_ids_types_weights_and_places(graph: Graph) -> None:
    table = graph.motifs.instances("030T", limit=5)
    view = graph.snapshot()
    plain = instances(view, "030T", limit=5)
    for name in plain.schema.names:
        assert table[name].to_pylist() == plain[name].to_pylist()
    row = table.to_pylist()[0]
    assert row["neuron_0"] > 2**59
    assert {"type_0", "weight_0_1", "x_nm_2", "weakest", "total"} <= set(row)
    typed = graph.motifs.instances("030T", types=["L2", "Mi1", "T4a"], limit=1000).to_pylist()
    assert all((r["type_0"], r["type_1"], r["type_2"]) == ("L2", "Mi1", "T4a") for r in typed)
    bifan = graph.motifs.instances("204", 4, min_weight=5)
    assert int(bifan.schema.metadata[b"found"]) == graph.motifs.census(4, min_weight=5).counts["204"]


PATTERN = """SELECT * FROM GRAPH_TABLE (connectome
  MATCH (a IS neuron)-[s IS synapse]->(b IS neuron)-[t IS synapse]->(c IS neuron), (a)-[u IS synapse]->(c)
  WHERE a.cell_type = 'L2' AND c.cell_type = 'T4a' AND s.weight >= 3
  COLUMNS (a.root_id AS a, b.root_id AS b, c.root_id AS c))"""


def test_a_pattern_against_a_null(graph: Graph) -> None:
    assert graph.motifs.pattern_count(PATTERN) == len(graph.query(PATTERN).to_arrow())
    together = graph.motifs.pattern_significance(PATTERN, samples=6, seed=1, workers=2)
    shutil.rmtree(graph.path / "samples")
    alone = graph.motifs.pattern_significance(PATTERN, samples=6, seed=1)
    assert alone.counts.tobytes() == together.counts.tobytes()
    assert alone.counts.std() > 0
    seen: list[int] = []
    more = graph.motifs.pattern_significance(PATTERN, samples=8, seed=1, progress=lambda done, total: seen.append(done))
    assert seen == [7, 8]
    assert more.counts[:6].tolist() == alone.counts.tolist()
    heavy = graph.motifs.pattern_count(PATTERN, min_weight=5)
    assert heavy < graph.motifs.pattern_count(PATTERN)
    assert graph.motifs.pattern_significance(PATTERN, samples=2, min_weight=5).observed[0] == heavy


def test_alike_vertices_count_once_in_patterns_and_their_nulls(graph: Graph) -> None:
    """Of two matches that exchange the senders one counts, and one that has no twin counts, too."""
    plain = "x -> y [weight >= 8]\nz -> y [weight >= 8]\ny !> x"
    found = graph.query(plain).to_arrow().to_pylist()
    wanted = len({(frozenset((row["x"], row["z"])), row["y"]) for row in found})
    assert len(found) / 2 < wanted < len(found)
    assert graph.motifs.pattern_count(f"{plain}\nx === z") == wanted
    assert len(graph.query(f"{plain}\nx === z")) == wanted
    every = graph.motifs.pattern_significance(plain, samples=4, seed=2)
    tested = graph.motifs.pattern_significance(f"{plain}\nx === z", samples=4, seed=2)
    assert tested.observed[0] == wanted
    assert (tested.counts < every.counts).all()
    assert (2 * tested.counts >= every.counts).all()
    light = graph.motifs.pattern_count(f"{plain}\nx === z", min_weight=2)
    assert (
        light == graph.motifs.pattern_significance(f"{plain}\nx === z", samples=1, min_weight=2).observed[0] >= wanted
    )


def test_feed_forward_loops_as_pattern_and_as_class_agree(graph: Graph) -> None:
    """Non-induced copies of 030T are the matches of its pattern, in the graph and in every random graph."""
    text = """SELECT * FROM GRAPH_TABLE (connectome
      MATCH (a IS neuron)-[IS synapse]->(b IS neuron)-[IS synapse]->(c IS neuron), (a)-[IS synapse]->(c)
      WHERE a.root_id <> b.root_id AND b.root_id <> c.root_id AND a.root_id <> c.root_id COLUMNS (a.root_id AS a))"""
    by_pattern = graph.motifs.pattern_significance(text, samples=10, seed=4)
    by_class = graph.motifs.significance(3, samples=10, seed=4)
    from graphlab.motifs.census.classes import noninduced_matrix

    loops = noninduced_matrix(3)[by_class.classes.index("030T")]
    assert by_pattern.observed[0] == loops @ by_class.observed
    assert by_pattern.counts[:, 0].tolist() == (by_class.counts @ loops).tolist()


def test_profiles_of_several_graphs(graph: Graph, tmp_path: Path, connections: Frames) -> None:
    with Graph.create(tmp_path / "h") as other:
        other.ingest(connections(9), as_="connections")
        both = graph.motifs.profiles({"g": graph, "h": other}, 3, samples=20)
        assert both.graphs == ("g", "h")
        assert both.values.shape == (2, 13)
        assert len(both.rows()) == 26
        assert len(graph.motifs.kept_significance()) == len(other.motifs.kept_significance()) == 1


def test_a_read_only_graph_is_left_alone(graph: Graph) -> None:
    graph.snapshot()
    graph.close()
    before = sorted(item for item in graph.path.rglob("*"))
    with Graph.open(graph.path, read_only=True) as opened:
        assert opened.motifs.significance(3, samples=5).samples == 5
        assert opened.motifs.mine(3, samples=3).samples == 3
    assert sorted(item for item in graph.path.rglob("*")) == before


@pytest.mark.slow
def test_the_planted_motif_of_the_made_connectome_is_found_first(tmp_path: Path) -> None:
    made = synthetic.make(tmp_path / "sources", neurons=1000, seed=1)
    planted = {tuple(int(x) for x in row) for row in synthetic.Synthetic(1000, seed=1).planted.tolist()}
    with Graph.create(tmp_path / "g", resolution=synthetic.RESOLUTION.xyz) as graph:
        graph.ingest(made.neurons, as_="neurons")
        graph.ingest(made.synapses, as_="synapses", columns="cave")
        found = graph.motifs.significance(3, samples=600, seed=1, min_weight=20, workers=2)
        more = [k for k in range(16) if found.tested[k] and found.observed[k] > found.mean[k]]
        first = max(more, key=lambda k: (-found.q[k], found.ratio[k]))
        assert found.classes[first] == "030T"
        assert found.ratio[first] > 20
        assert found.q[first] < 0.05
        assert all(found.q[k] > 0.05 for k in more if k != first)
        table = graph.motifs.instances("030T", limit=len(planted)).to_pylist()
        assert {(row["neuron_0"], row["neuron_1"], row["neuron_2"]) for row in table} == planted

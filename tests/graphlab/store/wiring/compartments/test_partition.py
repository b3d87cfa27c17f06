"""Compartments beside connections: sums are the totals for any labels, and what is chosen is what pandas chooses."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphlab import Graph
from ingest.schema.compartments import DENDRITES
from ingest.schema.errors import AnalysisError, SchemaError, UnknownNameError

LABELS = [None, "axon", "dendrite", "apical_dendrite", "soma", "a'b->\"c"]
KEY = ["pre_root_id", "post_root_id", "kind"]
SIDES = ["pre_compartment", "post_compartment"]
ROWS = st.lists(
    st.tuples(
        st.integers(1, 4), st.integers(1, 4), st.sampled_from(LABELS), st.sampled_from(LABELS), st.integers(1, 9),
        st.sampled_from(["chemical", "electrical"]), st.sampled_from(["AL", None]),
    ),
    min_size=1, max_size=25,
)  # fmt: skip


def frame(rows: list[tuple], scale: float = 1.0) -> pd.DataFrame:
    table = pd.DataFrame(
        rows, columns=["pre_root_id", "post_root_id", *SIDES, "weight", "kind", "neuropil"], dtype=object
    )
    return table.astype({"pre_root_id": "uint64", "post_root_id": "uint64", "weight": float}).assign(
        weight=lambda t: t.weight * scale
    )


def arrow(table: pd.DataFrame) -> pa.Table:
    texts = {name: pa.string() for name in (*SIDES, "kind", "neuropil")}
    return pa.table({name: pa.array(table[name].tolist(), texts.get(name)) for name in table}).cast(
        pa.schema(
            [
                (name, texts.get(name) or (pa.float64() if name in ("weight", "score") else pa.uint64()))
                for name in table
            ]
        )
    )


def require_sums(graph: Graph) -> None:
    """The rows of a pair add up to its weight, each pair of labels once, and every connection has rows."""
    parts = graph.to_arrow("connections_by_compartment").to_pandas()
    whole = graph.to_arrow("connections").to_pandas().set_index(KEY)["weight"]
    assert not parts.duplicated([*KEY, *SIDES]).any()
    summed = parts.groupby(KEY)["weight"].sum()
    assert {*summed.index} == {*whole.index}
    assert np.allclose(summed.reindex(whole.index), whole, rtol=1e-12)


def require_choice(graph: Graph, rows: pd.DataFrame) -> None:
    """``axo-dendritic`` and two lists, as pandas sums them; autapses out."""
    rows = rows[rows.kind == "chemical"]
    there = [(rows.pre_compartment == "axon").any(), rows.post_compartment.isin(DENDRITES).any()]
    there.append((rows.post_compartment == "axon").any())
    is_labelled = rows[SIDES].notna().any(axis=None)
    rows = rows[rows.pre_root_id != rows.post_root_id]
    dendritic, axonic = rows.post_compartment.isin(DENDRITES), rows.post_compartment == "axon"
    of_axon = rows.pre_compartment == "axon"
    for said, mask in {
        "axo-dendritic": of_axon & dendritic,
        "axo-dendritic,axo-axonic": of_axon & (dendritic | axonic),
        "unknown->*": rows.pre_compartment.isna(),
    }.items():
        wanted = rows[mask].groupby(["pre_root_id", "post_root_id"])["weight"].sum()
        try:
            view = graph.snapshot(compartment=said)
        except UnknownNameError:  # a label that no connection has, also one of several
            assert said != "unknown->*"
            assert not all(there if "," in said else there[:2])
            continue
        except AnalysisError:
            assert not is_labelled
            continue
        found = dict(
            zip(
                zip(view.root_ids[view.sources()].tolist(), view.root_ids[view.out_target].tolist(), strict=True),
                view.weight.tolist(),
                strict=True,
            )
        )
        assert found == pytest.approx(wanted.to_dict())
        assert view.meta["compartment"] == ",".join(sorted(said.split(",")))
        edges = graph.query(
            "SELECT count(*) AS n FROM GRAPH_TABLE (connectome MATCH (a)-[e:synapse]->(b) "
            "WHERE a.root_id <> b.root_id COLUMNS (e.weight))",
            compartment=said,
        )
        assert edges.scalar() == len(wanted)


@given(ROWS, ROWS, st.sampled_from([1.0, 0.3]), st.booleans())
@settings(max_examples=6, deadline=None)
def test_sums_are_totals_for_any_labels(first: list, second: list, scale: float, labelled_later: bool) -> None:
    """Two sources of split pairs, the earlier with labels or without; a neuron that leaves the graph and returns."""
    assume(first != second)  # the same rows again are a source that is there
    one, two = frame(first, scale), frame(second, scale)
    if labelled_later:
        one[SIDES] = None
    with tempfile.TemporaryDirectory() as place, Graph.create(Path(place) / "g") as graph:
        graph.ingest(arrow(one.drop(columns=SIDES) if labelled_later else one), "connections")
        graph.ingest(arrow(two), "connections", duplicates="sum")
        both = pd.concat([one, two])
        require_sums(graph)
        require_choice(graph, both)
        one_id = int(both.pre_root_id.iloc[0])
        for inside in (False, True):
            graph.ingest(pa.table({"root_id": pa.array([one_id], pa.uint64()), "in_graph": [inside]}), "neurons")
            require_sums(graph)
        require_choice(graph, both)


@given(ROWS, st.booleans(), st.booleans())
@settings(max_examples=6, deadline=None)
def test_synapses_with_labels_sum_up_too(rows: list, with_neuropils: bool, recipe: bool) -> None:
    synapses = frame(rows).assign(score=lambda t: t.weight)
    if not with_neuropils:
        synapses = synapses.drop(columns="neuropil")
    with tempfile.TemporaryDirectory() as place, Graph.create(Path(place) / "g") as graph:
        graph.ingest(arrow(synapses), "synapses")
        if recipe:
            graph.set_recipe(min_score=4)
            synapses = synapses[synapses.score >= 4]
        if synapses[SIDES].notna().any(axis=None):
            require_sums(graph)
        else:
            assert len(graph.to_arrow("connections_by_compartment")) == 0
        require_choice(graph, synapses)
        if with_neuropils and synapses.neuropil.notna().any():
            parts = graph.to_arrow("connections_by_neuropil").to_pandas().groupby(KEY)["weight"].sum()
            assert parts.to_dict() == synapses.groupby(KEY)["weight"].sum().to_dict()


def banc() -> pa.Table:
    """A split edge list in the layout of the harmonised tables (BANC family)."""
    return pa.table(
        {
            "pre": pa.array([720575941509220642] * 3 + [2, 3], pa.uint64()),
            "pre_label": ["axon", "axon", "unknown", "axon", "dendrite"],
            "post": pa.array([2, 2, 2, 3, 720575941509220642], pa.uint64()),
            "post_label": ["dendrite", "axon", None, "dendrite", "primary_dendrite"],
            "count": [3, 2, 1, 4, 9],
            "norm": [0.1] * 5,
            "compartment_input": [4, 2, 1, 4, 9],
        }
    )


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    with Graph.create(tmp_path / "g") as made:
        made.ingest(banc(), "connections", columns="banc")
        yield made


def test_a_split_edge_list_counts_nothing_twice(graph: Graph) -> None:
    whole = graph.to_arrow("connections").to_pylist()
    assert [(row["pre_root_id"], row["weight"], row["kind"]) for row in whole] == [
        (2, 4.0, "chemical"), (3, 9.0, "chemical"), (720575941509220642, 6.0, "chemical"),
    ]  # fmt: skip
    require_sums(graph)
    assert graph.snapshot().weight.sum() == 19
    assert graph.snapshot(compartment="axo-dendritic", min_weight=4).m == 1
    assert graph.snapshot(compartment="axon->*").weight.tolist() == [4, 5]
    (row,) = graph.connections(compartment="*->primary_dendrite").to_arrow().to_pylist()
    assert (row["pre_root_id"], row["weight"]) == (3, 9)


def test_everybody_who_takes_a_snapshot_takes_a_compartment(graph: Graph) -> None:
    part = "axo-dendritic"
    assert graph.motifs.census(2, compartment=part).to_arrow()["count"].to_pylist() == [1, 2, 0]
    assert graph.motifs.census_sweep(2, [1, 4], compartment=part)["connections"].to_pylist()[0] == 2
    assert graph.motifs.orbits(3, compartment=part).to_arrow().num_rows == 3
    assert graph.motifs.roles(3, by="root_id", compartment=part).num_rows
    assert graph.motifs.weights(3, ["input"], compartment=part).num_rows
    found = graph.motifs.significance(2, samples=5, compartment=part)
    assert found.view_meta == {"kind": "chemical", "min_weight": 0.0, "compartment": part}
    assert graph.motifs.pattern_count("A -> B", "dotmotif", compartment=part) == 2
    assert len(graph.neighborhood(2, compartment=part)) == 2
    assert len(graph.paths(720575941509220642, 3, compartment=part)) == 3
    assert len(graph.adjacency(compartment=part)) == 2
    assert len(graph.common_partners(2, compartment=part)) == 1
    assert len(graph.partners(2, compartment=part)) == 1
    for run in graph.runs().to_pylist():
        if run["verb"] != "ingest":
            assert '"compartment":"axo-dendritic"' in run["parameters"].replace(" ", "")
            assert graph.rerun(run["run_id"]).equal


def test_a_run_without_compartments_keeps_its_id(graph: Graph) -> None:
    graph.motifs.census(2)
    assert "compartment" not in graph.runs("census")["parameters"][0].as_py()


@pytest.mark.parametrize("engine", ["duckdb", "csr"])
@pytest.mark.parametrize(
    "text",
    [
        "MATCH (a)-[e]->(b)-[f]->(c) RETURN a.root_id AS a, e.weight AS e, f.weight AS f",
        "SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[e:chemical]->(b)-[f:connection]->(c) "
        "COLUMNS (a.root_id AS a, e.weight AS e, f.weight AS f))",
    ],
)
def test_both_engines_see_the_part(graph: Graph, engine: str, text: str) -> None:
    rows = graph.query(text, engine=engine, compartment="axo-dendritic").to_arrow().to_pylist()
    assert rows == [{"a": 720575941509220642, "e": 3.0, "f": 4.0}]
    assert len(graph.query(text, engine=engine)) == 3


def test_what_cannot_be_asked(graph: Graph, tmp_path: Path) -> None:
    for said, error, words in (
        ("soma->axon", UnknownNameError, "unknown presynaptic compartment .* 'soma'.*axon, dendrite, unknown"),
        ("axo-somatic", UnknownNameError, "unknown postsynaptic compartment"),
        ("axo-dentritic", UnknownNameError, "did you mean"),
    ):
        with pytest.raises(error, match=words):
            graph.snapshot(compartment=said)
        with pytest.raises(error, match=words):
            graph.query("A -> B", "dotmotif", compartment=said)
    with pytest.raises(SchemaError, match="neuropils and compartments split connections each by itself"):
        graph.adjacency("neuropil", compartment="axo-axonic")
    with pytest.raises(SchemaError, match="neuropils and compartments split"):
        graph.connections(by_neuropil=True, compartment="axo-axonic")
    with Graph.create(tmp_path / "bare") as bare:
        bare.ingest(banc().drop_columns(["pre_label", "post_label", "norm", "compartment_input"]), "connections",
                    columns="banc")  # fmt: skip
        assert len(bare.to_arrow("connections_by_compartment")) == 0
        with pytest.raises(AnalysisError, match="no chemical connection of this graph has a compartment; ingest"):
            bare.snapshot(compartment="axo-axonic")

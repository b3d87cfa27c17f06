"""Connections and adjacency against pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from ingest.schema.errors import GraphlabError, IdError, ParseError, SchemaError, UnknownNameError


@pytest.mark.parametrize("min_weight", [0, 5])
def test_connections(made: Any, base: int, min_weight: float) -> None:
    kind = made.neurons.set_index("root_id")["cell_type"]
    frame = made.connections.assign(a=lambda f: f.pre_root_id.map(kind), b=lambda f: f.post_root_id.map(kind))
    wanted = frame[(frame.a == "Mi1") & (frame.weight >= min_weight)].sort_values(
        ["weight", "pre_root_id", "post_root_id"], ascending=[False, True, True]
    )
    found = made.graph.connections({"type": "Mi1"}, min_weight=min_weight, columns=["cell_type", "side"])
    assert found.columns == ["pre_root_id", "post_root_id", "weight", "cell_type_pre", "cell_type_post", "side_pre",
                             "side_post"]  # fmt: skip
    table = found.to_pandas()
    assert table[["pre_root_id", "post_root_id", "weight"]].values.tolist() == (
        wanted[["pre_root_id", "post_root_id", "weight"]].values.tolist()
    )
    assert table["cell_type_post"].isna().tolist() == wanted["b"].isna().tolist()
    one = made.graph.connections(base + 1, [base + 2, base + 3, base + 1]).to_pandas()
    mine = frame[(frame.pre_root_id == base + 1) & frame.post_root_id.isin([base + 1, base + 2, base + 3])]
    assert sorted(one["post_root_id"]) == sorted(mine["post_root_id"])


def test_connections_by_neuropil(made: Any) -> None:
    found = made.graph.connections({"side": "left"}, by_neuropil=True, columns=[], min_weight=2).to_pandas()
    left = set(made.neurons.loc[made.neurons.side == "left", "root_id"])
    rows = made.by_neuropil
    wanted = rows[rows.pre_root_id.isin(left) & (rows.weight >= 2)]
    assert found.sort_values(list(found)).values.tolist() == (
        wanted[["pre_root_id", "post_root_id", "neuropil", "weight"]].sort_values(list(found)).values.tolist()
    )


def test_adjacency_by_type_by_neuropil_and_by_neuron(made: Any) -> None:
    kind = made.neurons.set_index("root_id")["cell_type"].fillna("?")
    frame = made.connections.assign(a=lambda f: f.pre_root_id.map(kind), b=lambda f: f.post_root_id.map(kind))
    grouped = frame.groupby(["a", "b"])["weight"].agg(["count", "sum"])
    found = made.graph.adjacency("cell_type")
    table = found.to_pandas().fillna("?")
    assert found.columns == ["cell_type_pre", "cell_type_post", "connections", "weight"]
    assert {(r.cell_type_pre, r.cell_type_post): (r.connections, r.weight) for r in table.itertuples()} == {
        pair: (int(row["count"]), row["sum"]) for pair, row in grouped.iterrows()
    }
    assert table["weight"].is_monotonic_decreasing
    assert str(found.to_arrow().schema.field("connections").type) == "int64"
    pools = made.graph.adjacency("neuropil").to_pandas().set_index("neuropil")
    assert pools["weight"].to_dict() == made.by_neuropil.groupby("neuropil")["weight"].sum().to_dict()
    neurons = made.graph.adjacency(min_weight=3).to_pandas()
    assert len(neurons) == (made.connections.weight >= 3).sum()
    assert list(neurons) == ["pre_root_id", "post_root_id", "weight", "name_pre", "name_post", "cell_type_pre",
                             "cell_type_post"]  # fmt: skip


def test_nothing_found_keeps_its_types(made: Any) -> None:
    graph = made.graph
    for result, wanted in (
        (graph.connections(1, by_neuropil=True), ["uint64", "uint64", "string", "double", *["string"] * 4]),
        (graph.adjacency("side", {"type": "absent"}), ["string", "string", "int64", "double"]),
        (graph.common_partners([1, 2]), ["uint64", "string", "string", "int64", "double"]),
    ):
        assert [str(field.type) for field in result.to_arrow().schema] == wanted
        assert len(result) == 0
        assert isinstance(result.to_pandas(), pd.DataFrame)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda g: g.neurons(cell_tpye="Mi1"), ParseError, "did you mean 'cell_type'"),
        (lambda g: g.neurons(3.5), IdError, "root_id|id"),
        (lambda g: g.neurons(-1), IdError, "id"),
        (lambda g: g.neurons(min_in="many"), SchemaError, "wanted a number"),
        (lambda g: g.neurons(type="(", regex=True), SchemaError, "is no regular expression"),
        (lambda g: g.connections(kind="chemcal"), UnknownNameError, "did you mean 'chemical'"),
        (lambda g: g.connections(columns=["cell_typ"]), ParseError, "did you mean 'cell_type'"),
        (lambda g: g.connections(kind="electrical", by_neuropil=True), SchemaError, "not of electrical"),
        (lambda g: g.adjacency("cell_typ"), ParseError, "did you mean 'cell_type'"),
        (lambda g: g.common_partners([]), SchemaError, "no root_id"),
        (lambda g: g.common_partners([1], direction="up"), SchemaError, "wanted out or in"),
        (lambda g: g.common_partners([1], at_least=0), SchemaError, "wanted 1 or more"),
    ],
)  # fmt: skip
def test_mistakes(made: Any, ask: Any, error: type[GraphlabError], message: str) -> None:
    with pytest.raises(error, match=message):
        ask(made.graph)


def test_every_answer_says_what_ran(made: Any) -> None:
    result = made.graph.adjacency("type", min_weight=2)
    assert "GROUP BY" in result.sql
    assert result.pattern is not None
    assert result.engine == "duckdb"
    found = made.graph.find(result.pattern, parameters={})
    assert found.to_arrow().equals(result.to_arrow())


def test_neuropils_that_nobody_gave_are_asked_for(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"pre_root_id": [1], "post_root_id": [2], "weight": [3]}), as_="connections")
        for ask in (lambda: graph.adjacency(by="neuropil"), lambda: graph.connections(by_neuropil=True)):
            with pytest.raises(SchemaError, match="no connection of this graph has a neuropil"):
                ask()


def total(made: Any, end: str) -> pd.Series:
    """All input, or output, of every neuron, autapses left out."""
    frame = made.connections
    sums = frame[frame.pre_root_id != frame.post_root_id].groupby(f"{end}_root_id")["weight"].sum()
    return sums.reindex(made.neurons["root_id"], fill_value=0.0)


@pytest.mark.parametrize("min_weight", [0, 6])
def test_fractions_are_of_everything_whatever_is_left_out(made: Any, min_weight: float) -> None:
    found = made.graph.connections({"type": "Mi1"}, fractions=True, min_weight=min_weight).to_pandas()
    received, sent = total(made, "post"), total(made, "pre")
    other = found[found.pre_root_id != found.post_root_id]
    assert found.loc[found.pre_root_id == found.post_root_id, ["fraction_in", "fraction_out"]].isna().all(axis=None)
    assert len(other)
    assert other["fraction_in"].tolist() == (other["weight"] / other["post_root_id"].map(received)).tolist()
    assert other["fraction_out"].tolist() == (other["weight"] / other["pre_root_id"].map(sent)).tolist()
    assert list(found)[-2:] == ["fraction_in", "fraction_out"]


@pytest.mark.parametrize("by", ["cell_type", ["type", "side"], ["super_class", "neuropil"]])
@pytest.mark.parametrize("post", [None, {"side": "left"}])
def test_fractions_of_groups(made: Any, by: Any, post: Any) -> None:
    labels = [by] if isinstance(by, str) else [name for name in by if name != "neuropil"]
    columns = ["cell_type" if name == "type" else name for name in labels]
    found = made.graph.adjacency(by, post=post, fractions=True).to_pandas().fillna("?")
    neurons = made.neurons.fillna("?").set_index("root_id")
    kept = neurons if post is None else neurons[neurons.side == "left"]
    pools = ["neuropil"] if "neuropil" in by else []
    frame = made.by_neuropil if pools else made.connections
    frame = frame[frame.post_root_id.isin(kept.index)]
    keys = [frame[f"{end}_root_id"].map(neurons[c]) for end in ("pre", "post") for c in columns]
    wanted = frame.groupby([*keys, *(frame[p] for p in pools)])["weight"].agg(["count", "sum"])
    self_free = frame.assign(weight=frame.weight.where(frame.pre_root_id != frame.post_root_id, 0.0))
    shared = self_free.groupby([*keys, *(frame[p] for p in pools)])["weight"].sum()
    received = total(made, "post").groupby([kept[c] for c in columns]).sum()
    sent = total(made, "pre").groupby([neurons[c] for c in columns]).sum()
    rows = {tuple(row[: 2 * len(labels) + len(pools)]): tuple(row[2 * len(labels) + len(pools) :])
            for row in found.itertuples(index=False, name=None)}  # fmt: skip
    assert len(rows) == len(found) == len(wanted)
    for key, (count, weight) in wanted.iterrows():
        k = len(labels)
        pre, post_key = (key[:k], key[k : 2 * k]) if k > 1 else (key[0], key[1])
        assert rows[key] == pytest.approx((count, weight, shared[key] / received[post_key], shared[key] / sent[pre]))


def test_a_given_total_that_is_too_small_is_an_error(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"root_id": [1, 2], "total_in": [0.0, 2.0]}), as_="neurons")
        graph.ingest(pd.DataFrame({"pre_root_id": [1], "post_root_id": [2], "weight": [3]}), as_="connections")
        with pytest.raises(SchemaError, match="smaller than connections of weight 3"):
            graph.connections(fractions=True)


def test_an_autapse_has_no_fraction_and_hides_none(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"root_id": [1, 2], "cell_type": ["A", "A"]}), as_="neurons")
        rows = pd.DataFrame({"pre_root_id": [1, 1], "post_root_id": [1, 2], "weight": [90.0, 3.0]})
        graph.ingest(rows, as_="connections")
        shares = graph.connections(fractions=True).to_pandas()["fraction_in"]
        assert shares.isna().tolist() == [True, False]
        grouped = graph.adjacency("cell_type", fractions=True).to_pandas()
        assert grouped[["weight", "fraction_in", "fraction_out"]].values.tolist() == [[93.0, 1.0, 1.0]]


def test_fractions_count_fragments(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"root_id": [1, 2]}), as_="neurons")
        rows = pd.DataFrame({"pre_root_id": [1, 9, 2], "post_root_id": [2, 2, 2], "weight": [1.0, 3.0, 50.0]})
        graph.ingest(rows, as_="connections", unknown="keep")
        assert graph.connections(1, 2, fractions=True).to_pandas()["fraction_in"].tolist() == [0.25]


def test_matrices(made: Any) -> None:
    frame = made.graph.adjacency("cell_type").to_pandas().fillna("(unknown)")
    wanted = frame.pivot(index="cell_type_pre", columns="cell_type_post", values="weight").fillna(0.0)
    found = made.graph.adjacency("cell_type", pivot=True).to_pandas().fillna("(unknown)").set_index("cell_type_pre")
    assert found.columns.tolist()[-1] == "(unknown)"
    assert found.loc[wanted.index, wanted.columns].values.tolist() == wanted.values.tolist()
    assert found.shape == wanted.shape
    counted = made.graph.adjacency("cell_type", pivot=True, values="connections").to_pandas()
    assert counted.iloc[:, 1:].to_numpy().sum() == frame["connections"].sum()
    shares = made.graph.adjacency("cell_type", pivot=True, values="fraction_in").to_pandas()
    assert 0 < shares.iloc[:, 1:].to_numpy().max() <= 1
    neurons = made.graph.connections({"type": "Mi1"}, pivot=True)
    pairs = made.graph.connections({"type": "Mi1"}).to_pandas()
    assert neurons.columns[:3] == ["pre_root_id", "name_pre", "cell_type_pre"]
    assert neurons.columns[3:] == [str(i) for i in sorted(pairs["post_root_id"].unique())]
    table = neurons.to_pandas().set_index("pre_root_id")
    for row in pairs.itertuples():
        assert table.loc[row.pre_root_id, str(row.post_root_id)] == row.weight
    assert table.iloc[:, 2:].to_numpy().sum() == pairs["weight"].sum()
    pools = made.graph.adjacency(["side", "neuropil"], pivot=True)
    assert pools.columns == ["side_pre", "left | LO", "left | ME", "right | LO", "right | ME"]
    with pytest.raises(SchemaError, match="neither"):
        made.graph.adjacency("neuropil", pivot=True)
    with pytest.raises(UnknownNameError, match="did you mean 'weight'"):
        made.graph.adjacency("cell_type", pivot=True, values="wieght")


def test_an_empty_answer_says_why(made: Any, base: int) -> None:
    graph = made.graph
    assert graph.connections({"type": "Mi2"}).notes == ("pre: no neuron has type 'Mi2'; did you mean 'Mi1'?",)
    both = graph.adjacency("cell_type", {"type": "Mi1"}, {"type": "Mi1", "name": "n99", "min_in": 1e9}).notes
    assert both[0].startswith("post: no neuron has name 'n99'")
    assert both[1] == "post: no neuron has min_in 1000000000.0"
    missing = graph.connections([5, base, 7])
    assert missing.notes == ("pre: 2 of 3 ids are no neurons of this graph: 5, 7",)
    assert len(missing)
    assert graph.connections(5).notes == ("pre: 5 is no neuron of this graph",)
    none = graph.connections({"type": "Mi1"}, min_weight=1e6)
    assert none.notes[0].endswith("there is no chemical connection of weight 1e+06 or more from those to these")
    assert "note: " in repr(none)
    assert "<p>note: " in none._repr_html_()
    assert graph.connections({"type": "Mi1"}).notes == ()


def test_columns_that_cannot_group_are_refused(made: Any) -> None:
    graph = made.graph
    for options in ({"pivot": True}, {"fractions": True}, {"values": "fraction_in", "pivot": True}):
        with pytest.raises(SchemaError, match="by 'neuron'; found by 'root_id'"):
            graph.adjacency("root_id", **options)
    for by in ([], ()):
        for verb in (graph.adjacency, lambda by: graph.partners({"cell_type": "Mi1"}, by=by)):
            with pytest.raises(SchemaError, match="by is empty"):
                verb(by)
    with pytest.raises(SchemaError, match="by holds 5"):
        graph.adjacency([5])
    for by in ("neuron", "neuropil", ["cell_type"]):
        with pytest.raises(GraphlabError, match="wanted one column of neurons|wanted a text"):
            graph.compare(graph, by=by)
    twice = graph.connections(columns=["side", "side"]).to_arrow()
    assert twice.column_names.count("side_pre") == 1


@pytest.mark.parametrize("least", ["5", None, float("nan"), float("inf"), True])
def test_a_least_weight_is_a_number(made: Any, least: Any) -> None:
    with pytest.raises(GraphlabError, match="min_weight is"):
        made.graph.connections(min_weight=least)
    whole = made.graph.connections(min_weight=5).table
    assert all(made.graph.connections(min_weight=kind(5)).table.equals(whole) for kind in (np.int64, np.float32))
